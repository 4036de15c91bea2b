/**
 * @module One rule for each kind of op: which axes of its inputs and outputs have the same positions. An op without a rule keeps all of them.
 */
import type { Attributes, Dim, Node, Tensor } from "../../graph/index.js";
import { dimDiv, dimEquals, dimMul, isStatic, normalizeAxis } from "../../graph/index.js";
import { elementwise } from "../../ops/index.js";
import { range } from "../../util/range.js";
import { equate, equateAll, fix, mixAll, PositionSet, type Positions, productOf, sumOf } from "./positions.js";

/** The length of a term after positions have gone. */
export type Length = (positions: Positions) => Dim;

/** The attributes of a node that follow its axes, for other lengths of these. */
export type FollowingAttributes = (length: Length) => Attributes;

/** One node as a rule sees it: the axes of its inputs and outputs. */
export interface Coupling {
  readonly node: Node;
  /** The axes of an input; none for a missing one. */
  readonly input: (i: number) => readonly Positions[];
  readonly output: (i: number) => readonly Positions[];
}

/** Says which positions a node's axes share; returns how its attributes follow them, if they do. */
export type CouplingRule = (c: Coupling) => FollowingAttributes | undefined;

const shapeOf = (node: Node, i: number): readonly Dim[] => node.inputs[i]?.shape ?? [];
const outShape = (node: Node, i = 0): readonly Dim[] => (node.outputs[i] as Tensor).shape;
const isOne = (d: Dim | undefined): boolean => d === 1;

/** Keeps all positions: for cases that a rule cannot express. */
function fixAll({ node, input, output }: Coupling): undefined {
  node.inputs.forEach((_, i) => fix(...input(i)));
  node.outputs.forEach((_, i) => fix(...output(i)));
}

/** Equates an operand's axes with those that it broadcasts to, the last ones aligned. */
function broadcastTo(c: Coupling, i: number, to: readonly Positions[]): void {
  const axes = c.input(i);
  const shape = shapeOf(c.node, i);
  axes.forEach((axis, k) => {
    const target = to[to.length - axes.length + k];
    if (target !== undefined && !isOne(shape[k])) equate(axis, target);
  });
}

const broadcasting: CouplingRule = (c) => {
  c.node.inputs.forEach((_, i) => broadcastTo(c, i, c.output(0)));
  return undefined;
};

/** Passes all axes through except those given, whose positions are mixed. */
const mixing =
  (axesOf: (node: Node) => readonly number[]): CouplingRule =>
  (c) => {
    const x = c.input(0);
    equateAll(x, c.output(0));
    mixAll(axesOf(c.node).map((axis) => x[axis < 0 ? axis + x.length : axis]));
    return undefined;
  };

const axisOf = (node: Node, name = "axis", rank = shapeOf(node, 0).length): number =>
  normalizeAxis(node.attributes[name] as number, rank, node.op);

// --- products ----------------------------------------------------------------------------------------------------------

const matMul: CouplingRule = (c) => {
  const [a, b, y] = [c.input(0), c.input(1), c.output(0)];
  equate(a.at(-1) as Positions, b[Math.max(0, b.length - 2)] as Positions);
  const batch = y.slice(0, y.length - (a.length > 1 ? 1 : 0) - (b.length > 1 ? 1 : 0));
  const batchOf = (i: number, axes: readonly Positions[]): void => {
    const shape = shapeOf(c.node, i);
    axes.slice(0, -2).forEach((axis, k) => {
      const to = batch[batch.length - (axes.length - 2) + k];
      if (to !== undefined && !isOne(shape[k])) equate(axis, to);
    });
  };
  batchOf(0, a);
  batchOf(1, b);
  if (a.length > 1) equate(a.at(-2) as Positions, y[y.length - (b.length > 1 ? 2 : 1)] as Positions);
  if (b.length > 1) equate(b.at(-1) as Positions, y.at(-1) as Positions);
  return undefined;
};

