/** @module Image files of every kind that people have: what they look like as planes, and what is refused. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import type { Sharp } from "sharp";
import sharp from "sharp";
import { DataError } from "../util/errors.js";
import { decodeImage, endsWhole, imageHeader } from "./images-node.js";
import type { Pixels } from "./pixels.js";

const folder = mkdtempSync(join(tmpdir(), "descent-images-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

// Left half red, right half blue, over 40×20 pixels.
const WIDTH = 40;
const HEIGHT = 20;
const raw = Buffer.alloc(WIDTH * HEIGHT * 3);
for (let y = 0; y < HEIGHT; y++)
  for (let x = 0; x < WIDTH; x++) raw.set(x < WIDTH / 2 ? [250, 10, 20] : [15, 30, 240], (y * WIDTH + x) * 3);
const picture = (): Sharp => sharp(raw, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });

/** The colour at a position. */
const color = ({ channels, height, width, data }: Pixels, x: number, y: number): number[] =>
  Array.from({ length: channels }, (_, c) => data[(c * height + y) * width + x] as number);
const near = (got: readonly number[], wanted: readonly number[], apart: number, where: string): void =>
  got.forEach((v, i) => assert.ok(Math.abs(v - (wanted[i] as number)) <= apart, `${where}: ${got.join()} for ${wanted.join()}`));

const pngChunk = (name: string, content: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(name), content]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(content.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), 4 + body.length);
  return out;
};

