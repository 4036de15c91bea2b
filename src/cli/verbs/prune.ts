/** @module `descent prune RUN`. */
import { IMPORTANCES } from "../../compress/prune/importance.js";
import { compressingOptions, smallTrainingOf, smallTrainingOptions } from "../../tasks/compressing/options.js";
import { ConfigError } from "../../util/errors.js";
import type { OptionValues } from "../../util/option.js";
import { splitPatterns } from "../../util/patterns.js";
import { defined } from "../../util/record.js";
import { choice, flag, integer, kebabCase, number, text, valuesOf } from "../../util/option.js";
import { onnxOptions } from "../../tasks/options.js";
import { compressingContext, onnxFactsOf } from "../compressing-context.js";
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
  if (metric === undefined || Object.keys(most).length > 0)
    throw new ConfigError(`--rank-budget: expected a limit on the loss of a metric, such as 'accuracy -0.5pp', got "${given}"`);
  return metric;
}

/** The choice of one target among several that exclude each other, and what each needs. ConfigError for what does not go together, or would be ignored. */
function expectTogether(options: OptionValues<typeof pruneOptions & typeof smallTrainingOptions>): void {
  const { macs, parameters, layers, sparsity, energy, rankBudget, clusters, cuts, rounds, multipleOf, only } = options;
  if ([macs, parameters, layers, sparsity, energy, rankBudget].every((target) => target === undefined))
    throw new ConfigError(
      "prune: expected a target, --macs SHARE, --parameters SHARE, --layers N, --energy SHARE, --rank-budget BUDGET or --sparsity SHARE, got none",
    );
  if (macs !== undefined && parameters !== undefined) throw new ConfigError("prune: expected --macs or --parameters, got both");
  if (energy !== undefined && rankBudget !== undefined)
    throw new ConfigError("prune: expected --energy or --rank-budget, got both");
  if (rounds !== undefined && cuts === "one-shot")
    throw new ConfigError("--rounds: expected --cuts gradual or iterative as well, got one-shot");
  if (sparsity === undefined) {
    if (clusters !== undefined) throw new ConfigError("--clusters: expected --sparsity as well, got none");
  } else {
    const [beside] = Object.keys(defined({ macs, parameters, energy, rankBudget, multipleOf }));
    if (beside !== undefined)
      throw new ConfigError(
        `--${kebabCase(beside)}: expected none beside --sparsity, which sets single weights to 0; leave one out`,
      );
    if (cuts === "iterative") throw new ConfigError("--cuts: expected one-shot or gradual beside --sparsity, got iterative");
    if (!options.fineTune)
      throw new ConfigError(
        "--no-fine-tune: expected none beside --sparsity, whose weights are trained with their masks; leave it out",
      );
  }
  if (macs === undefined && parameters === undefined) {
    const [importance, scope] = [options.importance !== "magnitude" || undefined, (options.scope !== "global" && sparsity === undefined) || undefined]; // prettier-ignore
    const gradual = (cuts !== "one-shot" && sparsity === undefined) || undefined;
    const cutting = {
      importance,
      scope,
      cuts: gradual,
      multipleOf,
      only,
      except: options.except,
      width: options.width || undefined,
    };
    const [stray] = Object.keys(defined(cutting));
    if (stray !== undefined)
      throw new ConfigError(
        `--${kebabCase(stray)}: expected --macs or --parameters as well, since it is about units that are cut, got none`,
      );
  }
  const [training] = options.fineTune
    ? []
    : Object.keys(valuesOf(options, smallTrainingOptions)).filter((name) => name !== "seed");
  if (training !== undefined) throw new ConfigError(`--${kebabCase(training)}: expected no --no-fine-tune beside it, got both`);
}

export const verb = defineVerb({
  positionals: [{ name: "MODEL", help: "the run to make smaller, or an ONNX file" }],
  options: { ...pruneOptions, ...compressingOptions, ...onnxOptions },
  examples: [
    "descent prune runs/fashion --macs 0.5 --out runs/fashion-half",
    "descent prune their-model.onnx --data photos/ --labels labels.txt --parameters 0.4 --cuts gradual",
    "descent prune runs/reviews --layers 3 --macs 0.6 --importance taylor --out runs/reviews-small",
  ],
  engine: true,
  async run({ positionals: [path = ""], options, command, signal, progress, note, print }) {
    expectTogether(options);
    const rankBudget = options.rankBudget === undefined ? undefined : await rankBudgetOf(options.rankBudget);
    const { pruneRun } = await import("../../tasks/compressing/prune-run-node.js");
    const { macs, parameters, layers, sparsity, clusters, energy, importance, scope, rounds, multipleOf, width } = options;
    const chosen = { macs, parameters, layers, sparsity, clusters, energy, rankBudget, rounds, multipleOf };
    const out = options.out ?? `${path.replace(/[/\\]+$/, "").replace(/\.onnx$/, "")}-pruned`;
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
      { ...compressingContext({ options, command, signal, progress, note }, out), onnx: onnxFactsOf(options) },
    );
    printCompressed(print, out, summary.compression);
    return { run: out, ...summary };
  },
});
