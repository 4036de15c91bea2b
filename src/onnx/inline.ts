/** @module Turns a model with external data into one that holds all its weights. */
import type { ModelProto, TensorProto } from "./messages.js";
import type { ExternalData } from "./numbers.js";
import { numbersOfTensor } from "./numbers.js";

/** The model with the values of its initializers inside. Errors: DataError where a file beside it is missing or too short. */
export function inlined(model: ModelProto, where: string, externalData: ExternalData): ModelProto {
  const inline = (tensor: TensorProto): TensorProto => {
    if (tensor.external === undefined) return tensor;
    const { data } = numbersOfTensor(tensor, where, externalData);
    const { name, dims, dataType } = tensor;
    return { name, dims, dataType, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  };
  return { ...model, graph: { ...model.graph, initializers: model.graph.initializers.map(inline) } };
}
