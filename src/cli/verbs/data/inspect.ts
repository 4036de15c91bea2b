/** @module `descent data inspect DATA`: what is in data, as a table and as a page. */
import type { ColumnProfile, DataProfile, ImageProfile, TableProfile } from "../../../data/inspect/profile.js";
import { tableOptions } from "../../../tasks/options.js";
import { choice, integer, number, text } from "../../../util/option.js";
import { formatInteger, formatNumber, formatTable, truncateToWidth } from "../../../util/text.js";
import { defineVerb } from "../../verb.js";

const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.001 ? 2 : 1)} %`;

/** The facts of a column that a person wants to know first. */
function gist({ type, number: found, dates, lengths, top = [], languages = [], count }: ColumnProfile): string {
  if (found !== undefined) {
    const far = found.outliers === 0 ? "" : `, ${formatInteger(found.outliers)} far out`;
    return `${formatNumber(found.minimum)} … ${formatNumber(found.maximum)}, mean ${formatNumber(found.mean)}${far}`;
  }
  if (dates !== undefined) return `${dates.first.replace(" 00:00:00", "")} … ${dates.last.replace(" 00:00:00", "")}`;
  if (type === "text" && lengths !== undefined) {
    const spoken = languages.slice(0, 3).map(({ language, share }) => `${language} ${percent(share)}`);
    return `${lengths.minimum} … ${formatInteger(lengths.maximum)} characters, mean ${formatNumber(lengths.mean)}; ${spoken.join(", ")}`;
  }
  return truncateToWidth(top.map(({ value, count: n }) => `${value} ${percent(n / count)}`).join(", "), 70);
}

function tableLines({ name, rows, parts, columns, label }: TableProfile): string[] {
  const inParts = parts.map((part) => `${part.name} ${formatInteger(part.rows)}`).join(", ");
  return [
    `${name}: ${formatInteger(rows)} ${rows === 1 ? "row" : "rows"}, ${columns.length} ${columns.length === 1 ? "column" : "columns"}${inParts === "" ? "" : ` (${inParts})`}${label === undefined ? "" : `; classes in "${label}"`}`,
    formatTable(
      ["column", "type", "missing", "distinct", ""],
      columns.map((column) => [
        column.name,
        column.type,
        column.missing === 0 ? "0" : percent(column.missing / rows),
        formatInteger(column.distinct),
        gist(column),
      ]),
    ),
    ...columns.flatMap(({ name: column, unreadable, type }) =>
      unreadable === undefined
        ? []
        : [
            `column "${column}": ${formatInteger(unreadable.count)} ${unreadable.count === 1 ? "value is" : "values are"} no ${type}: ${unreadable.examples.map((one) => `"${one}"`).join(", ")}`,
          ],
    ),
  ];
}

function imageLines(profile: ImageProfile): string[] {
  const { name, images, parts, sizes, formats, classes, boxes, grey, broken, dark, bright, flat, measured } = profile;
  const list = (values: ImageProfile["sizes"]): string =>
    truncateToWidth(values.map(({ value, count }) => `${value} (${formatInteger(count)})`).join(", "), 90);
  const inParts = parts.map((part) => `${part.name} ${formatInteger(part.rows)}`).join(", ");
  return [
    `${name}: ${formatInteger(images)} images${inParts === "" ? "" : ` (${inParts})`}`,
    formatTable(
      ["", ""],
      [
        ["sizes", list(sizes)],
        ["formats", list(formats)],
        ["grey", formatInteger(grey)],
        ["classes", classes.length === 0 ? "none" : `${classes.length}: ${list(classes)}`],
        ...(boxes === undefined ? [] : [["boxes", `${formatInteger(boxes.count)}; ${boxes.imagesWithout} images without any`]]),
        [`exposure of ${formatInteger(measured)}`, `${dark} dark, ${bright} bright, ${flat} without content`],
        ["cannot be read", formatInteger(broken.length)],
      ],
    ),
    ...broken.slice(0, 10).map((one) => `${one.name}: ${one.reason}`),
  ];
}

/** A profile as one JSON document: pictures are in the page alone. */
const asJson = (profile: DataProfile): unknown =>
  profile.kind === "table"
    ? profile
    : { ...profile, samples: profile.samples.map(({ name, label, reason }) => ({ name, label, reason })) };

export const verb = defineVerb({
  positionals: [{ name: "DATA", help: "the name of a data set, a file, a folder, an archive, or a SQL query" }],
  options: {
    out: text({ help: "the page to write", metavar: "FILE", defaultText: "none" }),
    labelColumn: text({ help: "the column of classes", metavar: "NAME", defaultText: "guessed from names" }),
    encoding: tableOptions.encoding,
    delimiter: tableOptions.delimiter,
    seed: integer({ help: "seed of the sample of images", minimum: 0, default: 0 }),
    memory: integer({ help: "limit on the memory for a table", unit: "MiB", minimum: 64, defaultText: "half of what is free" }),
    maxMegapixels: number({ help: "refuse larger images before decoding them", above: 0, metavar: "N", defaultText: "100" }),
    lang: choice(["en", "zh"], { help: "language that the page opens in", default: "en" }),
  },
  examples: [
    "descent data inspect reviews.csv --out reviews.html",
    "descent data inspect photos --out photos.html",
    "descent data inspect \"SELECT * FROM 'sales/*.parquet' WHERE year = 2026\" --json",
  ],
  async run({ positionals: [data = ""], options, signal, print, note }) {
    const { inspectData } = await import("../../../data/inspect/inspect-node.js");
    const { memory, out, lang, ...how } = options;
    const profile = await inspectData(data, { ...how, memoryMiB: memory, signal });
    for (const line of profile.notes) note(line);
    for (const line of profile.kind === "table" ? tableLines(profile) : imageLines(profile)) print(line);
    if (out !== undefined) {
      const { dataPage } = await import("../../../report/data-page.js");
      const { nodeFileSystem, writeWhole } = await import("../../../run/run-folder-files-node.js");
      await writeWhole(nodeFileSystem, out, dataPage(profile, lang));
      print(`page ${out}`);
    }
    return asJson(profile);
  },
});
