/**
 * @module Rows: the graph of a gradient method, samples × examples in one batch. The same graph is run here in pieces, and exported whole.
 */
import type { Dim, DType, Node, Shape, Tensor } from "../graph/index.js";
import { inFloat32 } from "./float32.js";
import { constant, dimDiv, dimEquals, dimMul, formatShape, input, isFloat, isStatic, sizeOf } from "../graph/index.js";
import { resolveMode, where } from "../ops/index.js";
import { ConfigError, NoGradientError, ShapeError } from "../util/errors.js";
import type { Explainable } from "./explainable.js";
import { gridLayer, layerNamed, nodesBetween } from "./layers.js";
import type { GradientMethod, Settings } from "./method.js";
import { substitution } from "./substitution.js";
import { targetScores } from "./target.js";

/** An element of a layer whose value is explained in place of a score. */
export interface Neuron {
  readonly at: string;
  /** Its place among the layer's elements of one example: [channel, row, column], …. */
  readonly index: readonly number[];
}

/** The score to explain. */
export interface ScoreChoice {
  /** `probability` takes the softmax of all scores first. */
  readonly output?: "score" | "probability";
  readonly neuron?: Neuron;
}

/** Inputs of the graph that computes attributions. */
export interface RowInputs {
  /** [N, …features]. */
  readonly x: Tensor;
  /** int32 [N]; −1 for the answer. */
  readonly target: Tensor;
  /** Other inputs [N, …]. */
  readonly others: Readonly<Record<string, Tensor>>;
  /** [S], of sum 1 over all samples. */
  readonly weights: Tensor;
  /** By name, [1 or S, 1 or N, …]; `baseline` is one of them. */
  readonly samples: Readonly<Record<string, Tensor>>;
}

export interface RowOptions extends ScoreChoice {
  readonly settings: Settings;
  readonly at?: string | undefined;
  /** The method that `settings.of` names. */
  readonly of?: GradientMethod | undefined;
}

/** Weighted sums over the samples given: of all samples they are the means. */
export interface RowSums {
  /** [N, …]. */
  readonly attribution: Tensor;
  readonly layer?: Tensor;
  readonly moments?: Tensor;
  /** [N] each. */
  readonly residuals: Readonly<Record<string, Tensor>>;
}

/** [1 or S, 1 or N, …] → [S·N, …]. */
function spread(t: Tensor, samples: Dim, examples: Dim): Tensor {
  const rest = t.shape.slice(2);
  return t.expand([samples, examples, ...rest]).reshape([dimMul(samples, examples), ...rest]);
}

/** Scores of a model in use: [B, K]. Errors: ConfigError of an opaque model, ShapeError if it does not give [B, K]. */
export function scoresOf(model: Explainable, x: Tensor, others: Readonly<Record<string, Tensor>>): Tensor {
  if (model.forward === undefined)
    throw new ConfigError(
      `${model.name}: expected a model with a graph, got one that only answers${model.opaque === undefined ? "" : ` (${model.opaque})`}; take a sampling method: kernel-shap, lime, rise, occlusion`,
    );
  const scores = model.forward(x, others);
  const expected = [x.shape[0] ?? 1, model.scoreCount];
  if (scores.rank !== 2 || !expected.every((d, i) => dimEquals(d, scores.shape[i] ?? 0)))
    throw new ShapeError(`${model.name}: expected scores ${formatShape(expected)}, got ${formatShape(scores.shape)}`);
  const random = { seed: constant(0, "uint32"), step: constant(0, "uint32") };
  return inFloat32(resolveMode([scores], "eval", random).map(scores));
}

