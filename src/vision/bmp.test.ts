import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { DataError } from "../util/errors.js";
import { bmpHeader, decodeBmp } from "./bmp.js";
import { decodeImage, imageHeader } from "./images-node.js";

/** 5×3 pixels, each of another colour that 4 bits a channel hold exactly. */
const [WIDTH, HEIGHT] = [5, 3];
const COLORS = Array.from({ length: WIDTH * HEIGHT }, (_, i) => [17 * i, 255 - 17 * i, 17 * ((i * 7) % 16)] as const);

interface Form {
  readonly bits: number;
  readonly compression?: number;
  /** Bytes of the header that says what the pixels are: 12, 40, 56, 108, 124. */
  readonly header?: number;
  readonly isTopDown?: boolean;
  readonly masks?: readonly number[];
  /** The bytes of each row from the top, without padding. */
  readonly row: (y: number) => readonly number[];
  readonly palette?: readonly (readonly [number, number, number])[];
  /** In place of rows. */
  readonly packed?: readonly number[];
  readonly width?: number;
  readonly height?: number;
}

/** A bitmap as the specification says, written without a look at the reader. */
function bitmap({
  bits,
  compression = 0,
  header = 40,
  isTopDown = false,
  masks = [],
  row,
  palette = [],
  packed,
  ...size
}: Form): Buffer {
  const { width = WIDTH, height = HEIGHT } = size;
  const rows = Array.from({ length: height }, (_, y) => {
    const bytes = Buffer.from(row(y));
    return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  });
  const pixels = packed === undefined ? Buffer.concat(isTopDown ? rows : rows.toReversed()) : Buffer.from(packed);
  const info = Buffer.alloc(header);
  info.writeUInt32LE(header, 0);
  if (header === 12) {
    info.writeUInt16LE(width, 4);
    info.writeUInt16LE(height, 6);
    info.writeUInt16LE(1, 8);
    info.writeUInt16LE(bits, 10);
  } else {
    info.writeInt32LE(width, 4);
    info.writeInt32LE(isTopDown ? -height : height, 8);
    info.writeUInt16LE(1, 12);
    info.writeUInt16LE(bits, 14);
    info.writeUInt32LE(compression, 16);
    info.writeUInt32LE(pixels.length, 20);
    info.writeUInt32LE(palette.length, 32);
  }
  const behind = Buffer.alloc(header === 40 ? 4 * masks.length : 0);
  masks.forEach((mask, i) => (header === 40 ? behind.writeUInt32LE(mask, 4 * i) : info.writeUInt32LE(mask, 40 + 4 * i)));
  const colors = Buffer.from(palette.flatMap(([r, g, b]) => (header === 12 ? [b, g, r] : [b, g, r, 0])));
  const file = Buffer.alloc(14);
  file.write("BM", 0, "latin1");
  file.writeUInt32LE(14 + header + behind.length + colors.length, 10);
  const whole = Buffer.concat([file, info, behind, colors, pixels]);
  whole.writeUInt32LE(whole.length, 2);
  return whole;
}

const colorAt = (x: number, y: number): readonly [number, number, number] => COLORS[y * WIDTH + x] as [number, number, number];
const across = (each: (x: number) => readonly number[]): number[] => Array.from({ length: WIDTH }, (_, x) => each(x)).flat();
const littleEndian = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** i) % 256);
const pairs = (values: readonly number[]): number[] =>
  Array.from({ length: Math.ceil(values.length / 2) }, (_, i) => (values[2 * i] as number) * 16 + (values[2 * i + 1] ?? 0));
const indices = (y: number): number[] => across((x) => [y * WIDTH + x]);
const bgr = (y: number): number[] =>
  across((x) => {
    const [r, g, b] = colorAt(x, y);
    return [b, g, r];
  });
const to5 = (value: number): number => Math.round((value * 31) / 255);
const greys = COLORS.map(([r]) => [r, r, r] as const);

