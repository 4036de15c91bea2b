/** @module `descent data split DATA --out FOLDER`. */
import { basename, resolve } from "node:path";
import { tableOptions } from "../../../tasks/options.js";
import { ConfigError } from "../../../util/errors.js";
import type { OptionTable } from "../../../util/option.js";
import { choice, integer, number, text, valuesOf } from "../../../util/option.js";
import { formatInteger } from "../../../util/text.js";
import { defineVerb } from "../../verb.js";

const splitOptions = {
  out: text({ help: "the folder to make", metavar: "FOLDER" }),
  test: number({ help: "fraction of the rows in the test part", minimum: 0, maximum: 0.9, default: 0.1 }),
  validation: number({ help: "fraction of the rows in the validation part", minimum: 0, maximum: 0.9, default: 0.1 }),
  labelColumn: text({ help: "the column of classes to stratify by", metavar: "NAME", defaultText: "guessed from names" }),
  groupColumn: text({ help: "keep rows with the same value in this column together", metavar: "NAME" }),
  timeColumn: text({ help: "split by this column of times: train on the earliest, test on the latest", metavar: "NAME" }),
  textColumn: text({
    help: "the column of texts whose near duplicates stay together",
    metavar: "NAME",
    defaultText: "all of running text",
  }),
  threshold: number({
    help: "the Jaccard index of words from which two texts stay together; 0 turns this off",
    minimum: 0,
    maximum: 1,
    default: 0.8,
  }),
  encoding: tableOptions.encoding,
  delimiter: tableOptions.delimiter,
  seed: integer({ help: "seed of the split", minimum: 0, default: 0 }),
  lang: choice(["en", "zh"], { help: "language that the card's page opens in", default: "en" }),
} satisfies OptionTable;

export const verb = defineVerb({
  positionals: [{ name: "DATA", help: "a table without parts: a file, a folder with one table, or a SQL query" }],
  options: splitOptions,
  examples: [
    "descent data split reviews.csv --out reviews",
    "descent data split visits.csv --group-column patient --test 0.2 --out visits",
    "descent data split sales.csv --time-column date --out sales",
  ],
  async run({ positionals: [data = ""], options, signal, command, print, note }) {
    const { out, test, validation, lang, ...how } = valuesOf(options, splitOptions);
    if (out === undefined) throw new ConfigError("data split: expected --out FOLDER, got none");
    if (test + validation >= 1)
      throw new ConfigError(
        `--test, --validation: expected shares that leave some rows for training, got ${test} and ${validation}`,
      );
    const { splitData } = await import("../../../data/split-data-node.js");
    const { addStep, inputsOf } = await import("../../../report/data-card-node.js");
    const fractions = [1 - test - validation, validation, test] as const;
    const split = await splitData(data, { ...how, out, fractions, signal });
    for (const decision of split.decisions) note(decision);
    const inputs = await inputsOf(data);
    const card = await addStep(out, {
      verb: "split",
      command,
      name: basename(resolve(out)),
      from: data,
      inputs,
      language: lang,
      ...split,
    });
    const counts = Object.entries(split.counts).map(([part, count]) => `${part} ${formatInteger(count)}`);
    print(`${out}: ${counts.join(", ")}; card ${out}/card.html`);
    return card;
  },
});
