/**
 * @module A tag as explanations ask about it: the word, its tag, and the words that the model read around it.
 */
import type { Dataset } from "../../../data/index.js";
import { labelledTextAt } from "../../../data/index.js";
import type { Target } from "../../../explain/index.js";
import type { TensorData } from "../../../graph/index.js";
import { toNumbers } from "../../../graph/index.js";
import { ConfigError } from "../../../util/errors.js";
import { unknownName } from "../../../util/nearest.js";
import { parseTag } from "../../../util/tags.js";
import { textAt } from "../../shared/windows.js";
import type { NamedInputs, ScoreQuestion } from "../../task-node.js";
import type { TrainedModel } from "../../trained-model.js";
import type { View, ViewParts } from "../../view.js";
import type { TagInfo } from "../tagging.js";
import { tokenOffsetsOf } from "../tagging.js";
import { tokenizerOf } from "../texts.js";
import type { SubwordInfo } from "./subword-rows.js";
import { readsSubwords } from "./subword-rows.js";

/** A text's words, and the model's scores of their tags. */
interface Scored {
  readonly words: readonly string[];
  /** Emissions [words, K]. */
  readonly emissions: Float64Array;
  /** The best tag of each word, by its number. */
  readonly best: readonly number[];
}

async function scoresOf(model: TrainedModel, rows: Dataset, words: readonly string[]): Promise<Scored> {
  let [emissions, best] = [new Float64Array(0), [] as number[]];
  await model.run(rows, (outputs) => {
    emissions = Float64Array.from(toNumbers(outputs["emissions"] as TensorData));
    best = Array.from((outputs["tags"] as TensorData).data.subarray(0, words.length), Number);
  });
  return { words, emissions, best };
}

/** The number of the tag that a name means: a tag, or of the tags of a label the word's own, or else the likeliest. */
function tagNamed(name: string, word: number, { tags, labels }: TagInfo, { emissions, best }: Scored): number {
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

/** The place of the word that is asked about. ConfigError for one that the text has not. */
function wordAsked(name: string, { words, best }: Scored, { token, target }: ScoreQuestion): number {
  const { word } = halves(target);
  if (token !== undefined && word !== undefined)
    throw new ConfigError(`--token: expected one word to ask about, got ${token} and, by --target, "${word}"`);
  if (token !== undefined && token > words.length)
    throw new ConfigError(`--token: expected a word of "${name}", which has ${words.length}, got ${token}`);
  if (token !== undefined) return token - 1;
  if (word !== undefined) {
    const place = words.indexOf(word);
    if (place < 0) throw new ConfigError(`--target: expected a word of "${name}" before the colon, got "${word}"`);
    return place;
  }
  const first = best.findIndex((tag) => tag !== 0);
  if (first < 0)
    throw new ConfigError(
      `explain: expected a text in which something is found, got "${name}"; ask about a word: --target WORD:LABEL, or --token N`,
    );
  return first;
}

/** Which word each sub-word of a row belongs to; the template's to none. */
async function subwordParts(info: SubwordInfo, row: Dataset, names: readonly string[]): Promise<ViewParts> {
  const { special } = await tokenizerOf(info);
  const isTemplate = new Set([special.cls, special.sep, special.pad]);
  const [ids, first] = ["input_ids", "first"].map((name) => Array.from(row.tensor(name).data, Number)) as [number[], number[]];
  const starts = new Map(names.map((_, word) => [first[word] as number, word]));
  let word = -1;
  const partOf = ids.slice(0, Number(row.tensor("length").data[0])).map((id, t) => {
    word = starts.get(t) ?? word;
    return isTemplate.has(id) ? -1 : word;
  });
  return { names, partOf: Int32Array.from(partOf) };
}

/**
 * A text whose words are the parts; of a text in windows, the words of the window that answers for the word asked about.
 *
 * Errors: ConfigError for a word or a label that is not there, and where no word is named and nothing is found.
 */
export async function viewOfTag(
  model: TrainedModel,
  { examples }: NamedInputs,
  text: number,
  name: string,
  question: ScoreQuestion,
): Promise<View> {
  const info = model.info as TagInfo;
  const rows = Array.from({ length: examples.length }, (_, row) => row).filter((row) => textAt(examples, row) === text);
  const given = labelledTextAt(examples, rows[0] as number);
  const offsets = tokenOffsetsOf(given, info.unit);
  const words = offsets.map(([start, end]) => given.text.slice(start, end));
  const scored = await scoresOf(model, examples.select(rows), words);
  const word = wordAsked(name, scored, question);
  const { label } = halves(question.target);
  const tag = label === undefined ? (scored.best[word] as number) : tagNamed(label, word, info, scored);
  const windowed = readsSubwords(info) ? rows.map((row) => Array.from(examples.select([row]).tensor("window").data, Number)) : [];
  const at = Math.max(
    0,
    windowed.findIndex(([, start = 0, end = 0]) => word >= start && word < end),
  );
  const row = rows[at] as number;
  const one = examples.select([row]);
  const from = windowed[at]?.[0] ?? 0;
  const to = readsSubwords(info) ? from + Number(one.tensor("words").data[0]) : words.length;
  const names = words.slice(from, to);
  return {
    name,
    row,
    input: { kind: "text", text: given.text, offsets: offsets.slice(from, to).flat() },
    parts: readsSubwords(info) ? await subwordParts(info, one, names) : { names, partOf: Int32Array.from(names, (_, i) => i) },
    asked: { position: word - from },
    target: tag,
    remarks: [`Asked about: the tag ${info.tags[tag]} of word ${word + 1}, "${words[word]}", before tags are weighed together.`],
  };
}
