/** @module `descent predict RUN INPUT…`. */
import { writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { checkWritable } from "../../run/run-folder-files-node.js";
import { ConfigError } from "../../util/errors.js";
import { makeFolders } from "../../util/folders-node.js";
import { printableLine } from "../../util/terminal.js";
import { formatTable } from "../../util/text.js";
import { number, flag, integer, text } from "../options.js";
import { dataOptions, deviceOptions, taskOptions } from "../training-options.js";
import { defineVerb } from "../verb.js";

type Row = Readonly<Record<string, unknown>>;

/** RFC 4180: quoted where a field has a comma, a quote or a line end. */
const csvField = (value: unknown): string => {
  const field = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
};

function toCsv(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  return [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((fields) => `${fields.map(csvField).join(",")}\n`)
    .join("");
}

export const verb = defineVerb({
  positionals: [
    { name: "RUN", help: "a run folder, or one of its checkpoints" },
    {
      name: "INPUT",
      help: "images or folders of them, an IDX file, a table (.csv, .tsv, .jsonl, .parquet), one row as name=value …, a text, a .txt with a text a line, or -",
      many: true,
      optional: true,
    },
  ],
  options: {
    out: text({ help: "write the answers to this .csv or .jsonl file", placeholder: "FILE", short: "o" }),
    threshold: number({ help: "below this probability (or likeness) there is no label", minimum: 0, maximum: 1 }),
    gallery: text({ help: "image-recognition: who is known", placeholder: "FILE", defaultText: "RUN/gallery.safetensors" }),
    probabilities: flag({ help: "give the probability of every class", default: true }),
    stride: taskOptions.stride,
    textColumn: dataOptions.textColumn,
    skipBadRows: dataOptions.skipBadRows,
    maxMegapixels: dataOptions.maxMegapixels,
    draw: text({
      help: "write a picture of each input with its answer into this folder, or one of all samples to this .png file",
      placeholder: "DIR",
    }),
    count: integer({ help: "image-generation: how many samples", minimum: 1, placeholder: "N", defaultText: "16" }),
    seed: integer({ help: "image-generation: names the random numbers", minimum: 0, defaultText: "1" }),
    ...deviceOptions,
  },
  examples: [
    "descent predict runs/fashion shoe.png",
    "descent predict runs/houses new.csv --out answers.csv",
    "descent predict runs/gan --count 64 --seed 3 --draw samples.png",
    "descent predict runs/iris sepal_length=5.1 sepal_width=3.5 petal_length=1.4 petal_width=0.2",
  ],
  engine: true,
  async run({ positionals: [path = "", ...inputs], options, print, note, signal }) {
    const format = options.out === undefined ? undefined : /\.(csv|jsonl)$/.exec(options.out)?.[1];
    if (options.out !== undefined && format === undefined)
      throw new ConfigError(`--out: expected a .csv or .jsonl file, got ${options.out}`);
    if (options.out !== undefined) checkWritable(dirname(options.out), `--out ${options.out}`);
    const { TrainedModel } = await import("../../tasks/use/trained-node.js");
    const { readInputs } = await import("../../tasks/use/examples-node.js");
    const opened = await TrainedModel.open(path, { device: options.device, threads: options.threads });
    await using model = opened.model;
    const { nodeTaskNamed } = await import("../../tasks/table-node.js");
    const { draw, drawsAs, drawTogether, conclude, takesGallery, takesNoInputs } = nodeTaskNamed(model.task.name);
    if (options.gallery !== undefined && takesGallery !== true)
      throw new ConfigError(`--gallery: expected a run of image-recognition, got ${model.task.name}`);
    if (options.draw !== undefined && draw === undefined)
      throw new ConfigError(`--draw: expected a task whose answers are drawn on pictures, got ${model.task.name}`);
    const random = [options.count, options.seed].some((value) => value !== undefined);
    if (random && takesNoInputs !== true)
      throw new ConfigError(`--count, --seed: expected a run of image-generation, got ${model.task.name}`);
    const {
      examples,
      names,
      rows,
      badRows,
      notes = [],
    } = await readInputs(model, inputs, {
      count: options.count,
      seed: options.seed,
      skipBadRows: options.skipBadRows,
      maxMegapixels: options.maxMegapixels,
      textColumn: options.textColumn,
      stride: options.stride,
      signal,
    });
    for (const text of notes) note(text);
    if (badRows > 0) note(`${badRows} inputs that cannot be read were left out`, true);
    const { gallery, threshold } = options;
    const own = await model.answers(examples);
    const given = (await conclude?.(model, own, { run: path, gallery, threshold, examples })) ?? own;
    if (options.draw?.endsWith(".png") === true && drawTogether !== undefined) {
      await writeFile(options.draw, await drawTogether(model, given));
      note(`${given.length} samples in ${options.draw}`);
    } else if (options.draw !== undefined && draw !== undefined) {
      makeFolders(options.draw);
      for (const [i, answer] of given.entries()) {
        const name = names[i] as string;
        const file = drawsAs === undefined ? `${basename(name, extname(name))}.png` : `${i + 1}.${drawsAs}`;
        await writeFile(join(options.draw, file), await draw(model, name, answer));
      }
      note(`${given.length} pictures in ${options.draw}`);
    }
    const answers = given.map((answer, i): Row => {
      const { probabilities, ...rest } = answer as Row & {
        probabilities?: Readonly<Record<string, number>>;
        label?: string;
        score?: number;
      };
      const unsure = options.threshold !== undefined && rest.score !== undefined && rest.score < options.threshold;
      return {
        ...(rows === undefined ? { input: names[i] } : rows.row(i)),
        ...(rows !== undefined && rest.label !== undefined
          ? { prediction: unsure ? null : rest.label, score: rest.score }
          : unsure
            ? { ...rest, label: null }
            : prefixed(rest, rows !== undefined)),
        ...(options.probabilities && probabilities !== undefined ? { probabilities } : {}),
      };
    });
    const lines = answers.flatMap(linesOf);
    if (options.out === undefined) {
      print(
        formatTable(
          Object.keys(lines[0] ?? {}),
          lines.slice(0, 50).map((line) => Object.values(line).map(shown)),
        ),
      );
      if (lines.length > 50) note(`${lines.length - 50} more; --out FILE or --json gives them all`);
    } else {
      await writeFile(
        options.out,
        format === "csv" ? toCsv(lines) : answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""),
      );
      print(printableLine(`${answers.length} answers in ${options.out}`));
    }
    return answers;
  },
});

/** A quantity beside the row that it is for: `price` may be a column of the row itself. */
const prefixed = (answer: Row, beside: boolean): Row =>
  beside ? Object.fromEntries(Object.entries(answer).map(([name, value]) => [`predicted_${name}`, value])) : answer;

/** An answer as lines of a table: one, or, where it lists things, one for each. */
function linesOf(answer: Row): Row[] {
  const list = Object.entries(answer).find(([, value]) => Array.isArray(value) && value.every((item) => isRow(item)));
  if (list === undefined) return [flat(answer)];
  const rest = Object.fromEntries(Object.entries(answer).filter(([name]) => name !== list[0]));
  return (list[1] as readonly Row[]).map((item) => flat({ ...rest, ...item }));
}

const isRow = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** Probabilities as columns of their own. */
function flat(answer: Row): Row {
  const { probabilities, ...rest } = answer as Row & { probabilities?: Readonly<Record<string, number>> };
  const columns = Object.entries(probabilities ?? {}).map(([name, p]) => [`p(${name})`, p]);
  return { ...rest, ...Object.fromEntries(columns) };
}

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
