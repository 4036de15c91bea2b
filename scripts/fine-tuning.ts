/**
 * @module The gain of pre-training and fine-tuning with few labels: `DESCENT_DATA=… node dist/scripts/fine-tuning.js FOLDER`. A small BERT learns to fill in
 * hidden words of shop reviews without labels (those of hotels left out), and is then learned on with 500 labelled hotel reviews: whole, with slower
 * lower layers, with its trunk frozen, by adapters; beside it the same model and the task's default one from scratch. On one core; each training is
 * a command of `descent`, and its run lies in FOLDER. Prints a table for `benchmarks/fine-tuning.md`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadData } from "../src/data/node.js";
import { Random } from "../src/util/random.js";
import { formatInteger } from "../src/util/text.js";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: DESCENT_DATA=FOLDER node dist/scripts/fine-tuning.js FOLDER");
  process.exit(2);
}
for (const data of ["hotel", "reviews"]) mkdirSync(join(folder, data), { recursive: true });

const SEEDS = [1, 2];
const PARTS = { train: 500, dev: 250, test: 2000 };
const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));

/** Runs a command of `descent`, unless its run is there already. */
function descent(run: string, line: string): void {
  if (existsSync(join(folder as string, run, "summary.json"))) return;
  console.error(`descent ${line} --out ${run}`);
  const args = [MAIN, ...line.split(" "), "--out", run, "--overwrite", "--threads", "1", "--quiet"];
  const ended = spawnSync(process.execPath, args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  if (ended.status !== 0) throw new Error(`descent ${line}: exit ${ended.status}`);
}

interface Summary {
  readonly parameters: number;
  readonly trainedParameters?: number;
  readonly steps: number;
  readonly stepMs: number;
  readonly trainSeconds: number;
  readonly metrics: { readonly test: Readonly<Record<string, number>> };
}
const summaryOf = (run: string): Summary => JSON.parse(readFileSync(join(folder, run, "summary.json"), "utf8")) as Summary;

const shuffled = (texts: readonly string[], key: string): string[] =>
  Array.from(new Random(1, key).permutation(texts.length), (i) => texts[i] as string);

async function writeTexts(): Promise<void> {
  const shop = await loadData("online-shopping", { labelColumn: "cat" });
  const lines = [shop.train, shop.validation, shop.test].flatMap((part) => {
    const [texts, kinds] = [part.texts("review"), part.texts("cat")];
    return texts.flatMap((text, i) => (text === null || kinds[i] === "酒店" ? [] : [text.replaceAll(/\s+/g, " ").trim()]));
  });
  const reviews = shuffled(lines, "shop");
  const held = { dev: reviews.slice(0, 500), test: reviews.slice(500, 1000), train: reviews.slice(1000) };
  for (const [part, content] of Object.entries(held))
    writeFileSync(join(folder as string, "reviews", `${part}.txt`), `${content.join("\n")}\n`);

  const hotel = await loadData("chnsenticorp-hotel", { seed: 1 });
  const { text = "", target = "" } = hotel.roles;
  const rows = [hotel.train, hotel.validation, hotel.test].flatMap((part) => {
    const labels = part.tensor(target).data;
    return part
      .texts(text)
      .map((review, i) => `"${(review ?? "").replaceAll('"', '""')}",${["negative", "positive"][Number(labels[i])]}`);
  });
  const order = shuffled(rows, "hotel");
  let next = 0;
  for (const [part, count] of Object.entries(PARTS)) {
    const content = ["review,sentiment", ...order.slice(next, next + count)].join("\n");
    writeFileSync(join(folder as string, "hotel", `${part}.csv`), `${content}\n`);
    next += count;
  }
}

const PRETRAINED = "pretrained";
const START = `train text-classification --data hotel --max-length 128 --batch-size 16 --epochs 8 --no-check`;
const WAYS: Readonly<Record<string, string>> = {
  "whole model": `--init ${PRETRAINED}`,
  "whole model, `--layer-decay 0.7`": `--init ${PRETRAINED} --layer-decay 0.7`,
  "`--lora 8`": `--init ${PRETRAINED} --lora 8`,
  "`--freeze 'bert.embeddings.*,bert.encoder.*'`": `--init ${PRETRAINED} --freeze bert.embeddings.*,bert.encoder.*`,
  "the same model from scratch": `--model bert --tokenizer ${PRETRAINED}/tokenizer.json`,
  "`ngram-cnn` from scratch, the task's default": "--model ngram-cnn",
};

if (!existsSync(join(folder, "hotel", "test.csv"))) await writeTexts();
descent(
  PRETRAINED,
  "train language-modeling --data reviews --model bert-tiny --tokenizer wordpiece --vocabulary-size 5000 --max-length 128 --batch-size 8 --steps 2500 --lr 1e-3 --no-check",
);

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const pretrained = summaryOf(PRETRAINED);
console.log(
  `pre-training: ${formatInteger(pretrained.parameters)} parameters, ${pretrained.steps} steps of ${pretrained.stepMs.toFixed(0)} ms, ${(pretrained.trainSeconds / 60).toFixed(1)} minutes, test perplexity ${pretrained.metrics.test["perplexity"]?.toFixed(1)}\n`,
);
console.log(
  "| learned on 500 labels | trained parameters | test accuracy, mean of 2 seeds | spread of the seeds | ms a step | seconds |",
);
console.log("|---|---:|---:|---:|---:|---:|");
for (const [way, options] of Object.entries(WAYS)) {
  const name = options.replaceAll(/\W+/g, "-").replace(/^-/, "");
  const runs = SEEDS.map((seed) => `${name}-${seed}`);
  runs.forEach((run, i) => descent(run, `${START} ${options} --seed ${SEEDS[i]}`));
  const summaries = runs.map(summaryOf);
  const reached = summaries.map(({ metrics }) => 100 * (metrics.test["accuracy"] ?? NaN));
  const [first] = summaries as [Summary];
  const spread = `${Math.min(...reached).toFixed(1)} … ${Math.max(...reached).toFixed(1)}`;
  console.log(
    `| ${way} | ${formatInteger(first.trainedParameters ?? first.parameters)} | ${mean(reached).toFixed(1)} % | ${spread} | ${mean(summaries.map(({ stepMs }) => stepMs)).toFixed(0)} | ${mean(summaries.map(({ trainSeconds }) => trainSeconds)).toFixed(0)} |`,
  );
}
const error = 100 * Math.sqrt((0.8 * 0.2) / PARTS.test);
console.log(
  `\nThe standard error of one accuracy near 80 % on ${formatInteger(PARTS.test)} texts is ${error.toFixed(1)} points.`,
);
