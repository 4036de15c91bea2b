/** @module `descent data import SOURCE… --out FOLDER`. */
import { basename, resolve } from "node:path";
import { tableOptions } from "../../../tasks/options.js";
import { choice, flag, integer, text } from "../../../util/option.js";
import { formatInteger } from "../../../util/text.js";
import { defineVerb } from "../../verb.js";
import { ConfigError } from "../../../util/errors.js";
import { defined } from "../../../util/record.js";

export const verb = defineVerb({
  positionals: [
    {
      name: "SOURCE",
      help: "tables, Excel workbooks, texts, images, folders, archives, or one SELECT over named files",
      many: true,
    },
  ],
  options: {
    out: text({ help: "the folder to make", metavar: "FOLDER" }),
    licence: text({ help: "the licence of the data, for the card", metavar: "NAME" }),
    description: text({ help: "a description of the data, for the card" }),
    encoding: tableOptions.encoding,
    delimiter: tableOptions.delimiter,
    memory: integer({ help: "limit on the memory for a table", unit: "MiB", minimum: 64, defaultText: "half of what is free" }),
    skipBadRows: flag({ help: "leave out rows that cannot be read, and count them" }),
    lang: choice(["en", "zh"], { help: "language that the card's page opens in", default: "en" }),
  },
  examples: [
    "descent data import reviews.xlsx --out reviews --licence CC-BY-4.0",
    "descent data import photos.zip --out photos",
    "descent data import train.csv test.csv --out reviews",
    "descent data import \"SELECT text, label FROM 'a.parquet' WHERE label IS NOT NULL\" --out labelled",
  ],
  async run({ positionals, options, signal, command, print, note }) {
    const { out, licence, description, memory, lang, ...how } = options;
    if (out === undefined) throw new ConfigError("data import: expected --out FOLDER, got none");
    const { importData } = await import("../../../data/import-node.js");
    const { addStep } = await import("../../../report/data-card-node.js");
    const imported = await importData(positionals, { ...how, out, signal, memoryMiB: memory });
    for (const decision of imported.decisions) note(decision, true);
    const card = await addStep(out, {
      verb: "import",
      command,
      name: basename(resolve(out)),
      language: lang,
      ...imported,
      ...defined({ licence, description }),
    });
    const counts = Object.entries(imported.counts)
      .filter(([, count]) => count > 0)
      .map(([what, count]) => `${formatInteger(count)} ${count === 1 ? what.slice(0, -1) : what}`);
    print(`${out}: ${counts.join(", ")}; card ${out}/card.html`);
    return card;
  },
});
