/**
 * @module An argument of a predicate as explanations ask about it: the predicate, a word, its role, and the words that the model read around it.
 */
import type { Dataset } from "../../../data/index.js";
import { labelledTextAt } from "../../../data/index.js";
import { ConfigError } from "../../../util/errors.js";
import { parseTag } from "../../../util/tags.js";
import type { ScoreQuestion, ViewOf } from "../../task-node.js";
import type { TrainedModel } from "../../trained-model.js";
import { scoredTags, tagAsked } from "../tag-question.js";
import type { TaggingInfo } from "../tagging.js";
import { tokenOffsetsOf } from "../tagging.js";
import { argumentRows, PREDICATE, roleRows, type ScoredSpan } from "./semantic-roles.js";

/** The predicate's word: named, or the first that is found. ConfigError for a word that is not there, and where none is found. */
async function predicateAsked(
  model: TrainedModel,
  search: Dataset,
  words: readonly string[],
  { predicate }: ScoreQuestion,
): Promise<number> {
  if (predicate !== undefined) {
    const place = words.indexOf(predicate);
    if (place >= 0) return place;
    throw new ConfigError(`--predicate: expected a word of "${words.join(" ")}", got "${predicate}"`);
  }
  const [answer] = await model.answers(search);
  const [first] = (answer?.["spans"] ?? []) as readonly ScoredSpan[];
  if (first !== undefined) return first.start;
  throw new ConfigError(
    `explain: expected a text with a predicate, and found none in "${words.join(" ")}"; name the word: --predicate WORD`,
  );
}

/** A text with a predicate marked, and the role of one of its words. Errors: ConfigError for a word or a role that is not there. */
export const viewOfRole: ViewOf = async (model, { examples }, row, name, question) => {
  const info = model.info as TaggingInfo;
  const search = examples.select([row]);
  const given = labelledTextAt(search, 0);
  const offsets = tokenOffsetsOf(given, "words");
  const words = offsets.map(([start, end]) => given.text.slice(start, end));
  const predicate = await predicateAsked(model, search, words, question);
  const example = roleRows(argumentRows(given, 0, [predicate]), info);
  const isArgument = (tag: number): boolean => parseTag(info.tags[tag] as string)?.label !== PREDICATE;
  const { word, tag } = tagAsked(name, await scoredTags(model, example, words), info, question, isArgument);
  return {
    name,
    example,
    input: { kind: "text", text: given.text, offsets: offsets.flat() },
    parts: { names: words, partOf: Int32Array.from(words.keys()) },
    asked: { position: word },
    target: tag,
    remarks: [
      {
        en: `Asked about: the tag ${info.tags[tag]} of word ${word + 1}, "${words[word]}", for the predicate "${words[predicate]}" (word ${predicate + 1}), before tags are weighed together.`,
        zh: `所问：对谓词“${words[predicate]}”（第 ${predicate + 1} 个词），第 ${word + 1} 个词“${words[word]}”的标签 ${info.tags[tag]}，在各标签一起权衡之前。`,
      },
    ],
  };
};