/** A form, what it becomes, and how far rounding to its bits may put it off. */
const FORMS: Readonly<Record<string, [form: Form, grey?: boolean, within?: number]>> = {
  "24 bits": [{ bits: 24, row: bgr }],
  "24 bits, from the top down": [{ bits: 24, isTopDown: true, row: bgr }],
  "24 bits with the header of OS/2": [{ bits: 24, header: 12, row: bgr }],
  "32 bits": [{ bits: 32, row: (y) => across((x) => [...colorAt(x, y).toReversed(), 0]) }],
  "32 bits with masks in another order": [
    { bits: 32, compression: 3, masks: [0xff, 0xff00, 0xff0000], row: (y) => across((x) => [...colorAt(x, y), 9]) },
  ],
  "32 bits with an unused alpha mask": [
    {
      bits: 32,
      compression: 3,
      header: 124,
      masks: [0xff0000, 0xff00, 0xff, 0xff000000],
      row: (y) => across((x) => [...colorAt(x, y).toReversed(), 0]),
    },
  ],
  "16 bits, 5-5-5": [
    {
      bits: 16,
      row: (y) =>
        across((x) => {
          const [r, g, b] = colorAt(x, y).map(to5) as [number, number, number];
          return littleEndian(r * 1024 + g * 32 + b, 2);
        }),
    },
    false,
    4.2,
  ],
  "16 bits, 5-6-5": [
    {
      bits: 16,
      compression: 3,
      masks: [0xf800, 0x7e0, 0x1f],
      row: (y) =>
        across((x) => {
          const [r, g, b] = colorAt(x, y);
          return littleEndian(to5(r) * 2048 + Math.round((g * 63) / 255) * 32 + to5(b), 2);
        }),
    },
    false,
    4.2,
  ],
  "8 bits with a palette": [{ bits: 8, palette: COLORS, row: indices }],
  "8 bits with a palette of OS/2": [
    {
      bits: 8,
      header: 12,
      palette: [...COLORS, ...COLORS].concat(Array.from({ length: 226 }, () => [0, 0, 0] as const)),
      row: indices,
    },
  ],
  "8 bits of grey": [{ bits: 8, palette: greys, row: indices }, true],
  "4 bits": [{ bits: 4, palette: COLORS, row: (y) => pairs(indices(y)) }],
  "8 bits in runs": [
    {
      bits: 8,
      compression: 1,
      palette: COLORS,
      row: () => [],
      // The lowest row as literals, padded; the middle one as runs of one; the upper one after a jump back over nothing.
      packed: [0, 5, 10, 11, 12, 13, 14, 0, 0, 0, 1, 5, 1, 6, 1, 7, 1, 8, 1, 9, 0, 0, 0, 5, 0, 1, 2, 3, 4, 0, 0, 1],
    },
  ],
  "4 bits in runs": [
    {
      bits: 4,
      compression: 2,
      palette: COLORS,
      row: () => [],
      packed: [0, 5, 0xab, 0xcd, 0xe0, 0, 0, 0, 0, 5, 0x56, 0x78, 0x90, 0, 0, 0, 0, 5, 0x01, 0x23, 0x40, 0, 0, 1],
    },
  ],
};

suite("bitmaps", () => {
  for (const [name, [form, grey = false, within = 0]] of Object.entries(FORMS)) {
    test(name, async () => {
      const bytes = bitmap(form);
      assert.deepEqual(bmpHeader(bytes, "a.bmp"), { width: WIDTH, height: HEIGHT, channels: grey ? 1 : 3 });
      assert.deepEqual(await imageHeader(bytes), { width: WIDTH, height: HEIGHT, channels: grey ? 1 : 3 });
      const { data } = await decodeImage(bytes, { channels: 3 });
      const plane = WIDTH * HEIGHT;
      COLORS.forEach((color, p) =>
        color.forEach((value, c) => {
          const expected = grey ? color[0] : value;
          assert.ok(Math.abs((data[c * plane + p] as number) - expected) <= within, `pixel ${p}, channel ${c}`);
        }),
      );
    });
  }

  test("4 bits in runs alternate between two colours", () => {
    const { data } = decodeBmp(
      bitmap({
        bits: 4,
        compression: 2,
        width: 5,
        height: 1,
        palette: [
          [0, 0, 0],
          [255, 0, 0],
          [0, 255, 0],
        ],
        row: () => [],
        packed: [5, 0x12, 0, 1],
      }),
      "a.bmp",
    );
    assert.deepEqual(
      Array.from({ length: 5 }, (_, p) => data[3 * p]),
      [255, 0, 255, 0, 255],
    );
  });

  test("1 bit", () => {
    const palette = [
      [0, 0, 0],
      [255, 255, 255],
    ] as const;
    const { data, channels } = decodeBmp(
      bitmap({ bits: 1, width: 10, height: 1, palette, row: () => [0b10110000, 0b01000000] }),
      "a",
    );
    assert.equal(channels, 1);
    assert.deepEqual([...data], [255, 0, 255, 255, 0, 0, 0, 0, 0, 255]);
  });

  test("what is damaged is refused in one line, and nothing makes the reader run on", async () => {
    const whole = bitmap({ bits: 24, row: bgr });
    const changed = (at: number, value: number): Buffer => {
      const bytes = Buffer.from(whole);
      bytes.writeUInt32LE(value, at);
      return bytes;
    };
    const bad: [string, Buffer][] = [
      ["the beginning alone", whole.subarray(0, 20)],
      ["cut in its pixels", whole.subarray(0, whole.length - 5)],
      ["no width", changed(18, 0)],
      ["a negative width", changed(18, 0xffffffff)],
      ["a height without an end", changed(22, 0x7fffffff)],
      ["the lowest height", changed(22, 0x80000000)],
      ["pixels behind the end", changed(10, 0xfffffff0)],
      ["pixels in the header", changed(10, 0)],
      ["a header without an end", changed(14, 0xffffffff)],
      ["PNG inside", changed(30, 5)],
      ["7 bits", changed(28, 7)],
    ];
    for (const [name, bytes] of bad)
      for (const read of [
        () => imageHeader(bytes, { where: "a.bmp" }),
        () => decodeImage(bytes, { channels: 3, where: "a.bmp" }),
      ])
        await assert.rejects(
          read,
          (error: Error) =>
            error instanceof DataError && error.message.startsWith("a.bmp: expected") && !error.message.includes("\n"),
          name,
        );
    const large = bitmap({
      bits: 8,
      compression: 1,
      width: 60_000,
      height: 60_000,
      palette: COLORS,
      row: () => [],
      packed: [0, 1],
    });
    await assert.rejects(decodeImage(large, { channels: 3 }), /expected at most 100 megapixels, got 60000×60000/);
  });
});
