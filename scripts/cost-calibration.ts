/**
 * @module Predicted against measured: peak memory and time of a training step over the zoo and the default of every task. `npm run cost-calibration -- --data FOLDER --out FILE.md`.
 *
 * Each model runs in a process of its own. With `--rows FILE.jsonl` each row is kept there as it is measured, and what the file has is not measured again, so that a machine can be
 * measured in pieces (`--only NAME,NAME`) while it is quiet. Times are the least of several steps, since other work on the machine only ever slows them; with DESCENT_THREADS=1 they are the
 * processor's time, which other work does not stretch, and the times of tasks, which are not known so, are left out.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { thisMachine } from "../src/cost/machine-node.js";
import type { Tensor } from "../src/graph/index.js";
import { fromNumbers, sizeOf } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import type { ModelName } from "../src/models/index.js";
import { Gpt2, MODELS, modelNamed } from "../src/models/index.js";
import type { Module } from "../src/nn/index.js";
import { adamW } from "../src/optim/index.js";
import { peakMemoryMiB } from "../src/run/progress-node.js";
import { measureStep } from "../src/tasks/training/memory-node.js";
import type { BatchTypes } from "../src/train/index.js";
import { TrainingState, trainingStep } from "../src/train/index.js";
import { median } from "../src/util/median.js";
import { Random } from "../src/util/random.js";

/** Models of images and their batch sizes: small enough for a minute each on two cores. */
const ZOO: readonly (readonly [ModelName, number])[] = [
  ["mlp", 128],
  ["lenet-5", 128],
  ["conv-net", 128],
  ["resnet-20-cifar", 64],
  ["resnet-18-cifar", 16],
  ["densenet-40-cifar", 32],
  ["vit-tiny", 32],
  ["mobilenet-v3-small", 4],
  ["mobilenet-v3-large", 4],
  ["alexnet", 4],
  ["googlenet", 2],
  ["resnet-18", 4],
  ["resnet-50", 2],
  ["densenet-121", 2],
  ["vgg-11", 1],
];
const DECODERS: Readonly<
  Record<string, readonly [batch: number, length: number, width: number, layers: number, vocabulary: number]>
> = {
  "gpt-nano": [12, 64, 128, 4, 65],
  "gpt-30m": [2, 128, 384, 6, 50_000],
};

/** The default model of each task, on data that most machines here have. */
const TASKS: readonly (readonly [task: string, data: string])[] = [
  ["image-classification", "fashion-mnist"],
  ["text-classification", "sst2"],
  ["token-classification", "wnut17"],
  ["language-modeling", "tinyshakespeare"],
  ["tabular-classification", "tabular/titanic.csv"],
  ["tabular-regression", "tabular/diamonds.csv.gz"],
  ["object-detection", "bccd"],
  ["semantic-role-labeling", "up-english-ewt"],
  ["image-recognition", "fashion-mnist"],
  ["image-generation", "fashion-mnist"],
  ["sequence-to-sequence", "pairs"],
];
/** At least so many steps of a model, and so many seconds of them. */
const THREADS = Number(process.env["DESCENT_THREADS"] ?? availableParallelism());
const [STEPS, SECONDS] = [5, 3];
const TASK_STEPS = 30;

interface Row {
  readonly name: string;
  readonly predictedMiB: number;
  readonly measuredMiB: number;
  readonly predictedMs: number;
  readonly measuredMs: number;
}

