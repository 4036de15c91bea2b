/**
 * @module The values of pixels: brightness, contrast, saturation, hue, and the point operations of RandAugment. Pure functions
 * on planes; nothing is random here. Grey images have no saturation and no hue, and stay as they are.
 *
 * Source: torchvision's functions of the same names on uint8 images, which follow Pillow.
 * Checked against: torchvision, within one grey level, vision.test.ts.
 */
import type { Pixels } from "./pixels.js";
import { withData } from "./pixels.js";

/** New values through a table: what depends on a value alone costs one look. */
function mapped(image: Pixels, tables: readonly Uint8Array[]): Pixels {
  const { channels, height, width, data } = image;
  const out = new Uint8Array(data.length);
  const plane = height * width;
  for (let c = 0; c < channels; c++) {
    const table = (tables[c] ?? tables[0]) as Uint8Array;
    for (let i = c * plane; i < (c + 1) * plane; i++) out[i] = table[data[i] as number] as number;
  }
  return withData(image, out);
}

/** Values are cut off to 0…255 and to whole numbers, as torchvision and Pillow do. */
const tableOf = (f: (value: number) => number): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, value) => Math.max(0, Math.min(255, Math.trunc(f(value)))));

const RED = 0.2989;
const GREEN = 0.587;
const BLUE = 0.114;

/** Luminance, one value a pixel, in whole numbers. */
export function luminance({ channels, height, width, data }: Pixels): Uint8Array {
  const plane = height * width;
  if (channels < 3) return data.slice(0, plane);
  const out = new Uint8Array(plane);
  for (let p = 0; p < plane; p++)
    out[p] = RED * (data[p] as number) + GREEN * (data[plane + p] as number) + BLUE * (data[2 * plane + p] as number);
  return out;
}

/** 0: black, 1: the image, 2: twice as bright. */
export const adjustBrightness = (image: Pixels, factor: number): Pixels => mapped(image, [tableOf((v) => v * factor)]);

/** 0: the mean grey, 1: the image. */
export function adjustContrast(image: Pixels, factor: number): Pixels {
  const grey = luminance(image);
  let sum = 0;
  for (let p = 0; p < grey.length; p++) sum += grey[p] as number;
  const mean = sum / grey.length;
  return mapped(image, [tableOf((v) => v * factor + mean * (1 - factor))]);
}

/** 0: grey, 1: the image. */
export function adjustSaturation(image: Pixels, factor: number): Pixels {
  if (image.channels < 3) return image;
  const grey = luminance(image);
  const out = new Uint8ClampedArray(image.data.length);
  for (let c = 0, i = 0; c < image.channels; c++)
    for (let p = 0; p < grey.length; p++, i++)
      out[i] = Math.floor(Math.max(0, (image.data[i] as number) * factor + (grey[p] as number) * (1 - factor)));
  return withData(image, new Uint8Array(out.buffer));
}

/** Turns colours round the circle by a fraction of it, −0.5…0.5. */
export function adjustHue(image: Pixels, fraction: number): Pixels {
  if (image.channels < 3) return image;
  const plane = image.height * image.width;
  const { data } = image;
  const out = data.slice();
  for (let p = 0; p < plane; p++) {
    const r = data[p] as number;
    const g = data[plane + p] as number;
    const b = data[2 * plane + p] as number;
    const most = Math.max(r, g, b);
    const spread = most - Math.min(r, g, b);
    if (spread === 0) continue;
    const sixth = most === r ? (g - b) / spread : most === g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
    // In sixths of the circle, 0…6.
    const hue = (((sixth + fraction * 6) % 6) + 6) % 6;
    // The value of a channel is the largest where its hue is near, and falls over one sixth.
    const value = (shift: number): number => {
      const at = (hue + shift) % 6;
      return most - spread * Math.max(0, Math.min(1, at, 4 - at));
    };
    out[p] = Math.round(value(5));
    out[plane + p] = Math.round(value(3));
    out[2 * plane + p] = Math.round(value(1));
  }
  return withData(image, out);
}

/** A joint change of colours: factors of 1 and a hue of 0 leave them as they are. */
export interface ColorChange {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** As a fraction of the circle. */
  readonly hue: number;
}

/**
 * Brightness, contrast, saturation and hue changed in one pass, as one linear map of colours.
 *
 *     x → c·b·M·x + (1 − c)·b·mean luminance,   M: saturation and a turn about the grey axis
 *
 * Source: feColorMatrix of SVG 1.1 (saturate, hueRotate).
 * Differs from the four functions above: values are cut to 0…255 once, at the end, and the hue is turned in a linear space and not in
 * HSV; for that a tenth of the time (160×160: 0.2 ms in place of 1.7).
 */
