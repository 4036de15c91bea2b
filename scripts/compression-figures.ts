/**
 * @module Figures of compression against the literature, measured through the command line: `node dist/scripts/compression-figures.js NAME… [--folder F] [--seeds 1,2,3] [--minutes M] [--threads N]`
 * prints one JSON document for each of `lenet`, `hinton`, `resnet` and `text`, for benchmarks/compression.md. With DESCENT_DATA set; `text` needs --init FOLDER, a sentence encoder in Hugging
 * Face's form. Runs that are finished are kept and not made again, so that a command that was killed, or that ended after --minutes, goes on where it was.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: { type: "string", default: "runs/compression" },
    init: { type: "string" },
    rows: { type: "string", default: "3000" },
    seeds: { type: "string", default: "1,2,3" },
    minutes: { type: "string", default: "1000" },
    threads: { type: "string" },
    "teacher-epochs": { type: "string", default: "40" },
  },
});
const { folder } = values;
mkdirSync(folder, { recursive: true });
const path = (name: string): string => join(folder, name);
const SEEDS = values.seeds.split(",").map(Number);
const END = Date.now() + 60_000 * Number(values.minutes);

interface Summary {
  readonly parameters: number;
  readonly trainSeconds?: number;
  readonly metrics: { readonly test: Readonly<Record<string, number>> };
  readonly compression?: Readonly<Record<string, unknown>>;
}

/** Makes a run with `descent`, unless it is there already, and returns its summary. */
function descent(name: string, line: string): Summary {
  const summary = join(path(name), "summary.json");
  if (!existsSync(summary)) {
    if (Date.now() > END) throw new Error(`the time is up before ${name}; the same command goes on`);
    const verb = line.split(" ")[0];
    const goesOn = verb === "train" && existsSync(join(path(name), "checkpoints"));
    const made = [...line.split(" "), "--out", path(name), "--overwrite"];
    const threads = values.threads === undefined ? [] : ["--threads", values.threads];
    const args = [...(goesOn ? ["train", "--resume", path(name)] : made), ...threads];
    console.error(`descent ${args.join(" ")}`);
    const { status } = spawnSync(process.execPath, [MAIN, ...args, "--json"], { stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) throw new Error(`descent ${line}: ended with ${status}`);
  }
  return JSON.parse(readFileSync(summary, "utf8")) as Summary;
}

/** Errors among MNIST's 10,000 test images. */
const errors = ({ metrics }: Summary): number => Math.round((1 - (metrics.test["accuracy"] ?? NaN)) * 10_000);
const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;

/** Han et al. 2015, table 1, and Han et al. 2016, table 2: LeNet-300-100. */
function lenet(): unknown {
  const each = SEEDS.map((seed) => {
    const whole = descent(
      `lenet-${seed}`,
      `train image-classification --data mnist --model lenet-300-100 --seed ${seed} --no-check`,
    );
    // 0.919 of the weights: with the biases 12.1 × fewer numbers (0.918: 11.99).
    const training = `${path(`lenet-${seed}`)} --sparsity 0.919 --cuts gradual --epochs 15 --lr 0.001 --rounds 10 --weight-decay 0.5 --seed ${seed}`;
    const sparse = descent(`lenet-sparse-${seed}`, `prune ${training}`);
    const shared = descent(`lenet-shared-${seed}`, `prune ${training} --clusters 64`);
    const facts = (s: Summary): object => ({ errors: errors(s), ...(s.compression?.["sparse"] as object) });
    return { seed, errors: errors(whole), sparse: facts(sparse), shared: facts(shared) };
  });
  return { each };
}

/** Hinton et al. 2015, section 3: 146 errors of the student alone, 74 of the taught one, 67 of the teacher, which saw images moved by up to two pixels. */
function hinton(): unknown {
  // A teacher that has not learned its own images yet (25 epochs: 98.9 % of them) teaches nothing: students were worse than alone.
  const teacher = descent(
    "teacher",
    `train image-classification --data mnist --model mlp-1200 --augment crop:2 --epochs ${values["teacher-epochs"]} --lr 0.001 --no-check`,
  );
  const each = SEEDS.map((seed) => {
    const settings = `--epochs 40 --lr 0.001 --seed ${seed}`;
    const alone = descent(
      `student-alone-${seed}`,
      `train image-classification --data mnist --model mlp-800 ${settings} --no-check`,
    );
    const taught = descent(
      `student-taught-${seed}`,
      `distill ${path("teacher")} --student mlp-800 --augment none ${settings} --temperature 20 --alpha 0.9`,
    );
    return { seed, alone: errors(alone), taught: errors(taught) };
  });
  const halfway = (errors(teacher) + mean(each.map(({ alone }) => alone))) / 2;
  return { teacher: errors(teacher), each, halfway, taught: mean(each.map(({ taught }) => taught)) };
}

/** ResNet-20 on Fashion-MNIST, half of the multiply-adds. */
function resnet(): unknown {
  const whole = descent("resnet", "train image-classification --data fashion-mnist --model resnet-20-cifar --no-check");
  const cut = descent("resnet-cut", `prune ${path("resnet")} --macs 0.47 --cuts gradual --rounds 3 --epochs 12 --lr 0.05`);
  return { before: whole.metrics.test, after: cut.metrics.test, compression: cut.compression };
}

/** Texts of the training rows that are left out, as those that need no labels. */
const UNLABELLED = "unlabelled.csv";

/** A part of SST-2 with fewer training rows, spread over all of them: its folder. */
function fewerRows(count: number): string {
  const [from, to] = [join(process.env["DESCENT_DATA"] ?? "", "sst2"), path(`sst2-${count}`)];
  if (existsSync(join(to, "test.tsv"))) return to;
  mkdirSync(to, { recursive: true });
  for (const part of ["train", "dev", "test"]) {
    const lines = readFileSync(join(from, `${part}.tsv`), "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "");
    const kept =
      part === "train" ? Array.from({ length: count }, (_, i) => lines[Math.floor((i * lines.length) / count)]) : lines;
    writeFileSync(join(to, `${part}.tsv`), `${kept.join("\n")}\n`);
    if (part !== "train") continue;
    const labelled = new Set(kept);
    const texts = lines
      .filter((line) => !labelled.has(line))
      .map((line) => line.split("\t").toSorted((a, b) => b.length - a.length)[0] ?? "");
    const quoted = texts.map((each) => `"${each.replaceAll('"', '""')}"`);
    writeFileSync(join(to, UNLABELLED), `text\n${quoted.join("\n")}\n`);
  }
  return to;
}

/** SST-2: a fine-tuned sentence encoder taught to half of its layers, by texts without labels as well, and the same student alone. */
function text(): unknown {
  const { init } = values;
  if (init === undefined) throw new Error("text: expected --init FOLDER, a sentence encoder");
  const data = fewerRows(Number(values.rows));
  const teacher = descent("sst2-teacher", `train text-classification --data ${data} --init ${init} --epochs 2 --no-check`);
  const each = SEEDS.map((seed) => {
    const own = `distill ${path("sst2-teacher")} --epochs 3 --seed ${seed}`;
    const taught = descent(`half-${seed}`, `${own} --unlabelled ${join(data, UNLABELLED)}`);
    const alone = descent(`half-alone-${seed}`, `${own} --alpha 0`);
    return { seed, taught: taught.metrics.test, alone: alone.metrics.test, compression: taught.compression };
  });
  return { teacher: teacher.metrics.test, each };
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