/** A model, its batch, and how its loss is computed. */
function described(name: string): {
  readonly model: Module;
  readonly batch: BatchTypes;
  readonly loss: (batch: Readonly<Record<string, Tensor>>) => Tensor;
  readonly classes: number;
} {
  const decoder = new Map(Object.entries(DECODERS)).get(name);
  const entropy = crossEntropy();
  if (decoder !== undefined) {
    const [rows, length, width, layers, vocabulary] = decoder;
    const model = new Gpt2({
      vocabSize: vocabulary,
      maxPositions: length,
      hiddenSize: width,
      numLayers: layers,
      numHeads: 4,
      dropout: 0,
    });
    const type = { dtype: "int64", shape: [rows, length] } as const;
    const loss = ({ x, y }: Readonly<Record<string, Tensor>>): Tensor =>
      entropy(model.forward(x as Tensor).reshape([rows * length, vocabulary]), (y as Tensor).reshape([rows * length]));
    return { model, batch: { x: type, y: type }, loss, classes: vocabulary };
  }
  const found = ZOO.find(([one]) => one === name);
  if (found === undefined) throw new Error(`unknown model ${name}`);
  const [known, rows] = found;
  const { usual } = MODELS[known];
  const model = modelNamed(known, usual);
  return {
    model,
    batch: { x: { dtype: "float32", shape: [rows, ...usual.inputShape] }, y: { dtype: "int64", shape: [rows] } },
    loss: ({ x, y }) => entropy((model.forward as (t: Tensor) => Tensor)(x as Tensor), y as Tensor),
    classes: usual.outFeatures,
  };
}

/** Trains a few steps in this process. */
async function measureModel(name: string): Promise<Row> {
  const { model, batch, loss, classes } = described(name);
  const step = trainingStep({ model, optimizer: adamW({ learningRate: 1e-3 }), loss: (tensors) => loss(tensors) });
  const machine = await thisMachine({ threads: THREADS });
  const predicted = measureStep(step, batch, "cpu", machine);
  const rss = process.memoryUsage().rss;
  const state = await TrainingState.create(step, { threads: THREADS });
  const random = new Random(name);
  const values = Object.fromEntries(
    Object.entries(batch).map(([key, { dtype, shape }]) => {
      const size = sizeOf(shape as readonly number[]);
      const numbers = Float64Array.from({ length: size }, () => (dtype === "int64" ? random.integer(classes) : random.normal()));
      return [key, fromNumbers(dtype, shape as readonly number[], numbers)];
    }),
  );
  let least = Infinity;
  const end = performance.now() + 1000 * SECONDS;
  for (let i = 0; i < STEPS || performance.now() < end; i++) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    await state.run(values);
    const { user, system } = process.cpuUsage(used);
    if (i > 0) least = Math.min(least, THREADS === 1 ? (user + system) / 1000 : performance.now() - start);
  }
  await state.dispose();
  return {
    name,
    predictedMiB: (rss + predicted.bytes) / 2 ** 20,
    measuredMiB: peakMemoryMiB(),
    predictedMs: (predicted.seconds ?? NaN) * 1000,
    measuredMs: least,
  };
}

/** Dates in two orders, as no data set here has pairs of texts: their file. */
function datePairs(folder: string): string {
  const rows = Array.from({ length: 2000 }, (_, i) => {
    const date = new Date(86_400_000 * 9 * i).toISOString().slice(0, 10);
    return `${date}\t${date.split("-").reverse().join("/")}`;
  });
  const path = join(folder, "pairs.tsv");
  writeFileSync(path, `source\ttarget\n${rows.join("\n")}\n`);
  return path;
}

/** Trains a task's default through the command line. */
function measureTask(task: string, data: string, folder: string): Row {
  const out = mkdtempSync(join(tmpdir(), "descent-calibration-"));
  try {
    const main = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
    const known = data === "pairs" ? datePairs(out) : /[./]/.test(data) ? join(folder, data) : data;
    const args = [
      "train",
      task,
      "--data",
      known,
      "--steps",
      String(TASK_STEPS),
      "--out",
      join(out, "run"),
      "--device",
      "cpu",
      "--quiet",
    ];
    const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
      encoding: "utf8",
      env: { ...process.env, DESCENT_DATA: folder },
    });
    if (status !== 0) throw new Error(`${task}: ${stderr}`);
    const summary = JSON.parse(readFileSync(join(out, "run", "summary.json"), "utf8")) as {
      readonly stepMs: number;
      readonly leastStepMs?: number;
      readonly peakMemoryMiB: number;
      readonly predicted?: { readonly peakMemoryMiB: number; readonly stepMs?: number };
    };
    return {
      name: task,
      predictedMiB: summary.predicted?.peakMemoryMiB ?? NaN,
      measuredMiB: summary.peakMemoryMiB,
      predictedMs: summary.predicted?.stepMs ?? NaN,
      measuredMs: THREADS === 1 ? NaN : (summary.leastStepMs ?? summary.stepMs),
    };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const off = (predicted: number, measured: number): number => predicted / measured - 1;
