/**
 * @module Blocking: convolutions of a training graph, and what lies between them, in the layout of `blocked.ts`, which the
 * engine's CPU kernels are fastest in. Values stay the same up to rounding.
 *
 * A tensor that was computed in blocks is remembered beside its plain form. Whoever can read blocks takes those; the plain form
 * is made for the others, and drops out of the graph where there are none.
 */
import type { Graph, Node, Tensor } from "../../graph/index.js";
import { constant, createNode, isStatic, rewriteGraph, withScope } from "../../graph/index.js";
import {
  blockedAffine,
  BlockedConv,
  blockedDepthwise,
  blockedDots,
  blockedPick,
  blockedSpread,
  blockedSums,
  blockedTransposedWeights,
  blockedWeights,
  fromBlocks,
  toBlocks,
} from "../blocked.js";
import { blockedDepthwiseGradient, blockedWeightGradient } from "../blocked-weight-gradient.js";
import { emitOne } from "../op.js";
import type { Window } from "../window.js";
import { countUses } from "./fuse.js";

type Inputs = readonly (Tensor | null)[];
type ConvAttributes = Window & { readonly group: number };
type Picture = readonly [number, number, number, number];

/** Ops that treat each element by itself, so that the order of elements does not matter. */
const ELEMENTWISE: ReadonlySet<string> = new Set(
  "Relu ReluGradient LeakyRelu Elu Sigmoid Tanh Silu HardSigmoid HardSwish Softplus Clip Neg Abs Sqrt Exp Square Add Sub Mul Div".split(
    " ",
  ),
);

/** The graph with convolutions in blocks of `block` channels. */
export function blockChannels(graph: Graph, block: number): Graph {
  if (block <= 1) return graph;
  return new Blocking(graph, block).run();
}

class Blocking {
  readonly #graph: Graph;
  readonly #block: number;
  readonly #uses: ReadonlyMap<Tensor, number>;
  /** From plain tensors to what they are in blocks. */
  readonly #twins = new Map<Tensor, Tensor>();

  constructor(graph: Graph, block: number) {
    this.#graph = graph;
    this.#block = block;
    this.#uses = countUses(graph);
  }

