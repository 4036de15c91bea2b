/**
 * @module `explain`: one call for every model, every input and every method.
 */
import type { TensorData } from "../graph/index.js";
import { fromNumbers, input, sizeOf, toNumbers } from "../graph/index.js";
import { evaluate } from "../runtime/index.js";
import { ConfigError, NoGradientError } from "../util/errors.js";
import { Random } from "../util/random.js";
import type { Attribution, ExampleAttribution } from "./attribution.js";
import { type BaselineOptions, type Baselines, baselinesFor } from "./baseline.js";
import { repeatRow, takeRows } from "./batch.js";
import type { Explainable, ExplainInput } from "./explainable.js";
import { checkedInput } from "./explainable.js";
import type { GradientMethod, SampleContext, Samples, SamplingMethod, Settings } from "./method.js";
import type { MethodName } from "./methods.js";
import { expectFeatures, methodNamed, settingsFor, smoothedBy } from "./methods.js";
import { Model, pickScores } from "./model.js";
import type { ScoreChoice } from "./rows.js";
import { canBeCut, type PathContext, PIECE_POINTS, refinedPath } from "./refine.js";
import { sampleOne } from "./sample.js";
import type { SessionOptions } from "./sessions.js";
import { labelOf, type Target, targetsOf } from "./target.js";
import { distinctRemarks } from "./remark.js";

/** Options of `explain`: method, target, layer, baseline, samples. */
export interface ExplainOptions extends Partial<Settings>, BaselineOptions, ScoreChoice {
  readonly method?: MethodName;
  /** The score to explain: its index or label, one for all examples or one for each; left out, each example's answer. */
  readonly target?: Target | readonly Target[];
  /** The layer to attribute to, by its module's path; left out, the features, or for methods that need a layer the one found in the graph. */
  readonly at?: string;
  /**
   * Parts for methods that switch parts on and off, in place of superpixels, tokens and columns: elements with the same whole number belong together. Of
   * the features' shape, or of an image's pixels [H, W].
   */
  readonly mask?: TensorData;
  /** Called with the fraction that is done. */
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** The common starting point of sampling and gradient methods. */
export interface Question {
  readonly input: ExplainInput;
  readonly targets: Int32Array<ArrayBuffer>;
  readonly scores: Float64Array;
  readonly baselines: Baselines;
  readonly settings: Settings;
  readonly options: ExplainOptions;
  readonly random: (...key: readonly (number | string)[]) => Random;
}

/** Sums over samples, and how many points each example's path has. */
interface Answer {
  readonly sums: Readonly<Record<string, TensorData>>;
  readonly steps: readonly number[];
}

/**
 * A model with its sessions, for many explanations. Owned: dispose it.
 *
 * @example
 * import { fromNumbers } from "descentjs";
 * import { Explainer, explainableOf } from "descentjs/explain";
 * const explainer = new Explainer(explainableOf((x) => x.sum(1, true), [2], 1));
 * for (const method of ["saliency", "exact-shapley"] as const)
 *   console.log((await explainer.explain(fromNumbers("float32", [1, 2], [3, 4]), { method })).values.shape); // [ 1, 2 ]
 * await explainer.dispose();
 */
export class Explainer implements AsyncDisposable {
  readonly model: Explainable;
  readonly #model: Model;

  constructor(model: Explainable, options: SessionOptions = {}) {
    this.model = model;
    this.#model = new Model(model, options);
  }

  /** The model's scores [N, K], or their softmax. */
  scores(given: TensorData | ExplainInput, output?: ScoreChoice["output"]): Promise<TensorData> {
    return this.#model.scores(checkedInput(this.model, given), output);
  }

  /** A layer's values [N, …], by its module's path; left out, of the layer that Grad-CAM looks at. */
  layer(given: TensorData | ExplainInput, at?: string): Promise<TensorData> {
    return this.#model.layer(checkedInput(this.model, given), at, false);
  }

