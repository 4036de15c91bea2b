/** @module `descent data labels DATA`: labels that are probably wrong. */
import type { LabelReport } from "../../../label/label-issues-node.js";
import { tableOptions } from "../../../tasks/options.js";
import type { OptionTable } from "../../../util/option.js";
import { choice, integer, text, valuesOf } from "../../../util/option.js";
import { formatInteger, formatTable, truncateToWidth } from "../../../util/text.js";
import { defineVerb } from "../../verb.js";

const SHOWN = 12;

function linesOf({ name, model, examples, accuracy, confidentIssues, issues, overlaps }: LabelReport): string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  return [
    `${name}: ${formatInteger(examples)} labels, ${percent(accuracy)} as ${model} says; ${formatInteger(confidentIssues)} (${percent(confidentIssues / examples)}) are confidently of another class`,
    ...(issues.length === 0
      ? []
      : [
          formatTable(
            ["row", "label", "rather", "p(label)", ""],
            issues
              .slice(0, SHOWN)
              .map(({ row, given, suggested, confidence, shown }) => [
                String(row),
                given,
                suggested,
                confidence.toFixed(3),
                truncateToWidth(shown, 60),
              ]),
          ),
        ]),
    ...(overlaps.length === 0
      ? []
      : [
          `taken for each other: ${overlaps
            .slice(0, 5)
            .map(({ a, b, count }) => `${a} / ${b} (${formatInteger(count)})`)
            .join(", ")}`,
        ]),
  ];
}

const labelsOptions = {
  model: text({
    help: "the model that judges the labels: one of the task's",
    metavar: "NAME",
    defaultText: "one that is fitted in seconds",
  }),
  folds: integer({ help: "number of folds of the cross-validation", minimum: 2, maximum: 50, default: 5 }),
  score: choice(["self-confidence", "normalized-margin", "confidence-weighted-entropy"], {
    help: "the order of the suggestions",
    default: "self-confidence",
  }),
  out: text({ help: "the page to write", metavar: "FILE", defaultText: "none" }),
  csv: text({ help: "write all suggestions to this CSV file", metavar: "FILE", defaultText: "none" }),
  task: text({ help: "the task", metavar: "TASK", defaultText: "what the data suggest" }),
  labelColumn: text({ help: "the column of classes", metavar: "NAME", defaultText: "guessed from names and types" }),
  textColumn: text({ help: "the column of texts", metavar: "NAME", defaultText: "guessed from names and types" }),
  ...tableOptions,
  seed: integer({ help: "seed of the folds and of the trainings", minimum: 0, default: 1 }),
  lang: choice(["en", "zh"], { help: "language that the page opens in", default: "en" }),
} satisfies OptionTable;

export const verb = defineVerb({
  positionals: [
    { name: "DATA", help: "the name of a data set, a file, a folder, or a SQL query, with one class for each example" },
  ],
  options: labelsOptions,
  examples: [
    "descent data labels reviews.csv --out labels.html --csv labels.csv",
    "descent data labels fashion-mnist --model random-forest",
  ],
  engine: true,
  async run({ positionals: [data = ""], options, signal, print, note, progress }) {
    const { out, csv, lang, ...judging } = valuesOf(options, labelsOptions);
    const { findLabelIssues, thumbnailOf } = await import("../../../label/label-issues-node.js");
    const bar = progress({ label: "folds", total: judging.folds, unit: "folds" });
    const { report, found } = await findLabelIssues(
      data,
      { ...judging, most: 100_000 },
      { signal, note, onFold: (done) => bar.update(done) },
    );
    bar.finish();
    for (const line of linesOf(report)) print(line);
    const { nodeFileSystem, writeWhole } = await import("../../../run/run-folder-files-node.js");
    if (csv !== undefined) {
      const { neutralized, quoteField } = await import("../../../data/inspect/csv-text.js");
      const rows = report.issues.map(({ row, given: label, suggested, confidence, isConfident, shown }) =>
        [String(row), label, suggested, confidence.toFixed(6), String(isConfident), shown]
          .map((value) => quoteField(neutralized(value)))
          .join(","),
      );
      await writeWhole(nodeFileSystem, csv, `row,label,suggested,confidence,confident,example\n${rows.join("\n")}\n`);
      print(`suggestions ${csv}`);
    }
    if (out !== undefined) {
      const { labelPage, indicesShown } = await import("../../../label/label-page.js");
      const thumbnails = new Map<number, Uint8Array>();
      for (const i of indicesShown(report)) {
        const image = await thumbnailOf(found, i);
        if (image !== undefined) thumbnails.set(i, image);
      }
      await writeWhole(nodeFileSystem, out, labelPage(report, thumbnails, lang));
      print(`page ${out}`);
    }
    return { ...report, issues: report.issues.slice(0, 1000) };
  },
});
