/**
 * @module Batch normalizations that were folded into the convolutions of a graph that somebody else made: where they were, put back while it learns, and
 * folded in again.
 */
import type { Graph, Node, Tensor, TensorData } from "../graph/index.js";
import { fromNumbers, isLeaf, Parameter, toNumbers } from "../graph/index.js";
import { batchNorm } from "../ops/index.js";
import { onesInit, zerosInit } from "./init.js";
import { Module } from "./module.js";

/** A convolution with a weight and a bias of its own. */
export interface FoldedConv {
  readonly weight: Parameter;
  readonly bias: Parameter;
}

/** Normalizations of other kinds, beside which convolutions never had one over the batch. */
const OTHER_NORMS = /^(Layer|Group|Instance|RMS)Norm/;

/** Tells whether the names of a weight and a bias are those of one layer (`fc1.weight`, `fc1.bias`): that has its own bias, and had no normalization. */
const isOneLayer = (weight: string, bias: string): boolean =>
  /[./](bias|b|BiasAdd\/.*)$/i.test(bias) && weight.replace(/[^./]*$/, "") === bias.replace(/(bias|b|BiasAdd\/.*)$/i, "");

/** Tells, for every tensor of one position, whether it is made of means over all positions alone, as what weighs channels is. */
function meansOf(t: Tensor, known: Map<Tensor, boolean>): boolean {
  const found = known.get(t);
  if (found !== undefined) return found;
  const { op, inputs } = t.node;
  const isOnePosition = t.rank < 3 || t.shape.slice(2).every((d) => d === 1);
  const others = inputs.filter((x): x is Tensor => x !== null && !isLeaf(x.node) && x.rank > 1);
  const isMean =
    isOnePosition &&
    (/^(ReduceMean|GlobalAveragePool)$/.test(op) || (others.length > 0 && others.every((x) => meansOf(x, known))));
  known.set(t, isMean);
  return isMean;
}

/**
 * The convolutions of a graph into which a batch normalization was folded, as far as that can be told: they have a weight and a bias that nothing else
 * reads, which the file does not name as one layer's; none follows, and they do not work on means over all positions (squeeze-and-excitation has
 * no normalization). In a graph with normalizations of other kinds there are none.
 */
export function foldedConvs(graph: Graph, nameOf: (parameter: Parameter) => string | undefined): FoldedConv[] {
  const readers = new Map<Tensor, Node[]>();
  for (const node of graph.nodes)
    for (const input of node.inputs) if (input !== null) readers.set(input, [...(readers.get(input) ?? []), node]);
  if (graph.nodes.some(({ op }) => OTHER_NORMS.test(op))) return [];
  const known = new Map<Tensor, boolean>();
  return graph.nodes.flatMap((node): FoldedConv[] => {
    const [x, weight, bias] = node.inputs;
    if (node.op !== "Conv" || x == null || !(weight instanceof Parameter) || !(bias instanceof Parameter)) return [];
    if (![weight, bias].every((p) => p.trainable && readers.get(p)?.length === 1)) return [];
    if (isOneLayer(nameOf(weight) ?? "", nameOf(bias) ?? "") || meansOf(x, known)) return [];
    const after = readers.get(node.outputs[0] as Tensor) ?? [];
    return after.some(({ op }) => op.startsWith("BatchNorm")) ? [] : [{ weight, bias }];
  });
}

/** Means and variances of each channel. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly variance: readonly number[];
}

const EPSILON = 1e-5;
/** Filters are made longer or shorter by this at most. */
const MOST_FACTOR = 1e3;

/** The factor that gives a filter of a weight [out, …] the root mean square of Kaiming's initialization by fan out; 1 for one of zeros. He et al. 2015, arXiv:1502.01852. */
function startFactor(filter: Float64Array, [out = 1, , ...kernel]: readonly number[]): number {
  const own = Math.sqrt(filter.reduce((sum, w) => sum + w * w, 0) / filter.length);
  const wanted = Math.sqrt(2 / kernel.reduce((product, side) => product * side, out));
  return own === 0 ? 1 : Math.min(MOST_FACTOR, Math.max(1 / MOST_FACTOR, wanted / own));
}

