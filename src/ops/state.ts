/**
 * @module State that a graph changes: the assignment of a new value to a buffer, such as running statistics.
 */
import { formatShape, sameShape, type Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Op } from "./op.js";
import { emitOne, expectSameDType, moves, unreachableOp } from "./op.js";

/**
 * Identity of the first input, with a side effect: the buffer has the new value after the run. `resolveMode` takes it out of the graph: in training
 * the new value becomes an output, in use nothing is assigned.
 */
export const Assign: Op<Record<never, never>, readonly [Tensor, Tensor, Tensor]> = {
  name: "Assign",
  domain: "descent",
  attributes: {},
  infer: ([value, buffer, newValue], _attributes, where) => {
    expectSameDType(where, buffer, newValue);
    if (!sameShape(buffer.shape, newValue.shape)) {
      throw new ShapeError(`${where}: expected a new value ${formatShape(buffer.shape)}, got ${formatShape(newValue.shape)}`);
    }
    return [value];
  },
  gradient: ({ dy }) => [dy, null, null],
  cost: moves,
  batch: { unroll: "a buffer has one value, and no example of its own" },
  lower: () => unreachableOp("Assign", "lowering"),
};

/** Entries of the op table: running statistics of batch normalization. */
export const state = [Assign] as const;

/** `value`, with the side effect that `buffer` becomes `newValue` at the end of a training step. All three have one shape and type. */
export const assign = (value: Tensor, buffer: Tensor, newValue: Tensor): Tensor => emitOne(Assign, [value, buffer, newValue], {});
