/**
 * @module Convolution and its transpose, over any number of spatial axes. Conv, ConvInputGradient and ConvWeightGradient
 * are the three faces of one trilinear form ⟨y, conv(x, w)⟩: each is linear in both its inputs, and the gradient of each is
 * the other two, so gradients of every order stay among them. As in every framework, "convolution" is cross-correlation.
 */
import type { Dim, Shape, Tensor } from "../graph/index.js";
import {
  dimAdd,
  dimEquals,
  dimMul,
  formatShape,
  isFloat,
  isStatic,
  sizeOf,
  staticDim,
  staticShape,
  symbolicSize,
} from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { ConvAttributes, Weighted } from "./conv-op.js";
import {
  allButChannels,
  batchToGroups,
  batchWeighted,
  biasAlone,
  checkBias,
  checkWeights,
  CONV_ATTRIBUTES,
  convCost,
  convOnly,
  groupsToBatch,
  leadToGroups,
  mergeBatch,
  shapeOfInput,
  shapeOfOutput,
  splitBatch,
} from "./conv-op.js";
import type { Op, OptionalTensor, Target } from "./op.js";
import { emitOne, expectDType, expectSameDType, zerosForNothing } from "./op.js";
import type { Window, WindowOptions } from "./window.js";
import { padSpatial, perAxis, slidShape, spreadSpatial, tapOf, windowOf, windowTaps } from "./window.js";

// --- the three faces --------------------------------------------------------------------------------------------------

/**
 * y[n, m, p] = Σ over c, k of w[m, c, k] · x[n, c, stride·p + dilation·k − pad] + b[m]; channels fall into `group` blocks.
 *
 * Shapes: x [N, C, …], w [M, C/group, …kernel], b [M] → y [N, M, …].
 */
export const Conv: Op<ConvAttributes, Weighted> = {
  name: "Conv",
  domain: "",
  attributes: CONV_ATTRIBUTES,
  empty: biasAlone,
  infer: ([x, w, b], attributes, where) => {
    expectDType(where, x.dtype, isFloat, "a floating-point operand");
    expectSameDType(where, x, w);
    const slid = slidShape(x.shape, attributes, where);
    checkWeights(x.shape[1] as Dim, w.shape, attributes.kernel_shape, attributes.group, where);
    checkBias(b, x, w.shape[0] as Dim, where);
    return [{ shape: [x.shape[0] as Dim, w.shape[0] as Dim, ...slid], dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, w], dy, attributes, needs }) => [
    needs[0] ? convInputGradient(dy, w, attributes, x.shape.slice(2)) : null,
    needs[1] ? convWeightGradient(x, dy, attributes) : null,
    needs[2] ? dy.sum(allButChannels(dy)) : null,
  ],
  cost: convCost(shapeOfOutput, shapeOfInput(1)),
  batch: (c) => batchWeighted(Conv, c),
};

type InputGradientAttributes = ConvAttributes & { readonly input_shape: readonly Dim[] };

/** The x-gradient of a convolution with weights w, from dy; `input_shape` holds the spatial lengths of x. */
export const ConvInputGradient: Op<InputGradientAttributes, readonly [Tensor, Tensor]> = {
  name: "ConvInputGradient",
  domain: "descent",
  attributes: { ...CONV_ATTRIBUTES, input_shape: "shape" },
  empty: zerosForNothing,
  infer: ([dy, w], { group, input_shape }, where) => {
    expectSameDType(where, dy, w);
    if (!dimEquals(dy.shape[1] as Dim, w.shape[0] as Dim))
      throw new ShapeError(`${where}: expected ${w.shape[0]} channels, got ${formatShape(dy.shape)}`);
    return [{ shape: [dy.shape[0] as Dim, dimMul(w.shape[1] as Dim, group), ...input_shape], dtype: dy.dtype }];
  },
  gradient: ({ inputs: [dy, w], dy: g, attributes, needs }) => [
    needs[0] ? emitOne(Conv, [g, w, null], convOnly(attributes)) : null,
    needs[1] ? convWeightGradient(g, dy, convOnly(attributes)) : null,
  ],
  cost: convCost(shapeOfInput(0), shapeOfInput(1)),
  batch: ({ inputs: [dy, w], mapped, size, attributes }) => {
    if (!mapped[1]) return [splitBatch(emitOne(ConvInputGradient, [mergeBatch(dy), w], attributes), size, dy.shape[1] as Dim)];
    const count = staticDim(size, "vmap of Conv");
    const grouped = [batchToGroups(dy, mapped[0], size), leadToGroups(w, true, size)] as const;
    return [groupsToBatch(emitOne(ConvInputGradient, grouped, { ...attributes, group: attributes.group * count }), count)];
  },
  lower: ({ inputs: [dy, w], attributes: { input_shape, group, ...window }, target }) => [
    transposedConv(dy, w, null, window, group, input_shape, target),
  ],
};

