/**
 * @module The model-randomization check: an attribution that stays the same when the weights are replaced does not explain the model.
 */
import type { Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, input, reachableNodes, toNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import type { ExplainOptions } from "../explain.js";
import { explain } from "../explain.js";
import type { Explainable, ExplainInput } from "../explainable.js";
import { checkedInput } from "../explainable.js";
import { scoresOf } from "../rows.js";
import type { SessionOptions } from "../sessions.js";
import { spearman } from "./measure.js";

/** Correlation with the explanation of a model whose last layers are random. */
export interface RandomizationStep {
  /** The number of parameters, from the score backwards, that are random. */
  readonly randomized: number;
  readonly of: number;
  /** Spearman's correlation of the values, and of their magnitudes, with those of the model as it is: near 0 is right. */
  readonly correlation: number;
  readonly magnitudeCorrelation: number;
}

/** Options of the test with randomized weights. */
export interface RandomizationOptions extends ExplainOptions, SessionOptions {
  /** At how many depths, evenly between the last parameter and all. */
  readonly depths?: number;
}

/**
 * Attributions of the model with its parameters shuffled, from the score backwards, more and more of them.
 *
 * Errors: ConfigError for a model without parameters of known numbers.
 * Source: Adebayo et al., Sanity checks for saliency maps, 2018, section 3.1 (cascading randomization), arXiv:1810.03292.
 * Differs from the source: numbers of a parameter are shuffled, which keeps their distribution; the first example's target is kept.
 * `given` is a batch, [N, ..] as the model takes it.
 */
export async function randomizationCheck(
  model: Explainable,
  given: TensorData | ExplainInput,
  options: RandomizationOptions = {},
): Promise<readonly RandomizationStep[]> {
  const checked = checkedInput(model, given);
  const parameters = parametersOf(model, checked);
  const whole = await explain(model, checked, options);
  const targets = whole.examples.map(({ target }) => target);
  const depths = Math.min(options.depths ?? 4, parameters.length);
  const steps: RandomizationStep[] = [];
  const own = toNumbers(whole.values);
  for (let d = 1; d <= depths; d++) {
    const randomized = Math.max(1, Math.round((d * parameters.length) / depths));
    const values = new Map(model.values);
    for (const [i, p] of parameters.slice(0, randomized).entries())
      values.set(p, shuffled(values.get(p) as TensorData, new Random(options.seed ?? 0, "randomization", i)));
    const found = await explain({ ...model, values }, checked, { ...options, target: targets });
    const other = toNumbers(found.values);
    steps.push({
      randomized,
      of: parameters.length,
      correlation: spearman(own, other),
      magnitudeCorrelation: spearman(own.map(Math.abs), other.map(Math.abs)),
    });
  }
  return steps;
}

/** Parameters with numbers, the last used first. */
function parametersOf(model: Explainable, { features, others = {} }: ExplainInput): Tensor[] {
  const leaf = (name: string, d: TensorData): Tensor => input(name, [1, ...d.shape.slice(1)], d.dtype);
  const scores = scoresOf(
    model,
    leaf("features", features),
    Object.fromEntries(Object.entries(others).map(([name, d]) => [name, leaf(`other ${name}`, d)])),
  );
  const found = new Set<Tensor>();
  // A parameter's own node is as old as the model; where it is used says how deep it lies.
  for (const node of reachableNodes([scores])) for (const t of node.inputs) if (t !== null && model.values?.has(t)) found.add(t);
  if (found.size === 0) throw new ConfigError(`${model.name}: expected parameters of known numbers to shuffle, got none`);
  return [...found].reverse();
}

function shuffled(data: TensorData, random: Random): TensorData {
  const numbers = toNumbers(data);
  return fromNumbers(
    data.dtype,
    data.shape,
    Float64Array.from(random.permutation(numbers.length), (i) => numbers[i] as number),
  );
}
