/** @module The page of `descent data inspect`: distributions and pictures, in both languages, one file without a script. */
import type { Bilingual, Language } from "../charts/charts.js";
import { barChart, escapeXml, histogramChart } from "../charts/charts.js";
import type {
  ColumnProfile,
  DataProfile,
  Histogram,
  ImageProfile,
  ImageSample,
  TableProfile,
  ValueCounts,
} from "../data/inspect/profile.js";
import { toBase64 } from "../util/base64.js";
import { formatInteger, formatNumber } from "../util/text.js";
import { card, chartStyle, heading, page, paragraph, tile } from "./page.js";
import { both, formatPercent } from "./words.js";

const TYPES: Readonly<Record<ColumnProfile["type"], Bilingual>> = {
  number: { en: "number", zh: "数值" },
  date: { en: "date", zh: "日期" },
  boolean: { en: "yes or no", zh: "是/否" },
  category: { en: "category", zh: "类别" },
  text: { en: "text", zh: "文本" },
  nested: { en: "nested", zh: "嵌套" },
  empty: { en: "empty", zh: "空" },
};

/** Bars of classes that are shown. */
const MOST_BARS = 20;
const MOST_BROKEN = 50;

const tiles = (list: readonly string[]): string => `<div class="tiles">${list.join("")}</div>`;

const COUNT: Bilingual = { en: "count", zh: "数量" };

function distribution(histogram: Histogram, title: Bilingual, xLabel: Bilingual, spoken: Language): string {
  return histogramChart({ ...chartStyle(spoken), title, counted: histogram, xLabel, yLabel: COUNT, height: 220 });
}

function valueBars(values: ValueCounts, title: Bilingual, spoken: Language): string {
  const shown = values.slice(0, MOST_BARS);
  const rest = values.slice(MOST_BARS).reduce((sum, { count }) => sum + count, 0);
  const bars = shown.map(({ value, count }) => ({ label: value === "" ? "∅" : value.slice(0, 80), value: count }));
  return barChart({
    ...chartStyle(spoken),
    title,
    bars:
      rest === 0
        ? bars
        : [
            ...bars,
            { label: { en: `${values.length - MOST_BARS} more`, zh: `其余 ${values.length - MOST_BARS} 个` }, value: rest },
          ],
    format: formatInteger,
  });
}

const cell = (content: string, isNumber = false): string => `<td${isNumber ? ' class="n"' : ""}>${content}</td>`;

function columnTable({ rows, columns }: Columns): string {
  const head = [
    { en: "column", zh: "列" },
    { en: "type", zh: "类型" },
    { en: "missing", zh: "缺失" },
    { en: "distinct (about)", zh: "不同值（约）" },
    { en: "least", zh: "最小" },
    { en: "greatest", zh: "最大" },
    { en: "mean", zh: "均值" },
  ].map((label, i) => `<th${i > 1 ? ' class="n"' : ""}>${both(label)}</th>`);
  const body = columns.map((column) => {
    const { number, lengths, dates } = column;
    const span = number ?? lengths;
    const ends =
      dates === undefined
        ? [span?.minimum, span?.maximum].map((x) => (x === undefined ? "" : formatNumber(x)))
        : [dates.first, dates.last];
    const cells = [
      both(TYPES[column.type]),
      column.missing === 0 ? "0" : formatPercent(column.missing / rows),
      formatInteger(column.distinct),
      ...ends.map((end) => escapeXml(end.replace(" 00:00:00", ""))),
      span === undefined ? "" : formatNumber(span.mean),
    ];
    return `<tr><th>${escapeXml(column.name)}</th>${cells.map((content, i) => cell(content, i > 0)).join("")}</tr>`;
  });
  return card(`<table><thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table>`, "fit");
}

