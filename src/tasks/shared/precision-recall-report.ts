/**
 * @module Precision over recall in a report: of a classifier one curve for each class against the rest.
 */
import type { PrecisionRecall } from "../../metrics/index.js";
import { averagePrecision, precisionRecallCurve } from "../../metrics/index.js";
import type { Bilingual } from "../../charts/charts.js";
import { lineChart } from "../../charts/charts.js";
import { card, chartStyle, paragraph } from "../../report/page.js";
import { formatPercent } from "../../report/words.js";
import type { Judged } from "./judged-node.js";

/** A curve is drawn with so many points at most: the page shall stay small, and an eye sees no more. */
const MOST_POINTS = 200;
/** The largest number of curves; of more classes, those with the lowest scores are shown. */
const MOST_CURVES = 5;

/** Picks points evenly along a curve, with its ends. */
function thinned({ recall, precision }: PrecisionRecall): [number, number][] {
  const count = Math.min(recall.length, MOST_POINTS);
  const positions = Array.from({ length: count }, (_, i) => Math.round((i * (recall.length - 1)) / Math.max(1, count - 1)));
  return positions.map((i) => [recall[i] as number, precision[i] as number]);
}

/** A chart of named curves, each with its average precision behind its name; nothing where there is no curve. */
export function precisionRecallChart(
  curves: readonly { readonly name: string; readonly curve: PrecisionRecall; readonly area: number }[],
  title: Bilingual,
): string {
  const series = curves
    .filter(({ curve }) => curve.recall.length > 0)
    .map(({ name, curve, area }) => ({ name: `${name} (AP ${formatPercent(area)})`, points: thinned(curve) }));
  if (series.length === 0) return "";
  return card(
    lineChart({
      title,
      series,
      xLabel: { en: "recall", zh: "召回率" },
      yLabel: { en: "precision", zh: "精确率" },
      yDomain: [0, 1],
      width: 760,
      ...chartStyle(),
    }),
  );
}

/** The largest number of classes among which the hardest are searched. */
const MOST_COMPARED = 200;

/** The section of a classifier: each class against the rest, the hardest first; of two classes the second alone. */
export function classCurves(judged: readonly Judged[], classes: readonly string[]): { title: Bilingual; html: string }[] {
  if (classes.length > MOST_COMPARED) return [];
  const asked = classes.length === 2 ? [1] : [...classes.keys()];
  const curves = asked
    .map((k) => {
      const scores = judged.map(({ probabilities }) => probabilities?.[k] ?? NaN);
      const positive = judged.map(({ truth }) => truth === k);
      const curve = precisionRecallCurve(scores, positive);
      return { name: classes[k] as string, curve, area: averagePrecision(curve) };
    })
    .filter(({ area }) => !Number.isNaN(area))
    .sort((a, b) => a.area - b.area)
    .slice(0, MOST_CURVES);
  const chart = precisionRecallChart(curves, { en: "precision over recall", zh: "精确率-召回率曲线" });
  if (chart === "") return [];
  const about = paragraph(
    "Each class against the rest, the hardest first: of those that the model would name from some probability on, how many are right, and how many of the class it finds.",
    "每一类与其余各类相比，最难的排在最前：把概率高于某个值的都判为该类时，判对的占多少（精确率），该类中找到的占多少（召回率）。",
    "soft",
  );
  return [{ title: { en: "How sure it can be", zh: "把握有多大" }, html: `${about}${chart}` }];
}
