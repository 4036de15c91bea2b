/**
 * @module The next token as explanations ask about it, or, of a masked model, the hidden one.
 */
import type { Target } from "../../../explain/index.js";
import { Generator, isDecoder } from "../../../generate/index.js";
import type { TensorData } from "../../../graph/index.js";
import { ConfigError } from "../../../util/errors.js";
import type { ViewOf } from "../../task-node.js";
import type { TrainedModel } from "../../trained-model.js";
import type { View } from "../../view.js";
import { viewOfText } from "../text-view.js";
import { encodedRows, tokenNames, tokenPieces, tokenizerOf } from "../texts.js";
import type { LanguageInfo } from "./info.js";

/** The id of a token: as the vocabulary writes it, or a text that is one token, with a space before it or without. ConfigError for another. */
async function tokenNamed(info: LanguageInfo, target: Target): Promise<Target> {
  if (typeof target === "number") return target;
  for (const [id, name] of tokenNames(info)) if (name === target) return id;
  const tokenizer = await tokenizerOf(info);
  const encoded = await tokenizer.encodeBatch([target, ` ${target}`], { specialTokens: false });
  const single = encoded.find(({ ids }) => ids.length === 1);
  if (single === undefined)
    throw new ConfigError(
      `--target: expected one token of the vocabulary, got "${target}", which is ${encoded[0]?.ids.length ?? 0} tokens`,
    );
  if (single.ids[0] === tokenizer.special.unk)
    throw new ConfigError(`--target: expected a token of the vocabulary, got "${target}", which is not in it`);
  return single.ids[0] as number;
}

/** A text with what the model writes behind it: each token that it wrote is asked about, by all before it. */
async function viewOfWritten(model: TrainedModel, name: string, ids: readonly number[], count: number): Promise<View> {
  const info = model.info as LanguageInfo;
  if (!isDecoder(model.model))
    throw new ConfigError(`--tokens: expected a model that generates text, got a masked language model; leave it out`);
  await using generator = await Generator.create(model.model, model.weights);
  const { special } = await tokenizerOf(info);
  const endTokens = special.eos === undefined ? [] : [special.eos];
  const [written = []] = await generator.generate([ids], { maxTokens: count, temperature: 0, endTokens });
  const read = [...ids, ...written.slice(0, -1)];
  const room = info.maxLength;
  if (read.length > room)
    throw new ConfigError(
      `--tokens: expected a text and tokens of at most ${room} together, got a text of ${read.length}; take fewer tokens, or a shorter text`,
    );
  const none: TensorData = { dtype: "int32", shape: [1], data: Int32Array.of(0) };
  const pieces = await tokenPieces(info, read, name);
  return {
    name,
    example: encodedRows([{ ids: Int32Array.from(read) }], info).with({ characters: none, left: none }),
    input: { kind: "text", text: name, offsets: [] },
    parts: { names: pieces, partOf: Int32Array.from(pieces.keys()) },
    asked: { positions: written.map((_, t) => ids.length - 1 + t) },
    written: { ids: written, tokens: await tokenPieces(info, written) },
    remarks: [
      {
        en: `Asked about: each of the ${written.length} tokens that the model writes behind the text, by all tokens before it.`,
        zh: `所问：模型在文本之后写出的 ${written.length} 个词元中的每一个，由它之前的所有词元得出。`,
      },
    ],
  };
}

/** A text whose words are the parts, and the place at which a token is predicted: behind the text, or the first hidden one. */
export const viewOfNextToken: ViewOf = async (model, { examples }, row, name, { target, tokens }) => {
  const info = model.info as LanguageInfo;
  const one = examples.select([row]);
  const ids = Array.from(one.tensor("input_ids").data, Number).slice(0, Number(one.tensor("length").data[0]));
  if (tokens !== undefined) return viewOfWritten(model, name, ids, tokens);
  const position = info.masked === null ? ids.length - 1 : ids.indexOf(info.masked.maskId);
  const left = Number(one.tensor("left").data[0]);
  return {
    ...(await viewOfText(info, name, { specialTokens: info.masked !== null })),
    asked: { position },
    target: target === undefined ? undefined : await tokenNamed(info, target),
    remarks: [
      info.masked === null
        ? {
            en: `Asked about: the token behind the text${left > 0 ? ` as far as the model reads it: ${left} tokens were left out` : ""}.`,
            zh: `所问：文本之后的词元${left > 0 ? `（以模型读到的为准：舍去了 ${left} 个词元）` : ""}。`,
          }
        : { en: "Asked about: the first hidden token.", zh: "所问：第一个被遮住的词元。" },
    ],
  };
};
