/**
 * @module The weights of an ONNX file by name, without its graph: for a model that is defined elsewhere.
 */
import type { TensorData } from "../graph/index.js";
import { decodeModel } from "./decode.js";
import type { ExternalData } from "./numbers.js";
import { dtypeOf, numbersOfTensor } from "./numbers.js";

export interface WeightsOptions {
  /** The file's name in messages. */
  readonly where?: string;
  /** The bytes of files beside the model, for numbers that are stored there. */
  readonly externalData?: ExternalData;
}

/**
 * The numbers that are stored in a file (its initializers), by name.
 *
 * Errors: DataError if the bytes are no whole model, or a file beside it is missing.
 */
export function onnxWeights(
  bytes: Uint8Array,
  { where = "ONNX model", externalData }: WeightsOptions = {},
): Map<string, TensorData> {
  const { initializers } = decodeModel(bytes, where).graph;
  const numbers = initializers.filter(({ name, dataType }) => dtypeOf(dataType, `${where}: tensor "${name}"`) !== "string");
  return new Map(numbers.map((tensor) => [tensor.name, numbersOfTensor(tensor, where, externalData)]));
}
