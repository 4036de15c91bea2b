/**
 * @module Which column is the text, which the label or target, and what task that makes: guessed from names and types where
 * the user does not say.
 */
import type { Column } from "./column.js";
import { isMissing, isText, rowSize } from "./column.js";
import type { Dataset } from "./dataset.js";
import { classesOf } from "./labels.js";
import type { DataTask } from "./registry.js";
import { isFloat } from "../graph/index.js";
import { DataError } from "../util/errors.js";

/** The columns that play a part in a task. */
export interface ColumnRoles {
  readonly image?: string;
  readonly text?: string;
  /** Class label or regression target. */
  readonly target?: string;
}

export interface RoleOptions {
  readonly textColumn?: string;
  /** The same as `targetColumn`, as one says of classes. */
  readonly labelColumn?: string;
  readonly targetColumn?: string;
}

const TARGET_NAMES = ["label", "labels", "target", "class", "category", "y", "output", "sentiment", "polarity", "outcome"];
const TEXT_NAMES = ["text", "sentence", "review", "content", "title", "comment", "document", "body", "message", "question"];

/** A column of this name in any case, the first in the order of the names. */
const named = (dataset: Dataset, names: readonly string[]): string | undefined => {
  for (const name of names) {
    const found = dataset.names.find((candidate) => candidate.toLowerCase() === name);
    if (found !== undefined) return found;
  }
  return undefined;
};

const SOURCE_NAMES = ["source", "src", "input", "from", "question", "text"];
const WANTED_NAMES = ["target", "tgt", "output", "to", "answer", "translation", "summary", "label"];

/** The columns of pairs of texts: by what the user says, by name, or the first and the second. */
export function pairRoles(dataset: Dataset, options: RoleOptions = {}): Required<Pick<ColumnRoles, "text" | "target">> {
  const asked = options.labelColumn ?? options.targetColumn;
  for (const name of [asked, options.textColumn]) if (name !== undefined) dataset.texts(name);
  const texts = dataset.names.filter((name) => isText(dataset.column(name)));
  const text = options.textColumn ?? named(dataset.pick(...texts.filter((name) => name !== asked)), SOURCE_NAMES);
  const target = asked ?? named(dataset.pick(...texts.filter((name) => name !== text)), WANTED_NAMES);
  const [first, second] = [
    text ?? texts.find((name) => name !== target),
    target ?? texts.find((name) => name !== (text ?? texts[0])),
  ];
  if (first === undefined || second === undefined)
    throw new DataError(`data: expected a column of sources and one of targets, found ${dataset.names.join(", ")}`);
  return { text: first, target: second };
}

/** Mean number of characters, if this looks like running text: long, and hardly ever the same twice. */
function proseLength(column: Column): number {
  if (!isText(column)) return 0;
  const values = column.values.slice(0, 2000).filter((value) => value !== null);
  if (values.length === 0 || new Set(values).size < values.length * 0.7) return 0;
  const mean = values.reduce((sum, value) => sum + value.length, 0) / values.length;
  // Ideographs carry a word in one or two characters.
  const wide = values.some((value) => /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/.test(value));
  return mean >= (wide ? 6 : 20) ? mean : 0;
}

/** Chooses the roles: what the user says, then names, then types. DataError if a named column is not there. */
export function guessRoles(dataset: Dataset, options: RoleOptions = {}): ColumnRoles {
  const asked = options.labelColumn ?? options.targetColumn;
  for (const name of [asked, options.textColumn]) if (name !== undefined) dataset.column(name);
  const image = dataset.names.find((name) => {
    const column = dataset.column(name);
    return !isText(column) && column.shape.length >= 3;
  });
  const byName = asked ?? named(dataset, TARGET_NAMES);
  let text =
    options.textColumn ??
    named(
      dataset,
      TEXT_NAMES.filter((name) => name !== byName),
    );
  if (text === undefined && image === undefined) {
    const prose = dataset.names
      .filter((name) => name !== byName)
      .map((name) => [proseLength(dataset.column(name)), name] as const);
    const [length, longest] = prose.sort(([a], [b]) => b - a)[0] ?? [0, ""];
    // A table of measurements may have a remark or a name: text is what the table is about only if little else is there.
    if (length > 0 && (byName !== undefined || prose.length <= 3) && prose.length <= 4) text = longest;
  }
  if (text !== undefined && !isText(dataset.column(text))) {
    if (options.textColumn !== undefined) dataset.texts(text);
    text = undefined;
  }
  const target = byName ?? dataset.names.filter((name) => name !== text && name !== image).at(-1);
  return {
    ...(image === undefined ? {} : { image }),
    ...(text === undefined ? {} : { text }),
    ...(target === undefined || target === text ? {} : { target }),
  };
}

/** Whether a column reads as classes (texts, booleans, few whole numbers) rather than as a quantity. */
export function isCategorical(column: Column): boolean {
  if (isText(column)) return true;
  if (rowSize(column) !== 1) return false;
  if (column.dtype === "bool" || column.classes !== undefined) return true;
  if (column.unit !== undefined) return false;
  const length = column.shape[0] as number;
  if (isFloat(column.dtype))
    for (let i = 0; i < length; i++) if (!isMissing(column, i) && !Number.isInteger(Number(column.data[i]))) return false;
  const count = classesOf(column, "column").length;
  return count <= 20 && count <= Math.max(2, length / 5);
}

/** The task that fits the roles. DataError if there is nothing to predict. */
export function guessTask(dataset: Dataset, roles: ColumnRoles): DataTask {
  if (roles.target === undefined)
    throw new DataError("data: expected a column to predict, found none; name it (labelColumn, --label-column)");
  if (roles.image !== undefined) return "image-classification";
  if (roles.text !== undefined) return "text-classification";
  return isCategorical(dataset.column(roles.target)) ? "tabular-classification" : "tabular-regression";
}