/** The w-gradient of a convolution over x, from dy: [M, C/group, …kernel]. */
export const ConvWeightGradient: Op<ConvAttributes, readonly [Tensor, Tensor]> = {
  name: "ConvWeightGradient",
  domain: "descent",
  attributes: CONV_ATTRIBUTES,
  empty: zerosForNothing,
  infer: ([x, dy], { kernel_shape, group }, where) => {
    expectSameDType(where, x, dy);
    const channels = staticDim(x.shape[1], where) / group;
    return [{ shape: [dy.shape[1] as Dim, channels, ...kernel_shape], dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, dy], dy: g, attributes, needs }) => [
    needs[0] ? convInputGradient(dy, g, attributes, x.shape.slice(2)) : null,
    needs[1] ? emitOne(Conv, [x, g, null], attributes) : null,
  ],
  cost: convCost(shapeOfInput(1), shapeOfOutput),
  batch: ({ inputs: [x, dy], mapped, size, attributes }) => {
    const count = staticDim(size, "vmap of Conv");
    const grouped = [batchToGroups(x, mapped[0], size), batchToGroups(dy, mapped[1], size)] as const;
    const dw = emitOne(ConvWeightGradient, grouped, { ...attributes, group: attributes.group * count });
    return [dw.reshape([size, staticDim(dw.shape[0], "vmap of Conv") / count, ...dw.shape.slice(1)])];
  },
  lower: ({ inputs: [x, dy], attributes: { group, ...window } }) => [weightGradient(x, dy, window, group)],
};

const convInputGradient = (dy: Tensor, w: Tensor, attributes: ConvAttributes, input_shape: Shape): Tensor =>
  emitOne(ConvInputGradient, [dy, w], { ...attributes, input_shape });
const convWeightGradient = (x: Tensor, dy: Tensor, attributes: ConvAttributes): Tensor =>
  emitOne(ConvWeightGradient, [x, dy], attributes);

type TransposeAttributes = ConvAttributes & { readonly output_padding: readonly number[] };

/** Spatial lengths of a transposed convolution: stride·(length − 1) + output_padding + dilation·(kernel − 1) + 1 − pads. */
function transposedLengths(x: Shape, { output_padding, ...w }: TransposeAttributes): Dim[] {
  const axes = w.kernel_shape.length;
  return w.kernel_shape.map((kernel, i) => {
    const [stride, dilation] = [w.strides[i] as number, w.dilations[i] as number];
    const rest =
      (output_padding[i] as number) + dilation * (kernel - 1) + 1 - (w.pads[i] as number) - (w.pads[i + axes] as number);
    return dimAdd(dimMul(dimAdd(x[i + 2] as Dim, -1), stride), rest);
  });
}

/**
 * The transpose of a convolution, also called a fractionally strided one: what ConvInputGradient computes, as a layer.
 *
 * Shapes: x [N, C, …], w [C, M/group, …kernel], b [M] → y [N, M, …].
 */
