/**
 * @module Offsets in a text: code points, as the Rust library counts, and UTF-16 units, as JavaScript strings do.
 */

/** Tells whether some character takes two units. A lone surrogate counts as one character here and in the library. */
const hasPairs = (text: string): boolean => /[\uD800-\uDBFF][\uDC00-\uDFFF]/.test(text);

/** Converts offsets in code points to offsets in UTF-16 units, in place. */
export function toUtf16(text: string, offsets: Int32Array): Int32Array {
  if (!hasPairs(text)) return offsets;
  const unitAt = new Int32Array(text.length + 1);
  let unit = 0;
  let point = 0;
  for (const character of text) {
    unitAt[point++] = unit;
    unit += character.length;
  }
  unitAt[point] = unit;
  for (let i = 0; i < offsets.length; i++) offsets[i] = unitAt[offsets[i] as number] as number;
  return offsets;
}
