/** @module Equality of two answers, in whatever order they say what they say. */
import type { Value } from "./scheme.js";

const sortedTexts = (parts: readonly unknown[]): string => JSON.stringify(parts.map((part) => JSON.stringify(part)).sort());

/** A text that is equal for answers that say the same. */
function canonical(value: Value): string {
  if ("classes" in value) return sortedTexts(value.classes);
  if ("spans" in value) return sortedTexts(value.spans.map(({ start, end, label }) => [start, end, label]));
  if ("boxes" in value) return sortedTexts(value.boxes.map(({ x, y, width, height, label }) => [x, y, width, height, label]));
  if ("polygons" in value) return sortedTexts(value.polygons.map(({ points, label }) => [points, label]));
  return sortedTexts(
    value.frames.map(({ predicate, arguments: roles }) => [
      predicate.start,
      predicate.end,
      sortedTexts(roles.map(({ start, end, label }) => [start, end, label])),
    ]),
  );
}

/** Whether two answers say the same; the order of their parts does not matter. */
export const sameValue = (a: Value, b: Value): boolean => canonical(a) === canonical(b);
