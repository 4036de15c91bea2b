/**
 * @module A language model of a GGUF file: its settings, weights, tokenizer and chat template as a trained model has them.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { GgufFile } from "../../models/gguf.js";
import { readGguf } from "../../models/gguf.js";
import { ggufModel } from "../../models/gguf-model.js";
import { ggufTokenizerJson } from "../../text/gguf-tokenizer.js";
import { ChatTemplate } from "../../text/node.js";
import type { RunConfig } from "../../run/run-folder.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { fileReason } from "../../util/file-reason.js";
import { descentVersion } from "../../util/version-node.js";
import type { TaskInfo } from "../task.js";
import { tokenizerInfo, tokenizerOf } from "../texts/texts.js";

/** Whether a path is one of a GGUF file. */
export const isGguf = (path: string): boolean => path.endsWith(".gguf");

/** Tokens of a window of running text that a file's perplexity is measured on. */
const WINDOW = 512;

/** Reads a file. Errors: DataError for one that cannot be read; those of `readGguf`. */
export async function loadGguf(path: string): Promise<GgufFile> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new DataError(`${path}: expected a file that can be read, got ${fileReason(cause)}`, { cause });
  });
  return readGguf(bytes, basename(path));
}

/** A text of the metadata; undefined where there is none. */
function textIn({ metadata }: GgufFile, name: string): string | undefined {
  const value = metadata.get(name);
  return typeof value === "string" ? value : undefined;
}

function listIn<T extends "string" | "number">(
  { metadata }: GgufFile,
  name: string,
  type: T,
  where: string,
): readonly (T extends "string" ? string : number)[] {
  const value = metadata.get(name);
  if (!Array.isArray(value) || !value.every((each) => typeof each === type))
    throw new ConfigError(
      `${where}: expected ${name} in its metadata, a list of ${type}s, got ${value === undefined ? "none" : "another value"}`,
    );
  return value as readonly (T extends "string" ? string : number)[];
}

/** The `tokenizer.json` of a file. */
function tokenizerIn(file: GgufFile, where: string): string {
  return ggufTokenizerJson(
    {
      model: textIn(file, "tokenizer.ggml.model") ?? "none",
      pre: textIn(file, "tokenizer.ggml.pre") ?? "default",
      tokens: listIn(file, "tokenizer.ggml.tokens", "string", where),
      types: listIn(file, "tokenizer.ggml.token_type", "number", where),
      merges: listIn(file, "tokenizer.ggml.merges", "string", where),
    },
    where,
  );
}

/** A language model and what a run of one would keep of it. */
export interface GgufRun {
  readonly config: RunConfig & { readonly model: string; readonly info: TaskInfo };
  readonly weights: ReturnType<typeof ggufModel>["weights"];
  readonly stored: ReturnType<typeof ggufModel>["stored"];
}

/** Opens a file. Errors: those of `loadGguf`, `ggufModel` and tokenizers. */
export async function openGguf(path: string): Promise<GgufRun> {
  const where = basename(path);
  const file = await loadGguf(path);
  const { architecture, config, weights, stored } = ggufModel(file, where);
  const tokenizer = await tokenizerOf({ tokenizer: tokenizerIn(file, where) });
  const { max_position_embeddings: positions } = config as { readonly max_position_embeddings: number };
  const end = file.metadata.get("tokenizer.ggml.eos_token_id");
  const template = textIn(file, "tokenizer.chat_template");
  const info: TaskInfo = {
    ...tokenizerInfo(tokenizer, Math.min(WINDOW, positions)),
    masked: null,
    charactersPerToken: 1,
    pretrained: { architecture, config },
    ...(typeof end === "number" ? { endId: end } : {}),
    ...(template === undefined ? {} : { chatTemplate: template, specialTokens: specialTokens(file) }),
  };
  const model = where.replace(/\.gguf$/, "");
  return { config: { descent: await descentVersion(), task: "language-modeling", options: {}, model, info }, weights, stored };
}

/** The tokens that templates know by their roles. */
function specialTokens(file: GgufFile): Readonly<Record<string, string>> {
  const tokens = file.metadata.get("tokenizer.ggml.tokens") as readonly string[];
  const named = (role: string, key: string): [string, string][] => {
    const id = file.metadata.get(`tokenizer.ggml.${key}_token_id`);
    const content = typeof id === "number" ? tokens[id] : undefined;
    return content === undefined ? [] : [[`${role}_token`, content]];
  };
  return Object.fromEntries([
    ...named("bos", "bos"),
    ...named("eos", "eos"),
    ...named("pad", "padding"),
    ...named("unk", "unknown"),
  ]);
}

/** The chat template that a model's info keeps. */
export function chatTemplateIn(info: TaskInfo, where: string): ChatTemplate | undefined {
  const { chatTemplate, specialTokens: tokens } = info;
  if (typeof chatTemplate !== "string") return undefined;
  return new ChatTemplate(chatTemplate, (tokens ?? {}) as Readonly<Record<string, string>>, where);
}
