/**
 * @module Figures of compression against the literature, measured through the command line: `node dist/scripts/compression-figures.js NAME… [--folder F] [--data D]`
 * prints one JSON document for each of `lenet`, `hinton`, `resnet` and `text`, for benchmarks/compression.md. Minutes to an hour each, with DESCENT_DATA set.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { folder: { type: "string", default: "runs/compression" }, teacher: { type: "string" } },
});
const folder = values.folder;
mkdirSync(folder, { recursive: true });
const path = (name: string): string => join(folder, name);

interface Summary {
  readonly parameters: number;
  readonly metrics: { readonly test: Readonly<Record<string, number>> };
  readonly compression?: Readonly<Record<string, unknown>>;
}

/** Runs `descent` and returns what it prints with --json. */
function descent(line: string): Summary {
  console.error(`descent ${line}`);
  const { status, stdout } = spawnSync(process.execPath, [MAIN, ...line.split(" "), "--json", "--overwrite"], {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`descent ${line}: ended with ${status}`);
  return JSON.parse(stdout) as Summary;
}

/** Errors among MNIST's 10,000 test images. */
const errors = ({ metrics }: Summary): number => Math.round((1 - (metrics.test["accuracy"] ?? NaN)) * 10_000);
const SEEDS = [1, 2, 3];

/** Han et al. 2015, table 1, and Han et al. 2016, table 2: LeNet-300-100. */
function lenet(): unknown {
  const whole = descent(`train image-classification --data mnist --model lenet-300-100 --no-check --out ${path("lenet")}`);
  const training = "--sparsity 0.925 --cuts gradual --epochs 20 --lr 0.001";
  const sparse = descent(`prune ${path("lenet")} ${training} --out ${path("lenet-sparse")}`);
  const shared = descent(`prune ${path("lenet")} ${training} --clusters 64 --out ${path("lenet-shared")}`);
  const facts = (s: Summary): unknown => ({ errors: errors(s), ...(s.compression?.["sparse"] as object) });
  return { errors: errors(whole), sparse: facts(sparse), shared: facts(shared) };
}

/** Hinton et al. 2015, section 3: 146, 74 and 67 errors. */
function hinton(): unknown {
  const teacher = descent(
    `train image-classification --data mnist --model mlp-1200 --epochs 40 --no-check --out ${path("teacher")}`,
  );
  const each = SEEDS.map((seed) => {
    const alone = descent(
      `train image-classification --data mnist --model mlp-800 --seed ${seed} --no-check --out ${path(`alone-${seed}`)}`,
    );
    const taught = descent(
      `distill ${path("teacher")} --student mlp-800 --seed ${seed} --temperature 8 --alpha 0.9 --out ${path(`taught-${seed}`)}`,
    );
    return { seed, alone: errors(alone), taught: errors(taught) };
  });
  return { teacher: errors(teacher), each };
}

/** ResNet-20 on Fashion-MNIST, half of the multiply-adds. */
function resnet(): unknown {
  const whole = descent(
    `train image-classification --data fashion-mnist --model resnet-20-cifar --no-check --out ${path("resnet")}`,
  );
  const cut = descent(
    `prune ${path("resnet")} --macs 0.47 --cuts gradual --rounds 3 --epochs 12 --lr 0.05 --out ${path("resnet-cut")}`,
  );
  return { before: whole.metrics.test, after: cut.metrics.test, compression: cut.compression };
}

/** SST-2: a fine-tuned run (--teacher) taught to half of its layers, and the same student alone. */
function text(): unknown {
  const { teacher } = values;
  if (teacher === undefined) throw new Error("text: expected --teacher RUN, a text classifier of several layers");
  const each = SEEDS.map((seed) => {
    const taught = descent(`distill ${teacher} --hidden 1 --attention 1 --epochs 3 --seed ${seed} --out ${path(`half-${seed}`)}`);
    const alone = descent(`distill ${teacher} --alpha 0 --epochs 3 --seed ${seed} --out ${path(`half-alone-${seed}`)}`);
    return { seed, taught: taught.metrics.test, alone: alone.metrics.test, compression: taught.compression };
  });
  return { each };
}

const FIGURES: ReadonlyMap<string, () => unknown> = new Map([
  ["lenet", lenet],
  ["hinton", hinton],
  ["resnet", resnet],
  ["text", text],
]);

for (const name of positionals.length > 0 ? positionals : ["lenet"]) {
  const figure = FIGURES.get(name);
  if (figure === undefined) throw new Error(`expected some of ${[...FIGURES.keys()].join(", ")}, got ${name}`);
  console.log(JSON.stringify({ name, date: new Date().toISOString().slice(0, 10), ...(figure() as object) }, undefined, 2));
}