const gemm: CouplingRule = (c) => {
  const { transA, transB } = c.node.attributes;
  const turned = (axes: readonly Positions[], isTurned: boolean): readonly Positions[] => (isTurned ? [...axes].reverse() : axes);
  const [a, b, y] = [turned(c.input(0), transA === true), turned(c.input(1), transB === true), c.output(0)];
  equate(a[1] as Positions, b[0] as Positions);
  equate(a[0] as Positions, y[0] as Positions);
  equate(b[1] as Positions, y[1] as Positions);
  broadcastTo(c, 2, y);
  return undefined;
};

const einsum: CouplingRule = (c) => {
  const text = (c.node.attributes["equation"] as string).replaceAll(" ", "");
  const [left = "", right] = text.split("->");
  if (right === undefined || text.includes("...")) return fixAll(c);
  const byLabel = new Map<string, Positions>();
  const couple = (labels: string, axes: readonly Positions[]): void =>
    labels.split("").forEach((label, i) => {
      const known = byLabel.get(label);
      if (known === undefined) byLabel.set(label, axes[i] as Positions);
      else equate(known, axes[i] as Positions);
    });
  left.split(",").forEach((labels, i) => couple(labels, c.input(i)));
  couple(right, c.output(0));
  return undefined;
};

/** Blocks of channels: x [N, g·C, …], w [g·M, C, …] → y [N, g·M, …]; of the transposed one w is [g·C, M, …]. */
const convolution =
  (isTransposed: boolean): CouplingRule =>
  (c) => {
    const [x, w, y] = [c.input(0), c.input(1), c.output(0)];
    const count = c.node.attributes["group"] as number;
    const [first, second] = shapeOf(c.node, 1) as [number, number];
    const group = new PositionSet(count);
    const blocks = new PositionSet(first / count);
    const inner = new PositionSet(second);
    const [into, from] = isTransposed ? [blocks, inner] : [inner, blocks];
    equate(w[0] as Positions, productOf([group, blocks]));
    equate(w[1] as Positions, inner);
    equate(x[1] as Positions, productOf([group, into]));
    equate(y[1] as Positions, productOf([group, from]));
    if (c.input(2).length > 0) equate(c.input(2)[0] as Positions, y[1] as Positions);
    equate(x[0] as Positions, y[0] as Positions);
    fix(...x.slice(2), ...w.slice(2), ...y.slice(2));
    return (length) => ({ group: length(group) as number });
  };

// --- axes renamed, joined, taken apart ---------------------------------------------------------------------------------

/** Runs of axes of equal size on both sides of a Reshape: the shortest ones. */
function reshapeBlocks(
  from: readonly Dim[],
  to: readonly Dim[],
): readonly (readonly [readonly number[], readonly number[]])[] | undefined {
  const blocks: [number[], number[]][] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const block: [number[], number[]] = [[], []];
    let [left, right]: [Dim, Dim] = [1, 1];
    do {
      // Extend the smaller side; with free lengths, the one that divides the other.
      const isShorter = typeof left === "number" && typeof right === "number" ? left < right : dimDiv(right, left) !== undefined;
      const isLeft = i < from.length && (j >= to.length || block[0].length === 0 || (block[1].length > 0 && isShorter));
      if (isLeft) {
        left = dimMul(left, from[i] as Dim);
        block[0].push(i++);
      } else if (j < to.length) {
        right = dimMul(right, to[j] as Dim);
        block[1].push(j++);
      } else return undefined;
    } while (!dimEquals(left, right));
    blocks.push(block);
  }
  return blocks;
}

const reshape: CouplingRule = (c) => {
  const [from, to] = [shapeOf(c.node, 0), outShape(c.node)];
  const [x, y] = [c.input(0), c.output(0)];
  const blocks = reshapeBlocks(from, to);
  if (blocks === undefined) return fixAll(c);
  for (const [left, right] of blocks)
    equate(productOf(left.map((i) => x[i] as Positions)), productOf(right.map((i) => y[i] as Positions)));
  return (length) => ({ shape: y.map(length) });
};

