/**
 * @module `descent export`: the model of a run as a file, and with an explanation that ONNX Runtime computes by itself, equal to the library's.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { loadOnnx } from "../../src/data/node.js";
import type { MethodName } from "../../src/explain/index.js";
import { methodNamed } from "../../src/explain/index.js";
import { TrainedModel } from "../../src/tasks/use/trained-node.js";
import { explainedBatch, type Feeds } from "../explain/exported.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const descent = (...args: string[]) => succeeds(folder, args, { DESCENT_THREADS: "1" });

const IMAGES = ["image-classification", "--data", "digits"];
const RUNS = {
  sizes: ["tabular-classification", "--data", "sizes.csv", "--label-column", "size", "--steps", "40"],
  views: ["text-classification", "--data", "views.csv", "--label-column", "view", "--steps", "20"],
  lenet: [...IMAGES, "--model", "lenet-5", "--image-size", "28", "--steps", "10"],
  resnet: [...IMAGES, "--model", "resnet-20-cifar", "--image-size", "32", "--steps", "3", "--batch-size", "8"],
} as const;

before(async () => {
  const rows = Array.from({ length: 120 }, (_, i) => `${(i * 7) % 20},${(i * 13) % 17},${(i * 7) % 20 > 9 ? "large" : "small"}`);
  writeFileSync(path("sizes.csv"), `width,noise,size\n${rows.join("\n")}\n`);
  const texts = Array.from({ length: 120 }, (_, i) => {
    const word = ["bad", "good"][(i >> 1) % 2];
    return `the ${["film", "play"][i % 2]} was ${word},${word}`;
  });
  writeFileSync(path("views.csv"), `text,view\n${texts.join("\n")}\n`);
  for (const [run, args] of Object.entries(RUNS))
    await descent("train", ...args, "--device", "cpu", "--no-check", "--quiet", "--out", run);
});

/** Runs a file with ONNX Runtime. */
async function answersOf(file: string, feeds: Feeds): Promise<Readonly<Record<string, Tensor>>> {
  const session = await InferenceSession.create(file);
  try {
    const tensors = session.inputNames.map((name) => {
      const { dtype, data, shape } = feeds[name] as Feeds[string];
      return [name, new Tensor(dtype as "float32", data as Float32Array, [...shape])] as const;
    });
    return await session.run(Object.fromEntries(tensors));
  } finally {
    await session.release();
  }
}

function assertEqual(got: ArrayLike<unknown>, expected: ArrayLike<unknown>, what: string): void {
  assert.equal(got.length, expected.length, what);
  const numbers = Array.from(expected, Number);
  const scale = Math.max(...numbers.map(Math.abs));
  assert.ok(scale > 0, `${what}: zeros compare nothing`);
  numbers.forEach((v, i) =>
    assert.ok(Math.abs(Number(got[i]) - v) <= 1e-5 * scale, `${what}, ${i}: ${v}, got ${String(got[i])}`),
  );
}

/** A file's attributions equal those of `explain`, and its answers those of the run's own file, for batches of 1 and 7. */
async function travels(run: keyof typeof RUNS, method: MethodName, shape: readonly number[], length?: number): Promise<void> {
  const steps = methodNamed(method).defaults.maxSteps === undefined ? undefined : 8;
  const file = `${run}-${method}.onnx`;
  const more = [
    ...(steps === undefined ? [] : ["--steps", String(steps)]),
    ...(length === undefined ? [] : ["--max-length", String(length)]),
  ];
  await descent("export", run, "--explain", method, "--out", file, ...more);
  const opened = await TrainedModel.open(path(run), { device: "cpu", threads: 1 });
  await using model = opened.model;
  for (const n of [1, 7]) {
    const options = { method, ...(steps === undefined ? {} : { steps, maxSteps: steps }) };
    const { feeds, attribution } = await explainedBatch(model, n, options, length);
    const { attribution: got, ...answers } = await answersOf(path(file), feeds);
    assert.deepEqual(got?.dims, [n, ...shape]);
    assertEqual(got?.data ?? [], attribution.data, `${run}, ${method}, batch of ${n}`);
    const own = await answersOf(path(run, "model.onnx"), feeds);
    assert.deepEqual(Object.keys(answers), Object.keys(own));
    for (const [name, value] of Object.entries(own)) assertEqual(answers[name]?.data ?? [], value.data, name);
  }
}

suite("a file explains as the library does", () => {
  const cases: readonly (readonly [keyof typeof RUNS, MethodName, readonly number[], number?])[] = [
    ["lenet", "integrated-gradients", [1, 28, 28]],
    ["lenet", "grad-cam", [1, 28, 28]],
    ["lenet", "smooth-grad", [1, 28, 28]],
    ["resnet", "integrated-gradients", [1, 32, 32]],
    ["resnet", "grad-cam", [1, 32, 32]],
    ["views", "integrated-gradients", [9]],
    ["views", "input-x-gradient", [5], 5],
    ["sizes", "integrated-gradients", [2]],
    ["sizes", "deep-lift", [2]],
  ];
  for (const [run, method, shape, length] of cases)
    test(`${run}, ${method}${length === undefined ? "" : `, texts of ${length}`}`, () => travels(run, method, shape, length));
});

test("without --explain it is the run's own file; with it, the file says what it holds", async () => {
  await descent("export", "sizes", "--out", "plain.onnx");
  assert.deepEqual(readFileSync(path("plain.onnx")), readFileSync(path("sizes", "model.onnx")));
  const { stdout, stderr } = await descent(
    "export",
    "views",
    "--explain",
    "integrated-gradients",
    "--out",
    "said.onnx",
    "--json",
  );
  assert.match(stderr, /32 points of the path[\s\S]*Baseline: all features 0/);
  const { attribution } = JSON.parse(stdout) as { attribution: string };
  assert.equal(attribution, "[N, T]");
  const { metadata } = await loadOnnx(path("said.onnx"));
  const said = JSON.parse(metadata.get("descent.explanation") ?? "{}") as Record<string, unknown>;
  assert.deepEqual(said["settings"], { steps: 32, rule: "gauss-legendre" });
  assert.deepEqual([said["method"], said["of"], said["labels"]], ["integrated-gradients", "tokens", ["bad", "good"]]);
});

test("what a file cannot hold is refused in one line, and nothing is written", async () => {
  const refused = (args: readonly string[], expected: RegExp): Promise<void> =>
    isRefused(folder, ["export", ...args, "--out", "none.onnx"], expected);
  await refused(["sizes", "--explain", "kernel-shap"], /kernel-shap: expected a gradient method/);
  await refused(["sizes", "--explain", "deep-shap"], /deep-shap: expected a method that needs no background data/);
  await refused(["sizes", "--explain", "grad-cam"], /grad-cam: expected an image, .*; take one of/);
  await refused(["sizes", "--explain", "saliency,lrp"], /expected one method/);
  await refused(["sizes", "--explain", "saliency", "--steps", "4"], /saliency: expected settings among signed, got steps/);
  await refused(["sizes", "--explain", "saliency", "--max-length", "4"], /--max-length: expected a run of texts/);
  await refused(["views", "--explain", "saliency", "--max-length", "100000"], /--max-length: expected at most the \d+ tokens/);
  await refused(["sizes", "--steps", "4"], /--steps: expected --explain METHOD/);
  assert.ok(!existsSync(path("none.onnx")));
  await isRefused(folder, ["export", "sizes"], /expected --out FILE/);
});
