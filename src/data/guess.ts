/**
 * @module The roles of columns (text, label or target) and the task that they suggest: guessed from names and types where
 * the user does not say.
 */
import type { Column } from "./column.js";
import { isMissing, isText, lengthOf, rowSize } from "./column.js";
import type { Dataset } from "./dataset.js";
import { classesOf, labelText } from "./labels.js";
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

/** Names of the columns that are the text, the label or the target. */
export interface RoleOptions {
  /** The column of texts, or several with commas between them, whose texts are read one after another. */
  readonly textColumn?: string;
  /** The column or columns of texts that a model was trained on, which are taken where they are there and nothing is said. */
  readonly usualText?: string;
  /** The same as `targetColumn`, as one says of classes. */
  readonly labelColumn?: string;
  readonly targetColumn?: string;
  /** Columns that are not features, and are taken for nothing else where a role is guessed. */
  readonly ignoreColumn?: readonly string[];
}

/** A data set without the columns that play no role. */
const withoutIgnored = (dataset: Dataset, { ignoreColumn = [] }: RoleOptions): Dataset =>
  dataset.drop(...ignoreColumn.filter((name) => dataset.has(name)));

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

const TARGETS = new Set<string>(TARGET_NAMES);
const NAMES = new Set([...TARGET_NAMES, ...TEXT_NAMES, ...SOURCE_NAMES, ...WANTED_NAMES].filter((name) => name.length > 1));

/** Tells if a text is, in any case, what columns of classes are called. */
export const isTargetName = (text: string): boolean => TARGETS.has(text.toLowerCase());

/** Tells if a text is, in any case, what columns of texts and labels are called. */
export const isRoleName = (text: string): boolean => NAMES.has(text.toLowerCase());

/** The columns of pairs of texts: by what the user says, by name, or the first and the second. DataError if columns are not found. */
export function pairRoles(whole: Dataset, options: RoleOptions = {}): Required<Pick<ColumnRoles, "text" | "target">> {
  const dataset = withoutIgnored(whole, options);
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

/** The columns whose texts a role names: one, or several with commas between them. DataError for one that is not there. */
export function joinedColumns(dataset: Dataset, text: string): readonly string[] {
  if (dataset.has(text)) return [text];
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) dataset.column(name);
  return names;
}

/** The texts of several columns, one after another on lines of their own; null where all are missing. */
export function joinTexts(dataset: Dataset, columns: readonly string[]): (string | null)[] {
  const texts = columns.map((name) => dataset.texts(name));
  return Array.from({ length: dataset.length }, (_, i) => {
    const given = texts.flatMap((values) => values[i] ?? []);
    return given.length === 0 ? null : given.join("\n");
  });
}

/** Different values of a column, or more than `most` of them. */
function countValues(column: Column, most: number): number {
  const seen = new Set<string>();
  for (let i = 0; i < lengthOf(column) && seen.size <= most; i++) {
    const label = labelText(column, i);
    if (label !== null) seen.add(label);
  }
  return seen.size;
}

/** Tells whether a column may hold labels: few values, which many rows share, and most rows have. */
const isShared = (dataset: Dataset, name: string): boolean => {
  const most = Math.max(2, Math.min(100, dataset.length / 4));
  const column = dataset.column(name);
  if (!isText(column) && rowSize(column) !== 1) return false;
  const count = countValues(column, most);
  let missing = 0;
  for (let i = 0; i < dataset.length; i++) if (isMissing(column, i)) missing++;
  return count > 1 && count <= most && missing * 2 < dataset.length;
};

/** The column of classes in a table without a header: the last one if it may hold them, or else the last of few words. */
function unnamedTarget(dataset: Dataset, names: readonly string[]): string | undefined {
  const last = names.at(-1);
  if (!names.every((name) => /^column\d+$/.test(name)) || (last !== undefined && isShared(dataset, last))) return last;
  return names.findLast((name) => isText(dataset.column(name)) && isShared(dataset, name)) ?? last;
}

/** Tells whether a column holds texts that belong to a longer one beside it: titles, of several words and hardly ever repeated. */
function isCompanion(column: Column): boolean {
  if (!isText(column)) return false;
  const values = column.values.slice(0, 2000).filter((value) => value !== null);
  const words = values.filter((value) => /\S\s+\S/.test(value) || /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{3}/.test(value));
  return values.length > 0 && words.length > values.length / 2 && new Set(values).size > values.length / 2;
}

