/** @module The options of pruning. */
import { IMPORTANCES } from "../../compress/prune/importance.js";
import type { OptionValues } from "../../util/option.js";
import { choice, flag, integer, number, text } from "../../util/option.js";
import { matchesPath, splitPatterns } from "../../util/patterns.js";

export const pruneOptions = {
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

export type PruneOptions = OptionValues<typeof pruneOptions>;

/** Tells whether `--only`, where it is given, names one of these paths, and `--except` none. */
export function chosenBy({ only, except = "" }: Pick<PruneOptions, "only" | "except">): (paths: readonly string[]) => boolean {
  const [wanted, spared] = [splitPatterns(only), splitPatterns(except)];
  const named = (patterns: readonly string[], paths: readonly string[]) => paths.some((path) => matchesPath(patterns, path));
  return (paths) => (wanted === undefined || named(wanted, paths)) && !named(spared, paths);
}
