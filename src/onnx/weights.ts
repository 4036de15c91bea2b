/**
 * @module The weights of an ONNX file by name, without its graph: for a model that is defined elsewhere.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES, sameShape } from "../graph/index.js";
import { DataError } from "../util/errors.js";
import { decodeModel } from "./decode.js";
import type { ModelProto, TensorProto } from "./messages.js";
import type { ExternalData } from "./numbers.js";
import { dtypeOf, numbersOfTensor } from "./numbers.js";

export interface WeightsOptions {
  /** The file's name in messages. */
  readonly where?: string;
  /** The bytes of files beside the model, for tensors that are stored there. */
  readonly externalData?: ExternalData;
}

/**
 * The tensors that are stored in a file (its initializers), by name.
 *
 * Errors: DataError if the bytes are not a whole model, or a file beside it is missing.
 */
export function onnxWeights(
  bytes: Uint8Array,
  { where = "ONNX model", externalData }: WeightsOptions = {},
): Map<string, TensorData> {
  const { initializers } = decodeModel(bytes, where).graph;
  const numbers = initializers.filter(({ name, dataType }) => dtypeOf(dataType, `${where}: tensor "${name}"`) !== "string");
  return new Map(numbers.map((tensor) => [tensor.name, numbersOfTensor(tensor, where, externalData)]));
}

/**
 * A file with other numbers for some of its tensors, by name: those of initializers, and of Constant nodes by what they give. All else stays as it is.
 *
 * Errors: DataError for a tensor of another type or shape.
 */
export function withNumbers(model: ModelProto, numbers: ReadonlyMap<string, TensorData>, where = "ONNX model"): ModelProto {
  const changed = (tensor: TensorProto, name: string): TensorProto => {
    const given = numbers.get(name);
    if (given === undefined) return tensor;
    if (DTYPES[given.dtype].onnx !== tensor.dataType || !sameShape(given.shape, tensor.dims))
      throw new DataError(
        `${where}: tensor "${name}": expected numbers of shape [${tensor.dims.join(", ")}], got ${given.dtype} [${given.shape.join(", ")}]`,
      );
    const { buffer, byteOffset, byteLength } = given.data;
    return {
      name: tensor.name,
      dims: tensor.dims,
      dataType: tensor.dataType,
      rawData: new Uint8Array(buffer, byteOffset, byteLength),
    };
  };
  const nodes = model.graph.nodes.map((node) => {
    if (node.opType !== "Constant") return node;
    const attributes = node.attributes.map((a) =>
      a.type === "tensor" ? { ...a, value: changed(a.value, node.outputs[0] ?? "") } : a,
    );
    return { ...node, attributes };
  });
  const initializers = model.graph.initializers.map((tensor) => changed(tensor, tensor.name));
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}
