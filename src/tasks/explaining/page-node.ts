/** @module Explanations as one page that can be explored. */
import type { Bilingual, Language } from "../../charts/charts.js";
import type { PageInput, PageMap } from "../../report/explanation-page.js";
import { explanationPage } from "../../report/explanation-page.js";
import { figureTitle, measureTitle, methodTitle } from "../../report/explanation-words.js";
import type { View } from "../view.js";
import type { Explanation, Unexplained } from "./explain-node.js";
import { contributions, pixelMap, tokenRows } from "./summary.js";
import { formatSignificant } from "../../util/text.js";

const GAP: Bilingual = { en: "gap to the sum that is promised:", zh: "与应有之和相差：" };
const LOST: Bilingual = { en: "lost on the way:", zh: "途中损失：" };

/** One value a pixel, a part, or a cell of a matrix. */
function valuesOf(one: Explanation): ArrayLike<number> {
  if (one.view.input.kind === "image") return pixelMap(one);
  return one.tokens === undefined
    ? contributions(one).map(({ value }) => value)
    : tokenRows(one).flatMap((row) => Array.from(row));
}

/** An input as the page shows it. */
function shownOf({ input, boxes, parts, written }: View): PageInput["shown"] {
  if (written !== undefined) return { kind: "matrix", sources: parts?.names ?? [], targets: written.tokens };
  return input.kind === "image" ? { ...input, boxes } : input;
}

function mapOf(one: Explanation): PageMap {
  const { method, example, remarks, faithfulness } = one;
  const lost = Object.entries(example.residuals ?? {}).map(([op, value]) => `${op} ${formatSignificant(value)}`);
  return {
    method,
    title: methodTitle(method),
    target: example.label,
    score: example.score,
    values: valuesOf(one),
    figures: [
      ...(example.gap === undefined ? [] : [{ name: GAP, value: formatSignificant(example.gap) }]),
      ...(lost.length === 0 ? [] : [{ name: LOST, value: lost.join(", ") }]),
      ...Object.entries(faithfulness).map(([name, value]) => ({ name: measureTitle(name), value: formatSignificant(value) })),
      ...Object.entries(example.figures ?? {}).map(([name, value]) => ({
        name: figureTitle(name),
        value: formatSignificant(value),
      })),
    ],
    remarks,
  };
}

/** Explanations by input, whatever was asked of it; objects that were found in it, and texts that were written from it, are pictures of their own. */
export function byInput(explanations: readonly Explanation[]): readonly (readonly Explanation[])[] {
  const groups = new Map<string, Explanation[]>();
  for (const one of explanations) {
    const { boxes = [], written } = one.view;
    const key = JSON.stringify([one.place, boxes, written?.tokens ?? []]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

/** The page of all explanations, input by input. */
export async function pageOf(
  model: string,
  explanations: readonly Explanation[],
  unexplained: readonly Unexplained[],
  language: Language,
): Promise<string> {
  const inputs = byInput(explanations).map((some): PageInput => {
    const { view } = some[0] as Explanation;
    const views = new Set(some.map((one) => one.view));
    const reasons = new Map(unexplained.flatMap((one) => (views.has(one.view) ? [[one.method, one.reason] as const] : [])));
    return {
      name: view.name,
      shown: shownOf(view),
      maps: some.map(mapOf),
      missing: [...reasons].map(([method, reason]) => ({ title: methodTitle(method), reason })),
    };
  });
  return explanationPage(model, inputs, language);
}
