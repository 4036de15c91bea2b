/**
 * @module Runs a sampling method on one example.
 */
import type { TensorData } from "../graph/index.js";
import { sizeOf } from "../graph/index.js";
import type { ExampleAttribution } from "./attribution.js";
import { joinRows, repeatRow, takeInput, takeRows } from "./batch.js";
import type { ExplainInput, Parts } from "./explainable.js";
import type { Question } from "./explain.js";
import type { Game } from "./game.js";
import { elementGame, spreadParts } from "./game.js";
import type { SamplingContext, SamplingMethod } from "./method.js";
import type { Model } from "./model.js";
import { maskedParts, partsOf } from "./parts.js";
import { labelOf } from "./target.js";
import { sum } from "../util/vectors.js";
import type { Remark } from "./remark.js";

export interface SampledExample {
  readonly values: TensorData;
  readonly example: ExampleAttribution;
  readonly remarks: readonly Remark[];
}

/** Arguments of a sampling method for example i of a question. */
export function samplingContext(model: Model, question: Question, i: number): SamplingContext {
  const { input, targets, baselines, settings, options, random } = question;
  const { explainable } = model;
  const given = takeInput(input, i, i + 1);
  const target = targets[i] as number;
  const n = targets.length;
  const rowsOf = (features: TensorData): ExplainInput => ({
    features,
    others:
      given.others &&
      Object.fromEntries(Object.entries(given.others).map(([name, d]) => [name, repeatRow(d, 0, features.shape[0] ?? 1)])),
  });
  const score = (all: ExplainInput): Promise<Float64Array> =>
    model.chosen(all, new Int32Array(all.features.shape[0] ?? 1).fill(target), options);
  const own = baselinesOf(baselines.values, i);
  let game: Promise<Game> | undefined;
  return {
    model: explainable,
    x: given.features,
    baselines: own,
    target,
    settings,
    random,
    at: options.at,
    game: () =>
      (game ??= Promise.resolve().then(() =>
        gameOf(model, given, own, { superpixels: settings.superpixels, mask: options.mask }, score, rowsOf),
      )),
    score: (features) => score(rowsOf(features)),
    answers: (features) => model.scores(rowsOf(features), options.output),
    marginGradient: (features) =>
      model.marginGradient(rowsOf(features), new Int32Array(features.shape[0] ?? 1).fill(target), options.output),
    layer: (features, at) => model.layer(rowsOf(features), at, true),
    progress: (fraction) => options.onProgress?.((i + fraction) / n),
    signal: options.signal,
  };
}

/** The baselines of example i: [M, …features]. */
function baselinesOf(all: TensorData, i: number): TensorData {
  const [m = 1, e = 1, ...shape] = all.shape;
  const flat = { ...all, shape: [m * e, ...shape] };
  if (e === 1) return flat;
  return joinRows(
    Array.from({ length: m }, (_, b) => takeRows(flat, b * e + i, b * e + i + 1)),
    m,
  );
}

function gameOf(
  model: Model,
  given: ExplainInput,
  baselines: TensorData,
  { superpixels, mask }: { readonly superpixels: number; readonly mask: TensorData | undefined },
  score: (all: ExplainInput) => Promise<Float64Array>,
  rowsOf: (features: TensorData) => ExplainInput,
): Game {
  const own: Parts | undefined = mask === undefined ? model.explainable.parts?.(given) : undefined;
  if (own !== undefined) {
    const { names } = own;
    const play: Game["play"] = (coalitions, count, progress) => playParts(own, coalitions, count, score, progress);
    return { players: names.length, names, play };
  }
  const { features } = model.explainable;
  const { partOf, names } =
    mask === undefined
      ? partsOf(features, given.features, superpixels)
      : maskedParts(features, given.features.shape.slice(1), mask);
  return elementGame(given.features, baselines, partOf, names, (features) => score(rowsOf(features)));
}

/** Examples of coalitions that are made at once. */
const COMPOSED = 16_384;

/** Scores of coalitions of parts, the mean over their backgrounds. */
async function playParts(
  { names, compose, backgrounds = 1 }: Parts,
  coalitions: Uint8Array,
  count: number,
  score: (all: ExplainInput) => Promise<Float64Array>,
  progress: (fraction: number) => void = () => undefined,
): Promise<Float64Array> {
  const scores = new Float64Array(count);
  const atOnce = Math.max(1, Math.floor(COMPOSED / backgrounds));
  for (let from = 0; from < count; from += atOnce) {
    const rows = Math.min(atOnce, count - from);
    const given = await score(compose(coalitions.subarray(from * names.length, (from + rows) * names.length), rows));
    for (let s = 0; s < rows; s++)
      for (let m = 0; m < backgrounds; m++)
        scores[from + s] = (scores[from + s] as number) + (given[s * backgrounds + m] as number) / backgrounds;
    progress((from + rows) / count);
  }
  return scores;
}

/** Runs a sampling method on example i. */
export async function sampleOne(model: Model, method: SamplingMethod, question: Question, i: number): Promise<SampledExample> {
  const context = samplingContext(model, question, i);
  const sampled = await method.run(context);
  const { values, parts, baselineScore, figures, remarks = [] } = sampled;
  const score = sampled.score ?? question.scores[i] ?? Number.NaN;
  const spreadOut = values ?? spreadAll(parts, context.x.shape);
  const total = sum(parts?.values ?? (spreadOut.data as Float32Array));
  return {
    values: spreadOut,
    remarks,
    example: {
      target: context.target,
      label: labelOf(model.explainable, context.target),
      score,
      baselineScore,
      gap: method.sumsTo === undefined ? undefined : total - (score - (baselineScore ?? 0)),
      parts,
      figures,
    },
  };
}

/** Each element has its part's value; parts that are not sets of elements are given as they are, [1, F]. */
function spreadAll(parts: NonNullable<SampledExample["example"]["parts"]> | undefined, shape: readonly number[]): TensorData {
  if (parts?.partOf !== undefined) return spreadParts(parts.values, parts.partOf, shape);
  const values = parts?.values ?? new Float64Array(sizeOf(shape));
  return { dtype: "float32", shape: [1, values.length], data: Float32Array.from(values) };
}
