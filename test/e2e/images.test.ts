/**
 * @module Images through the command line: a folder becomes a run, a run answers for image files and measures on folders; what cannot be
 * read is refused in one line.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";
import { loadOnnx, loadSafetensors } from "../../src/data/node.js";
import { decodeImage } from "../../src/vision/images-node.js";
import type { Ended } from "./command.js";
import { run, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const words = (line: string): string[] => line.split(" ").filter((word) => word !== "");

const descent = (line: string): Promise<Ended> => succeeds(folder, words(line));

async function refused(line: string, expected: RegExp): Promise<void> {
  const ended = await run(folder, words(line));
  assert.equal(ended.status, 2, `${line}\n${ended.stderr}`);
  assert.match(ended.stderr, /^descent: [^\n]+\n$/, line);
  assert.match(ended.stderr, expected, line);
}

const COLORS = { red: [200, 40, 40], green: [40, 180, 60], blue: [50, 60, 210] } as const;

/** A photograph of nothing: one colour, noisy, of a size of its own. */
function photo(color: readonly number[], i: number): Promise<Buffer> {
  const [r = 0, g = 0, b = 0] = color;
  const [width, height] = [90 + ((i * 17) % 40), 80 + ((i * 11) % 30)];
  const noise = sharp({
    create: { width, height, channels: 3, background: "grey", noise: { type: "gaussian", mean: 128, sigma: 30 } },
  });
  return noise
    .linear([0.5, 0.5, 0.5], [r - 64, g - 64, b - 64])
    .jpeg({ quality: 85 })
    .toBuffer();
}

function put(name: string, bytes: Uint8Array | string): void {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), bytes);
}

before(async () => {
  for (const [name, color] of Object.entries(COLORS))
    for (let i = 0; i < 30; i++) put(`photos/${name}/${i}.jpg`, await photo(color, i));
  for (const [name, color] of Object.entries(COLORS))
    for (let i = 0; i < 4; i++) put(`more/${name}/${i}.jpg`, await photo(color, 40 + i));
});

const TRAIN = "train image-classification --model linear --device cpu --epochs 12 --no-check --quiet";

test("--init of a run goes by the names of classes, and says which start anew", async () => {
  for (const color of ["blue", "green", "violet"] as const)
    for (let i = 0; i < 12; i++)
      put(`others/${color}/${i}.jpg`, await photo(color === "violet" ? [150, 60, 200] : COLORS[color], i));
  for (const color of ["azure", "blue", "green"] as const)
    for (let i = 0; i < 12; i++)
      put(`first/${color}/${i}.jpg`, await photo(color === "azure" ? [60, 200, 220] : COLORS[color], i));
  const line = "train image-classification --model linear --device cpu --steps 1 --no-check --image-size 8x8";
  await descent(`${line} --data first --quiet --out first-run`);
  const { stderr } = await descent(`${line} --data others --lr 1e-12 --init first-run --out others-run`);
  assert.match(stderr, /--init first-run: class "violet" of these data is not in it, and starts anew/);
  const weights = async (name: string): Promise<(k: number) => number[]> => {
    const { tensors } = await loadSafetensors(path(name, "checkpoints", "step-1", "model.safetensors"));
    const { data, shape } = tensors.get("layers.0.weight") ?? assert.fail("no weights");
    const width = shape[1] as number;
    return (k) => Array.from(data.subarray(k * width, (k + 1) * width), Number);
  };
  const [before, after] = [await weights("first-run"), await weights("others-run")];
  // azure, blue, green, and then blue, green, violet.
  const apart = (a: number[], b: number[]): number => Math.max(...a.map((v, i) => Math.abs(v - (b[i] as number))));
  for (const k of [0, 1]) assert.ok(apart(after(k), before(k + 1)) < 1e-9);
  for (const k of [0, 1, 2]) assert.ok(apart(after(2), before(k)) > 1e-3);
});

