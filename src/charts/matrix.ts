/** @module The confusion matrix as a heat map. */
import { formatInteger, truncateToWidth } from "../util/text.js";
import type { ChartOptions } from "./frame.js";
import { escapeXml, inLanguage, lineFrom, short, spokenLanguage, svgLabel, svgRoot, textAt, textWidth } from "./frame.js";

export interface ConfusionOptions extends ChartOptions {
  readonly labels: readonly string[];
  /** `counts[truth][prediction]`. */
  readonly counts: readonly (readonly number[])[];
}

const TRUTH = { en: "truth", zh: "真实类别" };
const PREDICTION = { en: "prediction", zh: "预测类别" };
const LABEL_COLUMNS = 18;

/**
 * Rows are the truth, columns the prediction. What is right is blue and what is wrong orange, the stronger the greater its
 * share of the row; wrong cells by the square root, so that a few mistakes can be seen beside many hits.
 */
export function confusionChart(options: ConfusionOptions): string {
  const { counts, language } = options;
  const count = options.labels.length;
  const labels = options.labels.map((label) => truncateToWidth(label, LABEL_COLUMNS));
  const cell = Math.max(12, Math.min(46, Math.floor(460 / Math.max(1, count))));
  const longest = Math.max(0, ...labels.map(textWidth));
  const upright = longest <= cell - 4;
  const left = longest + 34;
  // Slanted names need some room between them; in narrower columns they stand upright.
  const slant = cell < 18 ? -90 : -45;
  const top = (upright ? 20 : longest * (slant === -90 ? 1 : 0.72) + 14) + 22;
  const size = cell * count;
  const slack = upright || slant === -90 ? 12 : longest * 0.7 + 12;
  const width = Math.max(options.width ?? 0, left + size + slack);
  const height = top + size + 6;
  const told = spokenLanguage(options);

  const parts = [
    textAt(left, 14, `${svgLabel(PREDICTION, language)} →`, "soft"),
    `<text x="14" y="${short(top)}" transform="rotate(-90 14 ${short(top)})" class="soft end">← ${svgLabel(TRUTH, language)}</text>`,
  ];
  for (let i = 0; i <= count; i++) {
    parts.push(lineFrom(left, top + i * cell, left + size, top + i * cell, "grid"));
    parts.push(lineFrom(left + i * cell, top, left + i * cell, top + size, "grid"));
  }
  labels.forEach((label, i) => {
    const middle = i * cell + cell / 2;
    parts.push(textAt(left - 6, top + middle + 4, escapeXml(label), "end"));
    const x = left + middle;
    parts.push(
      upright
        ? textAt(x, top - 7, escapeXml(label), "mid")
        : `<text x="${short(x + 3)}" y="${short(top - 5)}" transform="rotate(${slant} ${short(x + 3)} ${short(top - 5)})">${escapeXml(label)}</text>`,
    );
  });
  counts.forEach((row, truth) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    row.forEach((n, prediction) => {
      if (n === 0) return;
      const fraction = n / total;
      const right = truth === prediction;
      const opacity = right ? 0.12 + 0.88 * fraction : Math.min(1, 0.12 + 0.88 * Math.sqrt(fraction));
      const [x, y] = [left + prediction * cell, top + truth * cell];
      const names = `${inLanguage(TRUTH, told)} ${options.labels[truth]}, ${inLanguage(PREDICTION, told)} ${options.labels[prediction]}`;
      parts.push(
        `<rect x="${short(x + 0.5)}" y="${short(y + 0.5)}" width="${cell - 1}" height="${cell - 1}" class="f${right ? 0 : 1}" fill-opacity="${opacity.toFixed(2)}">` +
          `<title>${escapeXml(`${names}: ${formatInteger(n)} (${(fraction * 100).toFixed(1)} %)`)}</title></rect>`,
      );
      const shown = formatInteger(n);
      if (cell >= 18 && textWidth(shown) <= cell - 2) {
        parts.push(textAt(x + cell / 2, y + cell / 2 + 4, shown, opacity > 0.6 ? "mid on" : "mid"));
      }
    });
  });
  return svgRoot(parts.join(""), { ...options, width, height });
}
