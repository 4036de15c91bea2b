/**
 * @module The engine by itself on a file, as a test wants it run: what Descent's graphs are held against.
 */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import * as ort from "onnxruntime-node";
import type { DType, TensorData, TypedArray } from "../../src/graph/index.js";
import type { WrittenValue } from "./cases.js";
import { tensorOf } from "./cases.js";

/** A written value as the engine's; undefined where JavaScript cannot hand it over. */
export function engineValue(written: WrittenValue): OrtTensor | undefined {
  if (written.dtype === "string" && typeof written.data !== "string")
    return new ort.Tensor("string", [...written.data], written.shape);
  const data = tensorOf(written);
  return data === undefined ? undefined : engineTensor(data);
}

export const engineTensor = ({ dtype, data, shape }: TensorData): OrtTensor =>
  new ort.Tensor(dtype as "float32", data as Float32Array, shape);

/** Converts the engine's tensor to Descent's. */
export const dataOf = (t: OrtTensor): TensorData => ({ dtype: t.type as DType, shape: t.dims, data: t.data as TypedArray });

export const openSession = (bytes: Uint8Array): Promise<InferenceSession> =>
  ort.InferenceSession.create(bytes, { logSeverityLevel: 4, intraOpNumThreads: 1, interOpNumThreads: 1 });
