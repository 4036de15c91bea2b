/**
 * @module Lists of names as exporters write them into a file's metadata, or beside it.
 */
import type { Json } from "../../util/described.js";
import { isRecord } from "../../util/described.js";

/** Names of a list, a name a line. */
export const listed = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** A text as JSON; undefined where it is none. */
export function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** Names in a list, or by their numbers: `{"0": "cat", "1": "dog"}`, also as Python writes it. */
export function namesOfJson(value: Json | undefined): string[] | undefined {
  if (Array.isArray(value)) return value.map(String);
  if (value === undefined || !isRecord(value)) return undefined;
  const inner = value["classes"] ?? value["id2label"];
  if (inner !== undefined) return namesOfJson(inner);
  const keys = Object.keys(value);
  const isNumbered = keys.length > 0 && keys.every((key) => /^\d+$/.test(key) && typeof value[key] === "string");
  return isNumbered ? keys.sort((a, b) => Number(a) - Number(b)).map((key) => String(value[key])) : undefined;
}

/** A text of the metadata as names. */
export function namesIn(text: string): string[] | undefined {
  const python = text
    .replaceAll(/(\d+):/g, '"$1":')
    .replaceAll(/'((?:[^'\\]|\\.)*)'/g, (_, inner: string) => JSON.stringify(inner));
  const names = namesOfJson(parsed(text)) ?? namesOfJson(parsed(python));
  if (names !== undefined) return names;
  return /^[^{}[\]]+,[^{}[\]]+$/.test(text) ? text.split(",").map((name) => name.trim()) : undefined;
}