const transpose: CouplingRule = (c) => {
  const perm = c.node.attributes["perm"] as readonly number[];
  equateAll(
    perm.map((axis) => c.input(0)[axis] as Positions),
    c.output(0),
  );
  return undefined;
};

const expand: CouplingRule = (c) => {
  broadcastTo(c, 0, c.output(0));
  return (length) => ({ shape: c.output(0).map(length) });
};

/** Squeeze, and Unsqueeze the other way round. */
const squeezed =
  (isInverse: boolean): CouplingRule =>
  (c) => {
    const [long, short] = isInverse ? [c.output(0), c.input(0)] : [c.input(0), c.output(0)];
    const axes = (c.node.attributes["axes"] as readonly number[]).map((axis) => normalizeAxis(axis, long.length, c.node.op));
    equateAll(
      long.filter((_, i) => !axes.includes(i)),
      short,
    );
    return undefined;
  };

const concatenation: CouplingRule = (c) => {
  const axis = axisOf(c.node);
  const y = c.output(0);
  c.node.inputs.forEach((_, i) =>
    c.input(i).forEach((positions, k) => {
      if (k !== axis) equate(positions, y[k] as Positions);
    }),
  );
  equate(y[axis] as Positions, sumOf(c.node.inputs.map((_, i) => c.input(i)[axis] as Positions)));
  return undefined;
};

const splitting: CouplingRule = (c) => {
  const axis = axisOf(c.node);
  const x = c.input(0);
  const parts = c.node.outputs.map((_, i) => c.output(i)[axis] as Positions);
  equate(x[axis] as Positions, sumOf(parts));
  c.node.outputs.forEach((_, i) =>
    c.output(i).forEach((positions, k) => {
      if (k !== axis) equate(positions, x[k] as Positions);
    }),
  );
  return (length) => ({ split: parts.map(length) });
};

/** The places of a slice of known lengths and steps of 1, as lengths before it and of it; undefined for others. */
function placesOf(node: Node, i: number): { readonly axis: number; readonly before: number; readonly count: number } | undefined {
  const { starts, ends, axes, steps } = node.attributes as Record<string, readonly number[]>;
  const shape = shapeOf(node, 0);
  const axis = normalizeAxis(axes?.[i] as number, shape.length, node.op);
  const [length, count] = [shape[axis], outShape(node)[axis]];
  const start = starts?.[i];
  if (steps?.[i] !== 1 || !isStatic([length as Dim, count as Dim, start as Dim, ends?.[i] as Dim])) return undefined;
  const [long, first] = [length as number, start as number];
  return { axis, before: Math.min(first < 0 ? Math.max(0, first + long) : first, long), count: count as number };
}

const slicing: CouplingRule = (c) => {
  const [x, y] = [c.input(0), c.output(0)];
  const sliced = (c.node.attributes["axes"] as readonly number[]).map((_, i) => placesOf(c.node, i));
  const axes = (c.node.attributes["axes"] as readonly number[]).map((axis) => normalizeAxis(axis, x.length, c.node.op));
  equateAll(
    x.filter((_, k) => !axes.includes(k)),
    y.filter((_, k) => !axes.includes(k)),
  );
  const parts = axes.map((axis, i) => {
    const place = sliced[i];
    const whole = x[axis] as Positions;
    const part = y[axis] as Positions;
    if (place === undefined) {
      fix(whole, part);
      return undefined;
    }
    const length = shapeOf(c.node, 0)[axis] as number;
    const before = new PositionSet(place.before);
    equate(whole, sumOf([before, part, new PositionSet(length - place.before - place.count)]));
    return { before, part };
  });
  const { starts, ends } = c.node.attributes as Record<string, readonly Dim[]>;
  return (length) => {
    const at = parts.map((p) =>
      p === undefined ? undefined : { start: length(p.before) as number, count: length(p.part) as number },
    );
    return {
      starts: at.map((place, i) => place?.start ?? (starts?.[i] as Dim)),
      ends: at.map((place, i) => (place === undefined ? (ends?.[i] as Dim) : place.start + place.count)),
    };
  };
};

