/**
 * @module Changes of inputs: of bytes anywhere, and of what a format is made of, so that the header still passes. Each is a function of the
 * input and of a stream of random numbers.
 */
import type { Random } from "../../src/util/random.js";

/** A changed input. */
export type Mutate = (bytes: Uint8Array, random: Random) => Uint8Array;

export const pick = <T>(list: readonly T[], random: Random): T => list[random.integer(list.length)] as T;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** Numbers at which counts, lengths and places go wrong. */
export const NUMBERS: readonly number[] = [
  0,
  1,
  -1,
  2,
  7,
  8,
  127,
  128,
  255,
  256,
  32767,
  65535,
  65536,
  1e6,
  1e9,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  1e18,
  1e300,
  -1e300,
  0.5,
  -0.5,
  1e-300,
];
/** Texts that are names of what every object has, or that something may follow. */
export const TEXTS: readonly string[] = [
  "", " ", "__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "NaN", "Infinity", "-0", "1e999", "0x20", "null", "true",
  "../../etc/passwd", "/dev/zero", "a".repeat(300), "é", "🤗", "\u0301", "\uFEFF", "\u0000", "\u001b[31m", "\ud800", "\n", "\r\n", "\t",
  "(a+)+$", "%s", "'; --", "<b>", "{{", "%", "١٢", "1,000.5", "2024-13-45", "12:61", "$1", "９",
]; // prettier-ignore

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Any change of any bytes, up to eight of them; the first `kept` stay. */
export const anyBytes =
  (kept = 0): Mutate =>
  (bytes, random) => {
    // Not `slice`, which does not copy where the bytes are a Node Buffer.
    let result: Uint8Array = new Uint8Array(bytes);
    for (let left = 1 + random.integer(8); left > 0; left--) {
      const room = result.length - kept;
      if (room <= 0) return joined(result, Uint8Array.of(random.integer(256)));
      const at = kept + random.integer(room);
      const length = 1 + random.integer(Math.min(room, 64));
      switch (random.integer(8)) {
        case 0:
          result[at] = (result[at] as number) ^ (1 << random.integer(8));
          break;
        case 1:
          result[at] = random.integer(256);
          break;
        case 2:
          result = result.slice(0, at);
          break;
        case 3:
          result = joined(result.subarray(0, at), result.subarray(at + length));
          break;
        case 4:
          result = joined(result.subarray(0, at), result.subarray(at, at + length), result.subarray(at));
          break;
        case 5:
          result = joined(result.subarray(0, at), bytesOf(pick(TEXTS, random)), result.subarray(at));
          break;
        case 6:
          result.fill(pick([0, 255, 32, 10, 128], random), at, at + length);
          break;
        default: {
          // A whole number as formats write them.
          const view = Buffer.alloc(8);
          view.writeBigInt64LE(BigInt(Math.trunc(Math.max(-(2 ** 53), Math.min(2 ** 53, pick(NUMBERS, random))))));
          const width = pick([1, 2, 4, 8], random);
          const written = random.integer(2) === 0 ? view.subarray(0, width) : Buffer.from(view.subarray(0, width)).reverse();
          result.set(written.subarray(0, result.length - at), at);
        }
      }
    }
    return result;
  };

type Tree = null | boolean | number | string | Tree[] | Map<string, Tree>;

/** JSON with its objects as maps, so that a key may stand twice and be of any name. */
export function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return value.map(treeOf);
  if (typeof value === "object" && value !== null)
    return new Map(Object.entries(value).map(([key, each]) => [key, treeOf(each)]));
  return value as Tree;
}

export function written(tree: Tree): string {
  if (Array.isArray(tree)) return `[${tree.map(written).join(",")}]`;
  if (tree instanceof Map) return `{${[...tree].map(([key, value]) => `${JSON.stringify(key)}:${written(value)}`).join(",")}}`;
  if (typeof tree === "number" && !Number.isFinite(tree)) return "1e999";
  return JSON.stringify(tree);
}

const hostile = (random: Random): Tree => {
  switch (random.integer(8)) {
    case 0:
    case 1:
      return pick(NUMBERS, random);
    case 2:
    case 3:
      return pick(TEXTS, random);
    case 4:
      return pick<Tree>([null, true, false, [], new Map()], random);
    case 5:
      return new Map([[pick(TEXTS, random), pick(NUMBERS, random)]]);
    case 6:
      return [pick(NUMBERS, random), pick(TEXTS, random)];
    default:
      return Array.from({ length: pick([3, 40, 250], random) }).reduce<Tree>((inner) => [inner], 0);
  }
};

