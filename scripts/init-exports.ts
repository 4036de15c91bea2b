/**
 * @module Exports of others as `--init`, beside the same weights started through safetensors: `npm run init-exports -- FOLDER [--out FILE] [--only REGEX]`.
 * `scripts/init-exports/make.py FOLDER` pretrains and exports the models, and writes the data. Every training is a command of `descent` with one recipe
 * for a model's starts, three seeds each; runs that lie in FOLDER are not made again. Prints a table, and writes the figures to `--out`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { formatTable } from "../src/util/text.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: "string" }, only: { type: "string", default: "." } },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error("usage: npm run init-exports -- FOLDER [--out FILE] [--only REGEX]");
  process.exit(2);
}
const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const SEEDS = [1, 2, 3];

/** The recipe that `make.py` has for PyTorch, too. */
const RECIPE = "--optimizer adamw --schedule linear --batch-size 32 --weight-decay 0 --clip-norm 1 --no-check --quiet";
const IMAGES = `${RECIPE} --warmup-steps 10 --lr 3e-4 --augment none`;
const TEXTS = `${RECIPE} --steps 120 --warmup-steps 12 --lr 5e-4 --max-length 48`;

/** A model, the start that the others are held against, and the files. */
interface Case {
  readonly model: string;
  readonly task: "image-classification" | "text-classification";
  readonly data: string;
  readonly recipe: string;
  /** By seed; left out where the figures are PyTorch's own (`pytorch.json`). */
  readonly reference?: (seed: number) => string;
  readonly files: readonly string[];
}

const image = (model: string, side: number, steps: number, files: readonly string[]): Case => ({
  model,
  task: "image-classification",
  data: `digits${side}`,
  recipe: `${IMAGES} --steps ${steps}`,
  // With a head for the new classes that is drawn as that of a file is.
  reference: (seed) => `--model ${model} --init ${model}/model-${seed}.safetensors`,
  files,
});
const text = (model: string, reference?: string): Case => ({
  model,
  task: "text-classification",
  data: "texts",
  recipe: TEXTS,
  ...(reference === undefined ? {} : { reference: () => reference }),
  files: ["dynamo", "script"],
});

const CASES: readonly Case[] = [
  image("resnet-18", 32, 100, ["dynamo", "dynamo-unfolded", "script", "script-unfolded"]),
  // Its running statistics have a momentum of 0.01.
  image("mobilenet-v3-small", 32, 300, ["dynamo", "script"]),
  image("vit-tiny", 16, 100, ["dynamo", "script"]),
  text("bert", "--init bert"),
  text("distilbert"),
];

/** Trains with a seed unless the run is there; its accuracy on the test part. */
function accuracyOf({ model, task, data, recipe }: Case, start: string, name: string, seed: number): number {
  const run = join("runs", `${model}-${name}-${seed}`);
  const summary = join(folder as string, run, "summary.json");
  if (!existsSync(summary)) {
    const line = `train ${task} --data ${data} ${start} ${recipe} --seed ${seed}`;
    console.error(`descent ${line}`);
    const args = [MAIN, ...line.split(" "), "--out", run, "--overwrite"];
    const ended = spawnSync(process.execPath, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
    if (ended.status !== 0) throw new Error(`descent ${line}: exit ${ended.status}`);
  }
  const { metrics } = JSON.parse(readFileSync(summary, "utf8")) as { metrics: { test: { accuracy: number } } };
  return metrics.test.accuracy;
}

/** The scale that a named model's run has, so that a file's pixels are the same. */
function scaleOf(model: string, seed: number): string {
  const path = join(folder as string, "runs", `${model}-reference-${seed}`, "config.json");
  const { info } = JSON.parse(readFileSync(path, "utf8")) as { info: { mean: number[]; deviation: number[] } };
  return `--preprocess mean=${info.mean.join(",")};std=${info.deviation.join(",")};max=255`;
}

const meanOf = (all: readonly number[]): number => all.reduce((sum, x) => sum + x, 0) / all.length;
/** The standard error of a mean. */
function errorOf(all: readonly number[]): number {
  const mean = meanOf(all);
  return Math.sqrt(all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (all.length - 1) / all.length);
}

const rows: Record<string, unknown>[] = [];
for (const one of CASES.filter(({ model }) => new RegExp(values.only).test(model))) {
  const { model, reference, files } = one;
  const expected =
    reference === undefined
      ? (JSON.parse(readFileSync(join(folder, model, "pytorch.json"), "utf8")) as number[])
      : SEEDS.map((seed) => accuracyOf(one, reference(seed), "reference", seed));
  const against = reference === undefined ? "PyTorch" : "safetensors";
  for (const file of files) {
    const got = SEEDS.map((seed) => {
      const scale = one.task === "image-classification" ? ` ${scaleOf(model, seed)}` : "";
      return accuracyOf(one, `--init ${model}/${file}.onnx${scale}`, file, seed);
    });
    const difference = meanOf(got) - meanOf(expected);
    const standardError = Math.hypot(errorOf(got), errorOf(expected));
    rows.push({ model, file, against, accuracy: got, reference: expected, difference, standardError });
  }
}
const percent = (x: number): string => (100 * x).toFixed(2);
console.log(
  formatTable(
    ["model", "file", "accuracy, %", "beside", "accuracy, %", "difference", "standard error"],
    rows.map((row) => [
      String(row["model"]),
      String(row["file"]),
      percent(meanOf(row["accuracy"] as number[])),
      String(row["against"]),
      percent(meanOf(row["reference"] as number[])),
      percent(row["difference"] as number),
      percent(row["standardError"] as number),
    ]),
  ),
);
if (values.out !== undefined) {
  const versions = JSON.parse(readFileSync(join(folder, "versions.json"), "utf8")) as object;
  // Rows of models that were left out this time stay.
  const before = existsSync(values.out)
    ? (JSON.parse(readFileSync(values.out, "utf8")) as { rows: Record<string, unknown>[] }).rows
    : [];
  const kept = before.filter((row) => !new RegExp(values.only).test(String(row["model"])));
  const report = {
    date: new Date().toISOString().slice(0, 10),
    command: "npm run init-exports",
    recipe: { IMAGES, TEXTS },
    versions,
    rows: [...rows, ...kept],
  };
  writeFileSync(values.out, `${JSON.stringify(report, undefined, 2)}\n`);
}
