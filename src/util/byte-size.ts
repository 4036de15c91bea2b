/**
 * @module Amounts of memory as people write them: `2GB`, `512 MiB`.
 */
import { ConfigError } from "./errors.js";

const UNITS: ReadonlyMap<string, number> = new Map([
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
]);

/** Bytes of an amount with its unit: GB is 10⁹ bytes, GiB 2³⁰. ConfigError for anything else. */
export function parseByteSize(text: string, where: string): number {
  const [, digits = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text) ?? [];
  const factor = UNITS.get(unit.toLowerCase());
  const bytes = Number(digits) * (factor ?? NaN);
  if (!(bytes > 0)) throw new ConfigError(`${where}: expected an amount of memory such as 2GB or 512MiB, got "${text}"`);
  return bytes;
}