export const ConvTranspose: Op<TransposeAttributes, Weighted> = {
  name: "ConvTranspose",
  domain: "",
  attributes: { ...CONV_ATTRIBUTES, output_padding: "ints" },
  empty: biasAlone,
  infer: ([x, w, b], attributes, where) => {
    const { kernel_shape, group } = attributes;
    expectDType(where, x.dtype, isFloat, "a floating-point operand");
    expectSameDType(where, x, w);
    const fits = w.rank === x.rank && kernel_shape.every((k, i) => w.shape[i + 2] === k);
    if (x.rank !== kernel_shape.length + 2 || !fits || !dimEquals(x.shape[1] as Dim, w.shape[0] as Dim)) {
      const expected = `[${x.shape[1]}, M, ${kernel_shape.join(", ")}]`;
      throw new ShapeError(`${where}: expected weights ${expected} for ${formatShape(x.shape)}, got ${formatShape(w.shape)}`);
    }
    const channels = dimMul(w.shape[1] as Dim, group);
    checkBias(b, x, channels, where);
    return [{ shape: [x.shape[0] as Dim, channels, ...transposedLengths(x.shape, attributes)], dtype: x.dtype }];
  },
  gradient: ({ inputs: [x, w], dy, attributes, needs }) => [
    needs[0] ? emitOne(Conv, [dy, w, null], convOnly(attributes)) : null,
    needs[1] ? convWeightGradient(dy, x, convOnly(attributes)) : null,
    needs[2] ? dy.sum(allButChannels(dy)) : null,
  ],
  cost: convCost(shapeOfInput(0), shapeOfInput(1)),
  batch: (c) => batchWeighted(ConvTranspose, c),
  lower: ({ node, inputs: [x, w, b], attributes, target }) => {
    const lengths = (node.outputs[0] as Tensor).shape.slice(2);
    if (target === "onnx" || !isStatic(lengths) || usesTranspose(attributes, target)) return undefined;
    return [transposedConv(x, w, b, attributes, attributes.group, lengths, target)];
  },
};

// --- the fastest nodes ------------------------------------------------------------------------------------------------

/** w [M, C/g, …k] as the weights of the transposed map: [C, M/g, …k], each kernel turned around. */
function transposedWeights(w: Tensor, group: number): Tensor {
  const [m, c, ...kernel] = staticShape(w.shape, "gradient of Conv") as [number, number, ...number[]];
  const turned = kernel.some((k) => k > 1)
    ? w.sliceAxes(kernel.map((_, i) => ({ axis: i + 2, start: -1, end: -Number.MAX_SAFE_INTEGER, step: -1 })))
    : w;
  if (group === 1) return turned.swapAxes(0, 1);
  return turned
    .reshape([group, m / group, c, ...kernel])
    .swapAxes(1, 2)
    .reshape([group * c, m / group, ...kernel]);
}

/**
 * Whether a ConvTranspose node is the way to transpose this window. With stride 1 a Conv is faster; with more, the engine's
 * ConvTranspose is 3 to 9 times as fast as a Conv over spread zeros, and twice as fast as one Conv per phase.
 */
const usesTranspose = ({ kernel_shape, strides, dilations }: Window, target: Target): boolean =>
  strides.some((stride) => stride > 1) &&
  (target !== "webgpu" || (kernel_shape.length === 2 && dilations.every((dilation) => dilation === 1)));

/** x of the given spatial lengths from y = conv(x, w). */
function transposedConv(
  y: Tensor,
  w: Tensor,
  bias: OptionalTensor,
  window: Window,
  group: number,
  lengths: Shape,
  target: Target,
): Tensor {
  const { kernel_shape, strides, pads, dilations } = window;
  const slid = y.shape.slice(2).map((d) => staticDim(d, "gradient of Conv"));
  const reach = kernel_shape.map((k, i) => (dilations[i] as number) * (k - 1));
  const before = reach.map((r, i) => r - (pads[i] as number));
  /** Zeros after the last position of y, so that a kernel of stride 1 slides up to the last element of x. */
  const after = reach.map((r, i) => {
    const spreadLength = ((slid[i] as number) - 1) * (strides[i] as number) + 1;
    return staticDim(lengths[i], "gradient of Conv") + r - (before[i] as number) - spreadLength;
  });
  if (usesTranspose(window, target)) {
    const output_padding = after.map((width, i) => width - ((reach[i] as number) - (pads[i + reach.length] as number)));
    return emitOne(ConvTranspose, [y, w, bias], { kernel_shape, strides, pads, dilations, group, output_padding });
  }
  const around = [...before, ...after];
  const spread = padSpatial(
    spreadSpatial(y, strides),
    around.map((width) => Math.min(0, width)),
  );
  const attributes = {
    kernel_shape,
    strides: kernel_shape.map(() => 1),
    pads: around.map((width) => Math.max(0, width)),
    dilations,
    group,
  };
  return emitOne(Conv, [spread, transposedWeights(w, group), bias], attributes);
}

