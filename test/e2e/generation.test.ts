/**
 * @module Image generation through the command line, on digits: both networks learn, samples come nearer to real images, the same
 * seed gives the same pictures, the ONNX file alone is the generator; and what is wrong is said in one line.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";
import { loadSafetensors } from "../../src/data/node.js";
import type { RunSummary } from "../../src/run/run-folder.js";
import { isRefused, lastStep, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

const descent = async (line: string): Promise<string> => (await succeeds(folder, line.split(" "))).stdout;
const refused = (line: string, expected: RegExp): Promise<void> => isRefused(folder, line.split(" "), expected);

const EPOCHS = 12;

before(() => descent(`train image-generation --data digits --epochs ${EPOCHS} --device cpu --out gan --quiet`));

const history = (): { split: string; metrics: Record<string, number> }[] =>
  readFileSync(path("gan", "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { split: string; metrics: Record<string, number> });

test("what is made comes nearer to real images; training images are nearer still", () => {
  const distances = history()
    .filter(({ split }) => split === "validation")
    .map(({ metrics }) => metrics["frechetDistance"] as number);
  assert.equal(distances.length, EPOCHS);
  const [first, last] = [distances[0] as number, distances.at(-1) as number];
  assert.ok(last < 0.6 * first, `${first} → ${last}`);
  const { metrics } = JSON.parse(readFileSync(path("gan", "summary.json"), "utf8")) as RunSummary;
  const { frechetDistance: distance = 0, frechetFloor: floor = Infinity } = metrics.test ?? {};
  assert.ok(floor > 0 && floor < 0.2 * distance, `floor ${floor}, distance ${distance}`);
});

test("both networks have learned: their weights and their running statistics moved", async () => {
  const { tensors } = await loadSafetensors(path("gan", "checkpoints", `step-${lastStep(path("gan"))}`, "model.safetensors"));
  const moved = (name: string, from: number): void => {
    const { data } = tensors.get(name) ?? { data: [] };
    assert.ok(data.length > 0 && Array.from(data, Number).every((v) => Number.isFinite(v)), name);
    assert.ok(
      Array.from(data, Number).some((v) => Math.abs(v - from) > 1e-3),
      name,
    );
  };
  moved("generator.main.1.running_mean", 0);
  moved("generator.main.1.running_var", 1);
  moved("generator.main.1.weight", 1);
  for (const { metrics } of history().filter(({ split }) => split === "train"))
    for (const name of ["discriminatorLoss", "generatorLoss", "realTakenForReal", "madeTakenForReal"])
      assert.ok(Number.isFinite(metrics[name]), name);
});

test("a grid of samples for each epoch; the report shows them beside real images", async () => {
  const files = readdirSync(path("gan", "samples"));
  assert.equal(files.length, EPOCHS + 1, "one before training, one for each epoch");
  const { width, height } = await sharp(path("gan", "samples", "epoch-0012.png")).metadata();
  assert.deepEqual([width, height], [8 * 9 + 1, 8 * 9 + 1]);
  const html = readFileSync(path("gan", "report.html"), "utf8");
  for (const words of [
    /What it makes/,
    /As it learned/,
    /classifier that Descent trained \(conv-net, \d+\.\d %\)/,
    /least to hope for/,
  ])
    assert.match(html, words);
});

interface Sample {
  readonly input: string;
  readonly shape: number[];
  readonly pixels: number[];
}
const samples = async (line: string): Promise<Sample[]> =>
  JSON.parse(await descent(`predict gan ${line} --json --quiet`)) as Sample[];

test("samples: the same seed, the same pictures; another seed, others; files", async () => {
  const [three, again, four] = [
    await samples("--count 5 --seed 3"),
    await samples("--count 5 --seed 3"),
    await samples("--count 5 --seed 4"),
  ];
  assert.deepEqual(again, three);
  assert.notDeepEqual(four[0]?.pixels, three[0]?.pixels);
  assert.deepEqual(three[0]?.shape, [1, 8, 8]);
  assert.ok(three.every(({ pixels }) => pixels.length === 64 && pixels.every((v) => v >= 0 && v <= 16)));
  assert.notDeepEqual(three[0]?.pixels, three[1]?.pixels);
  await descent("predict gan --count 5 --seed 3 --draw made --quiet");
  assert.deepEqual(readdirSync(path("made")).length, 5);
  const { data } = await sharp(path("made", `${three[0]?.input}.png`))
    .toColourspace("b-w")
    .raw()
    .toBuffer({ resolveWithObject: true });
  data.forEach((value, i) => assert.ok(Math.abs(value - ((three[0]?.pixels[i] ?? 0) / 16) * 255) <= 1.5, `${i}: ${value}`));
  await descent("predict gan --count 9 --draw grid.png --quiet");
  assert.equal((await sharp(path("grid.png")).metadata()).width, 3 * 9 + 1);
});

test("the ONNX file alone is the generator: noise in, pixels out", async () => {
  const session = await InferenceSession.create(path("gan", "model.onnx"));
  assert.deepEqual([session.inputNames, session.outputNames], [["latent"], ["image"]]);
  const zeros = await session.run({ latent: new Tensor("float32", new Float32Array(300), [3, 100]) });
  assert.deepEqual(zeros["image"]?.dims, [3, 1, 8, 8]);
  assert.equal(zeros["image"].type, "uint8");
  const pixels = zeros["image"].data as Uint8Array;
  assert.ok(pixels.every((v) => v <= 16));
  // No statistic of the batch is used: a row does not depend on the others.
  const mixed = new Float32Array(200).map((_, i) => (i < 100 ? 0 : Math.sin(i)));
  const other = (await session.run({ latent: new Tensor("float32", mixed, [2, 100]) }))["image"]?.data as Uint8Array;
  assert.deepEqual([...other.subarray(0, 64)], [...pixels.subarray(0, 64)]);
});

test("eval gives the test figure; a classifier given by the user is used", async () => {
  const { metrics } = JSON.parse(readFileSync(path("gan", "summary.json"), "utf8")) as RunSummary;
  const again = JSON.parse(await descent("eval gan --json --quiet")) as { metrics: Record<string, number> };
  assert.ok(Math.abs((again.metrics["frechetDistance"] ?? 0) - (metrics.test?.["frechetDistance"] ?? 9)) < 1e-6);
  await descent("train image-classification --data digits --model conv-net --epochs 3 --device cpu --out classes --quiet");
  await descent("train image-generation --data digits --steps 20 --features classes --device cpu --out other --quiet");
  const config = JSON.parse(readFileSync(path("other", "features", "config.json"), "utf8")) as { options: { epochs: number } };
  assert.equal(config.options.epochs, 3, "the given run, not one trained anew");
  assert.ok(existsSync(path("other", "report.html")));
});

test("images that are all equal: no distance, and why; their channels are divided by 1", async () => {
  const pixels = await sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 90, g: 90, b: 200 } } })
    .png()
    .toBuffer();
  for (const label of ["a", "b"]) {
    mkdirSync(path("flat", label), { recursive: true });
    for (let i = 0; i < 20; i++) writeFileSync(path("flat", label, `${i}.png`), pixels);
  }
  const { stderr } = await succeeds(folder, "train image-generation --data flat --steps 2 --device cpu --out flatly".split(" "));
  assert.match(
    stderr,
    /no Fréchet distance: all training images are equal, so that a classifier learns no features; .*--features RUN/,
  );
  const { metrics } = JSON.parse(readFileSync(path("flatly", "summary.json"), "utf8")) as RunSummary;
  assert.equal(metrics.test?.["frechetDistance"], undefined);
  assert.ok(!existsSync(path("flatly", "features")));
  const { info } = JSON.parse(readFileSync(path("flatly", "config.json"), "utf8")) as { info: Record<string, unknown> };
  assert.deepEqual(
    [info["mean"], info["deviation"]],
    [
      [90 / 255, 90 / 255, 200 / 255],
      [1, 1, 1],
    ],
  );
});

test("what is wrong is said in one line", async () => {
  await refused("predict gan picture.png", /expected no input for image-generation, got picture\.png; --count and --seed/);
  for (const line of ["quantize gan", "prune gan --macs 0.5", "distill gan"])
    await refused(`${line} --out smaller`, /^descent: gan: expected a model that answers inputs, got one of image-generation/);
  await refused("predict gan --count 0", /--count: expected a whole number at least 1, got 0/);
  await refused("predict classes --count 3", /--count: expected a run of image-generation, got image-classification/);
  await refused("predict classes", /predict: expected an input, got none/);
  await refused(
    "train image-generation --data digits --features gan",
    /--features gan: expected a run of image-classification, got one of image-generation/,
  );
  writeFileSync(path("table.csv"), `width,kind\n${"1,a\n2,b\n3,a\n4,b\n".repeat(10)}`);
  await refused("train image-generation --data table.csv", /table\.csv: expected images, got a table with width, kind/);
  await refused("train image-classification --data digits --features gan", /--features: expected a task that takes it/);
});
