/**
 * @module The one table: every op that Descent knows, by name.
 */
import type { Node } from "../graph/index.js";
import { UnsupportedOpError } from "../util/errors.js";
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
import type { Cost, Op } from "./op.js";
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

/** Every entry by name, in the order of the families. */
export const OPS: ReadonlyMap<string, TableOp> = new Map(
  Object.values(FAMILIES)
    .flat()
    .map((op) => [op.name, op as TableOp]),
);

/** The entry of a name; UnsupportedOpError, with the nearest name, if there is none. */
export function opNamed(name: string): TableOp {
  const op = OPS.get(name);
  if (op === undefined) throw new UnsupportedOpError(unknownName("op", name, OPS.keys()));
  return op;
}

/** The entry of a node that is no leaf. */
export const opOf = (node: Node): TableOp => opNamed(node.op);

/** Cost of running a node once. The node must not be a leaf. */
export const costOf = (node: Node): Cost => opOf(node).cost(node, costOf);