const percent = (share: number): string => `${share >= 0 ? "+" : "−"}${Math.abs(100 * share).toFixed(0)} %`;

/** The rows as a table of Markdown, with the median and the worst of both. */
function markdown(rows: readonly Row[]): string {
  const lines = rows.map(({ name, predictedMiB, measuredMiB, predictedMs, measuredMs }) =>
    [
      name,
      predictedMiB.toFixed(0),
      measuredMiB.toFixed(0),
      percent(off(predictedMiB, measuredMiB)),
      Number.isFinite(predictedMs) ? predictedMs.toFixed(1) : "",
      ...(Number.isFinite(measuredMs) ? [measuredMs.toFixed(1), percent(off(predictedMs, measuredMs))] : ["", ""]),
    ].join(" | "),
  );
  const sizes = (of: (row: Row) => number): number[] => rows.map((row) => Math.abs(of(row))).filter(Number.isFinite);
  const memory = sizes((row) => off(row.predictedMiB, row.measuredMiB));
  const time = sizes((row) => off(row.predictedMs, row.measuredMs));
  const told = (all: readonly number[]): string =>
    `median ${(100 * median(all)).toFixed(0)} %, worst ${(100 * Math.max(...all)).toFixed(0)} %`;
  return [
    "| model | MiB predicted | measured | off | ms predicted | measured | off |",
    "|---|---|---|---|---|---|---|",
    ...lines.map((line) => `| ${line} |`),
    "",
    `Memory: ${told(memory)}. Time of a step: ${told(time)}.`,
    "",
  ].join("\n");
}

/** Rows that a file of an earlier run has. */
const rowsIn = (file: string): Row[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const row = JSON.parse(line) as { readonly [key in keyof Row]: Row[key] | null };
      // JSON writes a time that is not known as null.
      return { ...row, predictedMs: row.predictedMs ?? NaN, measuredMs: row.measuredMs ?? NaN } as Row;
    });

/** Trains a model of the zoo in a process of its own. */
function measureApart(name: string): Row {
  const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--model", name], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  return JSON.parse(stdout) as Row;
}

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    data: { type: "string" },
    out: { type: "string" },
    only: { type: "string" },
    rows: { type: "string" },
  },
});
if (values.model !== undefined) {
  process.stdout.write(JSON.stringify(await measureModel(values.model)));
} else {
  const { data, rows: file } = values;
  // Measured here and kept: in the first of the processes it would be part of that one's peak.
  await thisMachine({ threads: THREADS });
  const rows = file !== undefined && existsSync(file) ? rowsIn(file) : [];
  const known = new Set(rows.map(({ name }) => name));
  const asked = values.only?.split(",");
  const all: [string, () => Row][] = [...ZOO.map(([name]) => name as string), ...Object.keys(DECODERS)].map((name) => [
    name,
    () => measureApart(name),
  ]);
  if (data !== undefined) for (const [task, set] of TASKS) all.push([task, () => measureTask(task, set, data)]);
  for (const [name, measure] of all) {
    if (known.has(name) || asked?.includes(name) === false) continue;
    const row = measure();
    rows.push(row);
    const line = `${JSON.stringify(row)}\n`;
    if (file !== undefined) appendFileSync(file, line);
    process.stderr.write(line);
  }
  const places = new Map(all.map(([name], i) => [name, i]));
  const table = markdown([...rows].sort((a, b) => (places.get(a.name) ?? 0) - (places.get(b.name) ?? 0)));
  if (values.out === undefined) process.stdout.write(table);
  else writeFileSync(values.out, table);
}
