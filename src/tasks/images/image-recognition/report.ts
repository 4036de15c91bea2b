/**
 * @module The report of image recognition: queries with their nearest neighbours, and how alike known and unknown ones are to
 * what is enrolled.
 */
import type { OpenSet } from "../../../metrics/index.js";
import type { Bilingual } from "../../../charts/charts.js";
import { escapeXml, lineChart } from "../../../charts/charts.js";
import type { PixelImage } from "../../../charts/image.js";
import { imagePng, pngDataUrl } from "../../../charts/image.js";
import { card, chartStyle, paragraph } from "../../../report/page.js";
import { both, formatPercent } from "../../../report/words.js";

export interface ReportSection {
  readonly title: Bilingual;
  readonly html: string;
}

/** An image of a class, by its number. */
interface Shown {
  readonly label: number;
  readonly image: PixelImage;
}

export interface ShownQuery extends Shown {
  readonly neighbours: readonly (Shown & { readonly likeness: number })[];
}

const SIDE = 64;

async function picture({ image, label }: Shown, classes: readonly string[], caption: string, color: string): Promise<string> {
  const source = pngDataUrl(await imagePng(image));
  const name = escapeXml(classes[label] ?? String(label));
  return `<figure style="padding:6px;border-color:${color}"><img style="width:${SIDE}px;image-rendering:pixelated" alt="${name}" src="${source}"><figcaption style="margin-top:2px">${caption}</figcaption></figure>`;
}

/** A row for each query: itself, then the nearest of what is enrolled. */
export async function neighboursSection(
  queries: readonly ShownQuery[],
  { classes, trainedClasses }: { readonly classes: readonly string[]; readonly trainedClasses: number },
): Promise<ReportSection> {
  const rows = await Promise.all(
    queries.map(async (query) => {
      const isNew = query.label >= trainedClasses;
      const mark = isNew ? ` <span class="soft">${both({ en: "never trained on", zh: "训练中未见" })}</span>` : "";
      const own = await picture(query, classes, `<b>${escapeXml(classes[query.label] ?? "")}</b>${mark}`, "var(--accent)");
      const others = await Promise.all(
        query.neighbours.map((neighbour) =>
          picture(
            neighbour,
            classes,
            `${escapeXml(classes[neighbour.label] ?? "")} <span class="soft">${neighbour.likeness.toFixed(2)}</span>`,
            neighbour.label === query.label ? "var(--good)" : "var(--bad)",
          ),
        ),
      );
      return `<div style="display:flex;gap:8px;flex-wrap:wrap;align-items:center;margin-top:8px">${own}<span class="soft">→</span>${others.join("")}</div>`;
    }),
  );
  const about = paragraph(
    "On the left a test image, then the most alike of what is enrolled, with the cosine: green where the class is right. Wrong ones come first.",
    "左侧是测试图像，右侧是图库中最相似的图像及其余弦相似度：类别正确为绿色。答错的排在前面。",
    "soft",
  );
  return { title: { en: "Nearest neighbours", zh: "最近邻" }, html: about + rows.join("") };
}

const BUCKETS = 40;

/** Shares of the scores in equal ranges over [low, high]. */
function shares(scores: readonly number[], low: number, high: number): [number, number][] {
  const counts = new Float64Array(BUCKETS);
  for (const score of scores) {
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.floor(((score - low) / (high - low || 1)) * BUCKETS)));
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  return Array.from(counts, (count, i) => [low + ((i + 0.5) * (high - low)) / BUCKETS, count / Math.max(1, scores.length)]);
}

/** Likeness of known and unknown queries to what is enrolled, and the threshold between them. */
export function likenessSection(
  { scores, isKnown }: OpenSet,
  kept: { readonly threshold: number; readonly falseAcceptRate: number; readonly chosenOn: string } | undefined,
): ReportSection {
  const all = [...scores];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const of = (known: boolean): [number, number][] =>
    shares(
      all.filter((_, i) => isKnown[i] === known),
      low,
      high,
    );
  const chart = lineChart({
    title: { en: "likeness of known and unknown queries", zh: "已知与未知查询的相似度" },
    series: [
      { name: { en: "known", zh: "已知" }, points: of(true) },
      { name: { en: "unknown", zh: "未知" }, points: of(false) },
    ],
    xLabel: { en: "cosine to the nearest enrolled image", zh: "与最近的入库图像的余弦相似度" },
    yLabel: { en: "share of the queries", zh: "占查询的比例" },
    yDomain: [0, undefined],
    mark: kept && { x: kept.threshold, label: { en: "threshold", zh: "阈值" } },
    ...chartStyle(),
  });
  const about =
    kept === undefined
      ? ""
      : paragraph(
          `Below a cosine of ${kept.threshold.toFixed(3)} the answer is "unknown". It was chosen on validation so that ${formatPercent(kept.falseAcceptRate)} of unknown images get a name there.`,
          `余弦相似度低于 ${kept.threshold.toFixed(3)} 时回答“未知”。该阈值在验证集上选定，使那里 ${formatPercent(kept.falseAcceptRate)} 的未知图像被误认。`,
          "soft",
        );
  return { title: { en: "Known or unknown", zh: "已知还是未知" }, html: about + card(chart) };
}
