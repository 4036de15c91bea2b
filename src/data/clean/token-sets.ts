/**
 * @module Texts as sets of hashed tokens, all in one typed array: words in languages with spaces, pairs of characters in Chinese, Japanese and Thai.
 */

/** Sets of tokens: set i is `tokens[offsets[i]] … tokens[offsets[i + 1] − 1]`, ascending, each token once. */
export interface TokenSets {
  readonly tokens: Uint32Array;
  readonly offsets: Uint32Array;
  readonly length: number;
}

const SEPARATOR = 0;
const WORD = 1;
/** Characters of scripts without spaces between words. */
const UNSPACED = 2;

/** The kind of a UTF-16 unit. */
const KINDS = new Uint8Array(65_536);
for (let unit = 0; unit < 65_536; unit++) {
  const isSurrogate = unit >= 0xd800 && unit < 0xe000;
  if (isSurrogate) KINDS[unit] = WORD;
  else if (/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/u.test(String.fromCharCode(unit))) KINDS[unit] = UNSPACED;
  else if (/[\p{L}\p{N}\p{M}]/u.test(String.fromCharCode(unit))) KINDS[unit] = WORD;
}

/** Mixes a hash so that every bit of it counts (MurmurHash3's finalizer). */
function mixed(h: number): number {
  let x = h;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

// oxlint-disable-next-line no-control-regex -- the range of ASCII
const ASCII = /^[\u0000-\u007f]*$/;

/** Collects sets of tokens. */
export class TokenSetBuilder {
  #tokens = new Uint32Array(1 << 16);
  #used = 0;
  readonly #offsets: number[] = [0];
  #scratch = new Uint32Array(256);

  /** Adds the set of a text's tokens, in lower case and compatible forms (NFKC). Returns its size. */
  add(text: string): number {
    const folded = (ASCII.test(text) ? text : text.normalize("NFKC")).toLowerCase();
    let count = 0;
    let hash = 0x811c9dc5;
    let before = -1;
    let inWord = false;
    if (this.#scratch.length < folded.length + 1) this.#scratch = new Uint32Array(folded.length * 2);
    const scratch = this.#scratch;
    for (let i = 0; i < folded.length; i++) {
      const unit = folded.charCodeAt(i);
      const kind = KINDS[unit];
      if (kind === WORD) {
        hash = Math.imul(hash ^ unit, 0x01000193);
        inWord = true;
        before = -1;
        continue;
      }
      if (inWord) {
        scratch[count++] = mixed(hash);
        hash = 0x811c9dc5;
        inWord = false;
      }
      if (kind === UNSPACED) {
        // A character alone is a token where nothing of its script stands beside it.
        const next = i + 1 < folded.length ? KINDS[folded.charCodeAt(i + 1)] : SEPARATOR;
        if (before >= 0) scratch[count++] = mixed(Math.imul(before, 0x9e3779b1) ^ unit);
        else if (next !== UNSPACED) scratch[count++] = mixed(Math.imul(unit, 0x9e3779b1));
        before = unit;
      } else before = -1;
    }
    if (inWord) scratch[count++] = mixed(hash);
    return this.#keep(count);
  }

  #keep(count: number): number {
    const sorted = this.#scratch.subarray(0, count);
    sortSmall(sorted);
    if (this.#used + count > this.#tokens.length) {
      const larger = new Uint32Array(Math.max(this.#tokens.length * 2, this.#used + count));
      larger.set(this.#tokens.subarray(0, this.#used));
      this.#tokens = larger;
    }
    const start = this.#used;
    for (let i = 0; i < count; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) this.#tokens[this.#used++] = sorted[i] as number;
    this.#offsets.push(this.#used);
    return this.#used - start;
  }

  finish(): TokenSets {
    return {
      tokens: this.#tokens.subarray(0, this.#used),
      offsets: Uint32Array.from(this.#offsets),
      length: this.#offsets.length - 1,
    };
  }
}

/** Sorts in place: by insertion where there is little, since a call costs more. */
function sortSmall(values: Uint32Array): void {
  if (values.length > 48) {
    values.sort();
    return;
  }
  for (let i = 1; i < values.length; i++) {
    const value = values[i] as number;
    let j = i - 1;
    while (j >= 0 && (values[j] as number) > value) {
      values[j + 1] = values[j] as number;
      j--;
    }
    values[j + 1] = value;
  }
}

/** Jaccard's index of two sets: |A ∩ B| / |A ∪ B|; 1 for two empty ones. */
export function jaccard({ tokens, offsets }: TokenSets, a: number, b: number): number {
  let i = offsets[a] as number;
  let j = offsets[b] as number;
  const [endA, endB] = [offsets[a + 1] as number, offsets[b + 1] as number];
  const sizes = endA - i + (endB - j);
  if (sizes === 0) return 1;
  let both = 0;
  while (i < endA && j < endB) {
    const [x, y] = [tokens[i] as number, tokens[j] as number];
    if (x === y) {
      both++;
      i++;
      j++;
    } else if (x < y) i++;
    else j++;
  }
  return both / (sizes - both);
}
