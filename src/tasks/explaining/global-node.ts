/**
 * @module A model explained over a data set: the features that move its scores on the whole, in place of one answer.
 */
import type { Column, Dataset } from "../../data/node.js";
import { isText, numberAt, valueText } from "../../data/node.js";
import type { Explainable, Attribution, MethodName } from "../../explain/index.js";
import { Explainer, methodNamed } from "../../explain/index.js";
import { toNumbers } from "../../graph/index.js";
import type { PixelImage } from "../../charts/image.js";
import { ConfigError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import { textAt } from "../shared/windows.js";
import { nodeTaskNamed } from "../table-node.js";
import type { NamedInputs } from "../task-node.js";
import type { TrainedModel, UseOptions } from "../trained-model.js";
import type { View } from "../view.js";
import type { Background } from "./background-node.js";
import { BACKGROUND_ROWS } from "./background-node.js";
import { backgroundInput, explainableRows } from "./explainable-node.js";
import { defaultMethod } from "./explain-node.js";
import { distinctRemarks, isOnBackground } from "../../explain/remark.js";
import type { Remark } from "../../explain/remark.js";

export interface GlobalRequest extends UseOptions {
  readonly method?: MethodName | undefined;
  /** The score to explain; left out, each class if there are few, or the quantity. */
  readonly target?: string;
  /** Examples that are explained, at most; drawn by the seed. */
  readonly examples?: number;
  readonly seed: number;
  readonly samples?: number;
  readonly background?: Background | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

/** The effect of a feature on one example's score. */
export interface GlobalPoint {
  /** The example's place in the data set. */
  readonly row: number;
  readonly attribution: number;
  /** The feature's own value; NaN where it is not a number. */
  readonly value: number;
  /** The value as text. */
  readonly shown: string;
}

/** A column, or a word, over the data set. */
export interface GlobalFeature {
  readonly name: string;
  /** The mean of the attributions' sizes over all examples that were explained; an example without the word counts as 0. */
  readonly meanAbsolute: number;
  readonly points: readonly GlobalPoint[];
}

/** A heat map over the images of one answer. */
export interface GlobalMap {
  readonly image: PixelImage;
  /** One value a pixel: the mean of the attributions' sizes. */
  readonly attribution: Float64Array;
}

/** One score over the data set. */
export interface GlobalTarget {
  readonly label: string;
  readonly count: number;
  /** The most important first; none of images. */
  readonly features: readonly GlobalFeature[];
  readonly map?: GlobalMap;
}

export interface GlobalExplanation {
  readonly method: MethodName;
  readonly kind: "table" | "tokens" | "image";
  readonly targets: readonly GlobalTarget[];
  readonly examples: number;
  readonly remarks: readonly Remark[];
}

const MOST_EXAMPLES: Readonly<Record<GlobalExplanation["kind"], number>> = { table: 256, tokens: 256, image: 512 };
/** The largest number of classes that are explained unless one is named. */
const MOST_CLASSES = 6;
/** The largest number of columns for which all coalitions are evaluated. */
const EXACT_COLUMNS = 8;
/** Points of a path: thousands of gradients are taken, and their mean is steadier than each. */
const STEPS = { steps: 16, maxSteps: 64 } as const;
const PERMUTATIONS = 4;

/** The default method for a kind of data set. */
function methodFor(kind: GlobalExplanation["kind"], columns: number, model: Explainable): MethodName {
  if (kind !== "table") return defaultMethod(kind === "image" ? "image" : "text", model);
  return columns <= EXACT_COLUMNS ? "exact-shapley" : "permutation-shap";
}

/** The settings of a method for a whole data set. */
function settingsOf(method: MethodName, samples: number | undefined) {
  const { defaults } = methodNamed(method);
  if (samples !== undefined && defaults.samples !== undefined) return { samples };
  if (method === "permutation-shap") return { samples: PERMUTATIONS };
  return defaults.maxSteps === undefined ? {} : STEPS;
}

/** The scores to explain: the one named; for two classes the second, which the first mirrors; for more, each. */
function targetsOf(labels: readonly string[], asked: string | undefined): { targets: number[]; remarks: Remark[] } {
  if (asked !== undefined) {
    const place = labels.includes(asked) ? labels.indexOf(asked) : Number(asked);
    if (!(Number.isInteger(place) && place >= 0 && place < labels.length))
      throw new ConfigError(`--target: expected one of ${labels.join(", ")}, got "${asked}"`);
    return { targets: [place], remarks: [] };
  }
  if (labels.length === 2)
    return {
      targets: [1],
      remarks: [
        {
          en: `Of two classes, "${labels[1]}" is explained; --target "${labels[0]}" asks about the other.`,
          zh: `两个类别中解释的是“${labels[1]}”；要问另一个，用 --target "${labels[0]}"。`,
        },
      ],
    };
  const targets = labels.slice(0, MOST_CLASSES).map((_, k) => k);
  const rest = labels.length - targets.length;
  return {
    targets,
    remarks:
      rest === 0
        ? []
        : [
            {
              en: `Of ${labels.length} classes, the first ${MOST_CLASSES} are explained; --target names another.`,
              zh: `${labels.length} 个类别中解释前 ${MOST_CLASSES} 个；--target 可指定别的。`,
            },
          ],
  };
}

/** The number of one row of a column, NaN where it is none. */
const valueAt = (column: Column | undefined, row: number, name: string): number =>
  column === undefined || isText(column) ? NaN : numberAt(column, row, name);

/** The sum of an example's attributions by part. */
function partSums(attribution: Attribution, i: number, partOf: Int32Array, parts: number): Float64Array {
  const own = attribution.examples[i]?.parts;
  if (own !== undefined && own.values.length === parts) return own.values;
  const [n = 1, units = 1] = attribution.values.shape;
  const numbers = toNumbers(attribution.values);
  const each = numbers.length / n / units;
  const sums = new Float64Array(parts);
  for (let e = 0; e < units * each; e++) {
    const part = partOf[Math.floor(e / each)] ?? -1;
    if (part >= 0) sums[part] = (sums[part] as number) + (numbers[i * units * each + e] as number);
  }
  return sums;
}

const sorted = (features: readonly GlobalFeature[]): GlobalFeature[] =>
  [...features].sort((a, b) => b.meanAbsolute - a.meanAbsolute);

/** Columns of a table over the examples. */
function columnFeatures(attribution: Attribution, view: View, rows: Dataset, indices: Uint32Array): GlobalFeature[] {
  const { names = [], partOf = new Int32Array() } = view.parts ?? {};
  const sums = Array.from(indices, (_, i) => partSums(attribution, i, partOf, names.length));
  const features = names.map((name, p): GlobalFeature => {
    const column = rows.has(name) ? rows.column(name) : undefined;
    const points = Array.from(indices, (row, i) => ({
      row,
      attribution: (sums[i] as Float64Array)[p] as number,
      value: valueAt(column, row, name),
      shown: column === undefined ? "" : (valueText(column, row) ?? "–"),
    }));
    return { name, meanAbsolute: points.reduce((sum, { attribution: a }) => sum + Math.abs(a), 0) / points.length, points };
  });
  return sorted(features);
}

/** The smallest number of texts with a word: fewer say little about it. */
const LEAST_TEXTS = 3;

/** Sums attributions by word, ignoring case; each text counts a word once, with the sum over its occurrences. */
function wordFeatures(attribution: Attribution, views: readonly View[], indices: Uint32Array): GlobalFeature[] {
  const words = new Map<string, GlobalPoint[]>();
  for (const [i, { parts }] of views.entries()) {
    if (parts === undefined) continue;
    const sums = partSums(attribution, i, parts.partOf, parts.names.length);
    const own = new Map<string, { sum: number; count: number }>();
    parts.names.forEach((name, p) => {
      const word = name.toLowerCase();
      const { sum, count } = own.get(word) ?? { sum: 0, count: 0 };
      own.set(word, { sum: sum + (sums[p] as number), count: count + 1 });
    });
    for (const [word, { sum, count }] of own) {
      const points = words.get(word) ?? [];
      words.set(word, points);
      points.push({ row: indices[i] as number, attribution: sum, value: count, shown: String(count) });
    }
  }
  const features = [...words]
    .filter(([, points]) => points.length >= LEAST_TEXTS)
    .map(([name, points]): GlobalFeature => ({
      name,
      meanAbsolute: points.reduce((sum, { attribution: a }) => sum + Math.abs(a), 0) / views.length,
      points,
    }));
  return sorted(features);
}

/** The mean of images and of their attributions' sizes. */
function meanMap(attribution: Attribution, views: readonly View[], chosen: readonly number[]): GlobalMap | undefined {
  const [, channels = 1, height = 1, width = 1] = attribution.values.shape;
  const numbers = toNumbers(attribution.values);
  const plane = height * width;
  const sums = new Float64Array(plane);
  const images = chosen.flatMap((i) => {
    const input = views[i]?.input;
    return input?.kind === "image" ? [input.image] : [];
  });
  const [first] = images;
  if (first === undefined) return undefined;
  for (const i of chosen)
    for (let p = 0; p < plane; p++) {
      let value = 0;
      for (let c = 0; c < channels; c++) value += numbers[(i * channels + c) * plane + p] as number;
      sums[p] = (sums[p] as number) + Math.abs(value) / chosen.length;
    }
  const data = Float64Array.from({ length: first.data.length }, (_, e) =>
    images.reduce((sum, image) => sum + (image.data[e] as number) / images.length, 0),
  );
  return { image: { ...first, data }, attribution: sums };
}

const OWN_ANSWER: Remark = { en: "Each image is asked about its own answer.", zh: "每张图像问的是它自己的答案。" };

/** Groups images by the answer that they get; each is explained for its own answer. */
async function imageTargets(
  trained: TrainedModel,
  examples: Dataset,
  views: readonly View[],
  labels: readonly string[],
  asked: string | undefined,
  explain: (targets: readonly number[]) => Promise<Attribution>,
): Promise<{ targets: GlobalTarget[]; remarks: readonly Remark[] }> {
  const answers = (await trained.answers(examples)).map(({ label }) => labels.indexOf(String(label)));
  const { targets, remarks } = targetsOf(labels.length === 2 ? [...labels, ""] : labels, asked);
  const attribution = await explain(answers);
  const made = targets.flatMap((target): GlobalTarget[] => {
    const chosen = answers.flatMap((answer, i) => (answer === target ? [i] : []));
    const map = meanMap(attribution, views, chosen);
    return map === undefined ? [] : [{ label: labels[target] as string, count: chosen.length, features: [], map }];
  });
  return { targets: made, remarks: [OWN_ANSWER, ...remarks, ...attribution.remarks] };
}

/** The views of the examples; those of texts are each their own. */
async function viewsOf(trained: TrainedModel, inputs: NamedInputs, path: string): Promise<View[]> {
  const { view } = nodeTaskNamed(trained.task.name);
  if (view === undefined)
    throw new ConfigError(`explain --data: expected a task whose answers can be explained, got ${trained.task.name}`);
  return Promise.all(
    Array.from({ length: inputs.examples.length }, (_, row) =>
      view(trained, inputs, row, inputs.names[textAt(inputs.examples, row)] ?? `#${row}`, { run: path }),
    ),
  );
}

/** The kind of a model's inputs. ConfigError for a model that cannot be explained over a data set. */
function kindOf(trained: TrainedModel): GlobalExplanation["kind"] {
  const { name, explained } = trained.task;
  const kind = explained?.kind;
  const isKnown = kind === "table" || kind === "tokens" || kind === "image";
  if (!isKnown || explained?.inParts === true || trained.explainable !== undefined)
    throw new ConfigError(
      `explain --data: expected a model that Descent traces, with one answer for a table's row, a text or an image, got one of ${name}`,
    );
  return kind;
}

/** Draws examples from all, with their positions. */
interface Chosen {
  readonly inputs: NamedInputs;
  readonly indices: Uint32Array;
}

function chosenOf(
  inputs: NamedInputs,
  kind: GlobalExplanation["kind"],
  { examples: most = MOST_EXAMPLES[kind], seed }: GlobalRequest,
): Chosen {
  const { examples, names, rows } = inputs;
  const all = examples.length;
  if (all === 0) throw new ConfigError("explain --data: expected at least one example, got none");
  const indices =
    all <= most
      ? Uint32Array.from({ length: all }, (_, i) => i)
      : new Random(seed, "global").permutation(all).slice(0, most).sort();
  const wholes = Uint32Array.from(indices, (row) => textAt(examples, row));
  const chosen = {
    ...inputs,
    examples: examples.select(indices),
    names: Array.from(wholes, (row) => names[row] ?? `#${row}`),
    rows: rows?.select(wholes),
  };
  return { inputs: chosen, indices };
}

const drawnRemarks = (few: number, all: number): Remark[] =>
  few === all ? [] : [{ en: `${few} of ${all} examples, drawn by the seed.`, zh: `${all} 个样本中按种子抽取的 ${few} 个。` }];

/**
 * Explains a model over a data set: columns by their Shapley values, words and pixels by gradients, unless another method is asked for.
 *
 * Errors: ConfigError for a task with other inputs or answers of many parts, for a model that only answers, for an unknown class.
 */
export async function explainGlobally(
  trained: TrainedModel,
  inputs: NamedInputs,
  path: string,
  request: GlobalRequest,
): Promise<GlobalExplanation> {
  const kind = kindOf(trained);
  const { inputs: chosen, indices } = chosenOf(inputs, kind, request);
  const views = await viewsOf(trained, { ...chosen, examples: withoutWindows(chosen.examples) }, path);
  const [first] = views as [View];
  const behind = request.background === undefined ? undefined : await backgroundInput(trained, request.background.examples);
  const { model, input } = await explainableRows(
    trained,
    chosen.examples,
    kind === "table" ? { parts: first.parts } : {},
    behind,
  );
  const method = request.method ?? methodFor(kind, first.parts?.names.length ?? 0, model);
  await using explainer = new Explainer(model, { device: request.device, threads: request.threads });
  const isBehind = behind !== undefined && methodNamed(method).needs.includes("background");
  const explain = (target: number | readonly number[], done: number, total: number): Promise<Attribution> =>
    explainer.explain(input, {
      ...settingsOf(method, request.samples),
      ...(isBehind ? { background: behind.features, backgroundSize: BACKGROUND_ROWS } : {}),
      method,
      seed: request.seed,
      target,
      onProgress: (fraction) => request.onProgress?.(Math.round((done + fraction) * indices.length), total * indices.length),
    });
  const labels = model.labels ?? [];
  const said: Remark[] = [
    ...drawnRemarks(indices.length, inputs.examples.length),
    ...(isBehind && request.background !== undefined ? [request.background.remark] : []),
  ];
  if (kind === "image") {
    const byAnswer = (each: readonly number[]): Promise<Attribution> => explain(each, 0, 1);
    const { targets, remarks } = await imageTargets(trained, chosen.examples, views, labels, request.target, byAnswer);
    return { method, kind, targets, examples: indices.length, remarks: distinctRemarks([...said, ...remarks]) };
  }
  const { targets, remarks } = targetsOf(labels, request.target);
  said.push(...remarks);
  const made: GlobalTarget[] = [];
  for (const [k, target] of targets.entries()) {
    const attribution = await explain(target, k, targets.length);
    said.push(...attribution.remarks.filter((remark) => !(isBehind && isOnBackground(remark))));
    const features =
      kind === "table"
        ? columnFeatures(attribution, first, inputs.rows ?? inputs.examples, indices)
        : wordFeatures(attribution, views, indices);
    made.push({ label: labels[target] ?? String(target), count: indices.length, features });
  }
  return { method, kind, targets: made, examples: indices.length, remarks: distinctRemarks(said) };
}

/** Rows that are texts of their own: which text a window is of has been settled by their names. */
const withoutWindows = (examples: Dataset): Dataset => (examples.has("text_of") ? examples.drop("text_of") : examples);