/** Tells whether a model has a layer that is a grid over the image, for Grad-CAM and its kin. */
export function hasGrid(model: Explainable): boolean {
  const leaf = (name: string, { shape, dtype }: { readonly shape: Shape; readonly dtype?: DType }): Tensor =>
    input(name, [1, ...shape], dtype);
  const x = leaf("features", model.features);
  const others = Object.entries(model.others ?? {}).map(([name, other]) => [name, leaf(name, other)] as const);
  try {
    gridLayer(scoresOf(model, x, Object.fromEntries(others)), x, model.features, undefined);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** The number of copies of the examples in a batch: the number of samples, or any number if everything is known beforehand. */
function repeatsOf(batch: Dim, examples: Dim, samples: Dim): Dim | undefined {
  if (dimEquals(batch, dimMul(examples, samples))) return samples;
  if (dimEquals(batch, examples)) return 1;
  return typeof examples === "number" ? dimDiv(batch, examples) : undefined;
}

/** The chosen score [B] of features [B, …], where B is a multiple of the number of examples. */
function scoreOf(
  model: Explainable,
  x: Tensor,
  examples: Dim,
  samples: Dim,
  inputs: Pick<RowInputs, "others" | "target">,
  choice: ScoreChoice,
): Tensor {
  const batch = x.shape[0] ?? 1;
  const repeats = repeatsOf(batch, examples, samples);
  if (repeats === undefined)
    throw new ShapeError(`${model.name}: expected a multiple of ${examples} rows, got ${formatShape(x.shape)}`);
  const rows = (t: Tensor): Tensor => (repeats === 1 ? t : spread(t.unsqueeze(0), repeats, examples));
  const others = Object.fromEntries(Object.entries(inputs.others).map(([name, t]) => [name, rows(t)]));
  const scores = scoresOf(model, x, others);
  if (choice.neuron !== undefined) return neuronOf(scores, x, choice.neuron);
  const answers = choice.output === "probability" ? scores.softmax(1) : scores;
  return targetScores(answers, rows(inputs.target));
}

/** The score asked about [N] of examples [N, …]. */
export const chosenScore = (
  model: Explainable,
  inputs: Pick<RowInputs, "x" | "others" | "target">,
  choice: ScoreChoice,
): Tensor => scoreOf(model, inputs.x, inputs.x.shape[0] ?? 1, 1, inputs, choice);

/** One element of a layer: [B]. */
function neuronOf(scores: Tensor, x: Tensor, { at, index }: Neuron): Tensor {
  const layer = layerNamed(scores, x, at);
  const shape = layer.shape.slice(1);
  if (!isStatic(shape) || index.length !== shape.length || index.some((i, axis) => i < 0 || i >= (shape[axis] ?? 0)))
    throw new ConfigError(`neuron: expected a position within ${formatShape(shape)} at ${at}, got [${index.join(", ")}]`);
  const place = index.reduce((sum, i, axis) => sum * (shape[axis] ?? 1) + i, 0);
  return layer
    .reshape([layer.shape[0] ?? 1, sizeOf(shape)])
    .slice(1, place, place + 1)
    .squeeze(1);
}

/** −1 becomes the place of the highest score. */
export function answeredTarget(model: Explainable, x: Tensor, others: Readonly<Record<string, Tensor>>, target: Tensor): Tensor {
  return where(target.less(0), scoresOf(model, x, others).argMax(1).cast("int32"), target);
}

/**
 * The weighted sums over samples that a gradient method's attribution is made of, as a graph.
 *
 * With `at`, methods that do not look for a grid themselves attribute to that layer: it is walked along in place of the features, and everything that
 * reaches the score on other ways stays as it is at x.
 */
export function rowSums(model: Explainable, method: GradientMethod, inputs: RowInputs, options: RowOptions): RowSums {
  const examples = inputs.x.shape[0] ?? 1;
  const samples = inputs.weights.shape[0] ?? 1;
  const spreadOut = (t: Tensor): Tensor => spread(t, samples, examples);
  const drawn = Object.fromEntries(Object.entries(inputs.samples).map(([name, t]) => [name, spreadOut(t)]));
  const x = spreadOut(inputs.x.unsqueeze(0));
  const baseline = drawn["baseline"] ?? x.mul(0);
  const score = (features: Tensor): Tensor =>
    differentiable(scoreOf(model, features, examples, samples, inputs, options), features);
  const { settings, at, of } = options;
  const context: Context = { x, baseline, score, samples: drawn, features: model.features, settings, at, of };
  const whole = at === undefined ? method.sums?.({ ...context, given: inputs }) : undefined;
  if (whole !== undefined) return { attribution: whole, residuals: {} };
  const rows = method.rows(options.at === undefined || method.needs.includes("layer") ? context : atLayer(context, options.at));
  const sum = (t: Tensor): Tensor => weightedSum(t, inputs.weights, examples);
  return {
    attribution: sum(rows.attribution),
    layer: rows.layer && sum(rows.layer),
    moments: rows.moments && sum(rows.moments),
    residuals: Object.fromEntries(Object.entries(rows.residuals ?? {}).map(([op, t]) => [op, sum(t)])),
  };
}

/** The score, if floating-point numbers lead to it all the way. Errors: NoGradientError that names the first op on the way whose result is none. */
function differentiable(y: Tensor, x: Tensor): Tensor {
  const between = nodesBetween(y, x);
  const reached = new Set<Node>([x.node]);
  for (const node of between) {
    if (node.inputs.some((t) => t !== null && isFloat(t.dtype) && reached.has(t.node))) reached.add(node);
  }
  if (between.length === 0 || reached.has(y.node)) return y;
  const discrete = between.find((node) => node.outputs.every((t) => !isFloat(t.dtype)));
  const where = discrete === undefined || discrete.scope === "" ? "" : `${discrete.scope}: `;
  throw new NoGradientError(
    `${where}${discrete?.op ?? y.node.op}: has no gradient, since its result is not a floating-point number`,
  );
}

type Context = Parameters<GradientMethod["rows"]>[0];

/** The same question about a layer: its values take the place of the features. */
function atLayer(context: Context, at: string): Context {
  const y = context.score(context.x);
  const layer = layerNamed(y, context.x, at);
  const baseline = substitution(new Map([[context.x, context.baseline]]))(layer);
  return { ...context, x: layer, baseline, at: undefined, score: (values) => substitution(new Map([[layer, values]]))(y) };
}

/** [S·N, …] → [N, …]. */
function weightedSum(t: Tensor, weights: Tensor, examples: Dim): Tensor {
  const samples = weights.shape[0] ?? 1;
  if (samples === 1) return t.mul(weights.reshape([1, ...t.shape.slice(1).map(() => 1)]));
  const rest = t.shape.slice(1);
  const ones = [examples, ...rest].map(() => 1);
  return t
    .reshape([samples, examples, ...rest])
    .mul(weights.reshape([samples, ...ones]))
    .sum(0);
}

/** Names the results of `rowSums` as outputs of a graph. All rows' shapes must be known. */
export function namedSums({ attribution, layer, moments, residuals }: RowSums): Record<string, Tensor> {
  return {
    attribution,
    ...(layer && { layer }),
    ...(moments && { moments }),
    ...Object.fromEntries(Object.entries(residuals).map(([op, t]) => [`residual ${op}`, t])),
  };
}
