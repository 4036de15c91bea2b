/** @module `descent data clean DATA`: duplicates, leaks, broken files and personal data, found and left out. */
import type { CleaningReport, Finding, Place } from "../../../data/clean/findings.js";
import { tableOptions } from "../../../tasks/options.js";
import type { OptionTable } from "../../../util/option.js";
import { choice, flag, integer, number, text, valuesOf } from "../../../util/option.js";
import { formatInteger, formatTable } from "../../../util/text.js";
import { defineVerb } from "../../verb.js";

const SHOWN = 8;

const placeText = ({ part, row, file }: Place): string => file ?? `${part} row ${row ?? 0}`;

function findingLine(finding: Finding): string {
  const { kind, of, similarity, detail } = finding;
  const like = of === undefined ? "" : ` = ${placeText(of)}`;
  const how = similarity === undefined || similarity === 1 ? "" : ` (${similarity.toFixed(2)})`;
  return `${kind}: ${placeText(finding)}${like}${how}${detail === undefined ? "" : `: ${detail}`}`;
}

function linesOf(report: CleaningReport): string[] {
  const { name, before, after, counts, findings, personal, compared } = report;
  const table = formatTable(
    ["found", "count", "left out"],
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => [
        kind,
        formatInteger(count),
        formatInteger(findings.filter((one) => one.kind === kind && one.dropped).length),
      ]),
  );
  const kinds = Object.keys(counts).flatMap((kind) => findings.filter((one) => one.kind === kind).slice(0, 2));
  return [
    `${name}: ${formatInteger(before)} → ${formatInteger(after)}${compared.length === 0 ? "" : `; compared by ${compared.map((one) => `"${one}"`).join(", ")}`}`,
    ...(findings.length === 0 ? [] : [table]),
    ...kinds.slice(0, SHOWN).map(findingLine),
    ...personal.map(({ column, rows, first }) => {
      const found = Object.entries(rows).map(
        ([kind, count]) => `${kind} in ${formatInteger(count)} ${count === 1 ? "row" : "rows"}`,
      );
      return `personal data in column "${column}": ${found.join(", ")}; first: ${first.map(placeText).join(", ")}`;
    }),
  ];
}

const cleanOptions = {
  out: text({ help: "write the cleaned data to this folder", metavar: "FOLDER", defaultText: "none: only report" }),
  textColumn: text({
    help: "the column of texts to compare, or several separated by commas",
    metavar: "NAME",
    defaultText: "guessed",
  }),
  labelColumn: text({ help: "the column of classes, for conflicts", metavar: "NAME", defaultText: "guessed" }),
  threshold: number({
    help: "texts: the Jaccard index of words from which two texts are near duplicates; 0 turns this off",
    minimum: 0,
    maximum: 1,
    default: 0.8,
  }),
  permutations: integer({ help: "texts: number of MinHash permutations", minimum: 8, maximum: 512, default: 64 }),
  bits: integer({
    help: "images: the number of bits, of 64, by which the perceptual hashes of near duplicates may differ; -1 turns this off",
    minimum: -1,
    maximum: 12,
    default: 4,
  }),
  model: text({
    help: "images: a run, a checkpoint or an ONNX file that finds further near duplicates, by the inputs of its last layer",
    metavar: "MODEL",
  }),
  similarity: number({
    help: "images, with --model: the cosine similarity from which two are near duplicates",
    minimum: 0,
    maximum: 1,
    default: 0.97,
  }),
  maskPersonalData: flag({ help: "replace personal data in the output by their kind: [email]" }),
  encoding: tableOptions.encoding,
  delimiter: tableOptions.delimiter,
  skipBadRows: flag({ help: "leave out rows that cannot be read, and count them" }),
  maxMegapixels: number({ help: "refuse larger images before decoding them", above: 0, metavar: "N", defaultText: "100" }),
  seed: integer({ help: "seed of the permutations", minimum: 0, default: 0 }),
  lang: choice(["en", "zh"], { help: "language that the card's page opens in", default: "en" }),
} satisfies OptionTable;

export const verb = defineVerb({
  positionals: [{ name: "DATA", help: "the name of a data set, a file, a folder, an archive, or a SQL query" }],
  options: cleanOptions,
  examples: [
    "descent data clean reviews",
    "descent data clean reviews --out reviews-clean --mask-personal-data",
    "descent data clean photos --out photos-clean",
    "descent data clean photos --model runs/photos --similarity 0.98",
  ],
  async run({ positionals: [data = ""], options, signal, command, print, note }) {
    const { out, bits, model, similarity, lang, ...how } = valuesOf(options, cleanOptions);
    const { cleanData } = await import("../../../data/clean/clean-node.js");
    const findSimilar =
      model === undefined
        ? undefined
        : (await import("../../../label/similar-images-node.js")).findSimilarBy({
            model,
            threshold: similarity,
            signal,
            maxMegapixels: how.maxMegapixels,
          });
    const report = await cleanData(data, { ...how, out, mostBits: bits, findSimilar, signal });
    for (const line of report.notes) note(line);
    for (const line of linesOf(report)) print(line);
    if (out !== undefined) {
      const { recordCleaning } = await import("../../../report/data-card-node.js");
      await recordCleaning(data, out, report, {
        command,
        language: lang,
        decisions: decisionsOf(options, report.compared.length > 0),
      });
      print(`data ${out}; findings ${out}/findings.json; card ${out}/card.html`);
    }
    return report;
  },
});

/** Decisions of the options, in sentences for the card; of images nothing is said where texts were compared. */
function decisionsOf(
  { threshold, permutations, bits, maskPersonalData, model, similarity }: Readonly<Record<string, unknown>>,
  areTexts: boolean,
): string[] {
  const ofImages = [
    `images whose hashes differ in at most ${String(bits)} of 64 bits are near duplicates`,
    ...(model === undefined
      ? []
      : [`images whose features in ${String(model)} have a cosine of at least ${String(similarity)} are near duplicates`]),
  ];
  return [
    `texts with a Jaccard index of at least ${String(threshold)} are near duplicates (MinHash, ${String(permutations)} permutations)`,
    ...(areTexts ? [] : ofImages),
    "of duplicates the one in the test part is kept, else in the validation part, else the first",
    ...(maskPersonalData === true ? ["personal data were replaced by their kinds"] : []),
  ];
}
