/**
 * @module Language modelling: running text whose next token (GPT-2, Llama) or hidden tokens (BERT) a model learns to predict. `descent generate` writes
 * with the former.
 */
import type { Batch, Dataset } from "../../../data/index.js";
import type { LoadedData } from "../../../data/node.js";
import { logSoftmax } from "../../../generate/index.js";
import type { Dim, Tensor, TensorData } from "../../../graph/index.js";
import { fromNumbers, staticDim, symbol } from "../../../graph/index.js";
import { crossEntropy } from "../../../losses/index.js";
import { BertForMaskedLm, DistilBertForMaskedLm, Gpt2, Llama } from "../../../models/index.js";
import type { Module } from "../../../nn/index.js";
import type { Encoding, Tokenizer } from "../../../text/index.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import type { LanguageInfo } from "./info.js";
import { languageModels, MASKED_MODELS } from "./models.js";
import type { MaskOptions, WindowOptions } from "../packed-text.js";
import { expectWindow, IGNORED, mostChosen, packedRows, windowCollate } from "../packed-text.js";
import { scoresAt } from "../../shared/scores-at.js";
import type { Answer, ColumnTypes, Prepared, Task, TaskContext, TaskOptions, Tensors, Inherited } from "../../task.js";
import { encodedRows, textCollate, tokenLabels, tokenNames, textTokenizer, tokenizerInfo, tokenizerOf } from "../texts.js";
import { tokenizerOptions, writtenExplainOptions } from "../options.js";

/** Returns the options of windows for a use. */
export const windowOptions = ({ info, use }: Pick<TaskContext<LanguageInfo>, "info" | "use">): WindowOptions => ({
  random: use === "train",
  padId: info.padId,
  masked: info.masked ?? undefined,
});

/** Counts the tokens of a window that are text. */
const windowWidth = ({ maxLength, masked }: Pick<LanguageInfo, "maxLength" | "masked">): number =>
  maxLength - (masked?.around.length ?? 0);

/** Whether a model's tokens are hidden, in place of the next one. */
const isMaskedModel = (model: Module): model is BertForMaskedLm | DistilBertForMaskedLm =>
  model instanceof BertForMaskedLm || model instanceof DistilBertForMaskedLm;

/**
 * Tokens [N, T] and what is not padding → logits [N, T, V]; of a masked model [M, V] where the batch gives the positions. Vectors in place of the
 * tokens' embeddings may be given.
 */
export function languageLogits(model: Module, batch: Tensors, inputsEmbeds?: Tensor): Tensor {
  const { attention_mask: mask, positions } = batch;
  const ids = batch["input_ids"] as Tensor;
  // What is behind a token does not matter to a decoder; texts are filled up behind.
  const given = inputsEmbeds && { inputsEmbeds };
  if (model instanceof Gpt2 || model instanceof Llama) return model.forward(ids, given);
  if (isMaskedModel(model)) return model.forward(ids, { mask, positions, ...given });
  throw new ConfigError(`language-modeling: expected a language model, got ${model.constructor.name}`);
}

/** The vectors of the tokens [N, T, D]. */
function tokenVectors(model: Module, tokens: Tensor): Tensor {
  if (model instanceof Gpt2) return model.transformer.wte.forward(tokens);
  if (model instanceof Llama) return model.model.embedTokens.forward(tokens);
  if (isMaskedModel(model)) return model.embed(tokens);
  throw new ConfigError(`language-modeling: expected a language model, got ${model.constructor.name}`);
}

/** Returns the options for masking tokens. ConfigError for a tokenizer that has no mask token. */
function maskOptions({ special, size }: Tokenizer): MaskOptions {
  const { mask, cls, sep } = special;
  if (mask === undefined)
    throw new ConfigError(
      "language-modeling: expected a tokenizer with a [MASK] token for a masked model; use --tokenizer wordpiece",
    );
  return { maskId: mask, vocabularySize: size, around: cls === undefined || sep === undefined ? [] : [cls, sep] };
}

const textsOf = (part: Dataset, where: string): string[] => {
  const texts = part.texts("text").filter((text): text is string => text !== null && text.trim() !== "");
  if (texts.length === 0) throw new DataError(`${where}: expected a text, got none`);
  return texts;
};

