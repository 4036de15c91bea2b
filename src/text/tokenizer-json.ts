/**
 * @module The parts of a `tokenizer.json` that Descent reads: the vocabulary's extent, the added tokens, and the template that puts special
 * tokens around texts. The rest of the file is the tokenizer libraries' own.
 */
import * as z from "zod";
import { checkTokenizer } from "./tokenizer-bounds.js";
import { ConfigError } from "../util/errors.js";
import { own } from "../util/record.js";
import { parseJsonWith, parseWith } from "../util/schema.js";

const component = z.looseObject({ type: z.string() });
const addedToken = z.looseObject({
  id: z.number().int().nonnegative(),
  content: z.string(),
  special: z.boolean().default(false),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
});
const schema = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: component.nullish(),
  pre_tokenizer: component.nullish(),
  post_processor: component.nullish(),
  decoder: component.nullish(),
  model: z.looseObject({
    type: z.string().optional(),
    // Not walked value by value: it may hold a quarter of a million entries.
    vocab: z.custom<Record<string, number> | [string, number][]>((v) => typeof v === "object" && v !== null, {
      error: "expected tokens with their ids",
    }),
    unk_token: z.string().nullish(),
    unk_id: z.number().nullish(),
  }),
});

/** One step of a tokenizer: a normalizer, a pre-tokenizer, … */
export type Component = z.infer<typeof component>;
export type AddedTokenJson = z.infer<typeof addedToken>;
/** A parsed `tokenizer.json`. */
export type TokenizerJson = z.infer<typeof schema>;

/** Reads a `tokenizer.json`, as text or parsed. ConfigError if it is not one, or if an engine would fail on it. */
export function parseTokenizerJson(json: unknown, where: string): TokenizerJson {
  const parsed = typeof json === "string" ? parseJsonWith(schema, json, where) : parseWith(schema, json, where);
  checkTokenizer(parsed, where);
  return parsed;
}

/** Every token with its id, the added ones included. */
export function vocabularyOf(json: TokenizerJson): Map<string, number> {
  const { vocab } = json.model;
  const vocabulary = new Map<string, number>(
    Array.isArray(vocab) ? vocab.map(([token], id) => [token, id] as const) : Object.entries(vocab),
  );
  for (const { content, id } of json.added_tokens) vocabulary.set(content, id);
  return vocabulary;
}

/** A place in what is given to a model: a text (0 or 1), or tokens of the template. */
export type TemplatePiece =
  | { readonly text: 0 | 1; readonly type: number }
  | { readonly ids: readonly number[]; readonly type: number };

/** Special tokens around one text, and around a pair. */
export interface Template {
  readonly single: readonly TemplatePiece[];
  readonly pair: readonly TemplatePiece[];
}

const NONE: Template = {
  single: [{ text: 0, type: 0 }],
  pair: [
    { text: 0, type: 0 },
    { text: 1, type: 1 },
  ],
};

/** Ids as an Int32Array holds them, and segments as a Uint8Array does. */
const tokenId = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const segment = z.number().int().min(0).max(255);
const templateItem = z.union([
  z.object({ SpecialToken: z.object({ id: z.string(), type_id: segment }) }),
  z.object({ Sequence: z.object({ id: z.enum(["A", "B"]), type_id: segment }) }),
]);
const templateProcessing = z.looseObject({
  single: z.array(templateItem),
  pair: z.array(templateItem),
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(tokenId) })),
});
const namedToken = z.tuple([z.string(), tokenId]);
const clsSepProcessing = z.looseObject({ cls: namedToken, sep: namedToken });
const sequenceProcessing = z.looseObject({ processors: z.array(component) });

/**
 * The template of a tokenizer.
 *
 * Errors: ConfigError if the post-processor is none of TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel and
 * Sequence.
 */
export function templateOf(json: TokenizerJson, where: string): Template {
  const processors = flatten(json.post_processor, where);
  let template = NONE;
  for (const processor of processors) {
    const at = `${where}: post_processor`;
    if (processor.type === "TemplateProcessing") template = parsedTemplate(parseWith(templateProcessing, processor, at));
    else if (processor.type === "BertProcessing" || processor.type === "RobertaProcessing") {
      const { cls, sep } = parseWith(clsSepProcessing, processor, at);
      const roberta = processor.type === "RobertaProcessing";
      const [open, close] = [
        { ids: [cls[1]], type: 0 },
        { ids: [sep[1]], type: 0 },
      ];
      const second = roberta ? 0 : 1;
      template = {
        single: [open, { text: 0, type: 0 }, close],
        pair: [
          open,
          { text: 0, type: 0 },
          close,
          ...(roberta ? [close] : []),
          { text: 1, type: second },
          { ...close, type: second },
        ],
      };
    } else if (processor.type !== "ByteLevel")
      throw new ConfigError(
        `${at}: expected TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or Sequence, got ${processor.type}`,
      );
  }
  return template;
}

/** The post-processors one after another. */
export function flatten(processor: Component | null | undefined, where: string): Component[] {
  if (processor === null || processor === undefined) return [];
  if (processor.type !== "Sequence") return [processor];
  return parseWith(sequenceProcessing, processor, `${where}: post_processor`).processors;
}

function parsedTemplate(parsed: z.infer<typeof templateProcessing>): Template {
  const piece = (item: z.infer<typeof templateItem>): TemplatePiece => {
    if ("Sequence" in item) return { text: item.Sequence.id === "A" ? 0 : 1, type: item.Sequence.type_id };
    const { id, type_id } = item.SpecialToken;
    return { ids: own(parsed.special_tokens, id)?.ids ?? [], type: type_id };
  };
  return { single: parsed.single.map(piece), pair: parsed.pair.map(piece) };
}
