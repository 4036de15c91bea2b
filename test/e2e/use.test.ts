/**
 * @module A run in use, through the command line: answers for one row and for a file, in both formats; the ONNX file alone gives
 * the same; a run repeats from its config.json, starts another, and has a cost.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { loadSafetensors, saveSafetensors } from "../../src/data/node.js";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers } from "../../src/graph/index.js";
import { modelNamed } from "../../src/models/index.js";
import { Random } from "../../src/util/random.js";
import { sha256 } from "../../src/run/run-folder-files-node.js";
import { lastStep, run, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

const descent = async (line: string): Promise<string> => (await succeeds(folder, line.split(" "))).stdout;

const ROWS = Array.from({ length: 120 }, (_, i) => {
  const [width, height] = [(i * 7) % 20, (i * 13) % 17];
  const day = new Date(Date.UTC(2024, 0, 1 + i)).toISOString().slice(0, 10);
  return `${width},${i % 9 === 0 ? "" : height},${["red", "green", "blue"][i % 3]},${day},${width > 9 ? "wide" : "narrow"}`;
});

before(async () => {
  writeFileSync(path("boxes.csv"), `width,height,colour,day,kind\n${ROWS.join("\n")}\n`);
  await descent(
    "train tabular-classification --model mlp --data boxes.csv --device cpu --epochs 30 --lr 0.01 --out boxes --quiet",
  );
});

interface Answer {
  readonly prediction: string | null;
  readonly score: number;
  readonly probabilities: Readonly<Record<string, number>>;
}

test("one row by name=value; a value that is missing; a threshold", async () => {
  const row = "width=19 height= colour=red day=2024-02-03";
  const [sure] = JSON.parse(await descent(`predict boxes ${row} --json`)) as Answer[];
  assert.equal(sure?.prediction, "wide");
  assert.ok(Math.abs(Object.values(sure.probabilities).reduce((a, b) => a + b) - 1) < 1e-9);
  const [unsure] = JSON.parse(await descent(`predict boxes ${row} --threshold 1 --json`)) as Answer[];
  assert.equal(unsure?.prediction, null);
});

test("of many classes the likeliest are printed, and files have all", async () => {
  const rows = Array.from({ length: 240 }, (_, i) => `${i % 12},${(i * 7) % 12},k${i % 12}`);
  writeFileSync(path("many.csv"), `a,b,kind\n${rows.join("\n")}\n`);
  await descent("train tabular-classification --model mlp --data many.csv --device cpu --steps 20 --no-check --out many --quiet");
  const { stdout, stderr } = await succeeds(folder, "predict many a=3 b=9".split(" "));
  const [answer] = JSON.parse(await descent("predict many a=3 b=9 --json")) as Answer[];
  const ranked = Object.entries((answer as Answer).probabilities).sort(([, a], [, b]) => b - a);
  assert.equal(ranked.length, 12);
  const likeliest = ranked.slice(0, 5).map(([name, p]) => `${name} ${Number(p.toPrecision(4))}`);
  assert.ok(stdout.includes(likeliest.join(", ")) && !stdout.includes("p(k1)"), stdout);
  assert.match(stderr, /--json gives the probability of every class/);
  for (const verb of ["predict many many.csv", "explain many many.csv"]) {
    const printed = await succeeds(folder, verb.split(" "));
    assert.match(printed.stderr, /190 more; .*--json gives them all/);
    assert.equal(printed.stdout.trim().split("\n").length, 52);
  }
  await descent("predict many many.csv --out many-answers.csv");
  assert.match(readFileSync(path("many-answers.csv"), "utf8"), /^a,b,kind,prediction,score,p\(k0\),.*p\(k9\)\n/);
});

test("a file to CSV and to JSONL: the same answers beside the rows", async () => {
  await descent("predict boxes boxes.csv --out answers.csv");
  await descent("predict boxes boxes.csv --out answers.jsonl");
  const answers = readFileSync(path("answers.jsonl"), "utf8").trim().split("\n");
  const [header, ...lines] = readFileSync(path("answers.csv"), "utf8").trim().split("\n");
  assert.equal(header, "width,height,colour,day,kind,prediction,score,p(narrow),p(wide)");
  assert.equal(lines.length, ROWS.length);
  answers.forEach((text, i) => {
    const answer = JSON.parse(text) as Answer;
    const fields = (lines[i] as string).split(",");
    assert.equal(fields.at(-4), answer.prediction);
    assert.equal(Number(fields.at(-1)), answer.probabilities["wide"]);
  });
});

test("model.onnx alone, in plain ONNX Runtime, gives predict's answers for any number of images", async () => {
  await descent(
    "train image-classification --data digits --model linear --device cpu --epochs 2 --out digits --quiet --no-check",
  );
  const count = 3;
  const pixels = Uint8Array.from({ length: count * 64 }, (_, i) => (i * 11) % 17);
  const head = Buffer.from([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 8, 0, 0, 0, 8]);
  writeFileSync(path("some-images-idx3-ubyte"), Buffer.concat([head, pixels]));
  const answers = JSON.parse(await descent("predict digits some-images-idx3-ubyte --json")) as Answer[];
  const session = await InferenceSession.create(path("digits", "model.onnx"));
  const { logits } = await session.run({ image: new Tensor("uint8", pixels, [count, 1, 8, 8]) });
  const values = logits?.data as Float32Array;
  answers.forEach(({ probabilities }, n) => {
    const row = [...values.subarray(n * 10, (n + 1) * 10)].map(Math.exp);
    const sum = row.reduce((a, b) => a + b);
    row.forEach((e, k) => assert.ok(Math.abs(e / sum - (probabilities[String(k)] as number)) < 1e-5));
  });
  await session.release();
});

test("--config repeats a run to the bit; --init goes on from its weights; --steps and early stopping end it", async () => {
  const model = (name: string): string =>
    sha256(readFileSync(path(name, "checkpoints", `step-${lastStep(path(name))}`, "model.safetensors")));
  await descent("train tabular-classification --config boxes/config.json --out again --quiet");
  assert.equal(model("again"), model("boxes"));
  await descent("train tabular-classification --data boxes.csv --init boxes --steps 3 --lr 1e-6 --out tuned --quiet");
  assert.equal(lastStep(path("tuned")), 3);
  const accuracy = async (name: string): Promise<number> =>
    (JSON.parse(await descent(`eval ${name} --json`)) as { metrics: { accuracy: number } }).metrics.accuracy;
  assert.ok(Math.abs((await accuracy("tuned")) - (await accuracy("boxes"))) < 0.05);
  const stopped = await descent(
    "train tabular-classification --data boxes.csv --init boxes --lr 1 --early-stopping 1 --epochs 60 --out early --json --quiet",
  );
  assert.equal((JSON.parse(stopped) as { ended: string }).ended, "early stopping");
});

test("--init takes the weights of an ONNX file by name, and names what does not fit", async () => {
  const line = "train tabular-classification --model mlp --data boxes.csv --steps 1 --lr 1e-12 --no-check --quiet";
  const weights = async (name: string): Promise<unknown> => {
    const file = path(name, "checkpoints", `step-${lastStep(path(name))}`, "model.safetensors");
    return (await loadSafetensors(file)).tensors.get("mlp.layers.0.weight")?.data;
  };
  await descent(`${line} --init boxes --out from-run`);
  await descent(`${line} --init boxes/model.onnx --out from-onnx`);
  assert.ok((await weights("from-onnx")) !== undefined);
  assert.deepEqual(await weights("from-onnx"), await weights("from-run"));
  const other = await run(
    folder,
    `${line.replace("--model mlp", "--model linear")} --init boxes/model.onnx --out other-onnx`.split(" "),
  );
  assert.equal(other.status, 2);
  assert.match(other.stderr, /^descent: --init boxes\/model\.onnx: expected the weights of this model; [^\n]+\n$/);
  assert.match(other.stderr, /layers\.0\.weight: expected float32 .*; mlp\.layers\.1\.weight \[64, 64\] is not in this model/);
});

test("cost: of a run and an ONNX file", async () => {
  const of = async (name: string): Promise<{ parameters: number }> =>
    JSON.parse(await descent(`cost ${name} --json`)) as { parameters: number };
  const { parameters } = JSON.parse(readFileSync(path("boxes", "summary.json"), "utf8")) as { parameters: number };
  assert.equal((await of("boxes")).parameters, parameters);
  assert.equal((await of("boxes/model.onnx")).parameters, parameters);
});

test("weights of PyTorch's start a convolutional network, with what its batch norm counts left aside; others are named", async () => {
  const state = modelNamed("resnet-20-cifar", { inputShape: [1, 8, 8], outFeatures: 10 }).state();
  const numbers = new Map<string, TensorData>();
  for (const [name, p] of state) {
    const data = p.initializer(p.dims, new Random(5, name));
    numbers.set(name, fromNumbers("float32", p.dims, Array.from(data)));
    if (name.endsWith("running_mean"))
      numbers.set(name.replace("running_mean", "num_batches_tracked"), fromNumbers("int64", [], [9]));
  }
  await saveSafetensors(path("torch.safetensors"), numbers);
  const line = "train image-classification --data digits --model resnet-20-cifar --device cpu --steps 1 --no-check --quiet";
  await descent(`${line} --lr 1e-12 --init torch.safetensors --out converted`);
  const after = await loadSafetensors(path("converted", "checkpoints", "step-1", "model.safetensors"));
  assert.deepEqual(after.tensors.get("layer3.2.conv2.weight")?.data, numbers.get("layer3.2.conv2.weight")?.data);
  // A head of other classes is left aside, and nothing else is.
  numbers.set("fc.weight", fromNumbers("float32", [1000, 64], new Float32Array(64_000)));
  numbers.set("fc.bias", fromNumbers("float32", [1000], new Float32Array(1000)));
  await saveSafetensors(path("thousand.safetensors"), numbers);
  const tuned = await run(folder, `${line.replace(" --quiet", "")} --init thousand.safetensors --out tuned-head`.split(" "));
  assert.equal(tuned.status, 0, tuned.stderr);
  assert.match(tuned.stderr, /made for other classes, so these start anew: fc\.weight, fc\.bias/);
  numbers.set("conv1.weight", fromNumbers("float32", [16, 3, 3, 3], new Float32Array(432)));
  await saveSafetensors(path("coloured.safetensors"), numbers);
  const coloured = await run(folder, `${line} --init coloured.safetensors --out coloured`.split(" "));
  assert.match(coloured.stderr, /conv1\.weight: expected float32 \[16, 1, 3, 3\], got float32 \[16, 3, 3, 3\]; fc\.weight/);
  const other = await run(folder, `${line.replace("-20-", "-32-")} --init torch.safetensors --out other`.split(" "));
  assert.equal(other.status, 2);
  assert.match(other.stderr, /expected the weights of this model; layer1\.3\.conv1\.weight \[16, 16, 3, 3\] is missing/);
  // A model of another kind misfits everywhere: the first tensors are named, the others counted.
  assert.match(other.stderr, /; \d+ more that are missing or do not fit\n$/);
  assert.ok(other.stderr.length < 1000, other.stderr);
});
