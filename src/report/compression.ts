/**
 * @module `report.html` of a compressed run: before and after in one table, and what the verb says of its parts.
 */
import type { ReportData } from "./data.js";
import type { Bilingual } from "../charts/charts.js";
import { inLanguage } from "../charts/charts.js";
import type { Metrics } from "../metrics/metric.js";
import { own } from "../util/record.js";
import { formatInteger } from "../util/text.js";
import { card, heading, page, paragraph } from "./page.js";
import { both, bothMarkup, formatDuration, formatMetric, formatPercent, isFraction, metricLabel, moreIsBetter } from "./words.js";

/** A model as the table shows it. */
export interface ReportSide {
  readonly sizeBytes: number;
  readonly parameters: number;
  /** Median milliseconds of a batch, by its number of examples. */
  readonly batchMs: Readonly<Record<string, number>>;
  /** Figures on the test data. */
  readonly metrics: Metrics;
}

/** All that the page shows. */
export interface CompressionReport
  extends
    Pick<ReportData, "task" | "notes" | "command" | "descent" | "createdAt" | "language">,
    Required<Pick<ReportData, "sections">> {
  readonly model: string;
  readonly data: string;
  readonly before: ReportSide;
  readonly after: ReportSide;
}

/** A row of the table. */
interface Row {
  readonly label: Bilingual;
  readonly before: Bilingual;
  readonly after: Bilingual;
  readonly change: Bilingual;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
const fraction = (before: number, after: number): string => `× ${(after / before).toFixed(3)}`;

function rowsOf({ before, after }: CompressionReport): Row[] {
  const times = Object.keys(before.batchMs).map((batch): Row => {
    const [a, b] = [own(before.batchMs, batch) ?? NaN, own(after.batchMs, batch) ?? NaN];
    const faster = `${(a / b).toFixed(2)} ×`;
    return {
      label: { en: `time of a batch of ${batch}`, zh: `${batch} 个样本一批的用时` },
      before: formatDuration(a / 1000),
      after: formatDuration(b / 1000),
      change: { en: `${faster} as fast`, zh: `速度 ${faster}` },
    };
  });
  const metrics = Object.keys(before.metrics).map((name): Row => {
    const [a, b] = [own(before.metrics, name) ?? NaN, own(after.metrics, name) ?? NaN];
    const better = moreIsBetter(name) ? "↑" : "↓";
    const sign = b >= a ? "+" : "−";
    const points = `${sign}${(Math.abs(b - a) * 100).toFixed(2)}`;
    return {
      label: { en: `${inLanguage(metricLabel(name), "en")} ${better}`, zh: `${inLanguage(metricLabel(name), "zh")} ${better}` },
      before: formatMetric(name, a),
      after: formatMetric(name, b),
      change: isFraction(name)
        ? { en: `${points} points`, zh: `${points} 个百分点` }
        : `${sign}${formatPercent(Math.abs(b / a - 1), 2)}`,
    };
  });
  return [
    {
      label: { en: "size of the file", zh: "文件大小" },
      before: mebibytes(before.sizeBytes),
      after: mebibytes(after.sizeBytes),
      change: fraction(before.sizeBytes, after.sizeBytes),
    },
    {
      label: { en: "parameters", zh: "参数量" },
      before: formatInteger(before.parameters),
      after: formatInteger(after.parameters),
      change: fraction(before.parameters, after.parameters),
    },
    ...times,
    ...metrics,
  ];
}

/** A table of texts, the first column as the names of the rows. */
export function textTable(head: readonly Bilingual[], rows: readonly (readonly Bilingual[])[]): string {
  const cells = (row: readonly Bilingual[]): string =>
    row.map((cell, i) => (i === 0 ? `<th>${both(cell)}</th>` : `<td>${both(cell)}</td>`)).join("");
  const titles = head.map((title) => `<th>${both(title)}</th>`).join("");
  const body = rows.map((row) => `<tr>${cells(row)}</tr>`).join("");
  return card(`<table><thead><tr>${titles}</tr></thead><tbody>${body}</tbody></table>`, "fit");
}

/** The whole page. */
export function renderCompression(data: CompressionReport): string {
  const { task, model, language = "en", notes = [], sections, command, descent, createdAt } = data;
  const table = textTable(
    ["", { en: "before", zh: "压缩前" }, { en: "after", zh: "压缩后" }, { en: "change", zh: "变化" }],
    rowsOf(data).map(({ label, before, after, change }) => [label, before, after, change]),
  );
  const title = { en: `${model}, made smaller`, zh: `${model}（压缩后）` };
  const body = `<header>
<p>${both(task)} · ${both(data.data)} · ${both(createdAt.slice(0, 16).replace("T", " "))}</p>
<h1>${both(title)}</h1>
</header>
${notes.map((note) => `<p class="soft">${both(note)}</p>`).join("")}
${heading("Before and after", "压缩前后")}${paragraph(
    "Both models were measured in one process, taking turns, on the same test examples. ↑ more is better, ↓ less is better.",
    "两个模型在同一进程中轮流测量，使用同一批测试样本。↑ 越大越好，↓ 越小越好。",
    "soft",
  )}${table}
${sections.map((section) => `${heading(inLanguage(section.title, "en"), inLanguage(section.title, "zh"))}${section.html}`).join("\n")}
<h3>${both({ en: "To do it again", zh: "复现命令" })}</h3>
<pre><code>${both(command)}</code></pre>
<footer>${bothMarkup(`Made by Descent ${both(descent)}.`, `由 Descent ${both(descent)} 生成。`)}</footer>`;
  return page(inLanguage(title, language), body, language);
}