const padding: CouplingRule = (c) => {
  const pads = c.node.attributes["pads"] as readonly Dim[];
  const [x, y] = [c.input(0), c.output(0)];
  const widths = x.map((axis, i) => {
    const [before, after] = [pads[i], pads[i + x.length]];
    const isPlain = typeof before === "number" && typeof after === "number" && before >= 0 && after >= 0;
    if (before === 0 && after === 0) equate(axis, y[i] as Positions);
    else if (!isPlain || c.node.attributes["mode"] !== "constant" || typeof shapeOf(c.node, 0)[i] !== "number")
      fix(axis, y[i] as Positions);
    else {
      const border = [new PositionSet(before), new PositionSet(after)] as const;
      equate(y[i] as Positions, sumOf([border[0], axis, border[1]]));
      return border;
    }
    return undefined;
  });
  return (length) => ({
    pads: [0, 1].flatMap((side) =>
      widths.map((border, i) => (border === undefined ? (pads[i + side * x.length] as Dim) : length(border[side] as Positions))),
    ),
  });
};

const tiling: CouplingRule = (c) => {
  const repeats = c.node.attributes["repeats"] as readonly Dim[];
  c.input(0).forEach((axis, i) =>
    equate(productOf([new PositionSet(repeats[i] as Dim, true), axis]), c.output(0)[i] as Positions),
  );
  return undefined;
};

const gathering: CouplingRule = (c) => {
  const axis = axisOf(c.node);
  const [x, indices, y] = [c.input(0), c.input(1), c.output(0)];
  fix(x[axis] as Positions);
  equateAll(x.slice(0, axis), y);
  equateAll(indices, y.slice(axis));
  equateAll(x.slice(axis + 1), y.slice(axis + indices.length));
  return undefined;
};

// --- folded, normalized, pooled ----------------------------------------------------------------------------------------

const reduction: CouplingRule = (c) => {
  const { axes, keepdims } = c.node.attributes as { readonly axes: readonly number[]; readonly keepdims: boolean };
  const x = c.input(0);
  const folded = axes.map((axis) => normalizeAxis(axis, x.length, c.node.op));
  mixAll(folded.map((axis) => x[axis]));
  const kept = range(0, x.length).filter((axis) => !folded.includes(axis));
  kept.forEach((axis, i) => equate(x[axis] as Positions, c.output(0)[keepdims ? axis : i] as Positions));
  return undefined;
};

/** The channels of [N, C, …] are those of vectors [C]. */
const perChannel: CouplingRule = (c) => {
  equateAll(c.input(0), c.output(0));
  for (const i of range(1, c.node.inputs.length)) equateAll(c.input(i), [c.input(0)[1] as Positions]);
  return undefined;
};

/** Axes after the channels keep all positions: pooling, resizing. */
const spatial: CouplingRule = (c) => {
  c.node.outputs.forEach((_, i) => {
    equateAll(c.input(0).slice(0, 2), c.output(i).slice(0, 2));
    fix(...c.output(i).slice(2));
  });
  fix(...c.input(0).slice(2));
  return undefined;
};

const layerNormalization: CouplingRule = (c) => {
  const axis = axisOf(c.node);
  const x = c.input(0);
  equateAll(x, c.output(0));
  for (const i of range(1, c.node.inputs.length)) equateAll(c.input(i), x.slice(axis));
  for (const i of range(1, c.node.outputs.length)) equateAll(x.slice(0, axis), c.output(i));
  mixAll(x.slice(axis));
  return undefined;
};

