/** @module `descent compare [MODEL…]`. */
import { dataOptions, deviceOptions } from "../../tasks/options.js";
import { choice, flag, integer, text } from "../../util/option.js";
import { printableLine } from "../../util/terminal.js";
import { formatTable } from "../../util/text.js";
import { defineVerb } from "../verb.js";

export const verb = defineVerb({
  positionals: [
    { name: "MODEL", help: "names of models, and run folders; the task's usual models if left out", optional: true, many: true },
  ],
  options: {
    ...dataOptions,
    task: text({ help: "the task", metavar: "TASK", defaultText: "what the data suggest" }),
    out: text({
      help: "folder of the comparison; the same command continues what is in it",
      metavar: "FOLDER",
      defaultText: "comparisons/DATA",
    }),
    budget: text({
      help: 'limits that a model must meet: "latency 5ms, size 1MB, training 60s, memory 100MiB"',
      metavar: "LIST",
    }),
    curve: flag({ help: "learning curves: train on parts of the data as well", default: true }),
    seed: integer({ help: "seed of the split and of all trainings", minimum: 0, default: 1 }),
    seeds: integer({ help: "number of seeds to train each model with, all on the split of the first", minimum: 1, default: 1 }),
    threads: deviceOptions.threads,
    lang: choice(["en", "zh"], { help: "language that the report opens in", default: "en" }),
  },
  examples: [
    "descent compare --data titanic.csv --label-column survived --ignore-column alive",
    "descent compare --data sst2 ngram-cnn logistic-regression runs/bert-reviews",
    'descent compare --data diamonds.csv --label-column price --budget "latency 1ms, size 1MB"',
  ],
  engine: true,
  async run({ positionals, options, signal, hold, note, print }) {
    const { ConfigError } = await import("../../util/errors.js");
    if (options.data === undefined)
      throw new ConfigError("compare: expected --data, got none; give a known name, a file, a folder or a query");
    const { compare } = await import("../../compare/compare-node.js");
    const { figuresOf } = await import("../../compare/page-node.js");
    const { findings, parseBudget } = await import("../../compare/verdict.js");
    const { data } = options;
    const name = data.split("/").findLast((part) => part !== "") ?? "data";
    const out = options.out ?? `comparisons/${name.replaceAll(/[^\w.-]+/g, "-").slice(0, 60)}`;
    const comparison = await compare(
      {
        ...options,
        data,
        models: positionals,
        ignoreColumn: options.ignoreColumn?.length ? options.ignoreColumn : undefined,
        budget: parseBudget(options.budget),
        out,
      },
      { signal, hold, note },
    );
    const english = (label: string | { readonly en: string }): string => (typeof label === "string" ? label : label.en);
    print(
      formatTable(
        ["", ...comparison.models.map(({ name }) => name)],
        figuresOf(comparison).map(({ title, cell }) => [english(title), ...comparison.models.map(cell)]),
      ),
    );
    for (const finding of findings(comparison)) print(english(finding));
    if (comparison.models.some(({ energy }) => energy === "modelled"))
      note("* energy is modelled: busy processor seconds times 8 watts");
    print(printableLine(`report ${out}/report.html`));
    return comparison;
  },
});