  /** A layer's values and the gradients there of a score, [N, …] each. */
  async layerGradient(
    given: TensorData | ExplainInput,
    target?: Target | readonly Target[],
    at?: string,
  ): Promise<{ readonly layer: TensorData; readonly gradient: TensorData }> {
    const checked = checkedInput(this.model, given);
    const targets = targetsOf(this.model, target, await this.#model.scores(checked));
    return this.#model.layerGradient(checked, targets, {}, at);
  }

  /**
   * Attributions of examples [N, …], for one score of each.
   *
   * Errors: ConfigError, ShapeError, DTypeError for what the model or the method cannot take; NoGradientError, with the op, where a gradient method
   * meets one: sampling methods are offered.
   */
  async explain(given: TensorData | ExplainInput, options: ExplainOptions = {}): Promise<Attribution> {
    const checked = checkedInput(this.model, given);
    const method = methodNamed(options.method ?? "integrated-gradients");
    const settings = settingsFor(method, options);
    const smoothed = smoothedBy(settings);
    expectFeatures(method, smoothed, this.model.features);
    const random = (...key: readonly (number | string)[]): Random => new Random(settings.seed, ...key);
    const scores = await this.#model.scores(checked, options.output);
    const targets = targetsOf(this.model, options.target, scores);
    const baselines = baselinesFor(this.model, checked.features, options, random("baseline"));
    const own = options.neuron === undefined ? pickScores(scores, targets) : await this.#model.chosen(checked, targets, options);
    const question: Question = { input: checked, targets, scores: own, baselines, settings, options, random };
    const found = await (method.kind === "gradient" ? this.#gradient(method, question) : this.#sampling(method, question)).catch(
      offerSampling,
    );
    const needs = [...method.needs, ...(smoothed?.needs ?? [])];
    const used = Object.keys(method.defaults) as (keyof Settings)[];
    const { standsFor, name } = this.model.features;
    return {
      method: options.method ?? "integrated-gradients",
      ...found,
      settings: Object.fromEntries(used.map((key) => [key, settings[key]])),
      remarks: [
        ...(this.model.remarks ?? []),
        ...(standsFor === undefined
          ? []
          : [{ en: `Attributions belong to ${standsFor.en} (${name}).`, zh: `归因属于${standsFor.zh}（${name}）。` }]),
        ...(needs.includes("baseline") || needs.includes("background") ? [baselines.remark] : []),
        ...found.remarks,
      ],
    };
  }

  async #gradient(method: GradientMethod, question: Question): Promise<Omit<Attribution, "method" | "settings">> {
    const { input: given, settings, options } = question;
    const samples = samplesOf(method, question, settings);
    const sums = await this.#sums(method, question, samples);
    const background = method.sumsTo === "difference" ? await backgroundScores(this.#model, question) : undefined;
    const first: Answer = { sums, steps: new Array<number>(question.targets.length).fill(settings.steps) };
    const mayRefine = method.refines === true && 2 * settings.steps <= settings.maxSteps;
    const wide = mayRefine && excess(examplesOf(this.model, method, question, sums, background), settings) > 1;
    const refined = !wide
      ? first
      : canBeCut(question, options.at, samples)
        ? await this.#cut(method, question, first, background)
        : await this.#doubled(method, question, first, background);
    const examples = examplesOf(this.model, method, question, refined.sums, background);
    const { attribution: values, layer } = refined.sums as { attribution: TensorData; layer?: TensorData };
    return {
      values: method.finish === undefined ? values : await finished(method.finish, refined.sums),
      layerValues: layer,
      examples: method.refines
        ? examples.map((one, i) => ({ ...one, figures: { steps: refined.steps[i] as number } }))
        : examples,
      remarks: method.needs.includes("layer") ? [this.#model.layerRemark(given, options.at)] : [],
    };
  }

  /** Examples whose gap is too wide, by paths that are cut where they are curved. */
  async #cut(method: GradientMethod, question: Question, first: Answer, background?: Float64Array): Promise<Answer> {
    const { input: given, targets, baselines, settings, options } = question;
    // A fixed number of points, whatever the first pass had.
    const pieces = { ...settings, steps: PIECE_POINTS };
    const context: PathContext = {
      input: given,
      targets,
      baselines,
      settings,
      score: (points, own) => this.#model.chosen(points, own, options),
      attribute: async (points, own, from) => {
        const asked = { ...question, input: points, targets: own, baselines: { ...baselines, values: from }, settings: pieces };
        return (await this.#sums(method, asked, samplesOf(method, asked, pieces)))["attribution"] as TensorData;
      },
    };
    const values = Float32Array.from((first.sums["attribution"] as TensorData).data as Float32Array);
    const steps = [...first.steps];
    const size = values.length / targets.length;
    for (const [example, one] of examplesOf(this.model, method, question, first.sums, background).entries()) {
      if (excess([one], settings) <= 1) continue;
      const path = await refinedPath(context, { example, allowed: allowedGap(one, settings) });
      values.set(path.values, example * size);
      steps[example] = path.steps;
    }
    return { sums: { ...first.sums, attribution: { ...(first.sums["attribution"] as TensorData), data: values } }, steps };
  }

  /** All examples again, with more points: of several baselines, of layers, and by rules whose points lie evenly. */
  async #doubled(method: GradientMethod, question: Question, first: Answer, background?: Float64Array): Promise<Answer> {
    const { settings } = question;
    let { sums } = first;
    let { steps } = settings;
    for (
      let off = excess(examplesOf(this.model, method, question, sums, background), settings);
      2 * steps <= settings.maxSteps && off > 1;
    ) {
      // The error falls at least as 1 / steps: as many more as the gap is too wide, at least twice as many.
      steps = Math.min(2 ** Math.ceil(Math.log2(steps * Math.max(2, off))), settings.maxSteps);
      sums = await this.#sums(method, question, samplesOf(method, question, { ...settings, steps }));
      off = excess(examplesOf(this.model, method, question, sums, background), settings);
    }
    return { sums, steps: first.steps.map(() => steps) };
  }

  #sums(method: GradientMethod, question: Question, samples: Samples): Promise<Record<string, TensorData>> {
    const { input: given, targets, settings, options } = question;
    options.signal?.throwIfAborted();
    const how = { ...options, settings, at: options.at, of: smoothedBy(settings) };
    return this.#model.sums(method, given, targets, samples, how, options.onProgress);
  }

