/**
 * @module Boxes with labels as SVG, to lie over an image of the same size.
 */

/** A box to draw. */
export interface BoxMark {
  /** Corners in pixels of the image. */
  readonly box: readonly [number, number, number, number];
  /** Left out: the box alone. */
  readonly label?: string;
  readonly color: string;
  readonly dashed?: boolean;
}

/** Colours that can be told apart on most images, by class. */
const COLORS = ["#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#f032e6", "#9a6324", "#808000", "#000075"];
/** Color of class k, as CSS writes it. */
export const classColor = (k: number): string => COLORS[k % COLORS.length] as string;

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c] as string);

/** Width of a text in ems: letters of other scripts are as wide as high. */
const ems = (text: string): number => Array.from(text, (c) => (c.charCodeAt(0) > 0x2e7f ? 1 : 0.56)).reduce((a, b) => a + b, 0);

/** The boxes, each with its label on a patch of its colour: above it, or inside where there is no room. */
export function boxesSvg(
  { width, height }: { readonly width: number; readonly height: number },
  marks: readonly BoxMark[],
): string {
  const size = Math.max(9, Math.round(Math.max(width, height) / 40));
  const stroke = Math.max(1.2, Math.max(width, height) / 320);
  const place = (v: number): string => v.toFixed(1);
  const shapes = marks.map(({ box: [x1, y1, x2, y2], label, color, dashed }) => {
    const rectangle = `<rect x="${place(x1)}" y="${place(y1)}" width="${place(x2 - x1)}" height="${place(y2 - y1)}" fill="none" stroke="${color}" stroke-width="${place(stroke)}"${dashed === true ? ` stroke-dasharray="${place(stroke * 3)} ${place(stroke * 2)}"` : ""}/>`;
    if (label === undefined) return rectangle;
    const patch = size * (ems(label) + 0.6);
    const left = Math.min(Math.max(0, x1 - stroke / 2), Math.max(0, width - patch));
    const top = y1 >= size * 1.25 ? y1 - size * 1.25 : y1;
    return `${rectangle}<rect x="${place(left)}" y="${place(top)}" width="${place(patch)}" height="${place(size * 1.25)}" fill="${color}"/><text x="${place(left + size * 0.3)}" y="${place(top + size * 0.95)}" font-family="Arial, Helvetica, 'Noto Sans CJK SC', sans-serif" font-size="${size}" fill="#fff">${escape(label)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${shapes.join("")}</svg>`;
}