/** Channels in a group up to which all taps are joined for one product; above, copying them costs more than it saves. */
const JOINED_CHANNELS = 4;

/** Taps of a kernel from which on one convolution takes the place of a product for each: graphs of thousands of nodes take seconds to compile. */
export const MANY_TAPS = 64;

/**
 * dw as a convolution over x with dy as its kernel, the batch in place of the channels: what was slid over is stepped over, and the other way
 * round. x [N, g·c, …] → [c, g·N, …], dy [N, g·m, …] → [g·m, N, …], y [c, g·m, …kernel].
 */
function weightGradientByConv(x: Tensor, dy: Tensor, { kernel_shape, strides, pads, dilations }: Window, group: number): Tensor {
  const regrouped = (t: Tensor): Tensor => {
    const [n, channels, ...lengths] = t.shape as [Dim, Dim, ...Dim[]];
    return t.reshape([n, group, staticDim(channels, "gradient of Conv") / group, ...lengths]);
  };
  const spatial = kernel_shape.map((_, i) => i + 3);
  const [xs, ds] = [regrouped(x).transpose([2, 1, 0, ...spatial]), regrouped(dy).transpose([1, 2, 0, ...spatial])];
  const [c, , n, ...lengths] = xs.shape as [Dim, Dim, Dim, ...Dim[]];
  const slid = dy.shape.slice(2).map((d) => staticDim(d, "gradient of Conv"));
  const attributes = { kernel_shape: slid, strides: dilations, pads, dilations: strides, group };
  const y = emitOne(
    Conv,
    [xs.reshape([c, dimMul(n, group), ...lengths]), ds.reshape([dy.shape[1] as Dim, n, ...slid]), null],
    attributes,
  );
  // Elements at the end that no position of dy reached give positions beyond the kernel.
  return y.sliceAxes(kernel_shape.map((k, i) => ({ axis: i + 2, start: 0, end: k }))).swapAxes(0, 1);
}

/** dw where windows lie side by side, as patches of a picture do: one product over all of them. */
function weightGradientOfTiles(x: Tensor, dy: Tensor, { kernel_shape }: Window, group: number): Tensor {
  const [n, channels] = x.shape as [Dim, Dim];
  const c = staticDim(channels, "gradient of Conv") / group;
  const m = staticDim(dy.shape[1], "gradient of Conv") / group;
  const slid = dy.shape.slice(2);
  // [N, g, c, P, k, Q, l] → [N, g, P, Q, c, k, l]
  const split = x.reshape([n, group, c, ...slid.flatMap((d, i) => [d, kernel_shape[i] as number])]);
  const [outside, inside] = [slid.map((_, i) => 3 + 2 * i), slid.map((_, i) => 4 + 2 * i)];
  const positions = symbolicSize(slid);
  const size = sizeOf(kernel_shape);
  const seen = split.transpose([0, 1, ...outside, 2, ...inside]).reshape([n, group, positions, c * size]);
  return dy
    .reshape([n, group, m, positions])
    .matMul(seen)
    .sum(0)
    .reshape([group * m, c, ...kernel_shape]);
}

/** Whether windows lie side by side and leave nothing over. */
const isTiled = (x: Tensor, dy: Tensor, { kernel_shape, strides, pads, dilations }: Window): boolean =>
  pads.every((p) => p === 0) &&
  kernel_shape.every(
    (k, i) => k === strides[i] && dilations[i] === 1 && dimEquals(x.shape[i + 2] as Dim, dimMul(dy.shape[i + 2] as Dim, k)),
  );

