/**
 * @module ROAR, remove and retrain: `node dist/scripts/roar.js RUN FOLDER [--methods NAME,…] [--shares 0.3,0.6,0.9] [--steps N]`. In each image of a run's data the
 * share of pixels that a method marks most is replaced by the mean, in training and test data alike, and the run's model is trained anew on them; beside it
 * the same share at random. Each training is a command of `descent`. Grey images whose run names its data. Prints a table.
 *
 * Source: Hooker et al., A benchmark for interpretability methods in deep neural networks, 2018, arXiv:1806.10758.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Dataset } from "../src/data/node.js";
import { Explainer, methodNamed } from "../src/explain/index.js";
import type { MethodName } from "../src/explain/index.js";
import { toNumbers } from "../src/graph/index.js";
import { explainableRows } from "../src/tasks/explaining/explainable-node.js";
import type { TrainedModel } from "../src/tasks/trained-model.js";
import { loadExamples } from "../src/tasks/use/examples-node.js";
import { openTrained } from "../src/tasks/use/trained-node.js";
import { Random } from "../src/util/random.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    methods: { type: "string", default: "integrated-gradients,grad-cam,saliency,guided-backpropagation" },
    shares: { type: "string", default: "0.3,0.6,0.9" },
    steps: { type: "string", default: "600" },
  },
});
const [run, folder] = positionals;
if (run === undefined || folder === undefined) {
  console.error("usage: node dist/scripts/roar.js RUN FOLDER [--methods NAME,…] [--shares 0.3,0.6,0.9] [--steps N]");
  process.exit(2);
}
const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const AT_ONCE = 128;

/** Bytes [dims] in the IDX format. */
function idx(data: Uint8Array, dims: readonly number[]): Uint8Array {
  const file = new Uint8Array(4 + 4 * dims.length + data.length);
  file.set([0, 0, 8, dims.length]);
  dims.forEach((d, i) => new DataView(file.buffer).setUint32(4 + 4 * i, d));
  file.set(data, 4 + 4 * dims.length);
  return file;
}

/** One value a pixel of each image, by a method, for its true class; random numbers for `random`. */
async function ranksOf(trained: TrainedModel, rows: Dataset, method: string, plane: number): Promise<Float64Array> {
  const all = new Float64Array(rows.length * plane);
  if (method === "random") {
    const random = new Random(1, "roar");
    return all.map(() => random.uniform());
  }
  for (let from = 0; from < rows.length; from += AT_ONCE) {
    const some = rows.slice(from, Math.min(rows.length, from + AT_ONCE));
    const { model, input } = await explainableRows(trained, some);
    await using explainer = new Explainer(model);
    const { defaults } = methodNamed(method);
    const found = await explainer.explain(input, {
      method: method as MethodName,
      target: Array.from(some.tensor("label").data, Number),
      ...(defaults.maxSteps === undefined ? {} : { steps: 16, maxSteps: 16 }),
    });
    toNumbers(found.values).forEach((v, i) => (all[from * plane + i] = Math.abs(v)));
  }
  return all;
}

/** Images in which the pixels of the highest ranks are the mean. */
function removed(images: Uint8Array, ranks: Float64Array, plane: number, share: number, mean: number): Uint8Array {
  const changed = images.slice();
  const count = Math.round(share * plane);
  for (let i = 0; i * plane < images.length; i++) {
    const own = ranks.subarray(i * plane, (i + 1) * plane);
    const order = Uint32Array.from(own, (_, p) => p).sort((a, b) => (own[b] as number) - (own[a] as number));
    for (const p of order.subarray(0, count)) changed[i * plane + p] = mean;
  }
  return changed;
}

const { model: trained, config } = await openTrained(run);
await using model = trained;
const data = String(config.options["data"]);
const parts = {
  train: (await loadExamples(model, config, { data, part: "train" })).examples,
  t10k: (await loadExamples(model, config, { data, part: "test" })).examples,
};
const [, channels = 1, height = 1, width = 1] = parts.train.tensor("image").shape;
if (channels !== 1) throw new Error(`${run}: expected grey images, got ${channels} channels`);
const plane = height * width;
const pixels = (rows: Dataset): Uint8Array => Uint8Array.from(rows.tensor("image").data as Uint8Array);
const mean = Math.round(pixels(parts.train).reduce((sum, v) => sum + v, 0) / (parts.train.length * plane));

/** Trains on changed images, unless that was done; the test accuracy. */
function retrained(name: string): number {
  const out = join(folder as string, name, "run");
  if (!existsSync(join(out, "summary.json"))) {
    const args = [
      "train",
      "image-classification",
      "--data",
      join(folder as string, name),
      "--model",
      model.modelName,
      "--steps",
      values.steps,
    ];
    const ended = spawnSync(process.execPath, [MAIN, ...args, "--out", out, "--overwrite", "--quiet", "--no-check"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (ended.status !== 0) throw new Error(`descent ${args.join(" ")}: exit ${ended.status}`);
  }
  const summary = JSON.parse(readFileSync(join(out, "summary.json"), "utf8")) as { metrics: { test: { accuracy: number } } };
  return summary.metrics.test.accuracy;
}

const shares = values.shares.split(",").map(Number);
const rows: string[] = [];
for (const method of ["random", ...values.methods.split(",")]) {
  const ranks = {
    train: await ranksOf(model, parts.train, method, plane),
    t10k: await ranksOf(model, parts.t10k, method, plane),
  };
  const accuracies = shares.map((share) => {
    const name = `${method}-${share}`;
    mkdirSync(join(folder, name), { recursive: true });
    for (const part of ["train", "t10k"] as const) {
      const images = removed(pixels(parts[part]), ranks[part], plane, share, mean);
      writeFileSync(join(folder, name, `${part}-images-idx3-ubyte`), idx(images, [parts[part].length, height, width]));
      const labels = Uint8Array.from(parts[part].tensor("label").data, Number);
      writeFileSync(join(folder, name, `${part}-labels-idx1-ubyte`), idx(labels, [parts[part].length]));
    }
    return retrained(name);
  });
  rows.push(`| \`${method}\` | ${accuracies.map((a) => `${(100 * a).toFixed(1)} %`).join(" | ")} |`);
  console.error(rows.at(-1));
}
const head = shares.map((share) => `${100 * share} % removed`).join(" | ");
console.log(`| method | ${head} |\n|---|${shares.map(() => "---:").join("|")}|\n${rows.join("\n")}`);
