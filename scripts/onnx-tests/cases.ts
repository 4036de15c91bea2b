/**
 * @module ONNX's own node tests as `generate.py` writes them: a model, and what it gives for given inputs.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { DType, TensorData } from "../../src/graph/index.js";
import { DTYPES, sizeOf } from "../../src/graph/index.js";
import { decodeModel } from "../../src/onnx/index.js";

/** A value as it is written: bytes in base64, or text. A dtype that Descent has none for, or the kind of what is no tensor, stands as it is. */
export interface WrittenValue {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: string | readonly string[];
}

export interface NodeTest {
  readonly name: string;
  /** 0 where the file has no op of ONNX's own domain. */
  readonly opset: number;
  readonly domains: readonly string[];
  readonly rtol: number;
  readonly atol: number;
  /** Base64. */
  readonly model: string;
  readonly sets: readonly { readonly inputs: readonly WrittenValue[]; readonly outputs: readonly WrittenValue[] }[];
}

/** The tests of a file, and the library that they are from. */
export function readNodeTests(path: string): { readonly source: string; readonly tests: readonly NodeTest[] } {
  const [head, ...lines] = gunzipSync(readFileSync(path)).toString("utf8").trim().split("\n") as [string, ...string[]];
  const { source } = JSON.parse(head) as { source: string };
  return { source, tests: lines.map((line) => JSON.parse(line) as NodeTest) };
}

export const modelBytes = (test: NodeTest): Uint8Array => new Uint8Array(Buffer.from(test.model, "base64"));

/** A written value as numbers; undefined where Descent has no such type. */
export function tensorOf({ dtype, shape, data }: WrittenValue): TensorData | undefined {
  if (typeof data !== "string" || !(dtype in DTYPES) || dtype === "string") return undefined;
  const array = DTYPES[dtype as DType].create(sizeOf(shape));
  const bytes = Buffer.from(data, "base64");
  if (bytes.length !== array.byteLength) return undefined;
  new Uint8Array(array.buffer).set(bytes);
  return { dtype: dtype as DType, shape, data: array };
}

/** `Domain.Op` of the op that a test is about: that of its one node, or what a case that is written out as a function stands for. */
export function subjectOf(test: NodeTest, byName: ReadonlyMap<string, NodeTest>): string {
  const whole = byName.get(test.name.replace(/_expanded(_ver\d+)?$/, "")) ?? test;
  const { nodes } = decodeModel(modelBytes(whole), test.name).graph;
  const own = nodes.find(({ opType }) => opType !== "Constant") ?? nodes[0];
  if (own === undefined) return "(none)";
  return own.domain === "" ? own.opType : `${own.domain}.${own.opType}`;
}
