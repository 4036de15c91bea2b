/**
 * @module A text that was written from another, as explanations ask about it: every token of it, by the tokens that were read.
 */
import { Generator } from "../../../generate/index.js";
import type { ViewOf } from "../../task-node.js";
import type { Writer } from "../../trained-model.js";
import { MOST_WRITTEN } from "../options.js";
import { tokenizerOf, tokenPieces } from "../texts.js";
import type { SequenceInfo } from "./sequence-to-sequence.js";
import { pairsOfIds, translatorOf } from "./sequence-to-sequence.js";

/** A source with the text that the model writes from it. */
export const viewOfTranslation: ViewOf = async (model, { examples }, row, name, { tokens = MOST_WRITTEN }) => {
  const info = model.info as SequenceInfo;
  const one = examples.select([row]);
  const mask = one.tensor("source_mask").data;
  const source = Array.from(one.tensor("input_ids").data, Number).filter((_, t) => Number(mask[t]) === 1);
  const { model: module, weights, rewrites }: Writer = model.writer?.() ?? model;
  await using generator = await Generator.create(translatorOf(module), weights, rewrites === undefined ? {} : { rewrites });
  const options = { maxTokens: info.maxLength, temperature: 0, endTokens: [info.endId] };
  const [all = []] = await generator.generate([source], options);
  const ids = all.slice(0, tokens);
  const text = await (await tokenizerOf(info)).decode(all.filter((id) => id !== info.endId));
  const read = await tokenPieces(info, source, name);
  const width = Math.max(source.length, ids.length);
  return {
    name,
    example: pairsOfIds([source], [ids], info),
    input: { kind: "text", text: name, offsets: [] },
    parts: { names: read, partOf: Int32Array.from({ length: width }, (_, t) => (t < source.length ? t : -1)) },
    asked: { positions: ids.map((_, t) => t) },
    written: { ids, tokens: await tokenPieces(info, ids) },
    remarks: [
      {
        en: `Asked about: each token of "${text}", after those before it${ids.length < all.length ? `; the first ${ids.length} of ${all.length}, --tokens takes more` : ""}.`,
        zh: `所问：“${text}”的每个词元，在它之前的词元之后${ids.length < all.length ? `；${all.length} 个中的前 ${ids.length} 个，--tokens 可以取更多` : ""}。`,
      },
    ],
  };
};
