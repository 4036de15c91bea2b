/**
 * @module SentencePiece's precompiled table of replacements, checked before it is used: the native library follows its numbers without a
 * look, and ends the process where one of them points outside.
 *
 * The table: 4 bytes of length, a double-array trie (units of 4 bytes) from characters' bytes to offsets, then the replacements, each ended
 * by a zero. Source: sentencepiece, `normalizer.cc`; darts-clone, `darts.h`. Checked against: the tables of sentencepiece 0.2's four rules, which pass.
 */

/** Bytes of one replacement: the longest of Unicode's compatibility forms has 33. */
const MAX_REPLACEMENT = 256;

/** The offset of a unit's children, relative to the unit. */
const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 512) >>> 6);
/** The byte that leads to a unit; above 255 for the offset of a replacement. */
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0;
const hasLeaf = (unit: number): boolean => (unit & 256) !== 0;

/** Explains why the offsets of the replacements are not within `replacements`, or undefined. */
function trieFault(units: Uint32Array, replacements: Uint8Array): string | undefined {
  const seen = new Uint8Array(units.length);
  const pending = [0];
  while (pending.length > 0) {
    const at = pending.pop() as number;
    const unit = units[at] as number;
    const children = (at ^ offsetOf(unit)) >>> 0;
    // Any byte may come next, and is looked up.
    if ((children | 255) >= units.length) return `a place outside its ${units.length} units`;
    if (hasLeaf(unit)) {
      const from = (units[children] as number) & 0x7fffffff;
      const first = replacements[from];
      if (first === undefined || (first & 0xc0) === 0x80) return `a replacement at ${from} of ${replacements.length} bytes`;
      const end = replacements.indexOf(0, from);
      if ((end < 0 ? replacements.length : end) - from > MAX_REPLACEMENT)
        return `a replacement of more than ${MAX_REPLACEMENT} bytes`;
    }
    for (let byte = 1; byte < 256; byte++) {
      const child = children ^ byte;
      if (seen[child] === 0 && labelOf(units[child] as number) === byte) {
        seen[child] = 1;
        pending.push(child);
      }
    }
  }
  return undefined;
}

/** Explains why a `precompiled_charsmap` (base64) is not valid, or undefined if it is. */
export function precompiledFault(base64: string): string | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) return "text that is no base64";
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  if (bytes.length < 8) return `${bytes.length} bytes`;
  const view = new DataView(bytes.buffer);
  const size = view.getUint32(0, true);
  if (size === 0 || size % 4 !== 0 || 4 + size > bytes.length) return `a trie of ${size} bytes in ${bytes.length}`;
  const replacements = bytes.subarray(4 + size);
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(replacements);
  } catch {
    return "replacements that are no UTF-8";
  }
  return trieFault(
    Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true)),
    replacements,
  );
}