const groupNormalization: CouplingRule = (c) => {
  const count = c.node.attributes["num_groups"] as number;
  const [x, shape] = [c.input(0), shapeOf(c.node, 0)];
  const [group, inner] = [new PositionSet(count), new PositionSet(dimDiv(shape[1] as Dim, count) ?? 1)];
  equate(x[1] as Positions, productOf([group, inner]));
  perChannel(c);
  mixAll([inner, ...x.slice(2)]);
  return (length) => ({ num_groups: length(group) as number });
};

/** X [T, N, I], W [D, g·H, I], R [D, g·H, H], B [D, 2g·H], lengths [N], states [D, N, H], P [D, 3H] → Y [T, D, N, H], states. */
const recurrence =
  (gates: number): CouplingRule =>
  (c) => {
    const [x, w, r] = [c.input(0), c.input(1), c.input(2)];
    const hidden = new PositionSet(c.node.attributes["hidden_size"] as number);
    const gated = (count: number): Positions => productOf([new PositionSet(count, true), hidden]);
    equate(x[2] as Positions, w[2] as Positions);
    equate(w[1] as Positions, gated(gates));
    equate(r[1] as Positions, gated(gates));
    equate(r[2] as Positions, hidden);
    if (c.input(3).length > 0) equate(c.input(3)[1] as Positions, gated(2 * gates));
    for (const i of [5, 6]) if (c.input(i).length > 0) equate(c.input(i)[2] as Positions, hidden);
    if (c.input(7).length > 0) equate(c.input(7)[1] as Positions, gated(3));
    c.node.outputs.forEach((_, i) => equate(c.output(i).at(-1) as Positions, hidden));
    fix(w[0] as Positions, r[0] as Positions, x[0] as Positions, x[1] as Positions);
    return (length) => ({ hidden_size: length(hidden) as number });
  };

// --- the table ---------------------------------------------------------------------------------------------------------

const REDUCTIONS = "Sum Mean Max Min Prod L1 L2 SumSquare LogSum LogSumExp".split(" ").map((name) => `Reduce${name}`);

const RULES: ReadonlyMap<string, CouplingRule> = new Map<string, CouplingRule>([
  ...elementwise.map((op): [string, CouplingRule] => [op.name, broadcasting]),
  ["Dropout", broadcasting],
  ["DropoutMask", (c) => (length) => ({ shape: c.output(0).map(length) })],
  ["MatMul", matMul],
  ["Gemm", gemm],
  ["Einsum", einsum],
  ["Conv", convolution(false)],
  ["ConvTranspose", convolution(true)],
  ["Reshape", reshape],
  ["Transpose", transpose],
  ["Expand", expand],
  ["Squeeze", squeezed(false)],
  ["Unsqueeze", squeezed(true)],
  ["Concat", concatenation],
  ["Split", splitting],
  ["Slice", slicing],
  ["Pad", padding],
  ["Tile", tiling],
  ["Gather", gathering],
  ...REDUCTIONS.map((name): [string, CouplingRule] => [name, reduction]),
  ["Softmax", mixing((node) => [node.attributes["axis"] as number])],
  ["LogSoftmax", mixing((node) => [node.attributes["axis"] as number])],
  ["LRN", mixing(() => [1])],
  ["BatchNorm", perChannel],
  ["BatchNormalization", perChannel],
  ["InstanceNormalization", perChannel],
  ["ChannelAffine", perChannel],
  ["LayerNormalization", layerNormalization],
  ["RMSNormalization", layerNormalization],
  ["SimplifiedLayerNormalization", layerNormalization],
  ["GroupNormalization", groupNormalization],
  ["MaxPool", spatial],
  ["AveragePool", spatial],
  ["GlobalAveragePool", spatial],
  ["GlobalMaxPool", spatial],
  ["Resize", spatial],
  ["LSTM", recurrence(4)],
  ["GRU", recurrence(3)],
  ["RNN", recurrence(1)],
]);

/** The rule of an op; one that keeps all positions for an op without. */
export const ruleFor = (op: string): CouplingRule => RULES.get(op) ?? fixAll;
