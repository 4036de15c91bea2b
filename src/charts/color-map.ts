/**
 * @module Colours for numbers. Both maps are straight in the lightness of OKLab, so that equal differences look equal, and keep
 * their order for every kind of colour blindness and in print without colours.
 *
 * Source: Ottosson 2020, "A perceptual color space for image processing" (OKLab); the choice of blue against orange follows
 * Crameri, Shephard, Heron 2020, "The misuse of colour in science communication".
 * Checked against: lightness steps, and the colours as deuteranopes see them, color-map.test.ts.
 */

/** Red, green and blue, 0…255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** OKLab: lightness 0…1, green to red, blue to yellow. */
type Lab = readonly [lightness: number, a: number, b: number];

const WHITE: Lab = [0.97, 0, 0];
const BLUE: Lab = [0.47, -0.03, -0.14];
const ORANGE: Lab = [0.47, 0.09, 0.085];
/** From dark blue over green to light yellow. */
const DARK: Lab = [0.22, 0.0, -0.09];
const MIDDLE: Lab = [0.58, -0.08, 0.0];
const LIGHT: Lab = [0.94, -0.03, 0.15];

const mix = (from: Lab, to: Lab, t: number): Lab => [
  from[0] + (to[0] - from[0]) * t,
  from[1] + (to[1] - from[1]) * t,
  from[2] + (to[2] - from[2]) * t,
];

const gamma = (linear: number): number => (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055);
const toByte = (linear: number): number => Math.round(255 * gamma(Math.max(0, Math.min(1, linear))));

function toRgb([lightness, a, b]: Lab): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    toByte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    toByte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    toByte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

const clamped = (value: number, low: number, high: number): number =>
  Number.isNaN(value) ? 0 : Math.max(low, Math.min(high, value));

/** The colour of a signed value: −1 blue, 0 nearly white, 1 orange. Values outside are cut off; NaN is 0. */
export function divergingColor(value: number): Rgb {
  const v = clamped(value, -1, 1);
  return toRgb(mix(WHITE, v < 0 ? BLUE : ORANGE, Math.abs(v)));
}

/** The colour of an amount: 0 dark blue, 1 light yellow. Values outside are cut off; NaN is 0. */
export function sequentialColor(value: number): Rgb {
  const v = clamped(value, 0, 1);
  // The middle lies where the lightness of a straight line would be.
  const middle = (MIDDLE[0] - DARK[0]) / (LIGHT[0] - DARK[0]);
  return toRgb(v < middle ? mix(DARK, MIDDLE, v / middle) : mix(MIDDLE, LIGHT, (v - middle) / (1 - middle)));
}

/** A colour as CSS and SVG write it: `#2563eb`. */
export const cssColor = (color: Rgb): string => `#${color.map((c) => c.toString(16).padStart(2, "0")).join("")}`;

/** Tells whether black text on the colour reads better than white, by relative luminance (WCAG 2.2). */
export function isLight([red, green, blue]: Rgb): boolean {
  const linear = (c: number): number => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) > 0.18;
}
