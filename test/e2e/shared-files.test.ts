/**
 * @module Files of the kinds that people really have, which lie beside the repository (`../shared/cases`, or `$DESCENT_CASES`): images,
 * archives, annotations, and what was made to do harm, through the command line.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { unzip } from "../../src/data/zip-node.js";
import { DescentError } from "../../src/util/errors.js";
import { decodeImage, endsWhole, imageHeader } from "../../src/vision/images-node.js";
import { parseVoc } from "../../src/vision/annotations/index.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const CASES = process.env["DESCENT_CASES"] ?? fileURLToPath(new URL("../../../../shared/cases", import.meta.url));
const skip = existsSync(CASES) ? false : `${CASES} is not there: the shared cases were NOT checked`;
const folder = scratchFolder();
const at = (...names: string[]): string => join(CASES, ...names);

const TRAIN = ["--steps", "1", "--no-check", "--device", "cpu"];
const detect = (name: string, more: readonly string[] = []): string[] => [
  "train",
  "object-detection",
  "--data",
  at("annotations", name),
  ...TRAIN,
  "--out",
  `${name}${more.join("")}`,
  ...more,
];

suite("annotations", { skip }, () => {
  const refused: [string, RegExp][] = [
    ["voc-empty-coordinates", /5\.xml: annotation\.object\.0\.bndbox\.xmin: expected a decimal number, got ""/],
    ["voc-hexadecimal", /5\.xml: annotation\.object\.0\.bndbox\.xmax: expected a decimal number, got "0x5d"/],
  ];
  for (const [name, line] of refused)
    test(name, async () => {
      await isRefused(folder, detect(name), line);
      const { stderr } = await succeeds(folder, detect(name, ["--skip-bad-rows"]));
      assert.match(stderr, /left out: [^\n]*5\.xml: /);
      assert.match(stderr, /1 images that cannot be read were left out/);
      assert.match(stderr, /9 training, 1 validation, 1 test examples/);
    });
  const read: [string, RegExp][] = [
    ["coco-two-classes-one-name", /2 categories are called "cup"; they are one class/],
    ["coco-negative-width", /1 box with a negative width or height turned the right way/],
    ["yolo-encoded-names", /10 training, 1 validation, 1 test examples/],
    ["yolo-polygons", /6 boxes taken as the rectangle around an outline/],
  ];
  for (const [name, remark] of read)
    test(name, async () => {
      const { stderr } = await succeeds(folder, detect(name));
      assert.match(stderr, remark);
      assert.match(stderr, /10 training, 1 validation, 1 test examples/);
    });
});

suite("images", { skip }, () => {
  for (const name of ["bmp", "macosx", "class-folders.zip"])
    test(name, async () => {
      const line = ["train", "image-classification", "--data", at("images", name), ...TRAIN, "--out", `images-${name}`];
      const { stderr } = await succeeds(folder, line);
      assert.match(stderr, /20 training, 2 validation, 2 test examples/);
      const config = JSON.parse(readFileSync(join(folder, `images-${name}`, "config.json"), "utf8")) as { info: object };
      assert.match(JSON.stringify(config.info), /"circle","square"/);
    });

  const pixels = async (name: string, channels = 3): Promise<Uint8Array> =>
    (await decodeImage(at("images", "pixels", name), { channels })).data;
  test("pixels", async () => {
    assert.deepEqual(await pixels("plain.bmp"), await pixels("plain.png"));
    assert.deepEqual(await pixels("grey-16.png", 1), await pixels("grey-8.png", 1));
    const { width, height } = await imageHeader(at("images", "pixels", "exif-6.jpg"));
    assert.deepEqual([width, height], [8, 12]);
    // White above; red at the left below, green at the right.
    const plain = await pixels("plain.png");
    const color = (x: number, y: number): number[] => [0, 1, 2].map((c) => plain[(c * 8 + y) * 12 + x] as number);
    assert.ok(
      [...color(0, 0), ...color(11, 0)].every((value) => value > 240),
      "white",
    );
    assert.ok((color(0, 7)[0] as number) > 150 && (color(0, 7)[1] as number) < 100, "red");
    assert.ok((color(11, 7)[1] as number) > 100 && (color(11, 7)[0] as number) < 150, "green");
  });
});

suite("files that were made to do harm", { skip }, () => {
  const made = join(folder, "hostile");
  const bytes = (name: string): Uint8Array => {
    if (!existsSync(made)) execFileSync(process.execPath, [at("hostile", "make.mjs"), made]);
    return readFileSync(join(made, name));
  };
  for (const name of ["zip-entry-outside.zip", "zip-size-too-large.zip", "zip-packed-size-too-large.zip"])
    test(name, async () => {
      await assert.rejects(
        unzip(bytes(name), name),
        (error: Error) => error instanceof DescentError && error.message.startsWith(`${name}: `) && !error.message.includes("\n"),
      );
    });
  test("doctype-unclosed.xml", () => {
    assert.throws(
      () => parseVoc(new TextDecoder().decode(bytes("doctype-unclosed.xml")), "a.xml"),
      (error: Error) => error instanceof DescentError && error.message.startsWith("a.xml: "),
    );
  });
  test("six-bytes-of-webp.webp", async () => {
    assert.equal(await endsWhole(bytes("six-bytes-of-webp.webp")), false);
    await assert.rejects(imageHeader(bytes("six-bytes-of-webp.webp"), { where: "a.webp" }), DescentError);
  });
  test("vectors-infinite.txt", async () => {
    bytes("vectors-infinite.txt");
    const rows = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? "the cat sat here,x\n" : "the dog ran there,y\n"));
    writeFileSync(join(folder, "texts.csv"), `text,label\n${rows.join("")}`);
    const line = ["train", "text-classification", "--data", "texts.csv", "--vectors", join(made, "vectors-infinite.txt")];
    await isRefused(
      folder,
      [...line, ...TRAIN, "--out", "vectors"],
      /vectors-infinite\.txt, line 1: expected a finite number, got "-Infinity"/,
    );
  });
});
