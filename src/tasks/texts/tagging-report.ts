/**
 * @module The common part of tagging reports: a table of labels, and the rows of the test part to show.
 */
import type { SpanReport } from "../../metrics/index.js";
import { escapeXml } from "../../charts/charts.js";
import type { Bilingual } from "../../charts/charts.js";
import { card } from "../../report/page.js";
import { both, formatPercent } from "../../report/words.js";
import type { LabelSpan } from "../../util/tags.js";
import { spanKey } from "../../util/tags.js";
import { goldSpans, decodeRows } from "./tagging.js";
import type { TagInfo } from "./tagging.js";
import type { ReportSources } from "../task-node.js";

/** Precision, recall and F1 of each label, the most frequent first, and over all. */
export function labelTable({ perLabel, micro }: SpanReport, what: Bilingual): string {
  const head: Bilingual[] = [
    what,
    { en: "in the test part", zh: "测试集数量" },
    { en: "precision", zh: "精确率" },
    { en: "recall", zh: "召回率" },
    "F1",
  ];
  const rows = [...[...perLabel].sort(([, a], [, b]) => b.support - a.support), ["Σ", micro] as const].map(
    ([label, { support, precision, recall, f1 }]) => {
      const cells = [String(support), ...[precision, recall, f1].map((value) => formatPercent(value))];
      return `<tr><th>${escapeXml(label)}</th>${cells.map((cell) => `<td class="n">${cell}</td>`).join("")}</tr>`;
    },
  );
  const titles = head.map((label, i) => `<th${i === 0 ? "" : ' class="n"'}>${both(label)}</th>`);
  return card(`<table><thead><tr>${titles.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`, "fit");
}

/** A row of the test part (of a text in windows the first): what was found, and what is there. */
export interface JudgedRow {
  readonly row: number;
  readonly found: readonly LabelSpan[];
  readonly gold: readonly LabelSpan[];
}

/** Spans of one list that the other lacks. */
export function lacking(all: readonly LabelSpan[], others: readonly LabelSpan[]): LabelSpan[] {
  const known = new Set(others.map(spanKey));
  return all.filter((span) => !known.has(spanKey(span)));
}

const mistakes = ({ found, gold }: JudgedRow): number => lacking(found, gold).length + lacking(gold, found).length;

/** Rows of the test part with most mistakes, and some from all over it that have something to find. */
export async function judgedRows(
  { used, test }: ReportSources,
  count: number,
): Promise<{ worst: JudgedRow[]; some: JudgedRow[] }> {
  const info = used.info as TagInfo;
  const all: JudgedRow[] = [];
  await used.run(test, (outputs, rows, batch) => {
    for (const [n, { spans }] of decodeRows(outputs, batch, info, false).entries())
      all.push({ row: rows[n] as number, found: spans, gold: goldSpans(batch, n, info.labels) });
  });
  const filled = all.filter(({ gold }) => gold.length > 0).sort((a, b) => a.row - b.row);
  const some = Array.from({ length: Math.min(count, filled.length) }, (_, i) => filled[Math.floor((i * filled.length) / count)]);
  const worst = [...all].sort((a, b) => mistakes(b) - mistakes(a)).filter((row) => mistakes(row) > 0);
  return { worst: worst.slice(0, count), some: some.filter((row) => row !== undefined) };
}
