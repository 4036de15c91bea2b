/**
 * @module The default network for tables beside scikit-learn's models, on the same parts: `node dist/scripts/table-defaults.js FOLDER`, where FOLDER is what
 * `scripts/peers/table-defaults.py` wrote. `--sets NAME,…`, `--splits N` and `--model NAME` take fewer, or another model; what `--results FILE` has already
 * is not done again. Prints a table for `benchmarks/tables.md`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { trainTask } from "../src/tasks/node.js";
import { formatTable } from "../src/util/text.js";

interface PeerTable {
  readonly kind: "classes" | "quantity";
  readonly rows: number;
  readonly columns: number;
  readonly target: string;
  readonly splits: readonly Readonly<Record<string, number>>[];
}
/** A cell: what a split came to, and how long it took. */
interface Cell {
  readonly score: number;
  readonly seconds: number;
}
type Results = Record<string, Cell[]>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: { type: "string" },
    splits: { type: "string", default: "10" },
    model: { type: "string" },
    results: { type: "string" },
  },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error("usage: node dist/scripts/table-defaults.js FOLDER [--sets NAME,…] [--splits N] [--model NAME] [--results FILE]");
  process.exit(2);
}
const { tables, madeBy } = JSON.parse(readFileSync(join(folder, "peers.json"), "utf8")) as {
  readonly tables: Readonly<Record<string, PeerTable>>;
  readonly madeBy: string;
};
const file = values.results ?? join(folder, `${values.model ?? "default"}.json`);
const results: Results = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Results) : {};

async function train(name: string, { kind, target }: PeerTable, split: number): Promise<Cell> {
  const began = performance.now();
  const out = mkdtempSync(join(tmpdir(), "table-"));
  try {
    const task = kind === "classes" ? "tabular-classification" : "tabular-regression";
    const options = {
      task,
      data: join(folder as string, name, String(split)),
      labelColumn: target,
      seed: split + 1,
      check: false,
    };
    const { summary } = await trainTask(
      { ...options, ...(values.model === undefined ? {} : { model: values.model }) },
      { out, overwrite: true },
    );
    const score = summary?.metrics.test?.[kind === "classes" ? "accuracy" : "rmse"] ?? Number.NaN;
    return { score, seconds: (performance.now() - began) / 1000 };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const meanOf = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const errorOf = (numbers: readonly number[]): number => {
  const mean = meanOf(numbers);
  return Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (numbers.length - 1) / numbers.length);
};

/** How far ahead (+) or behind (−) of another model, in standard errors of the other's mean, and of the difference over the splits. */
function ahead(kind: PeerTable["kind"], own: readonly number[], other: readonly number[]): string {
  const differences = own.map((x, i) => (kind === "classes" ? x - (other[i] as number) : (other[i] as number) - x));
  const mean = meanOf(differences);
  const inErrors = (error: number): string =>
    mean === 0 ? "0.0" : `${mean > 0 ? "+" : "−"}${error === 0 ? "∞" : Math.abs(mean / error).toFixed(1)}`;
  return `${inErrors(errorOf(other))} (${inErrors(errorOf(differences))})`;
}

/** A row of the table: every model's mean, and the two comparisons. */
function rowOf(name: string, { kind, rows, columns, splits }: PeerTable, cells: readonly Cell[]): string[] {
  const own = cells.map(({ score }) => score);
  const scoresOf = (method: string): number[] => splits.slice(0, own.length).map((split) => split[method] as number);
  const linear = Object.keys(splits[0] ?? {})
    .filter((method) => method !== "trees")
    .map((method) => ({ method, scores: scoresOf(method) }))
    .sort((a, b) => (meanOf(a.scores) - meanOf(b.scores)) * (kind === "classes" ? -1 : 1))[0];
  const shown = (scores: readonly number[]): string =>
    kind === "classes"
      ? `${(100 * meanOf(scores)).toFixed(1)} ± ${(100 * errorOf(scores)).toFixed(1)}`
      : `${Number(meanOf(scores).toPrecision(4))} ± ${Number(errorOf(scores).toPrecision(2))}`;
  return [
    name,
    `${rows} × ${columns}`,
    kind === "classes" ? "accuracy, %" : "RMSE",
    shown(own),
    `${shown(linear?.scores ?? [])} (${linear?.method})`,
    shown(scoresOf("trees")),
    ahead(kind, own, linear?.scores ?? []),
    ahead(kind, own, scoresOf("trees")),
    meanOf(cells.map(({ seconds }) => seconds)).toFixed(1),
  ];
}

const names = values.sets?.split(",") ?? Object.keys(tables);
const count = Number(values.splits);
for (let split = 0; split < count; split++)
  for (const name of names) {
    const done = (results[name] ??= []);
    if (done.length > split) continue;
    done.push(await train(name, tables[name] as PeerTable, split));
    writeFileSync(file, JSON.stringify(results));
  }
console.log(`Beside ${madeBy}; means over ${count} splits ± standard error.`);
console.log(
  formatTable(
    ["set", "rows × columns", "measure", "Descent", "linear", "boosted trees", "to linear", "to trees", "s"],
    names.map((name) => rowOf(name, tables[name] as PeerTable, (results[name] ?? []).slice(0, count))),
  ),
);
