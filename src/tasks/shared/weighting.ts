/**
 * @module The weights of classes and examples in the loss of a training: how they are asked for, and how they are applied.
 */
import type { Dim, Tensor } from "../../graph/index.js";
import { constant, fromNumbers } from "../../graph/index.js";
import { weightedMean } from "../../losses/index.js";
import { gather } from "../../ops/index.js";
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import type { OptionTable, OptionValues } from "../../util/option.js";
import { text } from "../../util/option.js";
import type { ColumnTypes, TaskContext, TaskInfo } from "../task.js";

/** The option of tasks that give an example one class. */
export const classWeightOption = {
  classWeights: text({
    help: "weights of classes in the loss: balanced (each class has the same total weight), or NAME=NUMBER,… (1 for the others)",
    metavar: "WEIGHTS",
    defaultText: "all 1",
  }),
} satisfies OptionTable;

/** The option of tasks whose data are tables. */
export const exampleWeightOption = {
  weightColumn: text({
    help: "a column with the weight of each example in the loss; it is not used as a feature",
    metavar: "NAME",
    defaultText: "all 1",
  }),
} satisfies OptionTable;

declare module "../task.js" {
  interface TaskOptions extends Partial<OptionValues<typeof classWeightOption & typeof exampleWeightOption>> {}
}

/** The info of a training whose classes have weights, in the order of the classes. */
export interface WeightedClasses extends TaskInfo {
  readonly classWeights?: readonly number[];
}

/** NAME=NUMBER pairs with commas between them; names may hold both signs, so pairs are found from the known names. */
function namedWeights(asked: string, classes: readonly string[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (let rest = asked.trim(); rest !== "";) {
    const known = classes.filter((name) => rest.startsWith(`${name}=`)).sort((a, b) => b.length - a.length)[0];
    const name = known ?? /^[^=,]*/.exec(rest)?.[0].trim() ?? "";
    if (known === undefined && !rest.includes("="))
      throw new ConfigError(`--class-weights: expected balanced, or NAME=NUMBER,…, got ${asked}`);
    if (known === undefined) throw new ConfigError(`--class-weights: ${unknownName("class", name, classes)}`);
    const number = /^[^,]*/.exec(rest.slice(known.length + 1))?.[0] ?? "";
    const weight = Number(number);
    if (number.trim() === "" || !Number.isFinite(weight) || weight < 0)
      throw new ConfigError(`--class-weights: expected a weight of at least 0 for "${known}", got "${number}"`);
    if (weights.has(known)) throw new ConfigError(`--class-weights: expected one weight for "${known}", got two`);
    weights.set(known, weight);
    rest = rest.slice(known.length + 1 + number.length).replace(/^,\s*/, "");
  }
  return weights;
}

/**
 * The weights of classes that are asked for.
 *
 *     balanced: wₖ = N / (K · nₖ), so that each class has the same part of the sum of weights, and the mean weight is 1
 *
 * `counts` are the examples of each class in the training part; a class of none is left out of K.
 * Errors: ConfigError for a class that is not there, for a weight that is not a number of at least 0, and where all are 0.
 * Source: King and Zeng 2001, as scikit-learn's `class_weight="balanced"`.
 */
export function classWeightsOf(asked: string, classes: readonly string[], counts: readonly number[]): number[] {
  if (asked === "balanced") {
    const total = counts.reduce((a, b) => a + b, 0);
    const present = counts.filter((count) => count > 0).length;
    return counts.map((count) => (count === 0 ? 0 : total / (present * count)));
  }
  const named = namedWeights(asked, classes);
  const weights = classes.map((name) => named.get(name) ?? 1);
  if (weights.every((weight, k) => weight === 0 || counts[k] === 0))
    throw new ConfigError("--class-weights: expected a class that counts, got weights of 0 alone");
  return weights;
}

/** The column of the examples' weights in a training batch; none where they have no weights. */
export const weightTypes = ({ use, options }: TaskContext<TaskInfo>, batch: Dim): ColumnTypes =>
  use === "train" && options.weightColumn !== undefined ? { weight: { shape: [batch], dtype: "float32" } } : {};

/** The mean of the losses of examples [N], each times its weight [N], over the sum of the weights. */
export const meanOverWeights = (losses: Tensor, weights: Tensor): Tensor => weightedMean(losses.mul(weights), weights);

/** The weight of the class of each example: labels [N] → [N]. */
export const weightsOfLabels = (weights: readonly number[], labels: Tensor): Tensor =>
  gather(constant(fromNumbers("float32", [weights.length], weights)), labels.cast("int32"));
