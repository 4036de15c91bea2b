/**
 * @module The names of tags that a data set gives as numbers, out of the files that lie beside it.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TagNames } from "./token-rows.js";
import { ConfigError } from "../../util/errors.js";
import { isRecord } from "../../util/record.js";

/** Files in which Hugging Face's libraries and people keep the names. */
const JSON_FILES = ["dataset_info.json", "dataset_infos.json", "label_list.json", "labels.json", "id2label.json"];

const isNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");

/** Finds the names of a field in a description of features: the list `names` somewhere below it. */
function namesBelow(value: unknown, depth = 0): readonly string[] | undefined {
  if (!isRecord(value) || depth > 6) return undefined;
  if (isNames(value["names"])) return value["names"];
  for (const part of Object.values(value)) {
    const found = namesBelow(part, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Finds the features' description of a field, wherever it stands. */
function describedIn(value: unknown, field: string, depth = 0): readonly string[] | undefined {
  if (!isRecord(value) || depth > 6) return undefined;
  const own = Object.hasOwn(value, field) ? namesBelow(value[field]) : undefined;
  if (own !== undefined) return own;
  for (const part of Object.values(value)) {
    const found = describedIn(part, field, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names in a file: a list, numbers with names, or a description of features. */
function namesIn(value: unknown, field: string): readonly string[] | undefined {
  if (isNames(value)) return value;
  if (isRecord(value) && Object.keys(value).every((key) => /^\d+$/.test(key))) {
    const names = Object.keys(value).map((_, i) => value[String(i)]);
    if (isNames(names)) return names;
  }
  return describedIn(value, field);
}

/** Names out of what a file says of itself, or of what lies beside it. Errors: ConfigError for JSON that does not parse. */
export async function tagNames(path: string, own: unknown): Promise<TagNames> {
  const folder = dirname(path);
  const lines = join(folder, "labels.txt");
  if (existsSync(lines)) {
    const names = (await readFile(lines, "utf8")).split(/\r?\n/).filter((line) => line.trim() !== "");
    return () => names;
  }
  const found: unknown[] = own === undefined ? [] : [own];
  for (const name of JSON_FILES) {
    const file = join(folder, name);
    if (!existsSync(file)) continue;
    try {
      found.push(JSON.parse(await readFile(file, "utf8")));
    } catch (cause) {
      throw new ConfigError(`${file}: expected JSON, got ${(cause as Error).message}`, { cause });
    }
  }
  return (field) => {
    for (const value of found) {
      const names = namesIn(value, field);
      if (names !== undefined) return names;
    }
    return undefined;
  };
}