/** The columns of texts where the user names none: those of a name that texts have, and those of running text. */
function guessTexts(dataset: Dataset, target: string | undefined): readonly string[] {
  const candidates = dataset.names.filter((name) => name !== target && isText(dataset.column(name)));
  const prose = candidates.filter((name) => proseLength(dataset.column(name)) > 0);
  const byName = named(dataset.pick(...candidates), TEXT_NAMES);
  // A table of measurements may have a remark or a name: text is what the table is about only if little else is there.
  if (byName === undefined && (prose.length === 0 || prose.length > 4 || (target === undefined && prose.length > 3))) return [];
  const most = prose.reduce(
    (a, b) => (proseLength(dataset.column(b)) > proseLength(dataset.column(a)) ? b : a),
    byName ?? prose[0] ?? "",
  );
  return candidates.filter(
    (name) => name === byName || name === most || prose.includes(name) || isCompanion(dataset.column(name)),
  );
}

/** The columns of texts of a training, if all of them are there. */
const usualTextOf = (dataset: Dataset, { usualText }: RoleOptions): string | undefined =>
  usualText !== undefined && (dataset.has(usualText) || usualText.split(",").every((name) => dataset.has(name)))
    ? usualText
    : undefined;

/** Chooses the roles: what the user says, then names, then types. DataError if a named column is not there. */
export function guessRoles(
  whole: Dataset,
  options: RoleOptions & { readonly tableOf?: "rows" | "texts"; readonly quantity?: boolean } = {},
): ColumnRoles {
  const dataset = withoutIgnored(whole, options);
  const asked = options.labelColumn ?? options.targetColumn;
  if (asked !== undefined) dataset.column(asked);
  const image = dataset.names.find((name) => {
    const column = dataset.column(name);
    return !isText(column) && column.shape.length >= 3;
  });
  const byName = asked ?? named(dataset, TARGET_NAMES);
  const isAbout = image === undefined && options.tableOf !== "rows";
  let texts: readonly string[] = [];
  const given = options.textColumn ?? usualTextOf(dataset, options);
  if (given !== undefined) {
    texts = joinedColumns(dataset, given);
    for (const name of texts) dataset.texts(name);
  } else if (isAbout) texts = guessTexts(dataset, byName);
  else if (image !== undefined)
    texts = [named(dataset, TEXT_NAMES) ?? ""].filter((name) => name !== "" && isText(dataset.column(name)));
  const others = dataset.names.filter((name) => !texts.includes(name) && name !== image);
  const target =
    byName ??
    (texts.length > 0 ? others.findLast((name) => isShared(dataset, name)) : undefined) ??
    (options.quantity === true ? others.at(-1) : unnamedTarget(dataset, others));
  const text = texts.filter((name) => name !== target).join(",");
  return {
    ...(image === undefined ? {} : { image }),
    ...(text === "" ? {} : { text }),
    ...(target === undefined ? {} : { target }),
  };
}

/** Makes the notes on roles that were guessed from the columns' contents. */
export function roleNotes(dataset: Dataset, roles: ColumnRoles, options: RoleOptions): string[] {
  const asked = options.labelColumn ?? options.targetColumn;
  if (options.usualText !== undefined) return [];
  const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");
  const isNamed = (name: string, names: readonly string[]): boolean => names.includes(name.toLowerCase());
  const texts = roles.text === undefined || options.textColumn !== undefined ? [] : joinedColumns(dataset, roles.text);
  const { target } = roles;
  return [
    ...(target === undefined || asked !== undefined || isNamed(target, TARGET_NAMES)
      ? []
      : [`column ${quoted([target])} is taken for what is to be predicted; --label-column names another`]),
    ...(texts.length === 0 || (texts.length === 1 && isNamed(texts[0] as string, TEXT_NAMES))
      ? []
      : [
          `texts are read from ${texts.length === 1 ? "column" : "columns"} ${quoted(texts)}; --text-column ${texts.length === 1 ? "names another" : "names one alone"}`,
        ]),
  ];
}

/** Tells whether a column reads as classes (texts, booleans, few whole numbers) rather than as a quantity. */
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
