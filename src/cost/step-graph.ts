/**
 * @module The graph of one training step of a model whose graph is known: forward, gradients, update, and which node belongs to which.
 */
import { vjpOf } from "../autodiff/index.js";
import type { Node, Parameter, Tensor } from "../graph/index.js";
import { byteSize, constant, Graph, input, OPTIMIZER_SCOPE, reachableNodes, withScope } from "../graph/index.js";
import type { Optimizer } from "../optim/index.js";

/** The three parts of a step. */
export type Phase = "forward" | "backward" | "update";

export interface StepGraph {
  readonly graph: Graph;
  /** Bytes of the optimizer's state. */
  readonly optimizerState: number;
  readonly phaseOf: (node: Node) => Phase;
}

/** The nodes of a step, by part: what the loss needs, what gradients need besides, and the rest. */
export function phasesOf(forward: Iterable<Tensor>, gradients: Iterable<Tensor>): (node: Node) => Phase {
  const first = new Set(reachableNodes(forward));
  const second = new Set(reachableNodes(gradients));
  return (node) => (first.has(node) ? "forward" : second.has(node) ? "backward" : "update");
}

/**
 * The step that minimizes `loss`, resolved for training: gradients of the parameters that are trained, and the optimizer's update where there is one.
 * `buffers`: new values of running statistics.
 */
export function stepGraph(
  loss: Tensor,
  parameters: ReadonlyMap<string, Parameter>,
  { optimizer, buffers = [] }: { readonly optimizer?: Optimizer | undefined; readonly buffers?: Iterable<Tensor> },
): StepGraph {
  const trained: ReadonlyMap<string, Tensor> = optimizer?.trained(parameters) ?? parameters;
  const gradients = vjpOf([loss], [constant(1, loss.dtype)], [...trained.values()]);
  const outputs = new Map<string, Tensor>([["loss", loss]]);
  for (const [i, value] of [...buffers].entries()) outputs.set(`buffer ${i}`, value);
  const phaseOf = phasesOf(outputs.values(), gradients);
  if (optimizer === undefined) {
    [...trained.keys()].forEach((path, i) => outputs.set(`gradient ${path}`, gradients[i] as Tensor));
    return { graph: new Graph(outputs), optimizerState: 0, phaseOf };
  }
  const slots = optimizer.slots(parameters);
  const updated = withScope(OPTIMIZER_SCOPE, () =>
    optimizer.update({
      parameters: trained,
      gradients: new Map([...trained.keys()].map((path, i) => [path, gradients[i] as Tensor])),
      state: new Map([...slots].map(([key, slot]) => [key, input(key, slot.shape, slot.dtype)])),
      scalars: new Map(optimizer.scalarNames.map((name) => [name, input(name, [])])),
    }),
  );
  for (const [name, t] of [...updated.parameters, ...updated.state, ...updated.metrics]) outputs.set(name, t);
  const optimizerState = [...slots.values()].reduce((sum, slot) => sum + byteSize(slot), 0);
  return { graph: new Graph(outputs), optimizerState, phaseOf };
}
