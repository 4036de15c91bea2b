/** @module `descent prune RUN`. */
import type { PruneOptions } from "../../tasks/compressing/prune-options.js";
import { pruneOptions } from "../../tasks/compressing/prune-options.js";
import { compressingOptions, smallTrainingOf, smallTrainingOptions } from "../../tasks/compressing/options.js";
import { ConfigError } from "../../util/errors.js";
import type { OptionValues } from "../../util/option.js";
import { defined } from "../../util/record.js";
import { kebabCase, valuesOf } from "../../util/option.js";
import { onnxOptions } from "../../tasks/options.js";
import { compressingContext } from "../compressing-context.js";
import { printCompressed } from "../before-after-table.js";
import { defineVerb } from "../verb.js";

/** The choice of one target among several that exclude each other, and what each needs. ConfigError for what does not go together, or would be ignored. */
function expectTogether(options: PruneOptions & OptionValues<typeof smallTrainingOptions>): void {
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
  async run(context) {
    const {
      positionals: [path = ""],
      options,
      print,
    } = context;
    expectTogether(options);
    const { pruneRun } = await import("../../tasks/compressing/prune-run-node.js");
    const out = options.out ?? `${path.replace(/[/\\]+$/, "").replace(/\.onnx$/, "")}-pruned`;
    const summary = await pruneRun(
      path,
      valuesOf(options, pruneOptions),
      smallTrainingOf(options),
      compressingContext(context, out),
    );
    return printCompressed(print, out, summary);
  },
});
