/**
 * @module Shares of cases in which the methods of reports put planted evidence first, as benchmarks/explanations.md has it.
 */
import type { Bilingual } from "../../charts/charts.js";
import { methodTitle } from "../../report/explanation-words.js";

/** Shares of cases by kind of input and method: LeNet-5 on Fashion-MNIST, an n-gram CNN on SST-2, an MLP on titanic.csv; three seeds each. */
const FIRST: ReadonlyMap<string, number> = new Map([
  ["image grad-cam", 0.99],
  ["image integrated-gradients", 0.98],
  ["text integrated-gradients", 1],
  ["features integrated-gradients", 1],
]);

/** A method's title, with how it scored where the right explanation is known. */
export function scoredTitle(method: string, kind: "image" | "text" | "features"): Bilingual {
  const title = methodTitle(method);
  const first = FIRST.get(`${kind} ${method}`);
  if (first === undefined) return title;
  const [en, zh] = typeof title === "string" ? [title, title] : [title.en, title.zh];
  const percent = `${Math.round(100 * first)} %`;
  return {
    en: `${en}; it put planted evidence first in ${percent} of cases`,
    zh: `${zh}；它在 ${percent} 的情形中把埋设的证据排在首位`,
  };
}