/** The picture of one column; nothing where there is none to be drawn. */
function columnCard(column: ColumnProfile, spoken: Language): string {
  const { name, number, lengths, top = [], languages = [], examples = [], unreadable } = column;
  const title = `<h3>${escapeXml(name)} <span class="soft">${both(TYPES[column.type])}</span></h3>`;
  const parts: string[] = [];
  if (number !== undefined) {
    parts.push(distribution(number.histogram, { en: `Distribution of ${name}`, zh: `${name} 的分布` }, name, spoken));
    const [q05 = NaN, q25 = NaN, q50 = NaN, q75 = NaN, q95 = NaN] = number.quantiles;
    const shown = [q05, q25, q50, q75, q95].map(formatNumber).join(" · ");
    parts.push(paragraph(`5, 25, 50, 75, 95 %: ${shown}`, `5、25、50、75、95 %：${shown}`, "soft"));
    if (number.outliers > 0) {
      const n = formatInteger(number.outliers);
      parts.push(
        paragraph(
          `${n} values lie more than three interquartile ranges outside the middle half`,
          `${n} 个值落在中间一半之外三倍四分位距以上`,
        ),
      );
    }
  }
  if (top.length > 0) parts.push(valueBars(top, { en: `Values of ${name}`, zh: `${name} 的取值` }, spoken));
  if (lengths !== undefined && column.type === "text") {
    parts.push(
      distribution(
        lengths.histogram,
        { en: `Lengths of ${name}`, zh: `${name} 的长度` },
        { en: "characters", zh: "字符数" },
        spoken,
      ),
    );
    const spokenIn = languages
      .slice(0, 6)
      .map(({ language, share }) => `${language} ${formatPercent(share)}`)
      .join(", ");
    parts.push(paragraph(`Languages of a sample: ${spokenIn}`, `抽样文本的语言：${spokenIn.replaceAll(", ", "，")}`, "soft"));
    for (const example of examples.slice(0, 3))
      parts.push(`<pre>${escapeXml(example.length > 300 ? `${example.slice(0, 300)}…` : example)}</pre>`);
  }
  if (unreadable !== undefined) {
    const [n, shown] = [formatInteger(unreadable.count), unreadable.examples.map((value) => `“${value}”`)];
    const are = unreadable.count === 1 ? "value is" : "values are";
    parts.push(paragraph(`${n} ${are} of another kind: ${shown.join(", ")}`, `${n} 个值属于其他类型：${shown.join("、")}`));
  }
  return parts.length === 0 ? "" : card(title + parts.join(""));
}

type Columns = Pick<TableProfile, "rows" | "columns" | "label">;

/** The columns of a table: their figures, and a picture of each, the classes first. */
export function columnSections(profile: Columns, spoken: Language): string {
  const { columns, label } = profile;
  const classes = columns.find(({ name }) => name === label);
  const ordered = classes === undefined ? columns : [classes, ...columns.filter((column) => column !== classes)];
  return [
    heading("Columns", "各列"),
    columnTable(profile),
    heading("Distributions", "分布"),
    `<div class="row">${ordered.map((column) => columnCard(column, spoken)).join("")}</div>`,
  ].join("");
}

function tableBody(profile: TableProfile, spoken: Language): string {
  const { rows, columns, parts, notes } = profile;
  const cells = columns.reduce((sum, { missing }) => sum + missing, 0);
  return [
    tiles([
      tile(formatInteger(rows), { en: "rows", zh: "行" }),
      tile(formatInteger(columns.length), { en: "columns", zh: "列" }),
      tile(formatPercent(cells / (rows * columns.length)), { en: "cells without a value", zh: "无值的单元格" }),
      ...parts.map((part) => tile(formatInteger(part.rows), part.name)),
    ]),
    ...notes.map((line) => `<p class="soft">${escapeXml(line)}</p>`),
    columnSections(profile, spoken),
  ].join("");
}

const REASONS: Readonly<Record<NonNullable<ImageSample["reason"]>, Bilingual>> = {
  dark: { en: "dark", zh: "过暗" },
  bright: { en: "bright", zh: "过亮" },
  flat: { en: "without content", zh: "无内容" },
  blurred: { en: "blurred", zh: "模糊" },
};

function pictures(samples: readonly ImageSample[]): string {
  const figures = samples.map(({ name, label, reason, thumbnail }) => {
    const why = reason === undefined ? "" : `<div class="wrong"><b>${both(REASONS[reason])}</b></div>`;
    const title = label === undefined ? "" : `<b>${escapeXml(label)}</b>`;
    const picture = `<img class="whole" src="data:image/jpeg;base64,${toBase64(thumbnail)}" alt="${escapeXml(label ?? name)}">`;
    return `<figure>${picture}<figcaption>${title}${why}<div class="soft">${escapeXml(name)}</div></figcaption></figure>`;
  });
  return `<div class="examples thumbs">${figures.join("")}</div>`;
}

