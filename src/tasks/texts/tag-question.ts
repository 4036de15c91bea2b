/**
 * @module A tag as explanations ask about it: which word's, and which tag; for named entities and for arguments of predicates.
 */
import type { Dataset } from "../../data/index.js";
import type { Target } from "../../explain/index.js";
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { parseTag } from "../../util/tags.js";
import type { ScoreQuestion } from "../task-node.js";
import type { TrainedModel } from "../trained-model.js";
import type { TagInfo } from "./tagging.js";

/** A text's words, and the model's scores of their tags. */
export interface ScoredTags {
  readonly words: readonly string[];
  /** Emissions [words, K]. */
  readonly emissions: Float64Array;
  /** The best tag of each word, by its number. */
  readonly best: readonly number[];
}

export async function scoredTags(model: TrainedModel, rows: Dataset, words: readonly string[]): Promise<ScoredTags> {
  let [emissions, best] = [new Float64Array(0), [] as number[]];
  await model.run(rows, (outputs) => {
    emissions = Float64Array.from(toNumbers(outputs["emissions"] as TensorData));
    best = Array.from((outputs["tags"] as TensorData).data.subarray(0, words.length), Number);
  });
  return { words, emissions, best };
}

/** The number of the tag that a name means: a tag, or of the tags of a label the word's own, or else the likeliest. */
function tagNamed(name: string, word: number, { tags, labels }: TagInfo, { emissions, best }: ScoredTags): number {
  const exact = tags.indexOf(name);
  if (exact >= 0) return exact;
  const score = (tag: number): number => emissions[word * tags.length + tag] as number;
  const own = best[word] as number;
  const [likeliest] = [...tags.keys()]
    .filter((tag) => tag > 0 && parseTag(tags[tag] as string)?.label === name)
    .sort((a, b) => Number(b === own) - Number(a === own) || score(b) - score(a));
  if (likeliest === undefined) throw new ConfigError(`--target: ${unknownName("label", name, [...labels, ...tags])}`);
  return likeliest;
}

/** `WORD:LABEL` as its two halves; a name alone is a label. */
function halves(target: Target | undefined): { readonly word?: string; readonly label?: string } {
  if (target === undefined) return {};
  const text = String(target);
  const colon = text.lastIndexOf(":");
  return colon < 1 ? { label: text } : { word: text.slice(0, colon), label: text.slice(colon + 1) };
}

/** The place of a word, or of the first of several together: of a name whose characters are the words; −1 where there is none. */
function placeOf(name: string, words: readonly string[]): number {
  const place = words.indexOf(name);
  if (place >= 0) return place;
  const wanted = name.replaceAll(/\s/gu, "");
  return words.findIndex((_, from) => {
    let joined = "";
    for (let at = from; at < words.length && joined.length < wanted.length; at++) joined += words[at];
    return wanted !== "" && joined === wanted;
  });
}

/** The place of the word that is asked about; left out, the first with a tag that `counts`. ConfigError for one that the text has not. */
function wordAsked(
  name: string,
  { words, best }: ScoredTags,
  { token, target }: ScoreQuestion,
  counts: (tag: number) => boolean,
): number {
  const { word } = halves(target);
  if (token !== undefined && word !== undefined)
    throw new ConfigError(`--token: expected one word to ask about, got ${token} and, by --target, "${word}"`);
  if (token !== undefined && token > words.length)
    throw new ConfigError(`--token: expected a word of "${name}", which has ${words.length}, got ${token}`);
  if (token !== undefined) return token - 1;
  if (word !== undefined) {
    const place = placeOf(word, words);
    if (place < 0) throw new ConfigError(`--target: expected a word of "${name}" before the colon, got "${word}"`);
    return place;
  }
  const first = best.findIndex((tag) => tag !== 0 && counts(tag));
  if (first < 0)
    throw new ConfigError(
      `explain: expected a text in which something is found, got "${name}"; ask about a word: --target WORD:LABEL, or --token N`,
    );
  return first;
}

/** A word and its tag, as a question means them. */
export interface TagAsked {
  readonly word: number;
  readonly tag: number;
}

/**
 * The word and the tag that are asked about: named, or the first word with a tag that `counts`.
 *
 * Errors: ConfigError for a word or a label that is not there, and where no word is named and nothing is found.
 */
export function tagAsked(
  name: string,
  scored: ScoredTags,
  info: TagInfo,
  question: ScoreQuestion,
  counts: (tag: number) => boolean = () => true,
): TagAsked {
  const word = wordAsked(name, scored, question, counts);
  const { label } = halves(question.target);
  return { word, tag: label === undefined ? (scored.best[word] as number) : tagNamed(label, word, info, scored) };
}
