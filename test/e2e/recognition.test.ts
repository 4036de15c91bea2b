/**
 * @module Image recognition through the command line, on digits: trained with classes held out, images enrolled and recognized,
 * strangers refused; the ONNX file alone gives the same embeddings; and what is wrong is said in one line.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";
import { loadData } from "../../src/data/node.js";
import { loadSafetensors } from "../../src/data/node.js";
import type { RunSummary } from "../../src/run/run-folder.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

const descent = async (line: string): Promise<string> => (await succeeds(folder, line.split(" "))).stdout;
const refused = (line: string, expected: RegExp): Promise<void> => isRefused(folder, line.split(" "), expected);

const PER_DIGIT = 8;
const HELD_OUT = ["3", "6"];
const pixelsOf = new Map<string, Uint8Array>();

before(async () => {
  await descent(
    "train image-recognition --data digits --hold-out 6 --hold-out 3 --epochs 12 --batch-size 32 --device cpu --out digits --quiet --no-check",
  );
  // Test images as files: people/3/0.png …; the data's shades are 0…16.
  const { test: part } = await loadData("digits", { seed: 1 });
  const [image, label] = [part.tensor("image"), part.tensor("label")];
  const counts = new Map<number, number>();
  for (let row = 0; row < part.length; row++) {
    const digit = Number(label.data[row]);
    const count = counts.get(digit) ?? 0;
    if (count === PER_DIGIT) continue;
    counts.set(digit, count + 1);
    const own = (image.data as Uint8Array).slice(row * 64, row * 64 + 64);
    const file = path("people", String(digit), `${count}.png`);
    mkdirSync(path("people", String(digit)), { recursive: true });
    const shades = Uint8Array.from(own, (v) => Math.round((v / 16) * 255));
    await sharp(shades, { raw: { width: 8, height: 8, channels: 1 } })
      .png()
      .toFile(file);
    pixelsOf.set(file, own);
  }
});

test("the run says what it is worth: recall, AUROC, and a threshold that keeps its false-accept rate on validation", () => {
  const { metrics } = JSON.parse(readFileSync(path("digits", "summary.json"), "utf8")) as RunSummary;
  const { test: measured, validation, train } = metrics;
  assert.ok((measured?.["recallAt1"] ?? 0) > 0.7, JSON.stringify(metrics));
  assert.ok((measured?.["auroc"] ?? 0) > 0.75, JSON.stringify(metrics));
  assert.ok((measured?.["unseenRecallAt1"] ?? 0) > 0.4, JSON.stringify(metrics));
  assert.ok((validation?.["falseAcceptRate"] ?? 1) <= 0.05);
  assert.equal(train?.["auroc"], undefined, "nothing unknown among what was trained on");
  const kept = JSON.parse(readFileSync(path("digits", "recognition.json"), "utf8")) as { threshold: number };
  assert.ok(kept.threshold > 0 && kept.threshold < 1, String(kept.threshold));
  const html = readFileSync(path("digits", "report.html"), "utf8");
  assert.match(html, /Nearest neighbours/);
  assert.match(html, /never trained on/);
  assert.match(html, /Known or unknown/);
});

test("measuring the run again gives its test figures", async () => {
  const { metrics } = JSON.parse(readFileSync(path("digits", "summary.json"), "utf8")) as RunSummary;
  const again = JSON.parse(await descent("eval digits --json --quiet")) as { metrics: Record<string, number> };
  assert.deepEqual(again.metrics, metrics.test);
});

test("enroll, recognize, refuse strangers, forget", async () => {
  await descent("enroll digits people/0 people/1 people/2 people/4 people/5 --gallery known.safetensors --quiet");
  const ask = async (digit: string, gallery: string): Promise<{ name: string; likeness: number }[]> => {
    const images = Array.from({ length: PER_DIGIT }, (_, i) => `people/${digit}/${i}.png`).join(" ");
    return JSON.parse(await descent(`predict digits ${images} --gallery ${gallery} --json --quiet`)) as [];
  };
  for (const digit of ["0", "4"]) {
    const answers = await ask(digit, "known.safetensors");
    assert.ok(
      answers.every(({ name, likeness }) => name === digit && likeness > 0.999),
      JSON.stringify(answers),
    );
  }
  const strangers = await ask("6", "known.safetensors");
  assert.ok(strangers.filter(({ name }) => name === "unknown").length >= PER_DIGIT / 2, JSON.stringify(strangers));
  // The stranger is introduced by half of its images, and then known by the rest: nothing is trained.
  await descent(
    "enroll digits people/6/0.png people/6/1.png people/6/2.png people/6/3.png --name Six --gallery known.safetensors",
  );
  const introduced = (await ask("6", "known.safetensors")).slice(4);
  assert.ok(
    introduced.some(({ name }) => name === "Six"),
    JSON.stringify(introduced),
  );

  const listed = JSON.parse(await descent("enroll digits --gallery known.safetensors --json")) as { names: unknown[] };
  assert.deepEqual(listed.names.at(-1), { name: "Six", images: 4 });
  // Twice the same image is once; forgetting a name leaves the others.
  const twice = await descent("enroll digits people/6/0.png --name Six --gallery known.safetensors --json");
  assert.deepEqual((JSON.parse(twice) as { names: unknown[] }).names.at(-1), { name: "Six", images: 4 });
  const without = JSON.parse(await descent("enroll digits --remove Six --gallery known.safetensors --json")) as {
    names: unknown[];
  };
  assert.equal(without.names.length, 5);
});

test("the gallery is plain safetensors; the ONNX file alone gives its embeddings", async () => {
  await descent("enroll digits people --quiet");
  const { tensors, metadata } = await loadSafetensors(path("digits", "gallery.safetensors"));
  const sources = JSON.parse(metadata["sources"] ?? "") as string[];
  const embeddings = tensors.get("embeddings");
  assert.deepEqual(embeddings?.shape, [sources.length, 64]);
  assert.match(metadata["model"] ?? "", /^[0-9a-f]{64}$/);
  const session = await InferenceSession.create(path("digits", "model.onnx"));
  const pixels = new Uint8Array(sources.length * 64);
  sources.forEach((source, i) => pixels.set(pixelsOf.get(path(source)) as Uint8Array, i * 64));
  const { embedding } = await session.run({ image: new Tensor("uint8", pixels, [sources.length, 1, 8, 8]) });
  const [alone, kept] = [embedding?.data as Float32Array, embeddings?.data as Float32Array];
  assert.equal(alone.length, kept.length);
  alone.forEach((value, i) => assert.ok(Math.abs(value - (kept[i] as number)) < 1e-5, `${i}: ${value}, ${kept[i]}`));
  for (let row = 0; row < sources.length; row++)
    assert.ok(Math.abs(Math.hypot(...alone.subarray(row * 64, row * 64 + 64)) - 1) < 1e-4, "unit vectors");
});

test("every other loss trains too", async () => {
  for (const loss of ["cosface", "contrastive", "triplet"]) {
    const result = JSON.parse(
      await descent(`train image-recognition --data digits --loss ${loss} --epochs 6 --out ${loss} --device cpu --quiet --json`),
    ) as RunSummary;
    assert.ok((result.metrics.test?.["recallAt1"] ?? 0) > 0.6, `${loss}: ${JSON.stringify(result.metrics.test)}`);
  }
});

test("what is wrong is said in one line", async () => {
  await refused(
    "enroll cosface people/1 --gallery digits/gallery.safetensors",
    /expected a gallery of this model \(\w+\), got one of \w+; enroll/,
  );
  await refused(
    "predict cosface people/1/0.png",
    /expected a gallery, got none at cosface\/gallery.safetensors; enroll images first/,
  );
  await refused("enroll digits --remove Seven", /--remove: unknown name "Seven"; expected one of 0, 1/);
  await refused("enroll digits nobody.png --name X", /nobody\.png: expected an image or a folder of images, got no such file/);
  writeFileSync(path("alone.png"), readFileSync(path("people", "1", "0.png")));
  await refused("enroll digits alone.png", /alone\.png: expected --name, or an image in a folder of that name/);
  mkdirSync(path("empty"), { recursive: true });
  await refused("enroll digits empty", /empty: expected images .* in this folder, got none/);
  writeFileSync(path("text.png"), "no image");
  await refused("enroll digits text.png --name X", /text\.png: expected a JPEG, PNG/);
  await refused("enroll digits --name X", /expected images for --name X, got none/);
  await refused("predict digits people/1/0.png --gallery digits/model.onnx", /model\.onnx: expected/);
  await refused("train image-recognition --data digits --hold-out 11", /--hold-out: unknown class "11"/);
  await refused("train image-recognition --data digits --loss arcfase", /unknown loss "arcfase"; did you mean "arcface"/);
  await refused(
    "train image-classification --data digits --loss arcface",
    /--loss: expected a task that takes it, got image-classification/,
  );
  const all = Array.from({ length: 9 }, (_, digit) => `--hold-out ${digit}`).join(" ");
  await refused(
    `train image-recognition --data digits ${all}`,
    /expected images of at least 2 classes to train on, got 1 of 10 and 9 held out/,
  );
  await descent("enroll digits people/1 --name One --gallery one.safetensors --quiet");
  await descent("enroll digits --remove One --gallery one.safetensors --quiet");
  await refused("predict digits people/1/0.png --gallery one.safetensors", /gallery: expected enrolled images, got none/);
  assert.ok(!existsSync(path("runs")), "nothing was made of what was refused");
});

test("held-out classes are not among the trained", () => {
  const { info } = JSON.parse(readFileSync(path("digits", "config.json"), "utf8")) as {
    info: { classes: string[]; trainedClasses: number; validationClasses: string[] };
  };
  assert.deepEqual(new Set(info.classes.slice(info.trainedClasses)), new Set(HELD_OUT));
  assert.deepEqual(info.validationClasses, ["6"]);
});