/**
 * A batch normalization behind a convolution without its bias, which becomes the shift. Its parts are named as those of `BatchNorm2d`.
 *
 * Shapes: y [N, C, ..], shift [C] → [N, C, ..].
 */
export class GraphNorm extends Module {
  /** Names of the convolution's tensors in the file. */
  readonly weightName: string;
  readonly biasName: string;
  readonly weight: Parameter;
  readonly runningMean: Parameter;
  readonly runningVar: Parameter;

  constructor(weightName: string, biasName: string, channels: number) {
    super();
    this.weightName = weightName;
    this.biasName = biasName;
    this.weight = new Parameter([channels], { initializer: onesInit });
    this.runningMean = new Parameter([channels], { initializer: zerosInit, trainable: false });
    this.runningVar = new Parameter([channels], { initializer: onesInit, trainable: false });
  }

  override forward(y: Tensor, shift: Tensor): Tensor {
    return batchNorm(y, this.weight, shift, this.runningMean, this.runningVar, { epsilon: EPSILON });
  }

  /** The path of a norm beside a weight. */
  static pathFor(weightName: string): string {
    return `${weightName}_norm`;
  }

  get #paths(): { readonly weight: string; readonly mean: string; readonly variance: string } {
    const path = GraphNorm.pathFor(this.weightName);
    return { weight: `${path}.weight`, mean: `${path}.running_mean`, variance: `${path}.running_var` };
  }

  /**
   * Sets the numbers with which all computes what it did without, from the statistics of the convolution's output with its bias. Filters get the length
   * that they have when a training begins: behind a normalization it is free, and sets how fast they turn, and folding made those of depthwise
   * convolutions many times as long.
   */
  start(values: Map<string, TensorData>, { mean, variance }: ChannelStatistics): void {
    const weight = values.get(this.weightName) as TensorData;
    const filters = toNumbers(weight);
    const size = filters.length / mean.length;
    const factors = mean.map((_, c) => startFactor(filters.subarray(c * size, (c + 1) * size), weight.shape));
    const factor = (c: number): number => factors[c] as number;
    const bias = toNumbers(values.get(this.biasName) as TensorData);
    const vector = (numbers: ArrayLike<number>): TensorData => fromNumbers("float32", [mean.length], Array.from(numbers));
    const paths = this.#paths;
    const scaled = variance.map((v, c) => v * factor(c) ** 2);
    values.set(paths.weight, vector(scaled.map((v, c) => Math.sqrt(v + EPSILON) / factor(c))));
    values.set(paths.mean, vector(mean.map((m, c) => (m - (bias[c] as number)) * factor(c))));
    values.set(paths.variance, vector(scaled));
    values.set(this.biasName, vector(mean));
    const rescaled = filters.map((w, i) => w * factor(Math.floor(i / size)));
    values.set(this.weightName, fromNumbers(weight.dtype, weight.shape, rescaled));
  }

  /** Folds it into the weight and the bias of its convolution, and takes its own numbers away. */
  fold(values: Map<string, TensorData>): void {
    const paths = this.#paths;
    const numbers = (path: string): Float64Array => Float64Array.from(toNumbers(values.get(path) as TensorData));
    const [scale, mean, variance] = [numbers(paths.weight), numbers(paths.mean), numbers(paths.variance)];
    const [weight, bias] = [this.weightName, this.biasName].map((name) => values.get(name) as TensorData) as [
      TensorData,
      TensorData,
    ];
    const factor = scale.map((s, c) => s / Math.sqrt((variance[c] as number) + EPSILON));
    const size = toNumbers(weight).length / factor.length;
    const scaled = numbers(this.weightName).map((w, i) => w * (factor[Math.floor(i / size)] as number));
    const shifted = numbers(this.biasName).map((b, c) => b - (mean[c] as number) * (factor[c] as number));
    values.set(this.weightName, fromNumbers(weight.dtype, weight.shape, scaled));
    values.set(this.biasName, fromNumbers(bias.dtype, bias.shape, shifted));
    for (const path of Object.values(paths)) values.delete(path);
  }
}
