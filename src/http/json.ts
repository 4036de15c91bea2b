/**
 * @module JSON of strangers: no deeper than people write it, no field twice, and checked against a schema.
 */
import type { ZodType } from "zod";
import { ConfigError } from "../util/errors.js";
import { parseJsonWith } from "../util/schema.js";
import { shown } from "./shown.js";

/** An object or a list that has begun. */
interface Open {
  /** Names of an object so far; none of a list. */
  readonly names: Set<string> | undefined;
  expectsName: boolean;
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The place behind the text that begins at `from`, which is a quote. */
function afterText(json: string, from: number): number {
  for (let i = from + 1; i < json.length; i++) {
    const c = json.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i + 1;
  }
  return json.length;
}

/** Writes a name in one way, however it was escaped. */
function nameOf(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted;
  }
}

/** ConfigError for an object with a field twice, of which parsers take one or the other: two readers would see two requests. */
export function expectNoDuplicates(json: string, where: string): void {
  const open: Open[] = [];
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i);
    const inner = open.at(-1);
    if (c === QUOTE) {
      const end = afterText(json, i);
      if (inner?.names !== undefined && inner.expectsName) {
        const name = nameOf(json.slice(i, end));
        if (inner.names.has(name)) throw new ConfigError(`${where}: expected each field once, got ${shown(name)} twice`);
        inner.names.add(name);
        inner.expectsName = false;
      }
      i = end - 1;
    } else if (c === OPEN_OBJECT) open.push({ names: new Set(), expectsName: true });
    else if (c === OPEN_LIST) open.push({ names: undefined, expectsName: false });
    else if (c === CLOSE_LIST || c === CLOSE_OBJECT) open.pop();
    else if (c === COMMA && inner !== undefined) inner.expectsName = inner.names !== undefined;
    else if (c === COLON && inner !== undefined) inner.expectsName = false;
  }
}

/** ConfigError for a number that no float64 holds (`1e999`), which a parser reads as infinity. */
function expectFinite(json: string, value: unknown, where: string): void {
  // Nothing else is as large: three digits behind an exponent, or hundreds of them.
  if (!/[eE]\+?\d{3}|\d{300}/.test(json)) return;
  const visit = (at: unknown, path: string): void => {
    if (typeof at === "number" && !Number.isFinite(at))
      throw new ConfigError(`${where}: ${path}: expected a finite number, got ${at > 0 ? "" : "-"}infinity`);
    if (typeof at === "object" && at !== null)
      for (const [key, inner] of Object.entries(at)) visit(inner, path === "" ? key : `${path}.${key}`);
  };
  visit(value, "");
}

/** UTF-8 bytes as text. ConfigError for bytes that are none. */
export function utf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigError(`${where}: expected UTF-8, got other bytes`, { cause });
  }
}

/** JSON's bytes checked against a schema. ConfigError for what does not parse, is nested too deep, has a field twice, or is not as the schema says. */
export function parseBody<T>(schema: ZodType<T>, bytes: Uint8Array, where = "body"): T {
  if (bytes.length === 0) throw new ConfigError(`${where}: expected JSON, got nothing`);
  const text = utf8(bytes, where);
  const value = parseJsonWith(schema, text, where);
  expectNoDuplicates(text, where);
  expectFinite(text, value, where);
  return value;
}
