/**
 * @module Summaries of explanations by part of an example, for tables and charts: words, columns; of images, their superpixels where the method
 * has them; of texts that were written, a row of parts for each token.
 */
import type { Contribution } from "../../charts/waterfall.js";
import type { ExampleAttribution } from "../../explain/index.js";
import type { View, ViewParts } from "../view.js";
import type { Explanation } from "./explain-node.js";

/** A part's sum of its elements, of attributions of one example whose first axis has `length` positions. */
function partSums({ names, partOf }: ViewParts, values: Float64Array, length: number): number[] {
  const each = values.length / length;
  const sums = names.map(() => 0);
  values.forEach((value, e) => {
    const part = partOf[Math.floor(e / each)] ?? -1;
    if (part >= 0) sums[part] = (sums[part] as number) + value;
  });
  return sums;
}

const titled = ({ input }: View, names: readonly string[]): readonly string[] =>
  input.kind === "features" && names.length === input.names.length
    ? input.names.map((name, i) => `${name} = ${input.values[i]}`)
    : names;

/** The sum of a part's elements, and its name; of a text that was written, over all of its tokens. */
export function contributions(explanation: Explanation): Contribution[] {
  const { view, values, shape, example, tokens } = explanation;
  if (tokens !== undefined) {
    const rows = tokenRows(explanation);
    return (view.parts?.names ?? []).map((label, i) => ({ label, value: rows.reduce((sum, row) => sum + (row[i] ?? 0), 0) }));
  }
  const { parts: found } = example;
  const { parts } = view;
  if (found !== undefined) return titled(view, found.names).map((label, i) => ({ label, value: found.values[i] as number }));
  if (parts === undefined) return [];
  const sums = partSums(parts, values, shape[0] ?? 1);
  return titled(view, parts.names).map((label, i) => ({ label, value: sums[i] as number }));
}

/** For each token that was written, the sum of each part of what was read. */
export function tokenRows({ view: { parts }, values, shape, tokens = [] }: Explanation): ArrayLike<number>[] {
  if (parts === undefined) return [];
  const [count = 1, length = 1] = shape;
  const each = values.length / count;
  return tokens.map(
    ({ parts: found }: ExampleAttribution, t) =>
      found?.values ?? partSums(parts, values.subarray(t * each, (t + 1) * each), length),
  );
}

/** Methods that give each channel of a pixel what all of them do together: of those, the mean is meant, not their sum. */
const REPEATED: ReadonlySet<Explanation["method"]> = new Set(["occlusion"]);

/** One value a pixel, summed over channels: [H, W] of attributions [C, H, W]. */
export function pixelMap({ method, values, shape }: Explanation): Float64Array {
  const [channels = 1, height = 1, width = 1] = shape;
  const share = REPEATED.has(method) ? 1 / channels : 1;
  const plane = height * width;
  const map = new Float64Array(plane);
  for (let c = 0; c < channels; c++)
    for (let p = 0; p < plane; p++) map[p] = (map[p] as number) + share * (values[c * plane + p] as number);
  return map;
}
