/**
 * @module Summaries of explanations by part of an example, for tables and charts: words, columns; of images, their superpixels where the method
 * has them.
 */
import type { Contribution } from "../../charts/waterfall.js";
import type { Explanation } from "./explain-node.js";

/** The sum of a part's elements, and its name. */
export function contributions({ view, values, shape, example }: Explanation): Contribution[] {
  const { parts: found } = example;
  const { parts, input } = view;
  const titled = (names: readonly string[]): readonly string[] =>
    input.kind === "features" && names.length === input.names.length
      ? input.names.map((name, i) => `${name} = ${input.values[i]}`)
      : names;
  if (found !== undefined) return titled(found.names).map((label, i) => ({ label, value: found.values[i] as number }));
  if (parts === undefined) return [];
  const each = values.length / (shape[0] ?? 1);
  const sums = parts.names.map(() => 0);
  values.forEach((value, e) => {
    const part = parts.partOf[Math.floor(e / each)] ?? -1;
    if (part >= 0) sums[part] = (sums[part] as number) + value;
  });
  return titled(parts.names).map((label, i) => ({ label, value: sums[i] as number }));
}

/** One value a pixel, summed over channels: [H, W] of attributions [C, H, W]. */
export function pixelMap({ values, shape }: Explanation): Float64Array {
  const [channels = 1, height = 1, width = 1] = shape;
  const plane = height * width;
  const map = new Float64Array(plane);
  for (let c = 0; c < channels; c++)
    for (let p = 0; p < plane; p++) map[p] = (map[p] as number) + (values[c * plane + p] as number);
  return map;
}
