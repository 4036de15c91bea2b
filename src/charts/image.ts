/**
 * @module Small pictures for reports: an input image, and its attribution over it, as PNG. Pixels come in as a model sees
 * them; sizes are those of thumbnails.
 */
import { crc32By } from "../util/crc.js";
import { joinBytes } from "../util/join-arrays.js";
import { divergingColor, sequentialColor } from "./color-map.js";

/** Pixels of an input, channels last or first (`layout`), 0…255 or 0…1 (`maximum`). */
export interface PixelImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: ArrayLike<number>;
  /** The value of white: 255 unless said otherwise. */
  readonly maximum?: number;
  /** `CHW` as in tensors, `HWC` as in files; the default is `CHW`. */
  readonly layout?: "CHW" | "HWC";
}

/** The image as 8-bit RGB, row by row. */
function toRgb(image: PixelImage): Uint8Array {
  const { width, height, channels, data, maximum = 255, layout = "CHW" } = image;
  const size = width * height;
  const rgb = new Uint8Array(size * 3);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) {
      const channel = channels === 1 ? 0 : c;
      const value = data[layout === "CHW" ? channel * size + i : i * channels + channel] as number;
      rgb[i * 3 + c] = Math.max(0, Math.min(255, Math.round((value / maximum) * 255)));
    }
  }
  return rgb;
}

const GAP = 1;
/** Opacity of a colour where attribution is greatest. */
const OPACITY = 0.9;

/** The value that the strongest colour stands for, and whether values below zero occur. */
export interface AttributionScale {
  readonly scale: number;
  readonly signed: boolean;
}

/** Scales by the 99th percentile of the size, so that one pixel does not hide the rest. */
export function attributionScale(attribution: ArrayLike<number>, size: number): AttributionScale {
  let [isBelow, isAbove] = [false, false];
  const sizes = Float64Array.from({ length: size }, (_, i) => {
    isBelow ||= (attribution[i] as number) < 0;
    isAbove ||= (attribution[i] as number) > 0;
    return Math.abs(attribution[i] as number);
  }).sort();
  const scale = (sizes[Math.min(size - 1, Math.floor(size * 0.99))] as number) || (sizes[size - 1] as number) || 1;
  // Where nothing is attributed at all the image stays as pale as between two signs.
  return { scale, signed: isBelow || !isAbove };
}

/**
 * Attribution over a paled image. Signed: orange where a pixel spoke for the answer, blue where it spoke against it, the paler the less.
 * Amounts alone: from dark blue to light yellow over the whole image.
 */
function overlaid(image: PixelImage, attribution: ArrayLike<number>, opacity: number): Uint8Array {
  const rgb = toRgb(image);
  const size = image.width * image.height;
  const { scale, signed } = attributionScale(attribution, size);
  for (let i = 0; i < size; i++) {
    const [r, g, b] = [rgb[i * 3] as number, rgb[i * 3 + 1] as number, rgb[i * 3 + 2] as number];
    const grey = 0.299 * r + 0.587 * g + 0.114 * b;
    const value = (attribution[i] as number) / scale;
    const ink = signed ? divergingColor(Math.sign(value)) : sequentialColor(value);
    const weight = signed ? opacity * Math.min(1, Math.abs(value)) ** 0.8 : opacity * 0.7;
    const paled = signed ? 255 - (255 - grey) * 0.3 : grey;
    for (let c = 0; c < 3; c++) rgb[i * 3 + c] = Math.round(paled * (1 - weight) + (ink[c] as number) * weight);
  }
  return rgb;
}

/** The image as the bytes of a PNG file. */
export const imagePng = (image: PixelImage): Promise<Uint8Array> => encodePng(image.width, image.height, toRgb(image));

/** Pictures of one size side by side, row by row, with a line between them. */
export function imageGrid(images: readonly PixelImage[], columns = Math.ceil(Math.sqrt(images.length))): PixelImage {
  const { width = 1, height = 1, maximum = 255 } = images[0] ?? {};
  const rows = Math.ceil(images.length / columns);
  const [wide, high] = [columns * (width + GAP) + GAP, rows * (height + GAP) + GAP];
  const data = new Uint8Array(wide * high * 3).fill(maximum / 2);
  for (const [i, image] of images.entries()) {
    const left = GAP + (i % columns) * (width + GAP);
    const top = GAP + Math.floor(i / columns) * (height + GAP);
    const rgb = toRgb(image);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width * 3; x++)
        data[((top + y) * wide + left) * 3 + x] = Math.round(((rgb[y * width * 3 + x] as number) / 255) * maximum);
  }
  return { width: wide, height: high, channels: 3, data, maximum, layout: "HWC" };
}

/** Draws an attribution, one value a pixel, over its image. Returns the bytes of a PNG file. `opacity` is that of the strongest colour, 0…1. */
export const attributionPng = (
  image: PixelImage,
  attribution: ArrayLike<number>,
  opacity: number = OPACITY,
): Promise<Uint8Array> => encodePng(image.width, image.height, overlaid(image, attribution, opacity));

/** A PNG as text that an `<img>` can show. */
export function pngDataUrl(png: Uint8Array): string {
  let binary = "";
  for (const byte of png) binary += String.fromCharCode(byte);
  return `data:image/png;base64,${btoa(binary)}`;
}

/** PNG (ISO/IEC 15948) of 8-bit RGB pixels. */
async function encodePng(width: number, height: number, rgb: Uint8Array): Promise<Uint8Array> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2, 0, 0, 0], 8);
  // Each row begins with its filter: none.
  const rows = new Uint8Array(height * (width * 3 + 1));
  for (let y = 0; y < height; y++) rows.set(rgb.subarray(y * width * 3, (y + 1) * width * 3), y * (width * 3 + 1) + 1);
  return joinBytes([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("IDAT", await deflate(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

async function deflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const crc32 = crc32By(0xedb88320);

function chunk(name: string, content: Uint8Array): Uint8Array {
  const whole = new Uint8Array(content.length + 12);
  const view = new DataView(whole.buffer);
  view.setUint32(0, content.length);
  whole.set(new TextEncoder().encode(name), 4);
  whole.set(content, 8);
  view.setUint32(8 + content.length, crc32(whole.subarray(4, 8 + content.length)));
  return whole;
}