/** dw from what each tap of the kernel sees of x, by the way that was measured fastest (benchmarks/engine-notes.md). */
function weightGradient(x: Tensor, dy: Tensor, window: Window, group: number): Tensor {
  const where = "gradient of Conv";
  if (sizeOf(window.kernel_shape) > MANY_TAPS)
    return (isTiled(x, dy, window) ? weightGradientOfTiles : weightGradientByConv)(x, dy, window, group);
  const slid = dy.shape.slice(2).map((d) => staticDim(d, where));
  const n = x.shape[0] as Dim;
  const positions = sizeOf(slid);
  const [m, c] = [staticDim(dy.shape[1], where) / group, staticDim(x.shape[1], where) / group];
  const padded = padSpatial(x, window.pads);
  const seen = windowTaps(window.kernel_shape).map((tap) => tapOf(padded, tap, window, slid));
  const joined = (parts: readonly Tensor[], axis: number): Tensor => (parts[0] as Tensor).concat(parts.slice(1), axis);
  const result = [group * m, c, ...window.kernel_shape];
  if (m === 1 && c === 1) {
    // Depthwise: products and sums, since matrices of one row and column are slow to multiply. [K, C] → [C, K]
    const spatial = slid.map((_, i) => i + 2);
    const sums = seen.map((t) => dy.mul(t).sum(spatial).sum(0, true));
    return joined(sums, 0).transpose([1, 0]).reshape(result);
  }
  const d = dy.reshape([n, group, m, positions]);
  if (c <= JOINED_CHANNELS && seen.length > 1) {
    // One product with what all positions see: [N, group, M/group, P] · [N, group, P, C/group·K].
    const columns = joined(
      seen.map((t) => t.reshape([n, group, c, 1, positions])),
      3,
    ).reshape([n, group, c * seen.length, positions]);
    return d.matMul(columns.swapAxes(-1, -2)).sum(0).reshape(result);
  }
  // One product for each tap, then the sum over the batch: [1, group, M/group, C/group].
  const taps = seen.map((t) => d.matMul(t.reshape([n, group, c, positions]).swapAxes(-1, -2)).sum(0, true));
  return joined(taps, 0).transpose([1, 2, 3, 0]).reshape(result);
}

/** Entries of the op table: convolutions and their gradients. */
export const convolution = [Conv, ConvInputGradient, ConvWeightGradient, ConvTranspose] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/** Options of a convolution: window, bias [M], and groups of channels that do not mix. */
export interface ConvOptions extends WindowOptions {
  readonly bias?: Tensor | null;
  /** Blocks that the channels fall into; as many as channels makes a depthwise convolution. */
  readonly groups?: number;
}

/** The kernel's shape, read from its weights. */
const kernelOf = (w: Tensor, where: string): readonly number[] => staticShape(w.shape.slice(2), where);

/** Convolution of x [N, C, …] with weights [M, C/groups, …kernel]: 1-D, 2-D or 3-D by the weights' rank. */
export function conv(x: Tensor, w: Tensor, options: ConvOptions = {}): Tensor {
  const window = windowOf(x, kernelOf(w, "Conv"), options, "Conv");
  return emitOne(Conv, [x, w, options.bias ?? null], { ...window, group: options.groups ?? 1 });
}

/** Options of a transposed convolution; `outputPadding` is added to one side of its output. */
export interface ConvTransposeOptions extends ConvOptions {
  /** Added after the end of each axis, to tell apart the lengths that one convolution maps to the same. */
  readonly outputPadding?: number | readonly number[];
}

/** Transposed convolution of x [N, C, …] with weights [C, M/groups, …kernel]. ShapeError if channels do not fit, or for the padding `same`. */
export function convTranspose(x: Tensor, w: Tensor, options: ConvTransposeOptions = {}): Tensor {
  const where = "ConvTranspose";
  if (options.padding === "same")
    throw new ShapeError(`${where}: expected widths as padding, got "same"; give the widths and outputPadding`);
  const window = windowOf(x, kernelOf(w, where), options, where);
  const output_padding = perAxis(options.outputPadding ?? 0, window.kernel_shape.length, `${where}: outputPadding`);
  return emitOne(ConvTranspose, [x, w, options.bias ?? null], { ...window, group: options.groups ?? 1, output_padding });
}
