/**
 * @module Right for the right reasons, measured: `DESCENT_DATA=… node dist/scripts/right-reasons.js FOLDER [--model NAME,…] [--seeds N]`. Fashion-MNIST with
 * a patch in a corner of each training image, whose brightness says the class; the test images have none. Trained as they are, with masks that leave the
 * patch out (`--evidence`), and on images without the patch. Each training is a command of `descent`. Prints a table for `benchmarks/explanations.md`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadData } from "../src/data/node.js";
import type { Dataset } from "../src/data/node.js";
import { Random } from "../src/util/random.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string", default: "mlp,lenet-5" },
    seeds: { type: "string", default: "1" },
    extra: { type: "string", default: "" },
  },
});
const [given] = positionals;
if (given === undefined) {
  console.error("usage: DESCENT_DATA=FOLDER node dist/scripts/right-reasons.js FOLDER [--model NAME,…] [--seeds N]");
  process.exit(2);
}

const folder = resolve(given);
const SIDE = 28;
const PATCH = 4;
const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));

/** Bytes [dims] in the IDX format. */
function idx(data: Uint8Array, dims: readonly number[]): Uint8Array {
  const file = new Uint8Array(4 + 4 * dims.length + data.length);
  const view = new DataView(file.buffer);
  file.set([0, 0, 8, dims.length]);
  dims.forEach((d, i) => view.setUint32(4 + 4 * i, d));
  file.set(data, 4 + 4 * dims.length);
  return file;
}

/** Images with a patch in a corner drawn for each, as bright as the class says, and masks that leave it out. */
function planted(images: Uint8Array, labels: Uint8Array): { readonly images: Uint8Array; readonly masks: Uint8Array } {
  const random = new Random(1, "corner");
  const changed = images.slice();
  const masks = new Uint8Array(images.length).fill(255);
  labels.forEach((label, i) => {
    const corner = random.integer(4);
    const [top, left] = [corner < 2 ? 0 : SIDE - PATCH, corner % 2 === 0 ? 0 : SIDE - PATCH];
    for (let y = top; y < top + PATCH; y++)
      for (let x = left; x < left + PATCH; x++) {
        changed[(i * SIDE + y) * SIDE + x] = 255 - 25 * label;
        masks[(i * SIDE + y) * SIDE + x] = 0;
      }
  });
  return { images: changed, masks };
}

const bytesOf = (part: Dataset): { images: Uint8Array; labels: Uint8Array } => ({
  images: Uint8Array.from(part.tensor("image").data as Uint8Array),
  labels: Uint8Array.from(part.tensor("label").data, Number),
});

async function writeData(out: string): Promise<void> {
  const data = await loadData("fashion-mnist", { validationFraction: 0 });
  const [train, test] = [bytesOf(data.train), bytesOf(data.test)];
  const { images, masks } = planted(train.images, train.labels);
  for (const [name, pixels] of [
    ["clean", train.images],
    ["planted", images],
  ] as const) {
    mkdirSync(join(out, name), { recursive: true });
    const write = (file: string, content: Uint8Array): void => writeFileSync(join(out, name, file), content);
    write("train-images-idx3-ubyte", idx(pixels, [train.labels.length, SIDE, SIDE]));
    write("train-labels-idx1-ubyte", idx(train.labels, [train.labels.length]));
    write("t10k-images-idx3-ubyte", idx(test.images, [test.labels.length, SIDE, SIDE]));
    write("t10k-labels-idx1-ubyte", idx(test.labels, [test.labels.length]));
  }
  writeFileSync(join(out, "masks-idx3-ubyte"), idx(masks, [train.labels.length, SIDE, SIDE]));
}

interface Summary {
  readonly trainSeconds: number;
  readonly metrics: { readonly validation: { readonly accuracy: number }; readonly test: { readonly accuracy: number } };
}

/** Trains with a command of `descent`, unless the run is there already. */
function trained(out: string, name: string, line: string): Summary {
  const run = join(out, name);
  if (!existsSync(join(run, "summary.json"))) {
    console.error(`descent ${line} --out ${name}`);
    const args = [MAIN, ...line.split(" "), "--out", run, "--overwrite", "--quiet", "--no-check"];
    const ended = spawnSync(process.execPath, args, { cwd: out, stdio: ["ignore", "ignore", "inherit"] });
    if (ended.status !== 0) throw new Error(`descent ${line}: exit ${ended.status}`);
  }
  return JSON.parse(readFileSync(join(run, "summary.json"), "utf8")) as Summary;
}

if (!existsSync(join(folder, "masks-idx3-ubyte"))) await writeData(folder);
const percent = (x: number): string => `${(100 * x).toFixed(1)} %`;
const rows: string[] = [];
for (const model of values.model.split(","))
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const start = `train image-classification --model ${model} --seed ${seed}${values.extra === "" ? "" : ` ${values.extra}`}`;
    const runs = (
      [
        ["without the patch", `${start} --data clean`],
        ["with the patch", `${start} --data planted`],
        ["with the patch, `--evidence`", `${start} --data planted --evidence masks-idx3-ubyte`],
      ] as const
    ).map(([name, line], k) => [name, trained(folder, `${model}-${seed}-${k}`, line)] as const);
    for (const [name, { metrics, trainSeconds }] of runs)
      rows.push(
        `| \`${model}\` | ${seed} | ${name} | ${percent(metrics.validation.accuracy)} | ${percent(metrics.test.accuracy)} | ${trainSeconds.toFixed(0)} |`,
      );
  }
console.log(
  `| model | seed | training images | validation, as in training | test, without the patch | seconds |\n|---|---:|---|---:|---:|---:|\n${rows.join("\n")}`,
);
