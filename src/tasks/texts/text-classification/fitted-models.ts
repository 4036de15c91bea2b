/**
 * @module Traditional models of texts, over TF-IDF of words and pairs of words; of characters up to three where words are not parted.
 */
import type { Method, Rows, TokenRows } from "../../../classical/index.js";
import { applyTfIdf, fitTfIdf, METHODS, tfIdfModel } from "../../../classical/index.js";
import type { Dataset } from "../../../data/index.js";
import { isText } from "../../../data/index.js";
import { toNumbers } from "../../../graph/index.js";
import { DataError } from "../../../util/errors.js";
import type { Design } from "../../shared/fitted.js";
import { fittedMethod, targetOf } from "../../shared/fitted.js";
import type { FitData, FittedChoice } from "../../task.js";
import { tokenizerOf, tokenNames } from "../texts.js";
import type { TextClassInfo } from "./info.js";

/** Words that count: more than a network embeds, since a column costs little. */
export const FITTED_VOCABULARY = 50_000;
/** Tokens of a text that count. */
export const FITTED_LENGTH = 2048;

/** N-grams that become columns: linear models take many; trees and neighbours look at each. */
const MOST = { linear: 50_000, dense: 2000 };

/** Texts as ids; a column of rows of different lengths is padded already. */
function tokensOf(rows: Dataset): TokenRows {
  const ids = rows.column("input_ids");
  if (isText(ids)) throw new DataError("input_ids: expected numbers, got texts");
  const lengths = toNumbers(rows.tensor("length"));
  return { ids: toNumbers(ids), width: ids.shape[1] ?? 1, lengths };
}

/** Ids that are not words: marks of the tokenizer, and what it does not know. */
async function marksOf(info: TextClassInfo): Promise<ReadonlySet<number>> {
  const { specialIds } = await tokenizerOf(info);
  return new Set([info.padId, ...specialIds]);
}

/** Tells whether tokens are single characters. */
function areCharacters(info: TextClassInfo): boolean {
  const names = [...tokenNames(info).values()].filter((name) => !/^\[.*\]$|^<.*>$/.test(name));
  return names.filter((name) => /^.$/u.test(name)).length > names.length / 2;
}

async function designOf({ info, train, validation }: FitData<TextClassInfo>, method: Method): Promise<Design> {
  const ignored = await marksOf(info);
  const tokens = tokensOf(train);
  const isDense = method.trees || method.name === "k-nearest-neighbours";
  const longest = areCharacters(info) ? 3 : 2;
  const learned = fitTfIdf(tokens, { longest, ignored, most: isDense ? MOST.dense : MOST.linear });
  if (learned.grams.length === 0) throw new DataError("texts: expected a word that two of them share, got none; give more texts");
  const rowsOf = (part: Dataset, of: TokenRows): Rows => ({
    x: applyTfIdf(learned, of, ignored),
    target: targetOf(part, info.classes.length),
  });
  return {
    train: rowsOf(train, tokens),
    validation: rowsOf(validation, tokensOf(validation)),
    file: tfIdfModel(learned),
    inputs: { input_ids: "input_ids" },
    notes: [
      `${learned.grams.length} columns of TF-IDF: ${longest === 3 ? "characters" : "words"} and sequences of up to ${longest} that at least 2 texts have`,
    ],
  };
}

export const FITTED_TEXTS: readonly FittedChoice<TextClassInfo>[] = METHODS.map((method) => fittedMethod(method, designOf));
