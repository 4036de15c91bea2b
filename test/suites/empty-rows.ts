/**
 * @module Rows of the op cases with nothing in them: axes of no length, wherever an op's rule takes them.
 */
import type { OpCase, Operand } from "../cases/case.js";
import { sizeOf } from "../../src/graph/index.js";

/** An axis of an operand. */
type Axis = readonly [operand: number, axis: number];

/** The same row with axes emptied; one that is emptied twice, or has no such axis, is the row itself. */
function emptied(row: OpCase, axes: readonly Axis[]): OpCase {
  const operands = row.operands.map((operand, i): Operand | null => {
    if (operand === null) return null;
    const shape = operand.shape.map((d, a) => (axes.some(([o, axis]) => o === i && axis === a) ? 0 : d));
    const count = sizeOf(shape);
    // Numbers that are listed one by one are too many now.
    const { domain } = operand;
    return { ...operand, shape, ...(domain === undefined ? {} : { domain: (random, n) => domain(random, n).slice(0, count) }) };
  });
  const sizes = axes.map(([o, a]) => `${o}.${a}`).join(" ");
  return { ...row, variant: `${row.variant === undefined ? "" : `${row.variant}, `}empty ${sizes}`, operands };
}

/**
 * The ways to empty a row: each axis alone, the first and the last axis of all operands, axes of one length together (those that a product or a
 * broadcast holds equal), and the axes of one place of all operands.
 */
export function emptyRows(row: OpCase): OpCase[] {
  const all: Axis[] = row.operands.flatMap((operand, i) => (operand?.shape ?? []).map((_, a): Axis => [i, a]));
  const lengthAt = ([o, a]: Axis): number => row.operands[o]?.shape[a] ?? 0;
  const rankOf = (o: number): number => row.operands[o]?.shape.length ?? 0;
  const lengths = [...new Set(all.map(lengthAt))];
  const places = [...new Set(all.map(([, a]) => a))];
  const fromEnd = [...new Set(all.map(([o, a]) => rankOf(o) - a))];
  const groups: Axis[][] = [
    ...all.map((axis) => [axis]),
    ...lengths.map((length) => all.filter((axis) => lengthAt(axis) === length)),
    ...places.map((place) => all.filter(([, a]) => a === place)),
    ...fromEnd.map((place) => all.filter(([o, a]) => rankOf(o) - a === place)),
  ];
  const distinct = new Map(groups.map((axes) => [JSON.stringify(axes), axes]));
  return [...distinct.values()].map((axes) => emptied(row, axes));
}