/** A tree with one place changed. */
function changed(tree: Tree, random: Random, depth = 0): Tree {
  const isLeaf = !(Array.isArray(tree) || tree instanceof Map) || (Array.isArray(tree) ? tree.length : tree.size) === 0;
  if (isLeaf || random.integer(depth < 2 ? 40 : 8) === 0) {
    if (typeof tree === "number" && random.integer(2) === 0)
      return pick([tree + 1, tree - 1, -tree, tree * 2, tree / 2, pick(NUMBERS, random)], random);
    if (typeof tree === "string" && tree !== "" && random.integer(2) === 0) {
      const at = random.integer(tree.length);
      return tree.slice(0, at) + pick(TEXTS, random) + tree.slice(at + random.integer(3));
    }
    return hostile(random);
  }
  if (Array.isArray(tree)) {
    const list = [...tree];
    const at = random.integer(list.length);
    if (random.integer(6) > 0) list[at] = changed(list[at] as Tree, random, depth + 1);
    else if (random.integer(2) === 0) list.splice(at, 1);
    else list.splice(at, 0, pick(list, random));
    return list;
  }
  const entries = [...tree];
  const at = random.integer(entries.length);
  const [key, value] = entries[at] as [string, Tree];
  if (random.integer(6) > 0) entries[at] = [key, changed(value, random, depth + 1)];
  else if (random.integer(3) === 0) entries.splice(at, 1);
  else if (random.integer(2) === 0) entries[at] = [pick(TEXTS, random), value];
  else entries.push([pick([...TEXTS, key], random), hostile(random)]);
  return new Map(entries);
}

/** JSON with up to three of its places changed. */
export const anyJson: Mutate = (bytes, random) => {
  let tree = treeOf(JSON.parse(textOf(bytes)));
  for (let left = 1 + random.integer(3); left > 0; left--) tree = changed(tree, random);
  return bytesOf(written(tree));
};

/** JSON lines with some of their places changed. */
export const anyJsonLines: Mutate = (bytes, random) => {
  const lines = textOf(bytes)
    .split("\n")
    .filter((line) => line !== "");
  const at = random.integer(lines.length);
  if (random.integer(4) === 0) lines.splice(at, 0, pick(lines, random));
  else lines[at] = textOf(anyJson(bytesOf(lines[at] as string), random));
  return bytesOf(`${lines.join("\n")}${random.integer(8) === 0 ? "" : "\n"}`);
};

/** Text of fields in lines, parted by `separator`, with fields and lines changed; the first `kept` lines stay. */
export const anyLines =
  (separator: RegExp, kept = 0): Mutate =>
  (bytes, random) => {
    const lines = textOf(bytes).split("\n");
    for (let left = 1 + random.integer(4); left > 0; left--) {
      const at = Math.min(lines.length - 1, kept + random.integer(Math.max(1, lines.length - kept)));
      const line = lines[at] as string;
      const parts = line.split(separator);
      const part = random.integer(parts.length);
      const sign = separator.exec(line)?.[0] ?? " ";
      switch (random.integer(7)) {
        case 0:
          lines.splice(at, 1);
          if (lines.length === 0) lines.push("");
          break;
        case 1:
          lines.splice(at, 0, pick(lines, random));
          break;
        case 2:
          parts.splice(part, 1);
          lines[at] = parts.join(sign);
          break;
        case 3:
          parts.splice(part, 0, pick([...TEXTS, parts[part] as string], random));
          lines[at] = parts.join(sign);
          break;
        case 4:
          parts[part] = String(pick(NUMBERS, random));
          lines[at] = parts.join(sign);
          break;
        default:
          parts[part] = pick(TEXTS, random);
          lines[at] = parts.join(sign);
      }
    }
    return bytesOf(lines.join("\n"));
  };

/** Text cut into tokens by `pattern`, with tokens changed for others of it or of `more`. */
export const anyTokens =
  (pattern: RegExp, more: readonly string[] = []): Mutate =>
  (bytes, random) => {
    const tokens = textOf(bytes).match(pattern) ?? [];
    for (let left = 1 + random.integer(5); left > 0 && tokens.length > 0; left--) {
      const at = random.integer(tokens.length);
      const other = pick(random.integer(2) === 0 ? tokens : [...more, ...TEXTS], random);
      tokens.splice(at, random.integer(3), ...(random.integer(3) === 0 ? [] : [other]));
    }
    return bytesOf(tokens.join(""));
  };
