/**
 * @module Blocking: convolutions of a training graph, and what lies between them, in the layout of `blocked.ts`, which the
 * engine's CPU kernels are fastest in. Values stay the same up to rounding.
 *
 * A tensor that was computed in blocks is remembered beside its plain form. Whoever can read blocks takes those; the plain form
 * is made for the others, and drops out of the graph where there are none.
 */
import type { Graph, Node, Tensor } from "../../graph/index.js";
import { constant, copyNode, createNode, isStatic, rewriteGraph, sizeOf, withScope } from "../../graph/index.js";
import type { BlockedConvInputs } from "../blocked.js";
import {
  blockedAffine,
  BlockedConv,
  blockedDepthwise,
  blockedDots,
  blockedPick,
  blockedSpread,
  blockedSums,
  blockedWeights,
  fromBlocks,
  toBlocks,
} from "../blocked.js";
import { blockedDepthwiseInputGradient, blockedInputGradient } from "../blocked-input-gradient.js";
import { blockedStemGradient } from "../blocked-stem-gradient.js";
import { blockedDepthwiseGradient, blockedWeightGradient } from "../blocked-weight-gradient.js";
import type { ConvAttributes } from "../conv-op.js";
import { MANY_TAPS } from "../convolution.js";
import { blockedMaxPool, blockedMaxPoolGradient, canPoolBlocks } from "../blocked-max-pool.js";
import { emitOne } from "../op.js";
import type { PoolAttributes } from "../pool-op.js";
import type { Window } from "../window.js";
import { countUses } from "./fuse.js";

