/**
 * @module `Method`: an explainer, of one of two kinds. A *gradient method* is a function from tensors to tensors, a mean over rows, and therefore a graph
 * that can be run, exported, and differentiated; a *sampling method* asks a model for answers, and needs no more of it.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import type { Random } from "../util/random.js";
import type { PartAttribution } from "./attribution.js";
import type { Explainable, Features } from "./explainable.js";
import type { Game } from "./game.js";
import type { RowInputs } from "./rows.js";
import type { Remark } from "./remark.js";

/** Requirements of a method. */
export type Need = "gradients" | "baseline" | "background" | "layer" | "attention" | "image" | "parts" | "concept" | "trees";

/** Settings of methods. Each method takes those that its row has a default for; all others are refused. */
export interface Settings {
  /** Draws that are averaged over: noise, backgrounds, perturbed inputs, orders. */
  readonly samples: number;
  /** Points of a path, or steps of an attack. */
  readonly steps: number;
  /** Most points that may be taken to meet `tolerance`. */
  readonly maxSteps: number;
  /** Gap that is aimed at, as a fraction of the difference of scores. */
  readonly tolerance: number;
  /** Where points lie on a path, and how they weigh. */
  readonly rule: "gauss-legendre" | "riemann-middle" | "riemann-left" | "riemann-right" | "riemann-trapezoid";
  /** Standard deviation of noise, as a fraction of the range of the example's features. */
  readonly noise: number;
  /** The method whose attributions are averaged over noise. */
  readonly of: string;
  readonly seed: number;
  /** The relevance rule of layers with weights, or a composite of them. */
  readonly relevance: "epsilon" | "gamma" | "alpha-beta" | "z-plus" | "epsilon-plus" | "epsilon-gamma-box";
  readonly epsilon: number;
  readonly gamma: number;
  /** α of the αβ rule; β is α − 1. */
  readonly alpha: number;
  /** Sides of an occluding window, in elements, and of its steps; 0 for what fits the input. */
  readonly window: number;
  readonly stride: number;
  /** Superpixels asked for. */
  readonly superpixels: number;
  /** Cells along a side of the random grids of RISE, and the chance that one shows the image. */
  readonly cells: number;
  readonly probability: number;
  /** Width of LIME's kernel, and the strength of its ridge. */
  readonly kernelWidth: number;
  readonly ridge: number;
  /** Resamplings for intervals. */
  readonly bootstrap: number;
  /** Largest change of any feature, and steps towards it: attacks. */
  readonly radius: number;
  readonly stepSize: number;
  /** Whether contributions of both signs are kept. */
  readonly signed: boolean;
}

/** The way to find a layer: a module path, a node's name, or a search of the graph. */
export type LayerName = string;

/** Arguments of a gradient method. Rows are samples × examples, sample-major: R = S·N. */
export interface RowContext {
  /** [R, …features]. */
  readonly x: Tensor;
  /** [R, …features]; zeros unless the method needs a baseline. */
  readonly baseline: Tensor;
  /** The score asked about [R'] of features [R', …], where R' is R (or R times as many rows, in whole repeats). */
  readonly score: (x: Tensor) => Tensor;
  /** Numbers drawn for each sample, by name, spread to rows: [R, …] each. */
  readonly samples: Readonly<Record<string, Tensor>>;
  readonly settings: Settings;
  readonly features: Features;
  /** The layer to look at; undefined to find it from the graph. */
  readonly at: LayerName | undefined;
  /** The method that `settings.of` names. */
  readonly of: GradientMethod | undefined;
}

/** Arguments of a method that sums over its samples itself. */
export interface SumContext extends RowContext {
  /** The inputs before they were spread to rows: x [N, …], weights [S], samples [1 or S, 1 or N, …]. */
  readonly given: RowInputs;
}

/** Results of a gradient method for all rows; all but `residuals` are averaged over samples. */
export interface Rows {
  /** [R, …features], or [R, 1, H, W]. */
  readonly attribution: Tensor;
  /** [R, 1, h, w], of methods that look at a layer. */
  readonly layer?: Tensor;
  /** Relevance that did not reach the inputs, by the op that lost it: [R] each. */
  readonly residuals?: Readonly<Record<string, Tensor>>;
  /** Further sums that `finish` needs. */
  readonly moments?: Tensor;
}

