/**
 * @module Names for the scores of an imported file: from its metadata, from files beside it, from a list that the user names.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
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

/** The names of a list that the user names. ConfigError where there is none, and for another number of names than `counts`. */
export async function givenNames(given: string, counts?: number | readonly number[]): Promise<readonly string[]> {
  if (!existsSync(given)) throw new ConfigError(`--labels ${given}: expected a file with a name a line, found none`);
  const names = listed(await readFile(given, "utf8"));
  if (counts !== undefined && ![counts].flat().includes(names.length))
    throw new ConfigError(
      `--labels ${given}: expected ${[counts].flat().join(" or ")} names, one for each score, got ${names.length}`,
    );
  return names;
}

/** Lists of names beside a model: those that are usual, and Darknet's `NAME.names`. */
async function listsBeside(path: string): Promise<string[]> {
  const others = await readdir(dirname(path)).catch(() => []);
  return [...LISTS, ...others.filter((name) => name.endsWith(".names")).sort()].map((name) => join(dirname(path), name));
}

/**
 * Finds names for the scores of a file; where there may be as many as one of several counts, the first is meant if no names are found.
 *
 * Errors: ConfigError for a list that the user names and that has another number of them.
 */
export async function labelsFor(
  model: OnnxModel,
  path: string,
  counts: number | readonly number[],
  given?: string,
): Promise<Labels> {
  const where = basename(path);
  const wanted = [counts].flat();
  const fits = (names: readonly string[] | undefined): names is readonly string[] =>
    names !== undefined && wanted.includes(names.length);
  if (given !== undefined) return { names: await givenNames(given, counts), remark: `${where}: labels from ${given}` };
  for (const [key, text] of model.metadata) {
    const names = KEYS.includes(key) || key.startsWith("labels.") ? namesIn(text) : undefined;
    if (fits(names)) return { names, remark: `${where}: labels from its metadata (${key})` };
  }
  for (const file of await listsBeside(path)) {
    const names = existsSync(file) ? listed(await readFile(file, "utf8")) : [];
    if (fits(names)) return { names, remark: `${where}: labels from ${file}` };
  }
  const config = join(dirname(path), "config.json");
  const names = existsSync(config) ? namesOfJson(parsed(await readFile(config, "utf8"))) : undefined;
  if (fits(names)) return { names, remark: `${where}: labels from ${config}` };
  const [count = 0] = wanted;
  return {
    names: Array.from({ length: count }, (_, k) => String(k)),
    remark:
      count === 1
        ? `${where}: its score has no name; --labels FILE gives it one`
        : `${where}: its ${count} scores have no names; --labels FILE gives them, a name a line`,
  };
}