type Inputs = readonly (Tensor | null)[];
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
  /** Maps plain tensors to their blocked form. */
  readonly #twins = new Map<Tensor, Tensor>();
  /** Parts of max-poolings in blocks, by their plain results. */
  readonly #pooled = new Map<Tensor, { readonly x: Tensor; readonly rows: Tensor; readonly y: Tensor }>();

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
      case "MaxPool":
        return this.#maxPool(node, inputs[0] as Tensor);
      case "MaxPoolGradient":
        return this.#maxPoolGradient(node, inputs as readonly [Tensor, Tensor, Tensor, Tensor]);
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
    const attributes = node.attributes as ConvAttributes;
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
    const { group, ...window } = node.attributes as ConvAttributes;
    const dx = node.outputs[0] as Tensor;
    if (!this.#fits(dx) || !this.#fits(dy)) return undefined;
    const isDepthwise = group === dx.shape[1] && group === dy.shape[1] && w.shape[1] === 1;
    if (group !== 1 && !isDepthwise) return undefined;
    const shape = dx.shape as Picture;
    const gradient = isDepthwise
      ? blockedDepthwiseInputGradient(this.#blocks(dy), w, window, shape, this.#block)
      : blockedInputGradient(this.#blocks(dy), w, window, shape, this.#block);
    return gradient && this.#plain(gradient);
  }

  #weightGradient(node: Node, [x, dy]: readonly [Tensor, Tensor]): readonly Tensor[] | undefined {
    const { group, ...window } = node.attributes as ConvAttributes;
    const c = x.shape[1] as number;
    const isDepthwise = group === c && group === dy.shape[1];
    if (sizeOf(window.kernel_shape) > MANY_TAPS) return undefined;
    if (group === 1 && c < this.#block && this.#fits(dy) && isStatic(x.shape)) {
      // From plain dy, rows that have to be filled up as well cost more than the product of matrices (MNIST: 0.48 against 0.40 ms).
      if (!this.#twins.has(dy) && (dy.shape[3] as number) % this.#block !== 0) return undefined;
      const dw = blockedStemGradient(x, this.#blocks(dy), window, this.#block);
      return dw && [dw];
    }
    if (!this.#fits(x) || !this.#fits(dy) || (group !== 1 && !isDepthwise)) return undefined;
    // One place, and every pixel: a product of matrices that copies nothing is faster, with the reordering of both.
    const isPoint = window.kernel_shape.every((k) => k === 1) && window.strides.every((stride) => stride === 1);
    if (isPoint && !isDepthwise) return undefined;
    const [xb, db] = [this.#blocks(x), this.#blocks(dy)];
    const dw = isDepthwise ? blockedDepthwiseGradient(xb, db, window) : blockedWeightGradient(xb, db, window, this.#block);
    return dw && [dw];
  }

  // --- max-pooling ----------------------------------------------------------------------------------------------------

  #maxPool(node: Node, x: Tensor): readonly Tensor[] | undefined {
    const xb = this.#twins.get(x);
    const attributes = node.attributes as PoolAttributes;
    const [y, indices] = node.outputs as readonly [Tensor, Tensor];
    if (xb === undefined || !canPoolBlocks(attributes, x, y)) return undefined;
    const pooled = blockedMaxPool(xb, attributes);
    const [plain] = this.#plain(pooled.y) as [Tensor];
    this.#pooled.set(plain, { x: xb, ...pooled });
    // Left out of the graph where only the gradient read them.
    return [plain, createNode("MaxPool", [x], attributes, node.outputs, node.scope).outputs[indices.index] as Tensor];
  }

  #maxPoolGradient(node: Node, [dy, , y]: readonly [Tensor, Tensor, Tensor, Tensor]): readonly Tensor[] | undefined {
    const pooled = this.#pooled.get(y);
    if (pooled === undefined) return undefined;
    return this.#plain(blockedMaxPoolGradient(this.#blocks(dy), pooled, node.attributes as PoolAttributes, this.#block));
  }

  // --- pixels and channels taken and put back --------------------------------------------------------------------------

  /** Pooling of one pixel: every other pixel of each row and column, and back. */
  #everyPixel(node: Node, x: Tensor): readonly Tensor[] | undefined {
    const { kernel_shape, strides, pads } = node.attributes as Window;
    const xb = this.#twins.get(x);
    const [y] = node.outputs as [Tensor];
    const pooled = node.op === "AveragePool" ? [x, y] : [y, x];
    const [large, small] = pooled as [Tensor, Tensor];
    const divides = [0, 1].every((i) => large.shape[i + 2] === (strides[i] as number) * (small.shape[i + 2] as number));
    if (xb === undefined || !divides || kernel_shape.some((k) => k !== 1) || pads.some((p) => p !== 0)) return undefined;
    const by = strides as readonly [number, number];
    if (node.op !== "AveragePool") return this.#plain(blockedSpread(xb, by, this.#block));
    return this.#plain(blockedPick(xb, [0, 0], by, by, [0, 0, 0, 0], this.#block));
  }

  /** Whole blocks of channels put on or cut off. */
  #padChannels(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    const [x, value] = inputs as readonly [Tensor, Tensor | null];
    const { pads, mode } = node.attributes as { pads: readonly number[]; mode: string };
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

  /** Sums and means over H and W, or over everything, where the order of elements does not matter. */
  #spatialSum(node: Node, x: Tensor): readonly Tensor[] | undefined {
    const axes = node.op === "GlobalAveragePool" ? [2, 3] : (node.attributes["axes"] as readonly number[]);
    const xb = this.#twins.get(x);
    if (xb !== undefined && axes.length === 1 && axes[0] === 0 && node.attributes["keepdims"] === true)
      return this.#plain(copyNode(node, [xb]).outputs[0] as Tensor);
    if (xb !== undefined && axes.length === 4 && node.attributes["keepdims"] === false) return copyNode(node, [xb]).outputs;
    if (xb === undefined || axes.length !== 2 || !axes.includes(2) || !axes.includes(3)) return undefined;
    const [, , h, w] = x.shape as Picture;
    const sums = blockedSums(xb);
    return [(node.op === "ReduceSum" ? sums : sums.mul(1 / (h * w))).reshape((node.outputs[0] as Tensor).shape)];
  }

  // --- per element ----------------------------------------------------------------------------------------------------

  #elementwise(node: Node, inputs: Inputs): readonly Tensor[] | undefined {
    const y = node.outputs[0] as Tensor;
    const hasTwin = inputs.some((t) => t !== null && this.#twins.has(t));
    // What is the same for all examples, or one number for each, broadcasts in any order of the other axes.
    const isPlain = (t: Tensor): boolean => t.rank === 0 || (t.rank === 4 && t.shape.slice(1).every((d) => d === 1));
    const canBlock =
      this.#fits(y) &&
      inputs.every(
        (t) => t === null || isPlain(t) || (this.#fits(t) && t.shape.every((d, i) => d === y.shape[i] || (i === 0 && d === 1))),
      );
    if (!hasTwin || !canBlock) return undefined;
    const fused = node.op === "Add" ? this.#sum(node, inputs) : node.op === "Relu" ? this.#relu(node, inputs) : undefined;
    if (fused !== undefined) return this.#plain(fused);
    const blocks = inputs.map((t) => (t === null || isPlain(t) ? t : this.#blocks(t)));
    return this.#plain(copyNode(node, blocks).outputs[0] as Tensor);
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
      if (conv === undefined || conv.inputs[3] !== null || a === b || !other.shape.every((d, axis) => d === now.shape[axis]))
        continue;
      const [x, w, bias] = conv.inputs as BlockedConvInputs;
      return emitOne(BlockedConv, [x, w, bias, this.#blocks(other)], conv.attributes as ConvAttributes);
    }
    return undefined;
  }

  /** relu(conv) as one node. */
  #relu(node: Node, inputs: Inputs): Tensor | undefined {
    const conv = this.#onlyConv(node.inputs[0] as Tensor, inputs[0] as Tensor);
    if (conv === undefined) return undefined;
    const attributes = { ...(conv.attributes as ConvAttributes), activation: "Relu" };
    return emitOne(BlockedConv, conv.inputs as BlockedConvInputs, attributes);
  }
}