test("a folder of photographs: trained, asked, measured; the ONNX file says how its inputs are made", async () => {
  await descent(`${TRAIN} --data photos --image-size 24x16 --augment auto --out run`);
  const config = JSON.parse(readFileSync(path("run", "config.json"), "utf8")) as {
    options: Record<string, unknown>;
    info: { imageShape: number[] };
  };
  assert.equal(config.options["augment"], "crop:2,flip:0.5");
  assert.deepEqual(config.info.imageShape, [3, 16, 24]);
  const page = readFileSync(path("run", "report.html"), "utf8");
  for (const heading of ["The data", "数据", "Random changes of training images", "训练图像的随机变换"])
    assert.ok(page.includes(heading));

  const { stdout } = await descent("predict run more/red/0.jpg more/blue --json");
  const answers = JSON.parse(stdout) as { input: string; label: string; probabilities: Record<string, number> }[];
  assert.deepEqual(
    answers.map(({ input, label }) => [input, label]),
    [["more/red/0.jpg", "red"], ...[0, 1, 2, 3].map((i) => [join("more", "blue", `${i}.jpg`), "blue"])],
  );
  const measured = JSON.parse((await descent("eval run --data more --json")).stdout) as {
    examples: number;
    metrics: { accuracy: number };
  };
  assert.deepEqual([measured.examples, measured.metrics.accuracy], [12, 1]);

  // Plain ONNX Runtime on an image prepared as the metadata say gives predict's answer.
  const { metadata } = await loadOnnx(path("run", "model.onnx"));
  const told = JSON.parse(metadata.get("descent.preprocessing") as string) as Record<string, unknown>;
  assert.deepEqual(told["classes"], ["blue", "green", "red"]);
  assert.deepEqual(
    [told["height"], told["width"], told["colors"], told["layout"], told["dtype"]],
    [16, 24, "RGB", "NCHW", "uint8"],
  );
  const { data } = await decodeImage(path("more/red/0.jpg"), { channels: 3, height: 16, width: 24 });
  const session = await InferenceSession.create(path("run", "model.onnx"));
  const { logits } = await session.run({ image: new Tensor("uint8", data, [1, 3, 16, 24]) });
  const values = Array.from(logits?.data as Float32Array, Math.exp);
  const sum = values.reduce((a, b) => a + b);
  ["blue", "green", "red"].forEach((name, k) =>
    assert.ok(Math.abs((values[k] as number) / sum - (answers[0]?.probabilities[name] as number)) < 1e-5),
  );
});

test("images that stay files: cropped from the originals in the loader's threads, with soft labels; measured by way of the files", async () => {
  const line = `${TRAIN} --data photos --image-size 32 --augment resized-crop:0.5,flip,color:0.1,mixup,cutmix --epochs 12 --out files`;
  assert.match((await descent(line.replace("--quiet", ""))).stderr, /images: decoded from their files for each batch, 32×32/);
  const summary = JSON.parse(readFileSync(path("files", "summary.json"), "utf8")) as {
    metrics: Record<string, { accuracy: number }>;
  };
  for (const part of ["train", "validation", "test"]) assert.equal(summary.metrics[part]?.accuracy, 1, part);
});

test("bad images and folders are refused in one line, or left out and counted", async () => {
  const good = readFileSync(path("photos/red/0.jpg"));
  const copy = (name: string): void => {
    for (const label of ["red", "green"])
      for (let i = 0; i < 15; i++) put(`${name}/${label}/${i}.jpg`, readFileSync(path(`photos/${label}/${i}.jpg`)));
  };
  const chunk = (name: string, content: Buffer): Buffer => {
    const out = Buffer.concat([Buffer.alloc(4), Buffer.from(name), content, Buffer.alloc(4)]);
    out.writeUInt32BE(content.length, 0);
    out.writeUInt32BE(crc32(out.subarray(4, -4)), out.length - 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(50_000, 0);
  header.writeUInt32BE(50_000, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const bomb = Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.alloc(1000))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
  for (const name of ["bomb", "cut", "words", "all"]) copy(name);
  for (const name of ["bomb", "all"]) put(`${name}/red/bomb.png`, bomb);
  for (const name of ["cut", "all"]) put(`${name}/red/cut.jpg`, good.subarray(0, good.length - 400));
  for (const name of ["words", "all"]) put(`${name}/green/words.png`, "no picture");
  put("one/red/0.jpg", good);
  put("empty/red/0.jpg", good);
  mkdirSync(path("empty/green"));
  put("list.csv", "path,label\nphotos/red/0.jpg,red\nphotos/blue/0.jpg,blue\nphotos/blue/gone.jpg,blue\n");
  for (const [data, expected] of [
    ["bomb", /bomb\.png: expected at most 100 megapixels, got 50000×50000/],
    ["cut", /cut\.jpg: expected a whole image, got a truncated/],
    ["words", /words\.png: expected a JPEG, PNG, WebP, TIFF, GIF or BMP image, got other bytes/],
    ["one", /one: expected at least two classes, one folder each, got one: red/],
    ["empty", /empty.green: expected images of a class, found none/],
    ["list.csv", /photos.blue.gone\.jpg \(list\.csv, row 3 \(line 4\)\): expected an image, got no such file/],
    ["nowhere/", /nowhere/],
  ] as const)
    await refused(`${TRAIN} --data ${data} --out no`, expected);
  await refused(
    `${TRAIN} --data photos --out no --image-size large`,
    /--image-size: expected SIDE or WIDTHxHEIGHT in pixels, got "large"/,
  );
  await refused(
    `${TRAIN} --data photos --out no --augment flipp`,
    /--augment: unknown augmentation "flipp"; did you mean "flip"\?/,
  );
  await refused(`${TRAIN} --data photos --out no --max-megapixels 0.005`, /expected at most 0\.005 megapixels, got \d+×\d+/);
  await refused("predict run bomb/red/bomb.png", /bomb\.png: expected at most 100 megapixels/);
  const { stderr } = await descent(`${TRAIN} --data all --out all-run --skip-bad-rows`.replace("--quiet", ""));
  assert.match(stderr, /3 images that cannot be read were left out/);
  const some = await descent("predict run cut/red/cut.jpg cut/red/0.jpg --skip-bad-rows");
  assert.match(some.stderr, /1 inputs that cannot be read were left out/);
});