/** Samples in numbers: weights sum to 1. */
export interface Samples {
  readonly weights: Float64Array;
  /** Arrays of samples from … to − 1, each [to − from, 1 or N, …], where 1 is shared by all examples. */
  readonly draw: (from: number, to: number) => Readonly<Record<string, TensorData>>;
}

/** Arguments of a method's sampler. */
export interface SampleContext {
  readonly settings: Settings;
  /** [N, …features]. */
  readonly x: TensorData;
  /** Baselines [M, 1 or N, …features]: one, or several drawn from data. */
  readonly baselines: TensorData;
  /** Random numbers of a key. */
  readonly random: (...key: readonly (number | string)[]) => Random;
  /** The method that `settings.of` names. */
  readonly of: GradientMethod | undefined;
}

interface Row {
  readonly name: string;
  /** The claim that an attribution by this method makes, in one sentence. */
  readonly asserts: string;
  /** When it misleads, in one sentence. */
  readonly misleads: string;
  /** Authors, year, title, section, arXiv number. */
  readonly source: string;
  readonly needs: readonly Need[];
  /** The quantity that attributions sum to, if any: the score, or its difference from the baseline's. */
  readonly sumsTo?: "difference" | "score";
  /** The settings that the method takes, with what they are if left out. */
  readonly defaults: Partial<Settings>;
}

/** A function from tensors to tensors. */
export interface GradientMethod extends Row {
  readonly kind: "gradient";
  readonly rows: (context: RowContext) => Rows;
  /** The weighted sum of the rows' attributions [N, …], where it takes less than the rows do; undefined where it does not. */
  readonly sums?: (context: SumContext) => Tensor | undefined;
  /** Left out, one sample, with the first baseline. */
  readonly samples?: (context: SampleContext) => Samples;
  /** From means over samples to the attribution; left out, it is the mean. */
  readonly finish?: (means: { readonly attribution: Tensor; readonly moments: Tensor }) => Tensor;
  /** Whether more steps narrow the gap: it is then met by doubling them. */
  readonly refines?: boolean;
}

/** Arguments of a sampling method, which explains one example at a time. */
export interface SamplingContext {
  readonly model: Explainable;
  /** [1, …features]. */
  readonly x: TensorData;
  /** [M, …features], what absent features are replaced by. */
  readonly baselines: TensorData;
  readonly target: number;
  readonly settings: Settings;
  readonly random: (...key: readonly (number | string)[]) => Random;
  /** The example as a game of its parts: elements, superpixels, words, columns. */
  readonly game: () => Promise<Game>;
  /** The score asked about, of features [S, …] with the example's other inputs; cut into batches by the memory plan. */
  readonly score: (features: TensorData) => Promise<Float64Array>;
  /** All scores [S, K]. */
  readonly answers: (features: TensorData) => Promise<TensorData>;
  /** The gradient of the target's margin over the best other score, [S, …features]; refused of an opaque model. */
  readonly marginGradient: (features: TensorData) => Promise<TensorData>;
  /** A layer's values of features [S, …], as a grid [S, C, h, w]. */
  readonly layer: (features: TensorData, at: LayerName | undefined) => Promise<TensorData>;
  readonly at: LayerName | undefined;
  /** Tells how far it is: a fraction. */
  readonly progress: (fraction: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Result of a sampling method for one example. */
export interface Sampled {
  /** [1, …features] or [1, 1, H, W]; left out, that of the parts. */
  readonly values?: TensorData;
  readonly parts?: PartAttribution;
  /** The score that attributions add up to, where it is another than the one asked about. */
  readonly score?: number;
  readonly baselineScore?: number;
  readonly figures?: Readonly<Record<string, number>>;
  readonly remarks?: readonly Remark[];
}

/** A method that needs only the model's answers. */
export interface SamplingMethod extends Row {
  readonly kind: "sampling";
  readonly run: (context: SamplingContext) => Promise<Sampled>;
}

/** A way to explain: by gradients, or by answers alone. */
export type Method = GradientMethod | SamplingMethod;
