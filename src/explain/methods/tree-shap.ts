/**
 * @module TreeSHAP: exact Shapley values of a model of trees, in either reading of an absent feature.
 */
import type { TreeEnsemble } from "../../classical/index.js";
import { interventionalShap, pathDependentShap, treeScores } from "../../classical/index.js";
import { fromNumbers, toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import type { Sampled, SamplingContext, SamplingMethod } from "../method.js";
import { treeLinkOf, treesOf } from "../tree-link.js";

/** Values of one example, on the scale of what they add up to. */
async function explained(
  context: SamplingContext,
  shapOf: (trees: TreeEnsemble, row: Float32Array, output: number) => { readonly values: Float64Array; readonly base: number },
): Promise<Sampled> {
  const trees = treesOf(context.model);
  const link = await treeLinkOf(context, trees);
  const row = Float32Array.from(toNumbers(context.x));
  const { values, base } = shapOf(trees, row, link.output);
  const scaled = values.map((v) => v * link.scale);
  const own = (treeScores(trees, row)[link.output] as number) * link.scale;
  const [score = 0] = await context.score(context.x);
  // What stands beside the trees' sum: the file adds it to the score.
  const shift = link.isLogarithm ? 0 : score - own;
  return {
    values: fromNumbers("float32", context.x.shape, scaled),
    baselineScore: base * link.scale + shift,
    ...(link.isLogarithm
      ? {
          score: own,
          remarks: [
            {
              en: "Attributions add up to the class's share of the trees' votes, its probability, not to its logarithm.",
              zh: "归因之和是该类别在各棵树投票中所占的份额，即它的概率，而不是概率的对数。",
            },
          ],
        }
      : {}),
  };
}

/**
 * Shapley values where an absent feature has a background row's value.
 *
 * Shapes: x [1, F], background [M, F] → [1, F].
 * Cost:   one walk through each tree for each background row; no answers but a few to check.
 * Errors: ConfigError for a model that is not of trees on its features.
 * Source: Lundberg et al. 2020, supplementary algorithm 3, arXiv:1905.04610.
 * Checked against: shap 0.51, TreeExplainer(feature_perturbation="interventional"), classical.test.ts.
 */
export const treeShap: SamplingMethod = {
  name: "tree-shap",
  kind: "sampling",
  asserts:
    "As Shapley values, exactly: each feature's change of the score, the mean over all orders, absent ones as in the background.",
  misleads: "Absent features are replaced by the background's, which may make rows that never occur.",
  source: "Lundberg et al. 2020, arXiv:1905.04610",
  needs: ["background", "trees"],
  sumsTo: "difference",
  defaults: {},
  run: (context) =>
    explained(context, (trees, row, output) =>
      interventionalShap(trees, row, Float32Array.from(toNumbers(context.baselines)), output),
    ),
};

/**
 * Shapley values where an absent feature follows both sides of its splits, by their shares of training rows.
 *
 * Shapes: x [1, F] → [1, F].
 * Cost:   one walk through each tree, times its squared depth.
 * Errors: ConfigError for a model that is not of trees on its features, and for a file that does not say how many rows reached its leaves.
 * Source: Lundberg, Erion, Lee 2018, algorithm 2, arXiv:1802.03888.
 * Checked against: shap 0.51, TreeExplainer(feature_perturbation="tree_path_dependent"), classical.test.ts.
 */
export const treeShapPath: SamplingMethod = {
  name: "tree-shap-path",
  kind: "sampling",
  asserts: "As tree-shap, but an absent feature follows both sides of its splits, by the training rows that went there.",
  misleads: "Features that go together share what one of them does, and the shares depend on how the trees happened to grow.",
  source: "Lundberg, Erion, Lee 2018, arXiv:1802.03888, algorithm 2",
  needs: ["trees"],
  sumsTo: "difference",
  defaults: {},
  run: (context) =>
    explained(context, (trees, row, output) => {
      if (trees.leafCover.some((cover) => !(cover > 0)))
        throw new ConfigError(
          "tree-shap-path: expected a file that keeps how many training rows reached each leaf, got one without; take tree-shap",
        );
      return pathDependentShap(trees, row, output);
    }),
};
