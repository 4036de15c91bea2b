/**
 * @module The report of object detection: a table of the classes, precision over recall, and images with objects found and missed.
 */
import type { DetectedBox, DetectionMetric, TrueBox } from "../../../metrics/index.js";
import { allPointAp, matchBoxes } from "../../../metrics/index.js";
import type { Bilingual } from "../../../charts/charts.js";
import { escapeXml } from "../../../charts/charts.js";
import { card, paragraph } from "../../../report/page.js";
import { both, formatPercent } from "../../../report/words.js";
import type { BoxMark, Pixels } from "../../../vision/index.js";
import { boxesSvg, classColor } from "../../../vision/index.js";
import { encodeJpeg } from "../../../vision/images-node.js";
import { precisionRecallChart } from "../../shared/precision-recall-report.js";

/** Counts of one class, at the score from which answers list an object. */
export interface Tally {
  readonly found: number;
  readonly missed: number;
  readonly wrong: number;
}

/** One image's objects, matched at an overlap of 0.5. */
export interface JudgedImage {
  readonly detected: readonly DetectedBox[];
  readonly truth: readonly TrueBox[];
  readonly missed: readonly TrueBox[];
  readonly wrong: readonly DetectedBox[];
  readonly mistakes: number;
  /** By class. */
  readonly tallies: readonly Tally[];
}

export interface FoundImage {
  readonly name: string;
  readonly image: Pixels;
  readonly judged: JudgedImage;
}

export function judgeImage(detected: readonly DetectedBox[], truth: readonly TrueBox[], classes: number): JudgedImage {
  const missed: TrueBox[] = [];
  const wrong: DetectedBox[] = [];
  const tallies = Array.from({ length: classes }, (_, k): Tally => {
    const [found, there] = [detected.filter((d) => d.class === k), truth.filter((t) => t.class === k)];
    const { matched, ignored } = matchBoxes(found, there, 0.5);
    const lost = there.filter((t, g) => t.crowd !== true && !matched.includes(g));
    const stray = found.filter((_d, i) => matched[i] === -1 && ignored[i] !== true);
    missed.push(...lost);
    wrong.push(...stray);
    return { found: there.filter((t) => t.crowd !== true).length - lost.length, missed: lost.length, wrong: stray.length };
  });
  return { detected, truth, missed, wrong, mistakes: missed.length + wrong.length, tallies };
}

/** Objects, average precisions, and what an answer finds, for each class. */
export function classTable(
  names: readonly string[],
  classes: readonly { readonly ap50: number; readonly ap: number; readonly truths: number }[],
  tallies: readonly Tally[],
): string {
  const head: Bilingual[] = [
    { en: "class", zh: "类别" },
    { en: "objects", zh: "目标数" },
    "AP@0.5",
    "AP@[.5:.95]",
    { en: "found", zh: "找到" },
    { en: "missed", zh: "漏检" },
    { en: "wrong", zh: "误检" },
  ];
  const percent = (value: number): string => (Number.isNaN(value) ? "–" : formatPercent(value));
  const rows = classes.map(({ ap50, ap, truths }, k) => {
    const { found = 0, missed = 0, wrong = 0 } = tallies[k] ?? {};
    const cells = [truths, percent(ap50), percent(ap), found, missed, wrong];
    return `<tr><th>${escapeXml(names[k] ?? "")}</th>${cells.map((cell) => `<td class="n">${cell}</td>`).join("")}</tr>`;
  });
  const table = `<table><thead><tr>${head.map((label, i) => `<th${i === 0 ? "" : ' class="n"'}>${both(label)}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
  return card(table, "fit");
}

/** Precision over recall at an overlap of 0.5, a curve for each class. */
export function curvesSection(names: readonly string[], metric: DetectionMetric): string {
  const curves = names.map((name, k) => {
    const curve = metric.curve(k);
    return { name, curve, area: allPointAp(curve) };
  });
  return precisionRecallChart(curves, { en: "precision over recall, overlap 0.5", zh: "精确率-召回率曲线，重叠 0.5" });
}

/** The boxes to draw. */
type Shown = "found and true" | "mistakes" | "truth";

const FOUND_WRONG = "#f58231";
const MISSED = "#e6194b";

function marksOf({ judged: { detected, truth, missed, wrong } }: FoundImage, names: readonly string[], show: Shown): BoxMark[] {
  const named = (k: number): string => names[k] ?? "";
  if (show === "truth") return truth.map((t): BoxMark => ({ box: t.box, label: named(t.class), color: classColor(t.class) }));
  if (show === "mistakes")
    return [
      ...missed.map((t): BoxMark => ({ box: t.box, label: named(t.class), color: MISSED, dashed: true })),
      ...wrong.map((d): BoxMark => ({ box: d.box, label: `${named(d.class)} ${d.score.toFixed(2)}`, color: FOUND_WRONG })),
    ];
  return [
    ...truth.map((t): BoxMark => ({ box: t.box, color: "#ffffff", dashed: true })),
    ...detected.map((d): BoxMark => ({
      box: d.box,
      label: `${named(d.class)} ${d.score.toFixed(2)}`,
      color: classColor(d.class),
    })),
  ];
}

/** Images with boxes over them; nothing where there are none. */
export async function imagesSection(
  images: readonly FoundImage[],
  names: readonly string[],
  about: { readonly en: string; readonly zh: string },
  show: Shown = "found and true",
): Promise<string> {
  if (images.length === 0) return "";
  const figures = await Promise.all(
    images.map(async (one) => {
      const { judged, image, name } = one;
      const jpeg = Buffer.from(await encodeJpeg(image)).toString("base64");
      const overlay = boxesSvg(image, marksOf(one, names, show)).replace(
        "<svg ",
        '<svg style="position:absolute;inset:0;width:100%;height:100%" ',
      );
      const [there, missed, wrong] = [judged.truth, judged.missed, judged.wrong].map((list) => list.length);
      const caption =
        show === "truth"
          ? both({ en: `${there} there`, zh: `共 ${there} 个` })
          : both({ en: `${there} there, ${missed} missed, ${wrong} wrong`, zh: `共 ${there} 个，漏检 ${missed}，误检 ${wrong}` });
      const file = escapeXml(
        name
          .split(/[/\\:]/)
          .at(-1)
          ?.trim() ?? "",
      );
      return `<figure><div style="position:relative"><img style="width:100%;display:block" alt="${file}" src="data:image/jpeg;base64,${jpeg}">${overlay}</div><figcaption>${file}<br><span class="soft">${caption}</span></figcaption></figure>`;
    }),
  );
  return `${paragraph(about.en, about.zh, "soft")}<div class="examples wide">${figures.join("")}</div>`;
}
