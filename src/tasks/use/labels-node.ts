/**
 * @module Names for the scores of an imported file: from its metadata, from files beside it, from a list that the user names.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { OnnxModel } from "../../onnx/index.js";
import { ConfigError } from "../../util/errors.js";
import { listed, namesIn, namesOfJson, parsed } from "../shared/names.js";

/** Lists of names, a name a line, as people put them beside a model. */
const LISTS = ["labels.txt", "classes.txt", "imagenet_classes.txt", "synset.txt"];
/** Keys under which exporters keep names in a file's metadata. */
const KEYS = ["descent.info", "names", "labels", "classes", "class_names", "id2label"];

/** Names for `count` scores, and where they come from. */
export interface Labels {
  readonly names: readonly string[];
  readonly remark: string;
}

/** The names of a list that the user names. ConfigError where there is none, and for another number of names. */
export async function givenNames(given: string, count: number): Promise<readonly string[]> {
  if (!existsSync(given)) throw new ConfigError(`--labels ${given}: expected a file with a name a line, found none`);
  const names = listed(await readFile(given, "utf8"));
  if (names.length !== count)
    throw new ConfigError(`--labels ${given}: expected ${count} names, one for each score, got ${names.length}`);
  return names;
}

/**
 * Finds names for the scores of a file.
 *
 * Errors: ConfigError for a list that the user names and that has another number of them.
 */
export async function labelsFor(model: OnnxModel, path: string, count: number, given?: string): Promise<Labels> {
  const where = basename(path);
  if (given !== undefined) return { names: await givenNames(given, count), remark: `${where}: labels from ${given}` };
  for (const [key, text] of model.metadata) {
    const names = KEYS.includes(key) || key.startsWith("labels.") ? namesIn(text) : undefined;
    if (names?.length === count) return { names, remark: `${where}: labels from its metadata (${key})` };
  }
  for (const name of LISTS) {
    const file = join(dirname(path), name);
    const names = existsSync(file) ? listed(await readFile(file, "utf8")) : [];
    if (names.length === count) return { names, remark: `${where}: labels from ${file}` };
  }
  const config = join(dirname(path), "config.json");
  const names = existsSync(config) ? namesOfJson(parsed(await readFile(config, "utf8"))) : undefined;
  if (names?.length === count) return { names, remark: `${where}: labels from ${config}` };
  return {
    names: Array.from({ length: count }, (_, k) => String(k)),
    remark:
      count === 1
        ? `${where}: its score has no name; --labels FILE gives it one`
        : `${where}: its ${count} scores have no names; --labels FILE gives them, a name a line`,
  };
}
