/**
 * @module RandAugment: a few changes drawn from fourteen, all of one strength.
 *
 * Source: Cubuk et al. 2019, arXiv:1909.13719; the changes and their strengths are those of torchvision's `RandAugment`.
 * Differs from the source: shears are about the middle of the image; interpolation is bilinear.
 */
import type { Random } from "../util/random.js";
import {
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  autoContrast,
  equalize,
  posterize,
  solarize,
} from "./color.js";
import { affine } from "./geometry.js";
import type { Pixels } from "./pixels.js";

/** `part` is the strength, 0…1; `sign` is 1 or −1. */
type Change = (image: Pixels, part: number, sign: number) => Pixels;

const degrees = (slope: number): number => (Math.atan(slope) * 180) / Math.PI;

const CHANGES: readonly Change[] = [
  (image) => image,
  (image, part, sign) => affine(image, { shearX: degrees(sign * part * 0.3) }),
  (image, part, sign) => affine(image, { shearY: degrees(sign * part * 0.3) }),
  (image, part, sign) => affine(image, { translateX: Math.trunc(sign * part * (150 / 331) * image.width) }),
  (image, part, sign) => affine(image, { translateY: Math.trunc(sign * part * (150 / 331) * image.height) }),
  (image, part, sign) => affine(image, { degrees: sign * part * 30 }),
  (image, part, sign) => adjustBrightness(image, 1 + sign * part * 0.9),
  (image, part, sign) => adjustSaturation(image, 1 + sign * part * 0.9),
  (image, part, sign) => adjustContrast(image, 1 + sign * part * 0.9),
  (image, part, sign) => adjustSharpness(image, 1 + sign * part * 0.9),
  (image, part) => posterize(image, 8 - Math.round(part * 4)),
  (image, part) => solarize(image, 255 * (1 - part)),
  autoContrast,
  equalize,
];

/** `count` changes of strength `magnitude` of 30, drawn with replacement. */
export function randAugment(image: Pixels, random: Random, count: number, magnitude: number): Pixels {
  let changed = image;
  for (let i = 0; i < count; i++) {
    const change = CHANGES[random.integer(CHANGES.length)] as Change;
    changed = change(changed, magnitude / 30, random.uniform() < 0.5 ? -1 : 1);
  }
  return changed;
}
