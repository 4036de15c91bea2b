/**
 * @module A tag as explanations ask about it: the word, its tag, and the words that the model read around it.
 */
import type { Dataset } from "../../../data/index.js";
import { labelledTextAt } from "../../../data/index.js";
import { textAt } from "../../shared/windows.js";
import type { ViewOf } from "../../task-node.js";
import type { ViewParts } from "../../view.js";
import type { TagInfo } from "../tagging.js";
import { scoredTags, tagAsked } from "../tag-question.js";
import { tokenOffsetsOf } from "../tagging.js";
import { tokenizerOf } from "../texts.js";
import type { SubwordInfo } from "./subword-rows.js";
import { readsSubwords } from "./subword-rows.js";

/** Which word each subword of a row belongs to; the template's to none. */
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
export const viewOfTag: ViewOf = async (model, { examples }, text, name, question) => {
  const info = model.info as TagInfo;
  const rows = Array.from({ length: examples.length }, (_, row) => row).filter((row) => textAt(examples, row) === text);
  const given = labelledTextAt(examples, rows[0] as number);
  const offsets = tokenOffsetsOf(given, info.unit);
  const words = offsets.map(([start, end]) => given.text.slice(start, end));
  const { word, tag } = tagAsked(name, await scoredTags(model, examples.select(rows), words), info, question);
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
    remarks: [
      {
        en: `Asked about: the tag ${info.tags[tag]} of ${info.unit === "characters" ? "character" : "word"} ${word + 1}, "${words[word]}", before tags are weighed together.`,
        zh: `所问：第 ${word + 1} 个${info.unit === "characters" ? "字" : "词"}“${words[word]}”的标签 ${info.tags[tag]}，在各标签一起权衡之前。`,
      },
    ],
  };
};