export function changeColors(image: Pixels, { brightness, contrast, saturation, hue }: ColorChange): Pixels {
  const { channels, height, width, data } = image;
  const plane = height * width;
  let sum = 0;
  if (channels < 3) for (let p = 0; p < plane; p++) sum += data[p] as number;
  else
    for (let p = 0; p < plane; p++)
      sum += RED * (data[p] as number) + GREEN * (data[plane + p] as number) + BLUE * (data[2 * plane + p] as number);
  // Half is added so that writing whole numbers rounds.
  const shift = (1 - contrast) * brightness * (sum / plane) + 0.5;
  const scale = contrast * brightness;
  if (channels < 3) return mapped(image, [tableOf((v) => v * scale + shift)]);
  const [cos, sin] = [Math.cos(2 * Math.PI * hue), Math.sin(2 * Math.PI * hue)];
  const luma = [0.213, 0.715, 0.072];
  const turn = [
    [-0.213, -0.715, 0.928],
    [0.143, 0.14, -0.283],
    [-0.787, 0.715, 0.072],
  ];
  const matrix = [0, 1, 2].map((row) =>
    [0, 1, 2].map((column) => {
      const grey = luma[column] as number;
      // The turn keeps luminance; saturation stretches what differs from it.
      const off = ((row === column ? 1 : 0) - grey) * cos + ((turn[row] as number[])[column] as number) * sin;
      return scale * (grey + saturation * off);
    }),
  ) as [[number, number, number], [number, number, number], [number, number, number]];
  const [[rr, rg, rb], [gr, gg, gb], [br, bg, bb]] = matrix;
  const out = new Uint8Array(data.length);
  for (let p = 0; p < plane; p++) {
    const [r, g, b] = [data[p] as number, data[plane + p] as number, data[2 * plane + p] as number];
    const x = rr * r + rg * g + rb * b + shift;
    const y = gr * r + gg * g + gb * b + shift;
    const z = br * r + bg * g + bb * b + shift;
    out[p] = x < 0 ? 0 : x > 255 ? 255 : x;
    out[plane + p] = y < 0 ? 0 : y > 255 ? 255 : y;
    out[2 * plane + p] = z < 0 ? 0 : z > 255 ? 255 : z;
  }
  return withData(image, out);
}

/** Keeps the highest `bits` bits of each value, 0…8. */
export const posterize = (image: Pixels, bits: number): Pixels => mapped(image, [tableOf((v) => v & (256 - (1 << (8 - bits))))]);

/** Values from `threshold` on are turned into their negative. */
export const solarize = (image: Pixels, threshold: number): Pixels =>
  mapped(image, [tableOf((v) => (v >= threshold ? 255 - v : v))]);

/** Each channel stretched to 0…255. */
export function autoContrast(image: Pixels): Pixels {
  const plane = image.height * image.width;
  return mapped(
    image,
    Array.from({ length: image.channels }, (_, c) => {
      let [least, most] = [255, 0];
      for (let i = c * plane; i < (c + 1) * plane; i++) {
        const v = image.data[i] as number;
        if (v < least) least = v;
        if (v > most) most = v;
      }
      return tableOf((v) => (most > least ? ((v - least) * 255) / (most - least) : v));
    }),
  );
}

/** Each channel's values spread so that all are about equally frequent. */
export function equalize(image: Pixels): Pixels {
  const plane = image.height * image.width;
  return mapped(
    image,
    Array.from({ length: image.channels }, (_, c) => {
      const counts = new Int32Array(256);
      for (const value of image.data.subarray(c * plane, (c + 1) * plane)) counts[value] = (counts[value] as number) + 1;
      const last = counts.findLast((n) => n > 0) ?? 0;
      const step = Math.floor((plane - last) / 255);
      if (step === 0) return tableOf((v) => v);
      let below = Math.floor(step / 2);
      return Uint8Array.from(counts, (n) => {
        const value = Math.min(255, Math.floor(below / step));
        below += n;
        return value;
      });
    }),
  );
}

/** 0: smoothed, 1: the image, 2: sharpened. The outermost pixels stay. */
export function adjustSharpness(image: Pixels, factor: number): Pixels {
  const { channels, height, width, data } = image;
  if (height <= 2 || width <= 2) return image;
  const out = data.slice();
  for (let c = 0; c < channels; c++)
    for (let y = 1; y < height - 1; y++)
      for (let x = 1; x < width - 1; x++) {
        const i = (c * height + y) * width + x;
        let sum = 4 * (data[i] as number);
        for (const row of [i - width, i, i + width])
          sum += (data[row - 1] as number) + (data[row] as number) + (data[row + 1] as number);
        const smooth = Math.round(sum / 13);
        out[i] = Math.max(0, Math.min(255, (data[i] as number) * factor + smooth * (1 - factor)));
      }
  return withData(image, out);
}