function imageBody(profile: ImageProfile, spoken: Language): string {
  const { images, classes, boxes, sizes, widths, heights, brightness, contrast, broken, samples, measured, dark, bright, flat } =
    profile;
  const strange = samples.filter(({ reason }) => reason !== undefined);
  const titled = (title: Bilingual, chart: (title: Bilingual) => string): string =>
    card(`<h3>${both(title)}</h3>${chart(title)}`);
  const bars = (title: Bilingual, values: ValueCounts): string => titled(title, () => valueBars(values, title, spoken));
  const ranges = (title: Bilingual, histogram: Histogram, label: Bilingual): string =>
    titled(title, () => distribution(histogram, title, label, spoken));
  const isOneSize = widths.low === widths.high && heights.low === heights.high;
  const charts = [
    ...(classes.length === 0
      ? []
      : [bars(boxes === undefined ? { en: "Classes", zh: "类别" } : { en: "Classes of boxes", zh: "框的类别" }, classes)]),
    bars({ en: "Sizes, width × height", zh: "尺寸（宽 × 高）" }, sizes),
    ...(isOneSize
      ? []
      : [
          ranges({ en: "Widths", zh: "宽度" }, widths, { en: "width in pixels", zh: "宽度（像素）" }),
          ranges({ en: "Heights", zh: "高度" }, heights, { en: "height in pixels", zh: "高度（像素）" }),
        ]),
    ranges({ en: "Brightness", zh: "亮度" }, brightness, { en: "mean brightness, 0 … 255", zh: "平均亮度（0…255）" }),
    ranges({ en: "Contrast", zh: "对比度" }, contrast, { en: "standard deviation of brightness", zh: "亮度的标准差" }),
  ];
  return [
    tiles([
      tile(formatInteger(images), { en: "images", zh: "图像" }),
      tile(formatInteger(classes.length), { en: "classes", zh: "类别" }),
      ...(boxes === undefined
        ? []
        : [
            tile(formatInteger(boxes.count), { en: "boxes", zh: "框" }),
            tile(formatInteger(boxes.imagesWithout), { en: "images without a box", zh: "无框的图像" }),
          ]),
      tile(formatInteger(broken.length), { en: "cannot be read", zh: "无法读取" }),
      tile(`${dark} / ${bright} / ${flat}`, {
        en: `dark / bright / empty, of ${formatInteger(measured)}`,
        zh: `过暗 / 过亮 / 无内容，共 ${formatInteger(measured)} 张`,
      }),
      ...profile.parts.map((part) => tile(formatInteger(part.rows), part.name)),
    ]),
    ...profile.notes.slice(0, 20).map((line) => `<p class="soft">${escapeXml(line)}</p>`),
    heading("Distributions", "分布"),
    `<div class="row">${charts.join("")}</div>`,
    ...(broken.length === 0
      ? []
      : [
          heading("Images that cannot be read", "无法读取的图像"),
          card(
            `<table><tbody>${broken
              .slice(0, MOST_BROKEN)
              .map(({ name, reason }) => `<tr><th>${escapeXml(name)}</th>${cell(escapeXml(reason))}</tr>`)
              .join("")}</tbody></table>`,
          ),
        ]),
    ...(strange.length === 0 ? [] : [heading("Images that deserve a look", "值得一看的图像"), pictures(strange)]),
    heading("A sample", "抽样"),
    pictures(samples.filter(({ reason }) => reason === undefined)),
  ].join("");
}

/** The page of a description of data. It opens in `language`, and has the other one in it. */
export function dataPage(profile: DataProfile, language: Language = "en"): string {
  const title = `<header><p>${both({ en: "Data", zh: "数据" })}</p><h1>${escapeXml(profile.name)}</h1></header>`;
  const body = profile.kind === "table" ? tableBody(profile, language) : imageBody(profile, language);
  return page(profile.name, title + body, language);
}