before(async () => {
  const files: Record<string, Promise<Buffer>> = {
    "rgb.jpg": picture().jpeg({ quality: 95, chromaSubsampling: "4:4:4" }).toBuffer(),
    "rgb.png": picture().png().toBuffer(),
    "rgb.webp": picture().webp({ lossless: true }).toBuffer(),
    "rgb.tif": picture().tiff({ compression: "lzw" }).toBuffer(),
    "palette.png": picture().png({ palette: true }).toBuffer(),
    "deep.png": picture().toColourspace("rgb16").png().toBuffer(),
    "cmyk.jpg": picture().toColourspace("cmyk").jpeg({ quality: 95 }).toBuffer(),
    "grey.jpg": picture().toColourspace("b-w").jpeg().toBuffer(),
    "grey.png": picture().toColourspace("b-w").png().toBuffer(),
    "deep-grey.png": picture().toColourspace("grey16").png().toBuffer(),
    "alpha.png": picture()
      .ensureAlpha()
      .composite([
        {
          input: { create: { width: WIDTH / 2, height: HEIGHT, channels: 4, background: "black" } },
          gravity: "west",
          blend: "dest-out",
        },
      ])
      .png()
      .toBuffer(),
    // To be seen turned by a quarter to the right.
    "turned.jpg": picture().withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer(),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(at(name), await bytes);
  writeFileSync(
    at("cut.jpg"),
    (
      await sharp({
        create: { width: 300, height: 300, channels: 3, background: "grey", noise: { type: "gaussian", mean: 128, sigma: 40 } },
      })
        .jpeg()
        .toBuffer()
    ).subarray(0, 9000),
  );
  writeFileSync(at("cut.png"), ((await files["rgb.png"]) as Buffer).subarray(0, -20));
  writeFileSync(at("words.jpg"), "no picture at all");
  writeFileSync(at("nothing.jpg"), "");
  const header = Buffer.alloc(13);
  header.writeUInt32BE(50_000, 0);
  header.writeUInt32BE(50_000, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const bomb = [
    pngChunk("IHDR", header),
    pngChunk("IDAT", deflateSync(Buffer.alloc(100_000))),
    pngChunk("IEND", Buffer.alloc(0)),
  ];
  const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  writeFileSync(at("bomb.png"), Buffer.concat([PNG, ...bomb]));
  // Of few pixels, but its rows take the decoder gigabytes.
  const strip = Buffer.from(header);
  strip.writeUInt32BE(4_194_328, 0);
  strip.writeUInt32BE(16, 4);
  writeFileSync(at("strip.png"), Buffer.concat([PNG, pngChunk("IHDR", strip), ...bomb.slice(1)]));
  // Sixteen bits of red, green, blue and alpha, interlaced: held whole while it is decoded.
  const laced = Buffer.alloc(13);
  laced.writeUInt32BE(7000, 0);
  laced.writeUInt32BE(7000, 4);
  laced.set([16, 6, 0, 0, 1], 8);
  writeFileSync(at("laced.png"), Buffer.concat([PNG, pngChunk("IHDR", laced), ...bomb.slice(1)]));
});

test("colours are the same in every format, depth and colour space", async () => {
  for (const [name, apart] of [
    ["rgb.jpg", 6],
    ["rgb.png", 0],
    ["rgb.webp", 0],
    ["rgb.tif", 0],
    ["palette.png", 3],
    ["deep.png", 1],
    // Inks cannot show so pure a blue.
    ["cmyk.jpg", 105],
  ] as const) {
    const pixels = await decodeImage(at(name), { channels: 3 });
    assert.deepEqual([pixels.channels, pixels.height, pixels.width], [3, HEIGHT, WIDTH], name);
    near(color(pixels, 5, 10), [250, 10, 20], apart, name);
    near(color(pixels, 35, 10), [15, 30, 240], apart, name);
  }
});

test("grey images as colour, colour images as grey, transparency over white", async () => {
  for (const name of ["grey.jpg", "grey.png", "deep-grey.png"]) {
    assert.equal((await imageHeader(at(name))).channels, 1, name);
    const one = await decodeImage(at(name), { channels: 1 });
    const three = await decodeImage(at(name), { channels: 3 });
    const [level = 0] = color(one, 5, 10);
    assert.ok(level > 50 && level < 150, `${name}: ${level}`);
    near(color(three, 5, 10), [level, level, level], 1, name);
  }
  assert.equal((await imageHeader(at("rgb.png"))).channels, 3);
  const grey = await decodeImage(at("rgb.png"), { channels: 1 });
  assert.deepEqual(grey.data.length, HEIGHT * WIDTH);
  const clear = await decodeImage(at("alpha.png"), { channels: 3 });
  assert.deepEqual(color(clear, 5, 10), [255, 255, 255]);
  near(color(clear, 35, 10), [15, 30, 240], 0, "alpha.png");
});

test("EXIF orientation: the image stands as a person sees it, whole, cut and resized", async () => {
  assert.deepEqual(await imageHeader(at("turned.jpg")), { width: HEIGHT, height: WIDTH, channels: 3 });
  const whole = await decodeImage(at("turned.jpg"), { channels: 3 });
  assert.deepEqual([whole.height, whole.width], [WIDTH, HEIGHT]);
  near(color(whole, 10, 5), [250, 10, 20], 6, "top");
  near(color(whole, 10, 35), [15, 30, 240], 6, "bottom");
  const cut = await decodeImage(at("turned.jpg"), {
    channels: 3,
    box: { top: 22, left: 2, height: 12, width: 6 },
    height: 12,
    width: 6,
  });
  near(color(cut, 3, 6), [15, 30, 240], 6, "cut");
});

test("a box is cut and resized; large ones by way of the decoder's own shrinking, with the same result", async () => {
  const noise = sharp({
    create: { width: 640, height: 480, channels: 3, background: "grey", noise: { type: "gaussian", mean: 128, sigma: 60 } },
  }).blur(3);
  writeFileSync(at("large.jpg"), await noise.jpeg({ quality: 95 }).toBuffer());
  const box = { top: 60, left: 100, height: 320, width: 400 };
  const direct = await decodeImage(at("large.jpg"), { channels: 3, box, height: 161, width: 201 });
  const shrunk = await decodeImage(at("large.jpg"), { channels: 3, box, height: 40, width: 50 });
  // The mean over the box is the same, and so is the mean over each quarter.
  const mean = ({ height, width, data }: Pixels, top: number, left: number): number => {
    let sum = 0;
    for (let y = 0; y < height / 2 - 1; y++)
      for (let x = 0; x < width / 2 - 1; x++)
        sum += data[(y + Math.floor(top * height)) * width + x + Math.floor(left * width)] as number;
    return sum / (Math.ceil(height / 2 - 1) * Math.ceil(width / 2 - 1));
  };
  for (const [top, left] of [
    [0, 0],
    [0, 0.5],
    [0.5, 0],
    [0.5, 0.5],
  ] as const)
    assert.ok(Math.abs(mean(direct, top, left) - mean(shrunk, top, left)) < 2, `${top} ${left}`);
});

test("what is no whole image is refused in one line, before it is decoded where its header says so", async () => {
  const refused = async (name: string, expected: RegExp): Promise<void> => {
    const started = performance.now();
    await assert.rejects(decodeImage(at(name), { channels: 3, height: 8, width: 8 }), (error: Error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, expected);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    assert.ok(performance.now() - started < 2000, `${name} took too long`);
  };
  await refused("cut.jpg", /cut\.jpg: expected a whole image, got a truncated or damaged one/);
  await refused("cut.png", /cut\.png: expected a whole image, got a truncated or damaged one/);
  await refused("words.jpg", /words\.jpg: expected a JPEG, PNG, WebP, TIFF, GIF or BMP image, got other bytes/);
  await refused("nothing.jpg", /nothing\.jpg: expected/);
  await refused("absent.jpg", /absent\.jpg: expected an image, got no such file/);
  await refused("bomb.png", /bomb\.png: expected at most 100 megapixels, got 50000×50000/);
  await refused("strip.png", /strip\.png: expected sides of at most 65535 pixels, got 4194328×16; cut it into parts/);
  await refused(
    "laced.png",
    /laced\.png: expected at most 42 megapixels of an interlaced PNG with 64 bits a pixel.*got 7000×7000/,
  );
  await assert.rejects(imageHeader(at("rgb.png"), { maxMegapixels: 0.0001 }), /expected at most 0\.0001 megapixels/);
});

test("a file that is cut off shows it at its end", async () => {
  const whole = async (name: string): Promise<boolean> => endsWhole(at(name));
  for (const name of ["rgb.jpg", "rgb.png", "rgb.webp", "rgb.tif", "cmyk.jpg"]) assert.equal(await whole(name), true, name);
  for (const name of ["cut.jpg", "cut.png"]) assert.equal(await whole(name), false, name);
});
