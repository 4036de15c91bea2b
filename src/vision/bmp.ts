/**
 * @module Windows bitmaps as pixels: 1, 4, 8, 16, 24 and 32 bits, palettes, run lengths, bit masks, from the bottom up or the top down.
 *
 * Source: Microsoft, "Bitmap Storage" and the structures BITMAPCOREHEADER, BITMAPINFOHEADER, BITMAPV4HEADER and BITMAPV5HEADER.
 * Differs from the source: an alpha channel that is 0 throughout is taken for an unused one, as other readers do; colour profiles are
 * not applied; embedded JPEG and PNG are refused.
 */
import { DataError } from "../util/errors.js";
import type { Pixels } from "./pixels.js";

/** The header of a bitmap. */
export interface BmpHeader {
  readonly width: number;
  readonly height: number;
  /** 1 where its palette holds greys only. */
  readonly channels: 1 | 3;
}

/** A decoded bitmap: interleaved 8-bit values, grey, RGB or RGBA. */
export interface BmpPixels extends Pixels {
  readonly channels: 1 | 3 | 4;
}

interface Layout extends BmpHeader {
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Red, green, blue, alpha; 0 for none. */
  readonly masks: readonly [number, number, number, number];
  /** RGB triples. */
  readonly palette: Uint8Array;
  readonly pixelsAt: number;
}

const RGB = 0;
const RLE8 = 1;
const RLE4 = 2;
const BIT_FIELDS = 3;
const ALPHA_BIT_FIELDS = 6;

/** Sides that the format's fields could hold, but no picture has. */
const LONGEST_SIDE = 1_000_000;

export const isBmp = (bytes: Uint8Array): boolean => bytes[0] === 0x42 && bytes[1] === 0x4d;

/** Size and colours of a bitmap. DataError, naming `where`, if it is none, damaged, or cut off. */
export function bmpHeader(bytes: Uint8Array, where: string): BmpHeader {
  const { width, height, channels } = layoutOf(bytes, where);
  return { width, height, channels };
}

function layoutOf(bytes: Uint8Array, where: string): Layout {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damaged = (what: string): DataError => new DataError(`${where}: expected a whole bitmap, got ${what}`);
  if (!isBmp(bytes) || bytes.length < 26) throw damaged("a truncated or damaged one");
  const headerSize = view.getUint32(14, true);
  const isCore = headerSize === 12;
  if (!isCore && (headerSize < 40 || headerSize > 1024 || bytes.length < 14 + headerSize))
    throw damaged("a header that is cut off or unknown");
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = isCore ? view.getUint16(20, true) : view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  if (width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE) throw damaged(`a size of ${width}×${height}`);
  const bits = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? RGB : view.getUint32(30, true);
  const expectedBits: Readonly<Record<number, readonly number[]>> = {
    [RGB]: [1, 4, 8, 16, 24, 32],
    [RLE8]: [8],
    [RLE4]: [4],
    [BIT_FIELDS]: [16, 32],
    [ALPHA_BIT_FIELDS]: [16, 32],
  };
  if (expectedBits[compression]?.includes(bits) !== true)
    throw damaged(`${bits} bits a pixel with compression ${compression}, which is not read`);
  const hasMasks = compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS;
  // The masks stand in the header, or right behind a short one.
  const masksBehind = hasMasks && headerSize === 40 ? (compression === ALPHA_BIT_FIELDS ? 16 : 12) : 0;
  const mask = (i: number): number => (54 + 4 * i + 4 <= bytes.length ? view.getUint32(54 + 4 * i, true) : 0);
  const hasAlpha = compression === ALPHA_BIT_FIELDS || (compression === BIT_FIELDS && headerSize >= 56);
  const masks: Layout["masks"] = hasMasks
    ? [mask(0), mask(1), mask(2), hasAlpha ? mask(3) : 0]
    : bits === 16
      ? [0x7c00, 0x3e0, 0x1f, 0]
      : [0xff0000, 0xff00, 0xff, 0];
  const pixelsAt = view.getUint32(10, true);
  const paletteAt = 14 + headerSize + masksBehind;
  const stride = isCore ? 3 : 4;
  const asked = isCore || bits > 8 ? 0 : view.getUint32(46, true);
  const most = bits > 8 ? 0 : 2 ** bits;
  const room = Math.max(0, Math.floor((Math.min(pixelsAt, bytes.length) - paletteAt) / stride));
  const palette = new Uint8Array(3 * most);
  let isGrey = most > 0;
  for (let i = 0; i < Math.min(most, room, asked === 0 ? most : asked); i++) {
    const at = paletteAt + i * stride;
    const [b = 0, g = 0, r = 0] = bytes.subarray(at, at + 3);
    palette.set([r, g, b], 3 * i);
    if (r !== g || g !== b) isGrey = false;
  }
  const isPacked = compression === RLE8 || compression === RLE4;
  const needed = isPacked ? 2 : Math.ceil((width * bits) / 32) * 4 * height;
  if (pixelsAt < 14 + headerSize || pixelsAt + needed > bytes.length)
    throw damaged(`${Math.max(0, bytes.length - pixelsAt)} of ${needed} bytes of pixels; it is truncated`);
  return {
    width,
    height,
    channels: isGrey ? 1 : 3,
    isTopDown: signedHeight < 0,
    bits,
    compression,
    masks,
    palette,
    pixelsAt,
  };
}

