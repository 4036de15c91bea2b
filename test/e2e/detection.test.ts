/**
 * @module Object detection through the command line: trained on a few drawn images, measured, answered, drawn; the ONNX file alone, in
 * plain ONNX Runtime, finds the same objects.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";
import { trainTask } from "../../src/tasks/training/train-task-node.js";
import { Random } from "../../src/util/random.js";
import { writeVoc } from "../../src/vision/annotations/index.js";
import { lastStep, scratchFolder, succeeds, traceOf } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

const descent = async (line: string): Promise<string> => (await succeeds(folder, line.split(" "))).stdout;

const [WIDTH, HEIGHT] = [160, 96];
const COLORS = { red: "#d02020", blue: "#2040d0" };

/** An image with one red and one blue square, and its annotation. */
async function scene(i: number): Promise<{ image: Buffer; xml: string }> {
  const random = new Random("squares", i);
  const boxes = Object.keys(COLORS).map((label, k) => {
    const side = 24 + random.integer(24);
    const [x, y] = [k * 80 + random.integer(80 - side), random.integer(HEIGHT - side)];
    return { label, box: [x, y, x + side, y + side] as const };
  });
  const image = sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: "#b0b0a8" } }).composite(
    boxes.map(({ label, box: [x1, y1, x2, y2] }) => ({
      input: { create: { width: x2 - x1, height: y2 - y1, channels: 3, background: COLORS[label as keyof typeof COLORS] } },
      left: x1,
      top: y1,
    })),
  );
  return { image: await image.png().toBuffer(), xml: writeVoc({ image: `${i}.png`, width: WIDTH, height: HEIGHT, boxes }) };
}

interface Found {
  readonly objects: readonly { readonly label: string; readonly score: number; readonly box: readonly number[] }[];
}

before(async () => {
  for (let i = 0; i < 24; i++) {
    const { image, xml } = await scene(i);
    const part = i < 16 ? "train" : i < 20 ? "val" : "test";
    mkdirSync(path("squares", part), { recursive: true });
    writeFileSync(path("squares", part, `${i}.png`), image);
    writeFileSync(path("squares", part, `${i}.xml`), xml);
  }
  await descent(
    "train object-detection --data squares --image-size 80x48 --steps 60 --device cpu --out run --quiet --no-check --seed 2",
  );
});

test("what was trained is measured, and better than nothing; eval says the same of the test part", async () => {
  const { metrics } = JSON.parse(readFileSync(path("run", "summary.json"), "utf8")) as {
    metrics: { test: Record<string, number> };
  };
  assert.ok((metrics.test["map50"] as number) > 0.5, JSON.stringify(metrics.test));
  const measured = JSON.parse(await descent("eval run --data squares --json")) as { metrics: Record<string, number> };
  for (const [name, value] of Object.entries(metrics.test))
    assert.ok(Math.abs((measured.metrics[name] as number) - value) < 1e-6, `${name}: ${measured.metrics[name]} and ${value}`);
  const report = readFileSync(path("run", "report.html"), "utf8");
  for (const words of ["precision over recall", "Class by class", "Found and true", "What it was trained on"])
    assert.ok(report.includes(words), words);
});

test("answers are in pixels of the image, and are drawn on it", async () => {
  const files = readdirSync(path("squares", "test")).filter((name) => name.endsWith(".png"));
  const answers = JSON.parse(
    await descent(`predict run ${files.map((name) => `squares/test/${name}`).join(" ")} --draw drawn --json`),
  ) as Found[];
  assert.equal(answers.length, files.length);
  const all = answers.flatMap(({ objects }) => objects);
  assert.ok(all.length > 0);
  for (const { label, score, box } of all) {
    assert.ok(["red", "blue"].includes(label) && score >= 0.3 && score <= 1);
    box.forEach((side, k) => assert.ok(side >= 0 && side <= (k % 2 === 0 ? WIDTH : HEIGHT), String(box)));
  }
  const drawn = await sharp(path("drawn", files[0]?.replace(".png", "") + ".png")).metadata();
  assert.deepEqual([drawn.width, drawn.height, drawn.format], [WIDTH, HEIGHT, "png"]);
});

test("model.onnx alone gives predict's objects: image in, boxes, scores and classes out, for any number of images", async () => {
  const files = readdirSync(path("squares", "test")).filter((name) => name.endsWith(".png"));
  const answers = JSON.parse(
    await descent(`predict run ${files.map((name) => `squares/test/${name}`).join(" ")} --json`),
  ) as Found[];
  const session = await InferenceSession.create(path("run", "model.onnx"));
  const size = 3 * 48 * 80;
  const pixels = new Uint8Array(files.length * size);
  for (const [n, name] of files.entries()) {
    const data = await sharp(path("squares", "test", name))
      .removeAlpha()
      .resize(80, 48, { fit: "fill", kernel: "linear" })
      .raw()
      .toBuffer();
    for (let p = 0; p < 48 * 80; p++) for (let c = 0; c < 3; c++) pixels[n * size + c * 48 * 80 + p] = data[p * 3 + c] as number;
  }
  const results = await session.run({ image: new Tensor("uint8", pixels, [files.length, 3, 48, 80]) });
  const [boxes, scores, classes] = ["boxes", "scores", "classes"].map((name) => results[name]?.data) as [
    Float32Array,
    Float32Array,
    Int32Array,
  ];
  const most = scores.length / files.length;
  answers.forEach(({ objects }, n) => {
    assert.equal(scores.subarray(n * most, (n + 1) * most).filter((s) => s > 0.3).length, objects.length);
    objects.forEach(({ label, score, box }, j) => {
      const at = n * most + j;
      assert.ok(Math.abs((scores[at] as number) - score) < 1e-4);
      assert.equal(classes[at], ["blue", "red"].indexOf(label));
      // The images were made half as large.
      box.forEach((side, k) => assert.ok(Math.abs((boxes[at * 4 + k] as number) * 2 - side) < 0.02));
    });
  });
  await session.release();
});

test("a detector's training that was stopped goes on to the same bits", async () => {
  const options = {
    task: "object-detection",
    data: path("squares"),
    imageSize: "80x48",
    steps: 8,
    check: false,
    device: "cpu",
  } as const;
  const train = (name: string, stopAt: number, resume: boolean): Promise<unknown> => {
    const abort = new AbortController();
    const onStep = ({ step }: { step: number }): void => void (step >= stopAt && abort.abort());
    return trainTask(options, { out: path(name), signal: abort.signal, onStep, ...(resume ? { resume: path(name) } : {}) });
  };
  await train("whole", Infinity, false);
  await train("stopped", 3, false);
  assert.equal(lastStep(path("stopped")), 3);
  await train("stopped", Infinity, true);
  assert.deepEqual(traceOf(path("stopped")), traceOf(path("whole")));
});
