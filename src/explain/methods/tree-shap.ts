/**
 * @module TreeSHAP: exact Shapley values of a model of trees, in either reading of an absent feature.
 */
import type { TreeEnsemble } from "../../classical/index.js";
import { interventionalShap, pathDependentShap, treeScores } from "../../classical/index.js";
import { fromNumbers, toNumbers } from "../../graph/index.js";
import type { TensorData } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import type { Explainable } from "../explainable.js";
import type { Sampled, SamplingContext, SamplingMethod } from "../method.js";

/** Rows on which sums of trees and scores are compared. */
const PROBES = 16;
const TOLERANCE = 1e-4;

/** The link from a sum of trees to a score. */
interface Link {
  /** The index of the sum among the outputs. */
  readonly output: number;
  /** The factor on the sum. */
  readonly scale: number;
  /** Whether the sum is the score's exponential: class shares, whose logarithms are the logits. */
  readonly isLogarithm: boolean;
}

/** The trees of a model. ConfigError for a model of none. */
function treesOf(model: Explainable): TreeEnsemble {
  const trees = model.trees?.();
  if (trees !== undefined) return trees;
  throw new ConfigError(
    `tree-shap: expected a model of trees, got ${model.name}; take a sampling method: kernel-shap, permutation-shap`,
  );
}

/** Rows around an example: parts of it in place of parts of the baselines, and some noise. */
function probesAround({ x, baselines }: SamplingContext): Float32Array {
  const [own, others] = [toNumbers(x), toNumbers(baselines)];
  const random = new Random(0, "tree-shap");
  return Float32Array.from({ length: PROBES * own.length }, (_, i) => {
    const at = i % own.length;
    const value = random.uniform() < 0.5 ? own[at] : others[at];
    return random.uniform() < 0.3 ? random.normal(Number.isFinite(value) ? value : 0, 1) : (value as number);
  });
}

/**
 * Finds how the score asked about follows from the trees: as a multiple of their sum and a constant, or as the sum's logarithm.
 *
 * Errors: ConfigError where it does not: other nodes stand between features and trees, or between trees and scores.
 */
async function linkOf(context: SamplingContext, trees: TreeEnsemble): Promise<Link> {
  const probes = probesAround(context);
  const { x, target } = context;
  const given: TensorData = fromNumbers("float32", [PROBES, ...x.shape.slice(1)], probes);
  const answers = toNumbers(await context.answers(given));
  const count = answers.length / PROBES;
  const scores = Float64Array.from({ length: PROBES }, (_, i) => answers[i * count + target] as number);
  if (probes.length === PROBES * trees.features) {
    const sums = treeScores(trees, probes);
    const outputs = Array.from({ length: trees.outputs }, (_, output) => output);
    const candidates = outputs.flatMap((output): Link[] => {
      const own = scores.map((_, i) => sums[i * trees.outputs + output] as number);
      return [
        { output, scale: slope(own, scores), isLogarithm: false },
        { output, scale: 1, isLogarithm: true },
      ];
    });
    const found = candidates.find((link) => fits(link, scores, sums, trees.outputs));
    if (found !== undefined) return found;
  }
  throw new ConfigError(
    `tree-shap: expected trees that read the features and whose sum is the score, got ${context.model.name}, where other steps are between; take kernel-shap or permutation-shap`,
  );
}

/** The slope of the line through points; 1 where all lie above one place. */
function slope(x: Float64Array, y: Float64Array): number {
  const mean = (values: Float64Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const spread = x.reduce((sum, v) => sum + (v - mx) ** 2, 0);
  return spread === 0 ? 1 : x.reduce((sum, v, i) => sum + (v - mx) * ((y[i] as number) - my), 0) / spread;
}

/** Tells whether scores are what a link says, up to one constant. */
function fits({ output, scale, isLogarithm }: Link, scores: Float64Array, sums: Float64Array, outputs: number): boolean {
  const differences = scores.map(
    (score, i) => (isLogarithm ? Math.exp(score) : score) - scale * (sums[i * outputs + output] as number),
  );
  const shift = isLogarithm ? 0 : (differences[0] as number);
  return differences.every(
    (difference, i) => Math.abs(difference - shift) <= TOLERANCE * Math.max(1, Math.abs(scores[i] as number)),
  );
}

/** Values of one example, on the scale of what they add up to. */
async function explained(
  context: SamplingContext,
  shapOf: (trees: TreeEnsemble, row: Float32Array, output: number) => { readonly values: Float64Array; readonly base: number },
): Promise<Sampled> {
  const trees = treesOf(context.model);
  const link = await linkOf(context, trees);
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
          remarks: ["Attributions add up to the class's share of the trees' votes, its probability, not to its logarithm."],
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
