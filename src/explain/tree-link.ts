/**
 * @module The link between the sum of a model's trees and the score that is asked about.
 */
import type { TreeEnsemble } from "../classical/index.js";
import { treeScores } from "../classical/index.js";
import type { TensorData } from "../graph/index.js";
import { fromNumbers, toNumbers } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import type { Explainable } from "./explainable.js";
import type { SamplingContext } from "./method.js";
import { mean } from "../util/vectors.js";

/** Rows on which sums of trees and scores are compared. */
const PROBES = 16;
const TOLERANCE = 1e-4;

/** The link from a sum of trees to a score. */
export interface TreeLink {
  /** The index of the sum among the outputs. */
  readonly output: number;
  /** The factor on the sum. */
  readonly scale: number;
  /** Whether the sum is the score's exponential: class shares, whose logarithms are the logits. */
  readonly isLogarithm: boolean;
}

/** The trees of a model. ConfigError for a model of none. */
export function treesOf(model: Explainable): TreeEnsemble {
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
export async function treeLinkOf(context: SamplingContext, trees: TreeEnsemble): Promise<TreeLink> {
  const probes = probesAround(context);
  const { x, target } = context;
  const given: TensorData = fromNumbers("float32", [PROBES, ...x.shape.slice(1)], probes);
  const answers = toNumbers(await context.answers(given));
  const count = answers.length / PROBES;
  const scores = Float64Array.from({ length: PROBES }, (_, i) => answers[i * count + target] as number);
  if (probes.length === PROBES * trees.features) {
    const sums = treeScores(trees, probes);
    const outputs = Array.from({ length: trees.outputs }, (_, output) => output);
    const candidates = outputs.flatMap((output): TreeLink[] => {
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
  const [mx, my] = [mean(x), mean(y)];
  const spread = x.reduce((sum, v) => sum + (v - mx) ** 2, 0);
  return spread === 0 ? 1 : x.reduce((sum, v, i) => sum + (v - mx) * ((y[i] as number) - my), 0) / spread;
}

/** Tells whether scores are what a link says, up to one constant. */
function fits({ output, scale, isLogarithm }: TreeLink, scores: Float64Array, sums: Float64Array, outputs: number): boolean {
  const differences = scores.map(
    (score, i) => (isLogarithm ? Math.exp(score) : score) - scale * (sums[i * outputs + output] as number),
  );
  const shift = isLogarithm ? 0 : (differences[0] as number);
  return differences.every(
    (difference, i) => Math.abs(difference - shift) <= TOLERANCE * Math.max(1, Math.abs(scores[i] as number)),
  );
}
