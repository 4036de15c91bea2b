/**
 * @module The common part of charts: labels in two languages, escaping, scales and ticks, the style, and the SVG root with its
 * title and description for those who do not see it. Our own and small: the chart libraries that we looked at (Chart.js,
 * uPlot, Plot, Vega) want a DOM or a canvas, or weigh more than all of Descent.
 */
import { formatNumber } from "../util/text.js";

/** Languages of charts and reports. */
export type Language = "en" | "zh";
/** A word that is the same in both languages (a name, a number), or one for each. */
export type Bilingual = string | { readonly en: string; readonly zh: string };

/** Options that every chart takes. */
export interface ChartOptions {
  /** Read out, and shown as the picture's tooltip; not drawn. */
  readonly title: Bilingual;
  readonly description?: Bilingual;
  readonly width?: number;
  readonly height?: number;
  /** Language of the labels; `both` writes both, and whoever embeds the picture hides `.en` or `.zh`. */
  readonly language?: Language | "both";
  /** With `both`, the language of what cannot be both: title, description and tooltips. */
  readonly spoken?: Language;
  /** False where the page that embeds the picture has CHART_CSS already. */
  readonly standalone?: boolean;
}

/** Text that may stand in HTML and XML, in an attribute too. Control characters, which XML forbids, become U+FFFD. */
export const escapeXml = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex -- these are what XML 1.0 does not allow
    .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");

/** A label in one language, as plain text. */
export const inLanguage = (label: Bilingual, language: Language): string => (typeof label === "string" ? label : label[language]);

/** A label as escaped markup for an SVG text. */
export function svgLabel(label: Bilingual, language: ChartOptions["language"] = "en"): string {
  if (typeof label === "string") return escapeXml(label);
  if (language !== "both") return escapeXml(label[language]);
  return `<tspan class="en">${escapeXml(label.en)}</tspan><tspan class="zh">${escapeXml(label.zh)}</tspan>`;
}

const FONT = `system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif`;

const colors = (ink: string, grid: string, series: readonly string[]): string =>
  `.chart text{fill:${ink}}.chart .grid{stroke:${grid}}.chart .axis{stroke:${ink};opacity:.55}` +
  series.map((color, i) => `.chart .s${i}{stroke:${color}}.chart .f${i}{fill:${color}}`).join("");

/** The style of all charts; light, and dark where the reader's system is. The colours stay apart for the colour-blind. */
export const CHART_CSS =
  `.chart{font:12px ${FONT};display:block;max-width:100%;height:auto}.chart .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}` +
  `.chart .faint{stroke-width:1;opacity:.28}.chart .dash{stroke-dasharray:4 4}.chart .end{text-anchor:end}.chart .mid{text-anchor:middle}` +
  `.chart .soft{opacity:.7}.chart text.on{fill:#fff}` +
  colors("#333b45", "#e4e7eb", ["#2563eb", "#d97706", "#0d9488", "#c026d3", "#65a30d", "#dc2626"]) +
  `@media (prefers-color-scheme:dark){${colors("#c9d1d9", "#30363d", ["#6ea8fe", "#f5a742", "#2dd4bf", "#e879f9", "#a3e635", "#f87171"])}.chart text.on{fill:#0b1220}}`;

/** Number of series that have a colour of their own. */
export const SERIES_COLORS = 6;

/** The language of what is read out. */
export const spokenLanguage = ({ language, spoken }: Pick<ChartOptions, "language" | "spoken">): Language =>
  language === "both" ? (spoken ?? "en") : (language ?? "en");

/** The `<svg>` around a drawing. */
export function svgRoot(body: string, options: ChartOptions & { readonly width: number; readonly height: number }): string {
  const language = spokenLanguage(options);
  const title = escapeXml(inLanguage(options.title, language));
  const description =
    options.description === undefined ? "" : `<desc>${escapeXml(inLanguage(options.description, language))}</desc>`;
  const style = options.standalone === false ? "" : `<style>${CHART_CSS}</style>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="${title}" ` +
    `viewBox="0 0 ${short(options.width)} ${short(options.height)}" width="${short(options.width)}" height="${short(options.height)}">` +
    `<title>${title}</title>${description}${style}${body}</svg>`
  );
}

/** A coordinate with a tenth of a pixel. */
export const short = (value: number): string => String(Math.round(value * 10) / 10);

export const textAt = (x: number, y: number, markup: string, classes = ""): string =>
  `<text x="${short(x)}" y="${short(y)}"${classes === "" ? "" : ` class="${classes}"`}>${markup}</text>`;

export const lineFrom = (x1: number, y1: number, x2: number, y2: number, classes: string): string =>
  `<line x1="${short(x1)}" y1="${short(y1)}" x2="${short(x2)}" y2="${short(y2)}" class="${classes}"/>`;

/** Maps data to pixels; `ticks` are the values worth a line. */
export interface Scale {
  (value: number): number;
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
}

/** A linear scale; the domain is widened where it is a single value. */
export function linearScale(domain: readonly [number, number], range: readonly [number, number], count = 5): Scale {
  const [low, high] = widened(domain);
  const map = (value: number): number => range[0] + ((value - low) / (high - low)) * (range[1] - range[0]);
  const step = niceStep((high - low) / count);
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const format = (value: number): string =>
    Math.abs(value) >= 1e6 || step < 1e-4 ? formatNumber(Math.abs(value) < step / 2 ? 0 : value) : grouped(value.toFixed(digits));
  return Object.assign(map, { ticks, format });
}

/** A logarithmic scale (base 10) over positive values. */
export function logScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const [low, high] = widened([Math.log10(domain[0]), Math.log10(domain[1])]);
  const map = (value: number): number => range[0] + ((Math.log10(value) - low) / (high - low)) * (range[1] - range[0]);
  // Over few decades there is room for lines between them; over many, not even each decade does.
  const factors = high - low < 2 ? [1, 2, 5] : high - low < 3.5 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil((high - low) / 6));
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= high; power += every) {
    for (const factor of factors) {
      const exponent = power + Math.log10(factor);
      if (exponent >= low - 1e-9 && exponent <= high + 1e-9) ticks.push(factor * 10 ** power);
    }
  }
  const format = (value: number): string =>
    value >= 1e-3 && value < 1e6 ? grouped(String(Number(value.toPrecision(3)))) : value.toExponential(0).replace("e+", "e");
  return Object.assign(map, { ticks, format });
}

const widened = ([low, high]: readonly [number, number]): readonly [number, number] =>
  high > low ? [low, high] : [low - (Math.abs(low) * 0.1 || 0.5), low + (Math.abs(low) * 0.1 || 0.5)];

const grouped = (text: string): string =>
  text.replace(/^-?\d+/, (whole) => whole.replaceAll(/\B(?=(\d{3})+$)/g, ",")).replace(/^-(?=0(?:\.0*)?$)/, "");

/** The smallest of 1, 2, 5 × 10ⁿ that is not below `step`. */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const scaled = step / power;
  return (scaled <= 1 ? 1 : scaled <= 2 ? 2 : scaled <= 5 ? 5 : 10) * power;
}

/** The least and the greatest finite value; undefined where there is none. */
export function extent(values: Iterable<number>): readonly [number, number] | undefined {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : undefined;
}

/** Rough width of a text in pixels at 12 px: Chinese characters are a full em. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += (character.codePointAt(0) as number) > 0x2e80 ? 12 : 6.7;
  return width;
}

/** The wider of a label's two wordings. */
export const labelWidth = (label: Bilingual): number =>
  typeof label === "string" ? textWidth(label) : Math.max(textWidth(label.en), textWidth(label.zh));
