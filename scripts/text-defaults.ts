/**
 * @module The default classifier of texts beside TF-IDF with logistic regression (`--model logistic-regression`), on the same parts:
 * `DESCENT_DATA=… node dist/scripts/text-defaults.js FOLDER`. `--sets NAME,…` (known names, or tables), `--splits N`, `--texts N` and `--models NAME,…` take
 * others; a cell that FOLDER's results have already is not trained again. The set `NAME:no-header` is NAME as a table without a line of names, the number of
 * the class first, each text in two columns, cut at its first blank, and no column is named to the training. Prints a table for
 * `benchmarks/text-classification.md`.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import type { Dataset } from "../src/data/node.js";
import { isText, labelText, loadData } from "../src/data/node.js";
import { trainTask } from "../src/tasks/node.js";
import { Random } from "../src/util/random.js";
import { formatTable } from "../src/util/text.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: {
      type: "string",
      default: "sst2,chnsenticorp-hotel,online-shopping-10-cats,thucnews-titles,thucnews-titles:no-header",
    },
    splits: { type: "string", default: "3" },
    texts: { type: "string", default: "8000" },
    models: { type: "string", default: "ngram-cnn,logistic-regression" },
  },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error(
    "usage: DESCENT_DATA=DATA node dist/scripts/text-defaults.js FOLDER [--sets NAME,…] [--splits N] [--texts N] [--models NAME,…]",
  );
  process.exit(2);
}
const [sets, models] = [values.sets.split(","), values.models.split(",")];
const [splits, most] = [Number(values.splits), Number(values.texts)];
const file = join(folder, "results.json");
mkdirSync(folder, { recursive: true });
const results = (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {}) as Record<string, number>;

const quoted = (text: string): string => `"${text.replaceAll('"', '""').replaceAll(/[\r\n]+/g, " ")}"`;

const NO_HEADER = ":no-header";

/** A text as two, cut at its first blank. */
const inTwo = (text: string): [string, string] => {
  const at = text.indexOf(" ");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
};

/** The texts of a part and their labels, as lines of CSV. */
function linesOf(part: Dataset, textColumn: string, labelColumn: string, numbered?: readonly string[]): string[] {
  const names = textColumn.split(",");
  const label = part.column(labelColumn);
  return Array.from({ length: part.length }, (_, i) => {
    const texts = names.map((name) => {
      const column = part.column(name);
      return isText(column) ? (column.values[i] ?? "") : "";
    });
    const [text, name] = [texts.join(" "), labelText(label, i) ?? ""];
    return numbered === undefined
      ? `${quoted(text)},${quoted(name)}`
      : [`${numbered.indexOf(name) + 1}`, ...inTwo(text)].map(quoted).join(",");
  });
}

/** Writes a fifth of a sample of a set as the test part of each split, and the rest as its training part. */
async function writeSplits(name: string, into: string): Promise<void> {
  const isBare = name.endsWith(NO_HEADER);
  const { train, validation, test, roles } = await loadData(isBare ? name.slice(0, -NO_HEADER.length) : name, {
    tableOf: "texts",
  });
  const { text = "text", target = "label" } = roles;
  const labels = train.column(target);
  const classes = [...new Set(Array.from({ length: train.length }, (_, i) => labelText(labels, i) ?? ""))].sort();
  const lines = [train, validation, test].flatMap((part) => linesOf(part, text, target, isBare ? classes : undefined));
  for (let split = 0; split < splits; split++) {
    const order = new Random(split, "split").permutation(lines.length).subarray(0, most);
    const tested = Math.round(order.length / 5);
    mkdirSync(join(into, String(split)), { recursive: true });
    const write = (part: string, rows: Uint32Array): void =>
      writeFileSync(
        join(into, String(split), `${part}.csv`),
        `${isBare ? "" : "text,label\n"}${Array.from(rows, (row) => lines[row]).join("\n")}\n`,
      );
    write("test", order.subarray(0, tested));
    write("train", order.subarray(tested));
  }
}

async function accuracyOf(data: string, model: string, seed: number): Promise<number> {
  const out = mkdtempSync(join(tmpdir(), "texts-"));
  try {
    const named = data.includes(NO_HEADER) ? {} : { labelColumn: "label", textColumn: "text" };
    const options = { task: "text-classification", data, ...named, model, seed, check: false };
    const { summary } = await trainTask(options, { out, overwrite: true });
    return summary?.metrics.test?.["accuracy"] ?? Number.NaN;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const meanOf = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const errorOf = (numbers: readonly number[]): number => {
  const mean = meanOf(numbers);
  return Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (numbers.length - 1) / numbers.length);
};
const shown = (x: readonly number[]): string => `${(100 * meanOf(x)).toFixed(1)} ± ${(100 * errorOf(x)).toFixed(1)}`;

const rows: string[][] = [];
for (const set of sets) {
  const name = basename(set, ".csv");
  const into = join(folder, name);
  if (!existsSync(join(into, String(splits - 1)))) await writeSplits(set, into);
  const scores: number[][] = models.map(() => []);
  for (let split = 0; split < splits; split++)
    for (const [m, model] of models.entries()) {
      const key = `${name} ${split} ${model}`;
      results[key] ??= await accuracyOf(join(into, String(split)), model, split + 1);
      scores[m]?.push(results[key]);
      writeFileSync(file, JSON.stringify(results));
    }
  const [own = [], other = []] = scores;
  const ahead = own.map((x, i) => x - (other[i] ?? Number.NaN));
  rows.push([name, ...scores.map(shown), `${(100 * meanOf(ahead)).toFixed(1)} ± ${(100 * errorOf(ahead)).toFixed(1)}`]);
}
console.log(
  `Accuracy in %, means over ${splits} splits of at most ${most} texts ± standard error; the last column is the paired difference of the first two.`,
);
console.log(formatTable(["set", ...models, "difference"], rows));