  run(): Graph {
    return rewriteGraph(this.#graph, (node, inputs) => withScope(node.scope, () => this.#rewrite(node, inputs)));
  }

  #rewrite(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    switch (node.op) {
      case "Conv":
        return this.#conv(node, inputs);
      case "ConvInputGradient":
        return this.#inputGradient(node, inputs);
      case "ConvWeightGradient":
        return this.#weightGradient(node, inputs as readonly [Tensor, Tensor]);
      case "AveragePool":
      case "AveragePoolGradient":
        return this.#everyPixel(node, inputs[0] as Tensor);
      case "Pad":
        return this.#padChannels(node, inputs);
      case "BatchNormTrain":
        return this.#batchNormTrain(node, inputs);
      case "BatchNormalization":
        return this.#batchNormUse(node, inputs);
      case "ChannelAffine": {
        const [x, a, b] = inputs as readonly [Tensor, Tensor, Tensor | null];
        const xb = this.#twins.get(x);
        return xb && this.#plain(blockedAffine(xb, a, b));
      }
      case "ChannelDot":
        return this.#channelDot(inputs as readonly [Tensor, Tensor]);
      case "ReduceSum":
      case "ReduceMean":
      case "GlobalAveragePool":
        return this.#spatialSum(node, inputs[0] as Tensor);
      default:
        return ELEMENTWISE.has(node.op) ? this.#elementwise(node, inputs) : undefined;
    }
  }

  /** Whether the tensor is a float32 picture [N, C, H, W] whose channels fill blocks. */
  #fits(t: Tensor): boolean {
    return t.dtype === "float32" && t.rank === 4 && isStatic(t.shape) && (t.shape[1] as number) % this.#block === 0;
  }

  /** The tensor in blocks. */
  #blocks(t: Tensor): Tensor {
    let twin = this.#twins.get(t);
    if (twin === undefined) this.#twins.set(t, (twin = toBlocks(t)));
    return twin;
  }

  /** The plain form of a tensor in blocks, with the other remembered. */
  #plain(twin: Tensor): readonly Tensor[] {
    const t = fromBlocks(twin);
    this.#twins.set(t, twin);
    return [t];
  }

  #isOnlyUse(old: Tensor): boolean {
    return this.#uses.get(old) === 1;
  }

  // --- convolutions ---------------------------------------------------------------------------------------------------

  #conv(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    const [x, w, b] = inputs as readonly [Tensor, Tensor, Tensor | null];
    const attributes = node.attributes as unknown as ConvAttributes;
    const y = node.outputs[0] as Tensor;
    if (!this.#fits(y) || !isStatic(x.shape)) return undefined;
    const channels = x.shape[1] as number;
    if (attributes.group === 1 && channels < this.#block)
      return this.#plain(emitOne(BlockedConv, [x, blockedWeights(w, this.#block), b, null], attributes));
    const isDepthwise = attributes.group === channels && w.shape[0] === channels;
    if (!this.#fits(x) || (attributes.group !== 1 && !isDepthwise)) return undefined;
    const weights = isDepthwise ? blockedDepthwise(w) : blockedWeights(w, this.#block);
    return this.#plain(emitOne(BlockedConv, [this.#blocks(x), weights, b, null], attributes));
  }

  #inputGradient(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    const [dy, w] = inputs as readonly [Tensor, Tensor];
    const { group, strides, pads, dilations, kernel_shape } = node.attributes as unknown as ConvAttributes;
    const dx = node.outputs[0] as Tensor;
    if (!this.#fits(dx) || !this.#fits(dy)) return undefined;
    const isDepthwise = group === dx.shape[1] && group === dy.shape[1] && w.shape[1] === 1;
    if (group !== 1 && !isDepthwise) return undefined;
    if (strides.some((s) => s > 1)) {
      if (!isDepthwise && kernel_shape.every((k) => k === 1) && pads.every((p) => p === 0)) {
        const [h, wide] = [0, 1].map((i) => (strides[i] as number) * (dy.shape[i + 2] as number));
        if (dx.shape[2] !== h || dx.shape[3] !== wide) return undefined;
        const weights = blockedTransposedWeights(w, this.#block);
        const attributes = { kernel_shape, strides: [1, 1], pads, dilations, group };
        const each = emitOne(BlockedConv, [this.#blocks(dy), weights, null, null], attributes);
        return this.#plain(blockedSpread(each, strides, this.#block));
      }
      if (isDepthwise) return this.#stridedDepthwiseGradient(node, dy, w);
      return dilations.some((d) => d > 1) ? undefined : this.#stridedInputGradient(node, dy, w);
    }
    // The same kernel, turned around, slid over dy with what is left of its reach as padding.
    const reach = [0, 1, 0, 1].map((axis) => (dilations[axis] as number) * ((kernel_shape[axis] as number) - 1));
    const around = pads.map((pad, i) => (reach[i] as number) - pad);
    if (around.some((width) => width < 0)) return undefined;
    const [, , h, wide] = dx.shape as Picture;
    const [, , yh, yw] = dy.shape as Picture;
    // What no place of the window reached at the end of x.
    around[2] = h + (reach[0] as number) - (around[0] as number) - yh;
    around[3] = wide + (reach[1] as number) - (around[1] as number) - yw;
    const weights = isDepthwise ? blockedDepthwise(turned(w)) : blockedTransposedWeights(w, this.#block);
    const attributes = { kernel_shape, strides, pads: around, dilations, group };
    return this.#plain(emitOne(BlockedConv, [this.#blocks(dy), weights, null, null], attributes));
  }

  /** Depthwise kernels are cheap: they slide over dy with zeros between its pixels. */
  #stridedDepthwiseGradient(node: Node, dy: Tensor, w: Tensor): readonly Tensor[] | undefined {
    const { strides, pads, dilations, kernel_shape, group } = node.attributes as unknown as ConvAttributes;
    const spread = blockedSpread(this.#blocks(dy), strides, this.#block);
    const lengths = (t: Tensor): readonly number[] => t.shape.slice(2) as readonly number[];
    const reach = kernel_shape.map((k, i) => (dilations[i] as number) * (k - 1));
    const before = reach.map((r, i) => r - (pads[i] as number));
    const after = lengths(node.outputs[0] as Tensor).map(
      (length, i) => length + (reach[i] as number) - (before[i] as number) - (lengths(spread)[i] as number),
    );
    const around = [...before, ...after];
    if (around.some((width) => width < 0)) return undefined;
    const attributes = { kernel_shape, strides: [1, 1], pads: around, dilations, group };
    return this.#plain(emitOne(BlockedConv, [spread, blockedDepthwise(turned(w)), null, null], attributes));
  }

  /**
   * With strides s, the pixels of dx of each remainder modulo s see places of the kernel of their own: a small convolution
   * of dy for each, without the zeros that a transposed convolution is made of, and then the results side by side.
   */
  #stridedInputGradient(node: Node, dy: Tensor, w: Tensor): readonly Tensor[] | undefined {
    const { strides, pads, kernel_shape } = node.attributes as unknown as ConvAttributes;
    const [n, c, h, wide] = (node.outputs[0] as Tensor).shape as Picture;
    const [, m, yh, yw] = dy.shape as Picture;
    const [rows, columns] = [
      phasesOf(kernel_shape[0] as number, strides[0] as number, pads[0] as number, h, yh),
      phasesOf(kernel_shape[1] as number, strides[1] as number, pads[1] as number, wide, yw),
    ];
    if (rows === undefined || columns === undefined) return undefined;
    const [qh, qw] = [h / rows.length, wide / columns.length];
    const block = this.#block;
    const blocks = this.#blocks(dy);
    const weights = blockedTransposedWeights(w, block).reshape([(c / block) * (m / block), ...kernel_shape, block * block]);
    const parts = rows.flatMap((row) =>
      columns.map((column) => {
        const some = pick(pick(weights, 1, row.places), 2, column.places);
        const kernel = [row.places.length, column.places.length];
        return emitOne(BlockedConv, [blocks, some.reshape([c, m, ...kernel]), null, null], {
          kernel_shape: kernel,
          strides: [1, 1],
          pads: [row.before, column.before, row.after, column.after],
          dilations: [1, 1],
          group: 1,
        }).reshape([1, ((n * c) / block) * qh, qw, block]);
      }),
    );
    const [first, ...others] = parts as [Tensor, ...Tensor[]];
    const side = first
      .concat(others, 0)
      .reshape([rows.length, columns.length, ((n * c) / block) * qh, qw, block])
      .transpose([2, 0, 3, 1, 4]);
    return this.#plain(side.reshape([n, c, h, wide]));
  }

  #weightGradient(node: Node, [x, dy]: readonly [Tensor, Tensor]): readonly Tensor[] | undefined {
    const { group, ...window } = node.attributes as unknown as ConvAttributes;
    const c = x.shape[1] as number;
    const isDepthwise = group === c && group === dy.shape[1];
    if (!this.#fits(x) || !this.#fits(dy) || (group !== 1 && !isDepthwise)) return undefined;
    // One place, and every pixel: a product of matrices that copies nothing is faster, with the reordering of both.
    const isPoint = window.kernel_shape.every((k) => k === 1) && window.strides.every((stride) => stride === 1);
    if (isPoint && !isDepthwise) return undefined;
    const [xb, db] = [this.#blocks(x), this.#blocks(dy)];
    const dw = isDepthwise ? blockedDepthwiseGradient(xb, db, window) : blockedWeightGradient(xb, db, window, this.#block);
    return dw && [dw];
  }

  // --- pixels and channels taken and put back --------------------------------------------------------------------------

  /** Pooling of one pixel: every other pixel of each row and column, and back. */
  #everyPixel(node: Node, x: Tensor): readonly Tensor[] | undefined {
    const { kernel_shape, strides, pads } = node.attributes as unknown as Window;
    const xb = this.#twins.get(x);
    const [y] = node.outputs as [Tensor];
    const pooled = node.op === "AveragePool" ? [x, y] : [y, x];
    const [large, small] = pooled as [Tensor, Tensor];
    const divides = [0, 1].every((i) => large.shape[i + 2] === (strides[i] as number) * (small.shape[i + 2] as number));
    if (xb === undefined || !divides || kernel_shape.some((k) => k !== 1) || pads.some((p) => p !== 0)) return undefined;
    const by = strides as unknown as readonly [number, number];
    if (node.op !== "AveragePool") return this.#plain(blockedSpread(xb, by, this.#block));
    return this.#plain(blockedPick(xb, [0, 0], by, by, [0, 0, 0, 0], this.#block));
  }

  /** Whole blocks of channels put on or cut off. */
  #padChannels(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    const [x, value] = inputs as readonly [Tensor, Tensor | null];
    const { pads, mode } = node.attributes as unknown as { pads: readonly number[]; mode: string };
    const xb = this.#twins.get(x);
    const others = pads.filter((_, i) => i % 4 !== 1);
    const blocks = [pads[1] as number, pads[5] as number].map((width) => width / this.#block);
    if (xb === undefined || value !== null || mode !== "constant" || others.some((width) => width !== 0)) return undefined;
    if (!blocks.every(Number.isInteger) || !this.#fits(node.outputs[0] as Tensor)) return undefined;
    const [n, c, h, w] = x.shape as Picture;
    const each = xb.reshape([n, c / this.#block, h * w * this.#block]);
    const padded = each.pad([0, blocks[0] as number, 0], [0, blocks[1] as number, 0]);
    return this.#plain(padded.reshape((node.outputs[0] as Tensor).shape));
  }

  // --- per channel ----------------------------------------------------------------------------------------------------

  #batchNormTrain(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    const [x, scale, bias] = inputs as readonly [Tensor, Tensor, Tensor];
    const xb = this.#twins.get(x);
    if (xb === undefined) return undefined;
    const [n, , h, w] = x.shape as Picture;
    const ones = constant(1, "float32").expand(scale.shape);
    const mean = blockedSums(xb)
      .sum(0)
      .mul(1 / (n * h * w));
    const centred = blockedAffine(xb, ones, mean.neg());
    const variance = blockedDots(centred, centred)
      .sum(0)
      .mul(1 / (n * h * w));
    const r = variance
      .add(node.attributes["epsilon"] as number)
      .sqrt()
      .reciprocal();
    return [...this.#plain(blockedAffine(centred, scale.mul(r), bias)), mean, variance];
  }

  #batchNormUse(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    const [x, scale, bias, mean, variance] = inputs as readonly [Tensor, Tensor, Tensor, Tensor, Tensor];
    const xb = this.#twins.get(x);
    if (xb === undefined || node.attributes["training_mode"] === true) return undefined;
    const a = scale.mul(
      variance
        .add(node.attributes["epsilon"] as number)
        .sqrt()
        .reciprocal(),
    );
    return this.#plain(blockedAffine(xb, a, bias.sub(mean.mul(a))));
  }

  #channelDot([u, v]: readonly [Tensor, Tensor]): readonly Tensor[] | undefined {
    if ((!this.#twins.has(u) && !this.#twins.has(v)) || !this.#fits(u)) return undefined;
    return [blockedDots(this.#blocks(u), this.#blocks(v)).sum(0)];
  }

  /** Sums and means over H and W. */
  #spatialSum(node: Node, x: Tensor): readonly Tensor[] | undefined {
    const axes = node.op === "GlobalAveragePool" ? [2, 3] : (node.attributes["axes"] as readonly number[]);
    const xb = this.#twins.get(x);
    if (xb === undefined || axes.length !== 2 || !axes.includes(2) || !axes.includes(3)) return undefined;
    const [, , h, w] = x.shape as Picture;
    const sums = blockedSums(xb);
    return [(node.op === "ReduceSum" ? sums : sums.mul(1 / (h * w))).reshape((node.outputs[0] as Tensor).shape)];
  }

  // --- per element ----------------------------------------------------------------------------------------------------

  #elementwise(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    const y = node.outputs[0] as Tensor;
    const hasTwin = inputs.some((t) => t !== null && this.#twins.has(t));
    const canBlock = inputs.every(
      (t) => t === null || t.rank === 0 || (this.#fits(t) && t.shape.every((d, i) => d === y.shape[i])),
    );
    if (!hasTwin || !canBlock) return undefined;
    const fused = node.op === "Add" ? this.#sum(node, inputs) : node.op === "Relu" ? this.#relu(node, inputs) : undefined;
    if (fused !== undefined) return this.#plain(fused);
    const blocks = inputs.map((t) => (t === null || t.rank === 0 ? t : this.#blocks(t)));
    return this.#plain(createNode(node.op, blocks, node.attributes, node.outputs, node.scope).outputs[0] as Tensor);
  }

  /** A convolution's node behind `now` that only this node reads, so that it may do more at once. */
  #onlyConv(old: Tensor, now: Tensor): Node | undefined {
    const conv = this.#twins.get(now)?.node;
    return conv?.op === "BlockedConv" && conv.attributes["activation"] === undefined && this.#isOnlyUse(old) ? conv : undefined;
  }

  /** conv + t as one node. */
  #sum(node: Node, inputs: Inputs): Tensor | undefined {
    const [a, b] = inputs as readonly [Tensor, Tensor];
    for (const [i, now, other] of [[0, a, b] as const, [1, b, a] as const]) {
      const conv = this.#onlyConv(node.inputs[i] as Tensor, now);
      if (conv === undefined || conv.inputs[3] !== null || a === b || other.rank === 0) continue;
      const [x, w, bias] = conv.inputs as readonly [Tensor, Tensor, Tensor | null];
      return emitOne(BlockedConv, [x, w, bias, this.#blocks(other)], conv.attributes as unknown as ConvAttributes);
    }
    return undefined;
  }

  /** relu(conv) as one node. */
  #relu(node: Node, inputs: Inputs): Tensor | undefined {
    const conv = this.#onlyConv(node.inputs[0] as Tensor, inputs[0] as Tensor);
    if (conv === undefined) return undefined;
    const attributes = { ...(conv.attributes as unknown as ConvAttributes), activation: "Relu" };
    return emitOne(BlockedConv, conv.inputs as never, attributes);
  }
}

interface Phase {
  /** Places of the turned kernel that pixels of this remainder see. */
  readonly places: readonly number[];
  readonly before: number;
  readonly after: number;
}

/** For each remainder of a pixel of x modulo the stride; undefined where the pixels are not as many for each, or padding is cut. */
function phasesOf(kernel: number, stride: number, pad: number, length: number, slid: number): Phase[] | undefined {
  if (length % stride !== 0) return undefined;
  const phases = Array.from({ length: stride }, (_, remainder): Phase => {
    // Pixel stride·q + remainder sees place k of the kernel in dy at q + (remainder + pad − k) / stride.
    const first = (remainder + pad) % stride;
    const places: number[] = [];
    for (let k = first; k < kernel; k += stride) places.unshift(kernel - 1 - k);
    const ahead = (remainder + pad - first) / stride;
    return { places: places.toSorted((a, b) => a - b), before: places.length - 1 - ahead, after: length / stride + ahead - slid };
  });
  return phases.every(({ places, before, after }) => places.length > 0 && before >= 0 && after >= 0) ? phases : undefined;
}

/** Some places along an axis. */
function pick(t: Tensor, axis: number, places: readonly number[]): Tensor {
  const step = places.length > 1 ? (places[1] as number) - (places[0] as number) : 1;
  const start = places[0] as number;
  return t.sliceAxes([{ axis, start, end: start + step * (places.length - 1) + 1, step }]);
}

/** Each kernel [C, 1, …] turned around. */
const turned = (w: Tensor): Tensor =>
  w.sliceAxes([2, 3].map((axis) => ({ axis, start: -1, end: -Number.MAX_SAFE_INTEGER, step: -1 })));
