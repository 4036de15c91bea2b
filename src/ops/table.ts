/**
 * @module The one table: every op that Descent knows, by name.
 */
import type { Attributes, Node } from "../graph/index.js";
import { ConfigError, UnsupportedOpError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { attention } from "./attention.js";
import { custom } from "./custom.js";
import { deferring } from "./deferred.js";
import { blocked } from "./blocked.js";
import { batchNormalization } from "./batch-norm.js";
import { convolution } from "./convolution.js";
import { detection } from "./non-max-suppression.js";
import { einsums } from "./einsum.js";
import { elementwise } from "./elementwise.js";
import { indexing } from "./indexing.js";
import { linalg } from "./linalg.js";
import { softmaxFamily } from "./loss.js";
import { normalization } from "./normalization.js";
import type { Cost, Op, OptionalTensor } from "./op.js";
import { randomness } from "./random.js";
import { pooling } from "./pooling.js";
import { GRU, LSTM } from "./recurrent.js";
import { reductions } from "./reduce.js";
import { RNN } from "./rnn.js";
import { resizing } from "./resize.js";
import { scanning } from "./scan.js";
import { shaping } from "./shape.js";
import { state } from "./state.js";

/** An entry as the table keeps it: what it takes is known only at the node. */
export type TableOp = Op;

const FAMILIES = {
  elementwise,
  reductions,
  linalg,
  einsums,
  shaping,
  indexing,
  detection,
  attention,
  softmaxFamily,
  convolution,
  blocked,
  pooling,
  resizing,
  batchNormalization,
  normalization,
  randomness,
  recurrence: [LSTM, GRU, RNN],
  scanning,
  state,
  custom,
  deferring,
};

const TABLE = new Map(
  Object.values(FAMILIES)
    .flat()
    .map((op) => [op.name, op as TableOp]),
);

/** Every entry by name, in the order of the families; those of `defineOp` come last. */
export const OPS: ReadonlyMap<string, TableOp> = TABLE;

/**
 * Adds an op of your own to the table: with its shape rule, gradient, cost and batching it is traced, checked, differentiated, counted, written to ONNX files and
 * read from them like any other. An op of the domains "" and `com.microsoft` is run by the engine's kernel of that name; one of `descent` is put into other ops by its `lower`.
 *
 * Shapes: those that `infer` gives.
 * Errors: ConfigError for a name that an op has, and for an op of `descent` without a `lower`.
 *
 * @example
 * import { defineOp, emitOne, grad, perElement, tensor, type Op, type Tensor } from "descentjs";
 * const Cube: Op<Record<never, never>, readonly [Tensor]> = defineOp({
 *   name: "Cube",
 *   domain: "descent",
 *   attributes: {},
 *   infer: ([x]) => [x],
 *   gradient: ({ inputs: [x], dy }) => [dy.mul(x.square()).mul(3)],
 *   cost: perElement(2),
 *   batch: ({ inputs: [x] }) => [emitOne(Cube, [x], {})],
 *   lower: ({ inputs: [x] }) => [x.square().mul(x)],
 * });
 * const x = tensor([1, 2]);
 * console.log(await grad(emitOne(Cube, [x], {}).sum(), x).data()); // Float32Array(2) [ 3, 12 ]
 */
export function defineOp<A extends Attributes, I extends readonly OptionalTensor[]>(op: Op<A, I>): Op<A, I> {
  if (TABLE.has(op.name)) throw new ConfigError(`defineOp: expected a name that no op has, got "${op.name}"`);
  if (op.domain === "descent" && op.lower === undefined && op.resolve === undefined)
    throw new ConfigError(`defineOp: ${op.name}: expected a lower, since no engine has kernels for the domain descent, got none`);
  // What it takes is known only at the node.
  TABLE.set(op.name, op as unknown as TableOp);
  return op;
}

/** The entry of a name; UnsupportedOpError, with the nearest name, if there is none. */
export function opNamed(name: string): TableOp {
  const op = OPS.get(name);
  if (op === undefined) throw new UnsupportedOpError(unknownName("op", name, OPS.keys()));
  return op;
}

/** The entry of a node that is not a leaf. */
export const opOf = (node: Node): TableOp => opNamed(node.op);

/** Cost of running a node once. The node must not be a leaf. */
export const costOf = (node: Node): Cost => opOf(node).cost(node, costOf);