const rowsOf = async (part: Dataset, tokenizer: Tokenizer, info: LanguageInfo, where: string): Promise<Dataset> =>
  packedRows(textsOf(part, where), tokenizer, windowWidth(info), info.masked === null ? "next" : "any");

async function prepare(
  data: LoadedData,
  { model, maxPositions = Infinity, ...options }: TaskOptions & Inherited & { readonly model: string },
): Promise<Prepared<LanguageInfo>> {
  const maxLength = options.maxLength ?? Math.min(64, maxPositions);
  if (maxLength > maxPositions)
    throw new ConfigError(`--max-length: expected at most ${maxPositions}, the model's number of positions, got ${maxLength}`);
  const isMasked = MASKED_MODELS.includes(model);
  const kind = isMasked ? "wordpiece" : "characters";
  const tokenizer = await textTokenizer(textsOf(data.train, "training text"), options, { kind, vocabularySize: 8192 });
  const masked = isMasked ? maskOptions(tokenizer) : null;
  const info: LanguageInfo = { ...tokenizerInfo(tokenizer, maxLength), masked, charactersPerToken: 1 };
  const train = await rowsOf(data.train, tokenizer, info, "training text");
  expectWindow(train, windowWidth(info));
  const total = (name: string): number => (train.tensor(name).data as Int32Array).reduce((sum, n) => sum + n, 0);
  const validation = await rowsOf(data.validation, tokenizer, info, "validation text");
  const same = data.test === data.validation;
  return {
    info: { ...info, charactersPerToken: total("characters") / total("count") },
    train,
    validation,
    test: same ? validation : await rowsOf(data.test, tokenizer, info, "test text"),
    notes: [
      `${tokenizer.size} tokens in the vocabulary, ${(total("characters") / total("count")).toFixed(2)} characters a token`,
    ],
  };
}

/** Texts to judge, or with tokens to fill in. DataError for a text of which nothing is asked. */
async function encode(rows: Dataset, info: LanguageInfo): Promise<Dataset> {
  const texts = textsOf(rows, "input");
  const tokenizer = await tokenizerOf(info);
  const encodings = await tokenizer.encodeBatch(texts, { maxLength: info.maxLength, specialTokens: info.masked !== null });
  for (const [i, { ids }] of encodings.entries()) {
    const isAsked = info.masked === null ? ids.length > 1 : ids.includes(info.masked.maskId);
    const expected = info.masked === null ? "at least two tokens" : (tokenizer.idToToken(info.masked.maskId) ?? "a hidden token");
    if (!isAsked) throw new DataError(`input ${i + 1}: expected a text with ${expected}, got "${texts[i]}"`);
  }
  const column = (values: readonly number[]): TensorData => fromNumbers("int32", [values.length], values);
  return encodedRows(encodings, info).with({
    characters: column(texts.map((text, i) => predictedCharacters(text, encodings[i] as Encoding))),
    left: column(encodings.map(({ cut }) => cut)),
  });
}

/** Code points of a text from its second token to the last that was kept. */
function predictedCharacters(text: string, { offsets }: Encoding): number {
  return Array.from(text.slice(offsets[1], offsets.at(-1))).length;
}

/** Measures how likely each text is, token by token. */
function judged(logits: TensorData, { input_ids: ids, attention_mask: mask, characters, left }: Batch): Answer[] {
  const [n, t, v] = logits.shape as [number, number, number];
  return Array.from({ length: n }, (_, row) => {
    let [loss, count] = [0, 0];
    for (let at = row * t; at < (row + 1) * t - 1 && Number(mask?.data[at + 1]) === 1; at++, count++)
      loss -= logSoftmax(logits.data.subarray(at * v, (at + 1) * v) as Float32Array)[Number(ids?.data[at + 1])] as number;
    const mean = loss / count;
    const letters = Number(characters?.data[row]);
    return {
      loss: mean,
      perplexity: Math.exp(mean),
      ...(letters > 0 ? { bitsPerCharacter: loss / Math.LN2 / letters } : {}),
      tokens: count + 1,
      tokensLeftOut: Number(left?.data[row]),
    };
  });
}

const KEEP = { keep: ["characters", "left"] };
const GUESSES = 5;

