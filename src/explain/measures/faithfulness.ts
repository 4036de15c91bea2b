/**
 * @module Faithfulness: all measures of an attribution in one call.
 */
import type { TensorData } from "../../graph/index.js";
import { sizeOf, toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { Random } from "../../util/random.js";
import { defined } from "../../util/record.js";
import type { Attribution } from "../attribution.js";
import { baselinesFor } from "../baseline.js";
import { joinRows, repeatRow, takeInput, takeRows } from "../batch.js";
import type { Explainer, ExplainOptions } from "../explain.js";
import type { Explainable, ExplainInput } from "../explainable.js";
import { checkedInput, imageAxes } from "../explainable.js";
import { spreadParts } from "../game.js";
import { pickScores } from "../model.js";
import { planesOf } from "../parts.js";
import type { Settings } from "../method.js";
import type { MeasureContext, MeasureSettings } from "./measure.js";
import { MEASURE_NAMES, MEASURES, type MeasureName } from "./table.js";

/** Options of the measures of faithfulness. */
export interface FaithfulnessOptions extends Partial<MeasureSettings> {
  /** Which measures; left out, all of them. */
  readonly measures?: readonly MeasureName[];
  /** How the attribution was made: the baseline to measure against, and how to make it again at other inputs. */
  readonly explain?: ExplainOptions;
}

/** Numbers by measure, for one example. */
export type Faithfulness = Partial<Record<MeasureName, number>>;

/**
 * Measures an attribution, example by example.
 *
 * Values of maps count evenly for all channels of a pixel, values of parts evenly for all elements of a part. Units that are taken away are pixels of
 * images, tokens of texts, columns of tables.
 * Errors: ConfigError for unknown measures, and for attributions that are not of the model's features (columns of categories).
 * `given` is the batch [N, ..] that was attributed.
 */
export async function faithfulness(
  explainer: Explainer,
  given: TensorData | ExplainInput,
  attribution: Attribution,
  options: FaithfulnessOptions = {},
): Promise<readonly Faithfulness[]> {
  const { model } = explainer;
  const checked = checkedInput(model, given);
  const names = options.measures ?? MEASURE_NAMES;
  for (const name of names)
    if (!Object.hasOwn(MEASURES, name)) throw new ConfigError(unknownName("measure", name, MEASURE_NAMES));
  const how = options.explain ?? {};
  const baselines = baselinesFor(model, checked.features, how, new Random(how.seed ?? 0, "baseline")).values;
  const chosen = defined({ samples: options.samples, radius: options.radius, seed: options.seed });
  const results: Faithfulness[] = [];
  for (const [i, { target }] of attribution.examples.entries()) {
    const context = contextOf(explainer, takeInput(checked, i, i + 1), baselineOf(baselines, i), attribution, i, target, options);
    const result: Faithfulness = {};
    for (const name of names) {
      // own key: one of a closed list.
      const { measure, defaults } = MEASURES[name];
      const settings: MeasureSettings = { samples: 32, radius: 0.02, seed: 0, ...defaults, ...chosen };
      result[name] = await measure({ ...context, settings });
    }
    results.push(result);
  }
  return results;
}

/** The first baseline of example i: [1, …]. */
function baselineOf(all: TensorData, i: number): TensorData {
  const [, e = 1, ...shape] = all.shape;
  const first = { ...all, shape: [e, ...shape], data: all.data.subarray(0, e * sizeOf(shape)) };
  return takeRows(first, e === 1 ? 0 : i, e === 1 ? 1 : i + 1);
}

function contextOf(
  explainer: Explainer,
  input: ExplainInput,
  baseline: TensorData,
  attribution: Attribution,
  i: number,
  target: number,
  options: FaithfulnessOptions,
): Omit<MeasureContext, "settings"> {
  const { model } = explainer;
  const shape = input.features.shape.slice(1);
  const { unitOf, units } = unitsOf(model, shape);
  const partOf = model.parts?.(input)?.partOf;
  // The settings that it was made with; which are of which type the method's row says.
  const made = attribution.settings as Partial<Settings>;
  const how: ExplainOptions = { ...made, ...options.explain, method: attribution.method, target };
  const others = (count: number): Pick<ExplainInput, "others"> =>
    input.others === undefined
      ? {}
      : { others: Object.fromEntries(Object.entries(input.others).map(([name, d]) => [name, repeatRow(d, 0, count)])) };
  const score: MeasureContext["score"] = async (features) => {
    const count = features.shape[0] ?? 1;
    const scores = await explainer.scores({ features, ...others(count) }, how.output);
    return pickScores(scores, new Int32Array(count).fill(target));
  };
  let ends: ReturnType<MeasureContext["ends"]> | undefined;
  return {
    x: input.features,
    baseline,
    values: featureValues(model, attribution, i, shape, partOf),
    unitOf,
    units,
    score,
    ends: () => (ends ??= score(joinRows([baseline, input.features], 2)).then(([empty = 0, full = 0]) => ({ empty, full }))),
    explain: async (features) => featureValues(model, await explainer.explain({ features, ...others(1) }, how), 0, shape, partOf),
    random: (...key) => new Random(options.seed ?? 0, ...key),
  };
}

/** One value for each element of the features of example i; `partOf`: elements of parts that do not say them. ConfigError for attributions that are not of the model's features. */
export function featureValues(
  model: Explainable,
  { values, examples }: Attribution,
  i: number,
  shape: readonly number[],
  partOf?: Int32Array,
): Float64Array {
  const size = sizeOf(shape);
  const parts = examples[i]?.parts;
  const elements = parts?.partOf ?? partOf;
  if (parts !== undefined && elements !== undefined) return toNumbers(spreadParts(parts.values, elements, shape, true));
  const own = toNumbers(takeRows(values, i, i + 1));
  if (own.length === size) return own;
  const axes = imageAxes(model.features);
  if (axes !== undefined && own.length * (shape[axes.channels] ?? 1) === size) {
    const { channels, pixelOf } = planesOf(model.features, shape);
    return Float64Array.from({ length: size }, (_, e) => (own[pixelOf(e)] as number) / channels);
  }
  throw new ConfigError(
    `faithfulness: expected one value for each of the ${size} features of an example, got ${own.length}; measure a method that attributes to features`,
  );
}

/** Groups the features that are removed together: a pixel's channels, a token's embedding, a single column. */
export function unitsOf(model: Explainable, shape: readonly number[]): { readonly unitOf: Int32Array; readonly units: number } {
  const size = sizeOf(shape);
  const { features } = model;
  if (imageAxes(features) !== undefined) {
    const { plane, pixelOf } = planesOf(features, shape);
    return { unitOf: Int32Array.from({ length: size }, (_, e) => pixelOf(e)), units: plane };
  }
  const units = features.kind === "tokens" ? (shape[0] ?? 1) : size;
  return { unitOf: Int32Array.from({ length: size }, (_, e) => Math.floor((e * units) / size)), units };
}
