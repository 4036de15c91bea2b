/** @module `descent predict MODEL INPUT…`. */
import { writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { checkWritable } from "../../run/run-folder-files-node.js";
import { ConfigError } from "../../util/errors.js";
import { makeFolders } from "../../util/folders-node.js";
import { printableLine } from "../../util/terminal.js";
import { number, flag, text, valuesOf } from "../../util/option.js";
import { dataOptions, deviceOptions, onnxOptions, shapeOptions, tableOptions } from "../../tasks/options.js";
import { counted } from "../../util/text.js";
import { firstLines, linesLeftOut } from "../first-lines.js";
import { defineVerb } from "../verb.js";
import { checkProfileOptions, noteProfile, profileOptions, useOptionsOf } from "../use-profile.js";
import type { TaskTables } from "../task-options.js";
import { expectOwn, ofTask } from "../task-options.js";
import { strideOption } from "../../tasks/texts/options.js";
import { recognitionPredictOptions } from "../../tasks/images/image-recognition/options.js";
import { generationPredictOptions } from "../../tasks/images/image-generation/options.js";
import type { Answer } from "../../tasks/task.js";
import type { Pictures } from "../../tasks/task-node.js";
import type { TrainedModel } from "../../tasks/trained-model.js";
import { isRecord } from "../../util/record.js";

type Row = Readonly<Record<string, unknown>>;

/** RFC 4180: quoted where a field has a comma, a quote or a line end. */
const csvField = (value: unknown): string => {
  const field = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
};

/** The columns of a table of rows: those of the file that was read in its order, then the others. */
function headings([row = {}]: readonly Row[], read: readonly string[] = []): string[] {
  const names = Object.keys(row);
  return [...read.filter((name) => names.includes(name)), ...names.filter((name) => !read.includes(name))];
}

function toCsv(rows: readonly Row[], names: readonly string[]): string {
  return [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((fields) => `${fields.map(csvField).join(",")}\n`)
    .join("");
}

const TASK_TABLES: TaskTables = [
  ["image-recognition", recognitionPredictOptions],
  ["image-generation", generationPredictOptions],
];

/** Writes a picture of each answer into a folder, or one of all into a .png file; says what was written. */
async function writePictures(
  path: string,
  { format, draw, drawTogether }: Pictures,
  model: TrainedModel,
  answers: readonly Answer[],
  names: readonly string[],
): Promise<string> {
  if (path.endsWith(".png") && drawTogether !== undefined) {
    await writeFile(path, await drawTogether(model, answers));
    return `${counted(answers.length, "sample")} in ${path}`;
  }
  makeFolders(path);
  for (const [i, answer] of answers.entries()) {
    const name = names[i] as string;
    const file = format === "png" ? `${basename(name, extname(name))}.png` : `${i + 1}.${format}`;
    await writeFile(join(path, file), await draw(model, name, answer));
  }
  return `${counted(answers.length, "picture")} in ${path}`;
}

export const verb = defineVerb({
  positionals: [
    { name: "MODEL", help: "a run folder, one of its checkpoints, a folder in Hugging Face's form, or an ONNX file" },
    {
      name: "INPUT",
      help: "images or folders of them, an IDX file, a table (.csv, .tsv, .jsonl, .json, .parquet), one row as name=value …, a text, a .txt file with one text per line, or -",
      many: true,
      optional: true,
    },
  ],
  options: {
    out: text({ help: "write the answers to this .csv or .jsonl file", metavar: "FILE", short: "o" }),
    threshold: number({ help: "give no label below this probability (or similarity)", minimum: 0, maximum: 1 }),
    probabilities: flag({ help: "give the probability of every class", default: true }),
    stride: strideOption("as the model was measured in training"),
    ...onnxOptions,
    ...shapeOptions,
    textColumn: dataOptions.textColumn,
    ...tableOptions,
    skipBadRows: dataOptions.skipBadRows,
    maxMegapixels: dataOptions.maxMegapixels,
    draw: text({
      help: "write a picture of each input with its answer into this folder, or one of all samples to this .png file",
      metavar: "DIR",
    }),
    ...ofTask("image-recognition", recognitionPredictOptions),
    ...ofTask("image-generation", generationPredictOptions),
    ...deviceOptions,
    ...profileOptions,
  },
  examples: [
    "descent predict runs/fashion shoe.png",
    "descent predict runs/houses new.csv --out answers.csv",
    "descent predict runs/gan --count 64 --seed 3 --draw samples.png",
    "descent predict runs/fashion photos --profile profiles/fashion",
    "descent predict runs/iris sepal_length=5.1 sepal_width=3.5 petal_length=1.4 petal_width=0.2",
  ],
  engine: true,
  async run({ positionals: [path = "", ...inputs], options, print, note, signal }) {
    const format = options.out === undefined ? undefined : /\.(csv|jsonl)$/.exec(options.out)?.[1];
    if (options.out !== undefined && format === undefined)
      throw new ConfigError(`--out: expected a .csv or .jsonl file, got ${options.out}`);
    if (options.out !== undefined) checkWritable(dirname(options.out), `--out ${options.out}`);
    await checkProfileOptions(options);
    const { openModel } = await import("../../tasks/use/open-node.js");
    const { readInputs } = await import("../../tasks/use/examples-node.js");
    const { columnsInHand } = await import("../../tasks/tables/tables-node.js");
    const { count, seed, skipBadRows, maxMegapixels, textColumn, stride, gallery, threshold } = options;
    const reading = { count, seed, skipBadRows, maxMegapixels, textColumn, ...valuesOf(options, tableOptions), stride, signal };
    const use = { ...useOptionsOf(options), columns: () => columnsInHand(inputs, reading) };
    const opened = await openModel(path, use);
    for (const remark of opened.remarks) note(remark);
    await using model = opened.model;
    const { nodeTaskNamed } = await import("../../tasks/table-node.js");
    const { present = {} } = nodeTaskNamed(model.task.name);
    expectOwn(model.task.name, model.task.predictOptions, TASK_TABLES, options);
    if (options.draw !== undefined && present.pictures === undefined)
      throw new ConfigError(`--draw: expected a task whose answers can be drawn, got ${model.task.name}`);
    const start = performance.now();
    const { examples, names, rows, badRows, notes = [] } = await readInputs(model, inputs, reading);
    const readingMs = performance.now() - start;
    for (const text of notes) note(text);
    if (badRows > 0) note(`${badRows} inputs that cannot be read were left out`, true);
    const own = await model.answers(examples);
    const given = (await present.answers?.(model, own, { run: path, gallery, threshold, examples })) ?? own;
    if (options.draw !== undefined && present.pictures !== undefined)
      note(await writePictures(options.draw, present.pictures, model, given, names));
    const answers = given.map((answer, i) => answerRow(answer, rows === undefined ? names[i] : rows.row(i), options));
    const lines = answers.flatMap(linesOf);
    const columns = headings(lines.length > 0 ? lines : answers.map(withoutLists), rows?.names);
    if (options.out === undefined) {
      const printed = answers.map(withLikeliest).flatMap(linesOf);
      if (printed.length > 0) print(printedTable(headings(printed, rows?.names), printed));
      if (answers.some(hasManyClasses)) note("--out FILE or --json gives the probability of every class");
      for (const text of linesLeftOut(lines.length, "--out FILE or --json gives them all")) note(text);
    } else {
      await writeFile(
        options.out,
        format === "csv" ? toCsv(lines, columns) : answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""),
      );
      print(printableLine(`${counted(answers.length, "answer")} in ${options.out}`));
    }
    const without = answers.filter((answer) => linesOf(answer).length === 0).length;
    if (without > 0) note(nothingFound(without, answers.length));
    await noteProfile(options, { path, use, open: openModel, model, examples, readingMs, note });
    return answers;
  },
});

/** An answer beside its input, or beside the row that it is for; no label below the threshold. */
function answerRow(
  answer: Row,
  input: Row | string | undefined,
  { threshold, probabilities: withProbabilities }: { readonly threshold: number | undefined; readonly probabilities: boolean },
): Row {
  const { probabilities, ...rest } = answer as Row & { readonly label?: string; readonly score?: number };
  const isUnsure = threshold !== undefined && rest.score !== undefined && rest.score < threshold;
  const isBeside = typeof input === "object";
  return {
    ...(isBeside ? input : { input }),
    ...(isBeside && rest.label !== undefined
      ? { prediction: isUnsure ? null : rest.label, ...(rest.score === undefined ? {} : { score: rest.score }) }
      : isUnsure
        ? { ...rest, label: null }
        : prefixed(rest, isBeside)),
    ...(withProbabilities && probabilities !== undefined ? { probabilities } : {}),
  };
}

/** A quantity beside the row that it is for: `price` may be a column of the row itself. */
const prefixed = (answer: Row, beside: boolean): Row =>
  beside ? Object.fromEntries(Object.entries(answer).map(([name, value]) => [`predicted_${name}`, value])) : answer;

/** An answer as lines of a table: one, or, where it lists things, one for each. No label at all is an answer too. */
function linesOf(answer: Row): Row[] {
  const list = Object.entries(answer).find(
    ([name, value]) => Array.isArray(value) && name !== "labels" && value.every((item) => isRecord(item)),
  );
  if (list === undefined) return [flat(answer)];
  const rest = Object.fromEntries(Object.entries(answer).filter(([name]) => name !== list[0]));
  return (list[1] as readonly Row[]).map((item) => flat({ ...rest, ...item }));
}

/** An answer without what it lists. */
const withoutLists = (answer: Row): Row =>
  Object.fromEntries(Object.entries(answer).filter(([, value]) => !Array.isArray(value)));

/** A remark on inputs in which nothing was found, and which have no line. */
const nothingFound = (without: number, all: number): string =>
  all === 1 ? "nothing was found in the input" : `nothing was found in ${without} of ${all} inputs, which have no line`;

/** Probabilities as columns of their own. */
function flat(answer: Row): Row {
  const { probabilities, ...rest } = answer as Row & { probabilities?: Readonly<Record<string, number>> };
  const columns = Object.entries(probabilities ?? {}).map(([name, p]) => [`p(${name})`, p]);
  return { ...rest, ...Object.fromEntries(columns) };
}

/** Classes whose probabilities are printed in columns of their own at most, and how many of more are printed. */
const [FEW_CLASSES, LIKELIEST] = [10, 5];

const probabilitiesOf = (answer: Row): Readonly<Record<string, number>> =>
  (answer as { readonly probabilities?: Readonly<Record<string, number>> }).probabilities ?? {};

const hasManyClasses = (answer: Row): boolean => Object.keys(probabilitiesOf(answer)).length > FEW_CLASSES;

/** An answer with the likeliest of many classes in one column. */
function withLikeliest(answer: Row): Row {
  if (!hasManyClasses(answer)) return answer;
  const { probabilities: _, ...rest } = answer;
  const ranked = Object.entries(probabilitiesOf(answer)).sort(([, a], [, b]) => b - a);
  return {
    ...rest,
    likeliest: ranked
      .slice(0, LIKELIEST)
      .map(([name, p]) => `${name} ${shown(p)}`)
      .join(", "),
  };
}

const printedTable = (columns: readonly string[], lines: readonly Row[]): string =>
  firstLines(
    columns,
    lines.map((line) => columns.map((name) => shown(line[name]))),
  );

const shown = (value: unknown): string =>
  Array.isArray(value)
    ? value.length > 8
      ? `${value.length} numbers`
      : value.map(shown).join(" ")
    : typeof value === "number"
      ? String(Number(value.toPrecision(4)))
      : value === null || value === undefined
        ? ""
        : String(value);