/** The likeliest tokens at each masked position. */
function filled(logits: TensorData, { input_ids: ids }: Batch, info: LanguageInfo): Answer[] {
  const [n, t, v] = logits.shape as [number, number, number];
  const names = tokenNames(info);
  return Array.from({ length: n }, (_, row) => {
    const hidden = Array.from({ length: t }, (_, i) => row * t + i).filter((at) => Number(ids?.data[at]) === info.masked?.maskId);
    const guesses = hidden.flatMap((at, place) => {
      const chances = logSoftmax(logits.data.subarray(at * v, (at + 1) * v) as Float32Array);
      const order = Array.from(chances.keys()).sort((a, b) => (chances[b] as number) - (chances[a] as number));
      return order
        .slice(0, GUESSES)
        .map((id) => ({ place: place + 1, token: names.get(id) ?? "", score: Math.exp(chances[id] as number) }));
    });
    return { guesses };
  });
}

/** In training as long as windows are; in use, as long as a text. */
function inputs({ info, use }: TaskContext<LanguageInfo>, batch: Dim): ColumnTypes {
  const shape = [batch, use === "train" ? info.maxLength : symbol("T")];
  const ids = { input_ids: { shape, dtype: "int64" } } as const;
  // Logits of 85 of 100 tokens would be computed for nothing.
  if (info.masked !== null && use === "train") return { ...ids, positions: { shape: [chosenOf(info, batch)], dtype: "int32" } };
  // Windows are full in training, and decoders do not look behind.
  return info.masked === null ? ids : { ...ids, attention_mask: { shape, dtype: "int64" } };
}

/** Counts the tokens to predict in a training batch of a masked model. */
const chosenOf = ({ maxLength }: LanguageInfo, batch: Dim): number => mostChosen(staticDim(batch, "batch") * maxLength);

export const languageModeling: Task<LanguageInfo> = {
  name: "language-modeling",
  label: { en: "Language modeling", zh: "语言建模" },
  summary: "predict the next token of a text, or masked ones, and generate texts",
  usage: ["--data tinyshakespeare --out runs/shakespeare"],
  options: tokenizerOptions,
  models: languageModels,
  defaultModel: "gpt-nano",
  monitor: { metric: "loss", mode: "min" },
  checksOneBatch: true,
  mostAtOnce: 16,
  pretrained: {
    architectures: [
      "GPT2LMHeadModel",
      "LlamaForCausalLM",
      "MistralForCausalLM",
      "Qwen2ForCausalLM",
      "BertForMaskedLM",
      "DistilBertForMaskedLM",
    ],
    opened: ({ tokenizer, maxLength, model }) => ({
      ...tokenizerInfo(tokenizer, maxLength),
      masked: isMaskedModel(model) ? maskOptions(tokenizer) : null,
      charactersPerToken: 1,
    }),
  },
  prepare,
  inputs,
  targets: ({ info }, batch) => ({
    labels: { shape: info.masked === null ? [batch, info.maxLength] : [chosenOf(info, batch)], dtype: "int32" },
  }),
  collate: (context, rows) => (rows.has("tokens") ? windowCollate(windowOptions(context)) : textCollate(context, rows, KEEP)),
  features: (batch) => batch["input_ids"] as Tensor,
  outputs: (model, _features, batch) => ({ logits: languageLogits(model, batch) }),
  loss: ({ logits }, { labels }, { info }) =>
    crossEntropy(logits as Tensor, labels as Tensor, info.masked === null ? {} : { ignoreIndex: IGNORED }),
  explained: {
    kind: "tokens",
    inParts: true,
    options: writtenExplainOptions,
    features: (batch, _context, model) => tokenVectors(model, batch["input_ids"] as Tensor),
    outputs: (model, vectors, batch) => ({ logits: languageLogits(model, batch, vectors) }),
    scores: ({ logits }, _info, asked) => scoresAt(logits as Tensor, asked),
    labels: tokenLabels,
  },
  answers: ({ logits }, info, batch) =>
    info.masked === null ? judged(logits as TensorData, batch) : filled(logits as TensorData, batch, info),
  examples: async (_data, part, info) => rowsOf(part, await tokenizerOf(info), info, "text"),
  targetColumn: () => undefined,
  encode,
};
