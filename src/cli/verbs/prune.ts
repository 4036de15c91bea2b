/** @module `descent prune RUN`. */
import { IMPORTANCES } from "../../compress/prune/importance.js";
import { compressingOptions, smallTrainingOf } from "../../tasks/compressing/options.js";
import { splitPatterns } from "../../util/patterns.js";
import { defined } from "../../util/record.js";
import { choice, flag, integer, number, text } from "../../util/option.js";
import { compressingContext } from "../compressing-context.js";
import { printCompressed } from "../before-after-table.js";
import { defineVerb } from "../verb.js";

const pruneOptions = {
  macs: number({ help: "fraction of the multiply-adds to keep, such as 0.5", above: 0, maximum: 1, metavar: "SHARE" }),
  parameters: number({
    help: "fraction of the parameters to keep, in place of --macs",
    above: 0,
    maximum: 1,
    metavar: "SHARE",
  }),
  layers: integer({ help: "number of whole layers (encoder.layer.0, …) to keep", minimum: 1, metavar: "N" }),
  energy: number({
    help: "low rank: replace a linear layer by two thinner ones that keep this fraction of its outputs' energy, such as 0.95",
    above: 0,
    maximum: 0.9999,
    metavar: "SHARE",
  }),
  rankBudget: text({
    help: "low rank: keep the least energy that loses no more of a metric than this before fine-tuning, such as 'accuracy -0.5pp'",
    metavar: "BUDGET",
  }),
  sparsity: number({
    help: "set this fraction of single weights to 0 instead of removing units; the file stays as large",
    above: 0,
    maximum: 0.999,
    metavar: "SHARE",
  }),
  clusters: integer({ help: "with --sparsity: number of different weights in a layer", minimum: 2, metavar: "N" }),
  importance: choice(IMPORTANCES, {
    help: `how units are ranked: ${IMPORTANCES.join(", ")}`,
    metavar: "NAME",
    default: "magnitude",
  }),
  scope: choice(["global", "layer"], { help: "rank units over the whole model, or in each layer", default: "global" }),
  cuts: choice(["one-shot", "gradual", "iterative"], {
    help: "prune once; in several steps during training (cubic schedule); or in several steps, each followed by training from the run's weights",
    default: "one-shot",
  }),
  rounds: integer({ help: "number of steps of --cuts gradual and iterative", minimum: 2, defaultText: "4" }),
  multipleOf: integer({
    help: "keep widths multiples of N",
    minimum: 1,
    metavar: "N",
    defaultText: "measured on this machine",
  }),
  only: text({ help: "prune only units of these weights: patterns of their paths", metavar: "PATTERNS" }),
  except: text({ help: "prune no units of these weights", metavar: "PATTERNS" }),
  width: flag({ help: "also prune normalized residual streams, which changes the outputs of what is left" }),
  fineTune: flag({ help: "fine-tune after pruning", default: true }),
};

/** The one metric of a budget. ConfigError for savings, or several parts. */
async function rankBudgetOf(given: string) {
  const { parseBudget } = await import("../../tasks/compressing/budget.js");
  const { metric, most } = parseBudget(given, "--rank-budget");
  const { ConfigError } = await import("../../util/errors.js");
  if (metric === undefined || Object.keys(most).length > 0)
    throw new ConfigError(`--rank-budget: expected a limit on the loss of a metric, such as 'accuracy -0.5pp', got "${given}"`);
  return metric;
}

export const verb = defineVerb({
  positionals: [{ name: "RUN", help: "the run to make smaller" }],
  options: { ...pruneOptions, ...compressingOptions },
  examples: [
    "descent prune runs/fashion --macs 0.5 --out runs/fashion-half",
    "descent prune runs/reviews --layers 3 --macs 0.6 --importance taylor --out runs/reviews-small",
  ],
  engine: true,
  async run({ positionals: [path = ""], options, command, signal, progress, note, print }) {
    const { ConfigError } = await import("../../util/errors.js");
    const targets = [options.macs, options.parameters, options.layers, options.sparsity, options.energy, options.rankBudget];
    if (targets.every((target) => target === undefined))
      throw new ConfigError(
        "prune: expected a target, --macs SHARE, --parameters SHARE, --layers N, --energy SHARE, --rank-budget BUDGET or --sparsity SHARE, got none",
      );
    if (options.clusters !== undefined && options.sparsity === undefined)
      throw new ConfigError("--clusters: expected --sparsity as well, got none");
    if (options.macs !== undefined && options.parameters !== undefined)
      throw new ConfigError("prune: expected --macs or --parameters, got both");
    if (options.rounds !== undefined && options.cuts === "one-shot")
      throw new ConfigError("--rounds: expected --cuts gradual or iterative as well, got one-shot");
    if (options.energy !== undefined && options.rankBudget !== undefined)
      throw new ConfigError("prune: expected --energy or --rank-budget, got both");
    const rankBudget = options.rankBudget === undefined ? undefined : await rankBudgetOf(options.rankBudget);
    const { pruneRun } = await import("../../tasks/compressing/prune-run-node.js");
    const { macs, parameters, layers, sparsity, clusters, energy, importance, scope, rounds, multipleOf, width } = options;
    const chosen = { macs, parameters, layers, sparsity, clusters, energy, rankBudget, rounds, multipleOf };
    const out = options.out ?? `${path.replace(/\/+$/, "")}-pruned`;
    const summary = await pruneRun(
      path,
      {
        ...defined(chosen),
        importance,
        scope,
        width,
        schedule: options.cuts,
        train: options.fineTune,
        ...(options.only === undefined ? {} : { only: splitPatterns(options.only) }),
        ...(options.except === undefined ? {} : { except: splitPatterns(options.except) }),
      },
      smallTrainingOf(options),
      compressingContext({ options, command, signal, progress, note }, out),
    );
    printCompressed(print, out, summary.compression);
    return { run: out, ...summary };
  },
});
