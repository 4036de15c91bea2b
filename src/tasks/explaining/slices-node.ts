/**
 * @module The slices of a data set where a model is worst: properties of rows, texts and images, and the error of each example.
 */
import type { Dataset } from "../../data/node.js";
import { isText, labelText, numberAt } from "../../data/node.js";
import type { Slice, SliceFeature } from "../../explain/index.js";
import { worstSlices } from "../../explain/index.js";
import { ConfigError } from "../../util/errors.js";
import type { ImageInfo } from "../images/images.js";
import { picturesOf } from "../images/pictures-node.js";
import { judgeClasses, judgeQuantities } from "../shared/judged-node.js";
import { textAt } from "../shared/windows.js";
import type { TrainedModel } from "../trained-model.js";

/** Slices, and the kind of error. */
export interface FoundSlices {
  readonly slices: readonly Slice[];
  /** `rate`: of wrong answers; otherwise the size of an error, in the target's unit. */
  readonly of: "rate" | "size";
  /** Mean error over all examples. */
  readonly error: number;
  readonly examples: number;
}

/** Number of words used as properties: the most frequent ones, except those in nearly every text. */
const MOST_WORDS = 150;
/** The smallest share of texts that have a word. */
const LEAST_SHARE = 0.02;

/** Columns of a table as they were read; of numbers their values, of others their texts. */
function columnFeatures(rows: Dataset, target: string | undefined): SliceFeature[] {
  return rows.names
    .filter((name) => name !== target)
    .flatMap((name): SliceFeature[] => {
      const column = rows.column(name);
      if (!isText(column) && column.shape.length > 1) return [];
      if (isText(column) || column.dtype === "bool" || column.classes !== undefined)
        return [{ name, values: Array.from({ length: rows.length }, (_, i) => labelText(column, i)) }];
      return [{ name, values: Float64Array.from({ length: rows.length }, (_, i) => numberAt(column, i, name)) }];
    });
}

/** Length, and the words that a text has. */
function textFeatures(texts: readonly string[]): SliceFeature[] {
  const words = texts.map((text) => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []));
  const counts = new Map<string, number>();
  for (const own of words) for (const word of own) counts.set(word, (counts.get(word) ?? 0) + 1);
  const asked = [...counts]
    .filter(([, count]) => count >= LEAST_SHARE * texts.length && count <= texts.length / 2)
    .sort((a, b) => b[1] - a[1])
    .slice(0, MOST_WORDS);
  return [
    { name: "characters", values: Float64Array.from(texts, (text) => text.length) },
    ...asked.map(([word]): SliceFeature => ({ name: `"${word}"`, values: words.map((own) => own.has(word)) })),
  ];
}

/** Brightness, contrast, and how much neighbouring pixels differ. */
async function imageFeatures({ info, task }: TrainedModel, examples: Dataset): Promise<SliceFeature[]> {
  const figures = { brightness: [] as number[], contrast: [] as number[], detail: [] as number[] };
  const AT_ONCE = 256;
  for (let from = 0; from < examples.length; from += AT_ONCE) {
    const rows = Array.from({ length: Math.min(AT_ONCE, examples.length - from) }, (_, i) => from + i);
    for (const { data, width, height, maximum = 255 } of (await picturesOf(info as ImageInfo, task, examples, rows)).values()) {
      const values = Float64Array.from({ length: width * height }, (_, p) => (data[p] as number) / maximum);
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
      const steps = values.reduce((sum, v, p) => sum + (p % width === 0 ? 0 : Math.abs(v - (values[p - 1] as number))), 0);
      figures.brightness.push(mean);
      figures.contrast.push(Math.sqrt(variance));
      figures.detail.push(steps / values.length);
    }
  }
  return Object.entries(figures).map(([name, values]) => ({ name, values: Float64Array.from(values) }));
}

/** The error of each example, and its true class where there is one. */
async function errorsOf(
  used: TrainedModel,
  test: Dataset,
): Promise<{ errors: Float64Array; of: FoundSlices["of"]; truth: (string | null)[] }> {
  const errors = new Float64Array(test.length);
  const truth = new Array<string | null>(test.length).fill(null);
  if (test.has("label") && test.tensor("label").shape.length === 1) {
    const classes = (used.info["classes"] ?? []) as readonly string[];
    for (const { row, correct, truth: label } of await judgeClasses({ used, test })) {
      errors[row] = Number(!correct);
      truth[row] = classes[label] ?? null;
    }
    return { errors, of: "rate", truth };
  }
  if (!test.has("target"))
    throw new ConfigError(`slices: expected examples with one class or quantity each, got ${test.names.join(", ")}`);
  const { targetDeviation = 1 } = used.info as { readonly targetDeviation?: number };
  for (const { row, weight } of await judgeQuantities({ used, test })) errors[row] = weight * targetDeviation;
  return { errors, of: "size", truth };
}

/** The properties by which examples are sliced; their true class is one. */
async function featuresOf(
  trained: TrainedModel,
  examples: Dataset,
  rows: Dataset,
  truth: readonly (string | null)[],
): Promise<SliceFeature[]> {
  const { task, info } = trained;
  const target = task.targetColumn(info);
  const classes: SliceFeature[] = truth.some((label) => label !== null) ? [{ name: target ?? "class", values: truth }] : [];
  const kind = task.explained?.kind;
  if (kind === "image") return [...classes, ...(await imageFeatures(trained, examples))];
  const text = task.textColumn?.(info);
  if (kind !== "tokens" || text === undefined) return [...classes, ...columnFeatures(rows, target)];
  const texts = rows.texts(text);
  return [...classes, ...textFeatures(Array.from({ length: examples.length }, (_, row) => texts[textAt(examples, row)] ?? ""))];
}

/**
 * The slices of examples with their targets where a model errs most; `rows` are the same as they were read.
 *
 * Errors: ConfigError for examples without one target each, and for too few of them.
 */
export async function slicesOf(trained: TrainedModel, examples: Dataset, rows: Dataset, seed: number): Promise<FoundSlices> {
  const { errors, of, truth } = await errorsOf(trained, examples);
  const slices = worstSlices(await featuresOf(trained, examples, rows, truth), errors, { seed });
  return { slices, of, error: errors.reduce((sum, e) => sum + e, 0) / errors.length, examples: examples.length };
}
