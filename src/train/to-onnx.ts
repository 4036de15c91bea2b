/**
 * @module Export of a trained model as an ONNX file that any runtime takes.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { Graph, inputsOf } from "../graph/index.js";
import { exportGraph } from "../onnx/index.js";
import { lowerGraph, resolveForUse } from "../ops/index.js";
import type { TrainingState } from "./state.js";
import type { BatchTypes, FromBatch } from "./step.js";

/**
 * The bytes of an ONNX file that computes `forward` in use mode, with the state's weights as its constants.
 *
 * Shapes: a dimension of an input may be free, `symbol("N")`. Parameters are named by their paths.
 * Errors: those of `forward`; UnsupportedOpError for an op that ONNX has no form for.
 *
 * @example
 * import { symbol } from "descentjs";
 * import { meanSquaredError } from "descentjs/losses";
 * import { Linear } from "descentjs/nn";
 * import { sgd } from "descentjs/optim";
 * import { toOnnx, TrainingState, trainingStep } from "descentjs/train";
 * const model = new Linear(2, 1);
 * const step = trainingStep({ model, loss: ({ x, y }) => meanSquaredError(model.forward(x!), y!), optimizer: sgd({ learningRate: 0.1 }) });
 * const state = await TrainingState.create(step);
 * const file = await toOnnx(state, { x: { dtype: "float32", shape: [symbol("N"), 2] } }, ({ x }) => ({ y: model.forward(x!) }));
 * console.log(file.length > 100); // true
 * await state.dispose();
 */
export async function toOnnx(
  state: TrainingState,
  inputs: BatchTypes,
  forward: FromBatch<Readonly<Record<string, Tensor>>>,
  options: { readonly metadata?: ReadonlyMap<string, string> } = {},
): Promise<Uint8Array> {
  const tensors = inputsOf(inputs);
  const outputs = resolveForUse(forward(tensors));
  const numbers = await state.parameters();
  const names = new Map<Tensor, string>();
  const values = new Map<Tensor, TensorData>();
  for (const [path, parameter] of state.step.types.parameters) {
    names.set(parameter, path);
    values.set(parameter, numbers.get(path) as TensorData);
  }
  const graph = lowerGraph(new Graph(outputs), "onnx");
  return exportGraph(graph, { ...options, names, values, inputs: Object.values(tensors) });
}
