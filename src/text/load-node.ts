/**
 * @module A tokenizer from files: a `tokenizer.json`, or a folder as Hugging Face's libraries write it.
 */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { ChatTemplate } from "./chat-template.js";
import { tokenizerFrom } from "./native-node.js";
import type { SpecialRole, SpecialTokens, Tokenizer } from "./tokenizer.js";
import { DataError } from "../util/errors.js";
import { readRegularFile } from "../util/regular-file-node.js";
import { parseJsonWith } from "../util/schema.js";

const token = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const config = z.looseObject({
  pad_token: token,
  unk_token: token,
  bos_token: token,
  eos_token: token,
  cls_token: token,
  sep_token: token,
  mask_token: token,
  chat_template: z.union([z.string(), z.array(z.looseObject({ name: z.string(), template: z.string() }))]).nullish(),
});

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    (info) => info.isFile(),
    () => false,
  );

const CONFIG = "tokenizer_config.json";

async function readText(path: string): Promise<string> {
  try {
    return (await readRegularFile(path)).toString("utf8");
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new DataError(`${path}: expected a file that can be read, got ${missing ? "no such file" : (cause as Error).message}`, {
      cause,
    });
  }
}

/** The special tokens that a `tokenizer_config.json` names. */
function specialTokens(text: string, where: string): SpecialTokens {
  const found: Partial<Record<SpecialRole, string>> = {};
  for (const [key, value] of Object.entries(parseJsonWith(config, text, where))) {
    const role = /^(pad|unk|bos|eos|cls|sep|mask)_token$/.exec(key)?.[1] as SpecialRole | undefined;
    const content = typeof value === "string" ? value : (value as { content?: string } | null | undefined)?.content;
    if (role !== undefined && content !== undefined) found[role] = content;
  }
  return found;
}

/**
 * Loads a tokenizer: a `tokenizer.json`, or the folder that holds one; `tokenizer_config.json` beside it says which tokens pad,
 * begin and end.
 *
 * Errors: DataError if there is no such file; ConfigError if it is not a tokenizer.
 *
 * @example
 * import { writeFile } from "node:fs/promises";
 * import { loadTokenizer, trainWordPiece } from "descentjs/text/node";
 * const trained = await trainWordPiece(["a warm room", "a cold room"], { vocabularySize: 40, minFrequency: 1 });
 * await writeFile("tokenizer.json", JSON.stringify(trained));
 * const tokenizer = await loadTokenizer("tokenizer.json");
 * const { ids } = await tokenizer.encode("a warm room");
 * console.log(ids.length >= 3); // true
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const isFolder = await stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, "tokenizer.json") : path;
  const json = await readText(file);
  const beside = join(dirname(file), CONFIG);
  return tokenizerFrom(json, {
    where: file,
    special: (await exists(beside)) ? specialTokens(await readText(beside), beside) : undefined,
  });
}

/**
 * The chat template of a checkpoint's folder: `chat_template.jinja`, or the one (or the one called default) in `tokenizer_config.json`;
 * undefined where there is none.
 *
 * Errors: ConfigError for a template that does not parse.
 */
export async function loadChatTemplate(folder: string): Promise<ChatTemplate | undefined> {
  const [file, beside] = [join(folder, "chat_template.jinja"), join(folder, CONFIG)];
  const text = (await exists(beside)) ? await readText(beside) : "{}";
  const tokens = Object.entries(specialTokens(text, beside)).map(([role, content]) => [`${role}_token`, content]);
  const named = parseJsonWith(config, text, beside).chat_template ?? undefined;
  const own = typeof named === "string" ? named : named?.find(({ name }) => name === "default")?.template;
  const [source, where] = (await exists(file)) ? [await readText(file), file] : [own, beside];
  return source === undefined ? undefined : new ChatTemplate(source, Object.fromEntries(tokens), where);
}