  async #sampling(method: SamplingMethod, question: Question): Promise<Omit<Attribution, "method" | "settings">> {
    const n = question.targets.length;
    const made = [];
    for (let i = 0; i < n; i++) {
      question.options.signal?.throwIfAborted();
      made.push(await sampleOne(this.#model, method, question, i));
    }
    const values = made.map((one) => one.values);
    const shape = [n, ...(values[0]?.shape.slice(1) ?? [])];
    const data = Float64Array.from({ length: sizeOf(shape) });
    values.forEach((v, i) => data.set(toNumbers(v), i * v.data.length));
    return {
      values: fromNumbers("float32", shape, data),
      examples: made.map((one) => one.example),
      remarks: distinctRemarks(made.flatMap((one) => one.remarks)),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#model[Symbol.asyncDispose]();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}

/**
 * One explanation: `explain(model, image, { method: "grad-cam", target: "daisy" })`. Errors as of `Explainer.explain`. `given` is a batch, [N, ..] as the model takes it; `values` of the answer have its shape.
 *
 * @example
 * import { fromNumbers } from "descentjs";
 * import { explain, explainableOf } from "descentjs/explain";
 * const model = explainableOf((x) => x.square().sum(1, true), [2], 1); // [N, 2] → [N, 1]
 * const { values } = await explain(model, fromNumbers("float32", [1, 2], [3, 4]), { method: "integrated-gradients" });
 * console.log(values.data); // Float32Array(2) [ 9…, 16… ]
 */
export async function explain(
  model: Explainable,
  given: TensorData | ExplainInput,
  options: ExplainOptions & SessionOptions = {},
): Promise<Attribution> {
  await using explainer = new Explainer(model, options);
  return await explainer.explain(given, options);
}

/** Where a gradient is missing, methods that need none are named. */
function offerSampling(error: unknown): never {
  if (!(error instanceof NoGradientError)) throw error;
  const what = error.message.replace(/; use stopGradient before it$/, "");
  throw new NoGradientError(`${what}; take a sampling method: kernel-shap, lime, occlusion`, {
    cause: error,
  });
}

/** The score asked about of the baselines [N], the mean over several. */
async function backgroundScores(model: Model, { input: given, targets, baselines, options }: Question): Promise<Float64Array> {
  const [m = 1, e = 1, ...shape] = baselines.values.shape;
  const mean = new Float64Array(targets.length);
  for (let b = 0; b < m; b++) {
    const rows = takeRows({ ...baselines.values, shape: [m * e, ...shape] }, b * e, (b + 1) * e);
    const features = e === targets.length ? rows : repeatRow(rows, 0, targets.length);
    const scores = await model.chosen({ ...given, features }, targets, options);
    scores.forEach((score, i) => (mean[i] = (mean[i] as number) + score / m));
  }
  return mean;
}

/** Draws a method's samples; one sample with the first baseline where the method draws none. */
export function samplesOf(
  method: GradientMethod,
  { input: given, baselines, random }: Pick<Question, "input" | "baselines" | "random">,
  settings: Settings,
): Samples {
  const context: SampleContext = { settings, x: given.features, baselines: baselines.values, random, of: smoothedBy(settings) };
  if (method.samples !== undefined) return method.samples(context);
  const [, ...first] = baselines.values.shape;
  const one = { ...baselines.values, shape: [1, ...first], data: baselines.values.data.slice(0, sizeOf(first)) };
  return { weights: Float64Array.of(1), draw: () => ({ baseline: one }) };
}

/** The gap that is aimed at. */
const allowedGap = ({ score, baselineScore = 0 }: ExampleAttribution, { tolerance }: Settings): number =>
  tolerance * Math.max(Math.abs(score - baselineScore), 0.01 * Math.abs(score));

/** The ratio of the widest gap to its tolerance: at most 1 if all are within it. */
const excess = (examples: readonly ExampleAttribution[], settings: Settings): number =>
  Math.max(...examples.map((one) => (one.gap ? Math.abs(one.gap) / allowedGap(one, settings) : 0)));

function examplesOf(
  model: Explainable,
  method: GradientMethod,
  { targets, scores, options }: Question,
  sums: Readonly<Record<string, TensorData>>,
  background: Float64Array | undefined,
): ExampleAttribution[] {
  const values = sums["attribution"];
  if (values === undefined) throw new ConfigError(`${method.name}: expected an attribution, got none`);
  const numbers = toNumbers(values);
  const size = sizeOf(values.shape.slice(1));
  return Array.from(targets, (target, i) => {
    const score = scores[i] as number;
    const baselineScore = background?.[i];
    let sum = 0;
    for (let e = i * size; e < (i + 1) * size; e++) sum += numbers[e] as number;
    const residuals = Object.entries(sums).flatMap(([name, data]): [string, number][] =>
      name.startsWith("residual ") ? [[name.slice("residual ".length), Number(data.data[i])]] : [],
    );
    return {
      target,
      label: options.neuron === undefined ? labelOf(model, target) : `${options.neuron.at}[${options.neuron.index.join(", ")}]`,
      score,
      baselineScore,
      gap: method.sumsTo === undefined ? undefined : sum - (score - (baselineScore ?? 0)),
      residuals: residuals.length > 0 ? Object.fromEntries(residuals) : undefined,
    };
  });
}

/** Evaluates a method's `finish`. */
async function finished(
  finish: NonNullable<GradientMethod["finish"]>,
  sums: Readonly<Record<string, TensorData>>,
): Promise<TensorData> {
  const { attribution, moments } = sums;
  if (attribution === undefined || moments === undefined)
    throw new ConfigError("finish: expected attribution and moments, got none");
  const value = finish({
    attribution: input("attribution", attribution.shape, attribution.dtype),
    moments: input("moments", moments.shape, moments.dtype),
  });
  return (await evaluate({ value }, { attribution, moments })).value;
}