/** Decodes a bitmap, the upper row first. DataError, naming `where`, if it is none, damaged, or cut off. */
export function decodeBmp(bytes: Uint8Array, where: string): BmpPixels {
  const layout = layoutOf(bytes, where);
  if (layout.bits <= 8) return fromPalette(layout, indicesOf(bytes, layout));
  return fromMasks(bytes, layout);
}

/** Palette indices of every pixel, as rows from the top. */
function indicesOf(bytes: Uint8Array, layout: Layout): Uint8Array {
  const { width, height, bits, compression, pixelsAt } = layout;
  const indices = new Uint8Array(width * height);
  if (compression !== RGB) return unpackRuns(bytes.subarray(pixelsAt), layout, indices);
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  const perByte = 8 / bits;
  const most = 2 ** bits - 1;
  for (let y = 0; y < height; y++) {
    const from = pixelsAt + rowOf(layout, y) * rowBytes;
    for (let x = 0; x < width; x++) {
      const byte = bytes[from + Math.floor(x / perByte)] as number;
      indices[y * width + x] = (byte >> (8 - bits - (x % perByte) * bits)) & most;
    }
  }
  return indices;
}

/** The index in the file of row y from the top. */
const rowOf = ({ height, isTopDown }: Layout, y: number): number => (isTopDown ? y : height - 1 - y);

/** Run lengths of 4- or 8-bit indices; what they leave out is index 0. Runs that leave the picture are cut. */
function unpackRuns(packed: Uint8Array, layout: Layout, indices: Uint8Array): Uint8Array {
  const { width, height, compression } = layout;
  const perByte = compression === RLE4 ? 2 : 1;
  const nibble = (byte: number, i: number): number => (perByte === 1 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15);
  let [x, y] = [0, 0];
  const put = (index: number): void => {
    if (x < width && y < height) indices[rowOf(layout, y) * width + x] = index;
    x++;
  };
  for (let at = 0; at + 1 < packed.length && y < height;) {
    const count = packed[at++] as number;
    const value = packed[at++] as number;
    if (count > 0) for (let i = 0; i < count; i++) put(nibble(value, i));
    else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) {
      x += packed[at++] ?? 0;
      y += packed[at++] ?? 0;
    } else {
      for (let i = 0; i < value; i++) put(nibble(packed[at + Math.floor(i / perByte)] ?? 0, i));
      // Literal runs are padded to 16 bits.
      at += Math.ceil(value / perByte / 2) * 2;
    }
  }
  return indices;
}

function fromPalette({ width, height, channels, palette }: Layout, indices: Uint8Array): BmpPixels {
  const data = new Uint8Array(indices.length * channels);
  for (let p = 0; p < indices.length; p++)
    for (let c = 0; c < channels; c++) data[p * channels + c] = palette[3 * (indices[p] as number) + c] as number;
  return { width, height, channels, data };
}

/** Pixels of 16, 24 or 32 bits, each channel scaled from its mask's bits to 0…255. */
function fromMasks(bytes: Uint8Array, layout: Layout): BmpPixels {
  const { width, height, bits, masks, pixelsAt } = layout;
  const step = bits / 8;
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  const parts = masks
    .filter((mask, c) => c < 3 || mask !== 0)
    .map((mask) => {
      const shift = mask === 0 ? 0 : Math.log2((mask & -mask) >>> 0);
      return { mask, shift, most: mask === 0 ? 1 : mask / 2 ** shift };
    });
  const channels = parts.length === 4 ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  let isOpaque = channels === 3;
  for (let y = 0; y < height; y++) {
    const from = pixelsAt + rowOf(layout, y) * rowBytes;
    for (let x = 0; x < width; x++) {
      const at = from + x * step;
      let value = 0;
      for (let i = 0; i < step; i++) value += (bytes[at + i] as number) * 2 ** (8 * i);
      parts.forEach(({ mask, shift, most }, c) => {
        const level = Math.round((((value & mask) >>> shift) * 255) / most);
        data[(y * width + x) * channels + c] = level;
        if (c === 3 && level > 0) isOpaque = true;
      });
    }
  }
  // An alpha channel of zeros only was never written.
  if (!isOpaque) for (let p = 3; p < data.length; p += 4) data[p] = 255;
  return { width, height, channels, data };
}
