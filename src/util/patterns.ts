/**
 * @module Patterns of names: of parameter paths and of module paths, as groups, freezing and adapters choose them.
 */
import { ConfigError } from "./errors.js";
import { nearest } from "./nearest.js";

/** Numbers of a row: no model has as many layers. */
const MAX_NUMBERS = 10_000;

/** The names of `{a,b}` and `{0..11}`, without their braces. */
function alternatives(inside: string): string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(inside);
  if (range === null) return inside.split(",");
  const [from, to] = [Number(range[1]), Number(range[2])];
  if (to - from >= MAX_NUMBERS)
    throw new ConfigError(`pattern {${inside}}: expected a row of up to ${MAX_NUMBERS} numbers, got ${to - from + 1}`);
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => String(from + i));
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** One piece of a pattern as a regular expression. */
function pieceOf(piece: string): string {
  if (piece === "*") return ".*";
  if (piece === "?") return ".";
  if (/^\[.+\]$/.test(piece)) return `[${piece.slice(1, -1).replace(/^!/, "^").replace(/[\\[]/g, "\\$&")}]`;
  if (/^\{.+\}$/.test(piece)) return `(?:${alternatives(piece.slice(1, -1)).map(escaped).join("|")})`;
  return escaped(piece);
}

const compiled = new Map<string, RegExp>();

/**
 * Compiles a pattern that matches whole names, in which `*` stands for any characters, `?` for one, `[0-3]` for one of a set, `{a,b}` for one of several
 * texts and `{0..11}` for one of a row of numbers. A pattern between slashes is a regular expression, which may match anywhere.
 *
 * Errors: ConfigError for a regular expression that is none.
 */
function patternExpression(pattern: string): RegExp {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    const regular = /^\/(.+)\/$/.exec(pattern)?.[1];
    const pieces = pattern.match(/\*|\?|\[[^\]]+\]|\{[^}]+\}|[^*?[{]+|[[{]/g) ?? [];
    try {
      expression = new RegExp(regular ?? `^${pieces.map(pieceOf).join("")}$`);
    } catch (cause) {
      if (cause instanceof ConfigError) throw cause;
      throw new ConfigError(`pattern ${pattern}: expected a pattern or a regular expression (${(cause as Error).message})`, {
        cause,
      });
    }
    compiled.set(pattern, expression);
  }
  return expression;
}

/** Tells whether a name matches one of the patterns (see `patternExpression`). */
export function matchesPath(pattern: string | readonly string[], name: string): boolean {
  if (typeof pattern !== "string") return pattern.some((p) => matchesPath(p, name));
  return pattern === name || patternExpression(pattern).test(name);
}

/** Patterns of a command line: parted by commas, but for those in braces. */
export function splitPatterns(text: string): string[];
export function splitPatterns(text: string | undefined): string[] | undefined;
export function splitPatterns(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  return (text.match(/(\{[^}]*\}|[^,{])+/g) ?? []).map((part) => part.trim()).filter((part) => part !== "");
}

/** The names up to the first part in which they differ. */
function partsOf(names: readonly string[]): string[] {
  const split = names.map((name) => name.split("."));
  let depth = 1;
  while (
    split.every((parts) => parts.length > depth) &&
    new Set(split.map((parts) => parts.slice(0, depth).join("."))).size === 1
  )
    depth++;
  return [...new Set(split.map((parts) => parts.slice(0, depth).join(".")))];
}

/** The nearest name, or what lies above names: a pattern mostly names a part, and `*` what is in it. */
function nearestPattern(pattern: string, names: readonly string[]): string | undefined {
  if (/^\/.+\/$/.test(pattern)) return undefined;
  const above = names.flatMap((name) => name.split(".").map((_, i, segments) => segments.slice(0, i + 1).join(".")));
  const near = nearest(pattern.replace(/(\.?\*)+$/, ""), new Set(above));
  return near === undefined || names.includes(near) ? near : `${near}.*`;
}

/** ConfigError, with the nearest name, for a pattern that matches none. */
export function expectMatches(where: string, patterns: Iterable<string>, names: readonly string[]): void {
  for (const pattern of patterns) {
    if (names.some((name) => matchesPath(pattern, name))) continue;
    const inside = `*.${pattern}`;
    const near = names.some((name) => matchesPath(inside, name)) ? inside : nearestPattern(pattern, names);
    const remedy = near === undefined ? `the model's parts are ${partsOf(names).join(", ")}` : `did you mean "${near}"?`;
    throw new ConfigError(`${where}: expected patterns that match something, got "${pattern}", which matches nothing; ${remedy}`);
  }
}
