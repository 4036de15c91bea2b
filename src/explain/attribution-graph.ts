/**
 * @module An attribution as one graph, for export.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { constant, formatShape, fromNumbers, isStatic, sizeOf } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import type { BaselineOptions } from "./baseline.js";
import { baselinesFor } from "./baseline.js";
import type { Explainable } from "./explainable.js";
import { samplesOf } from "./explain.js";
import type { Settings } from "./method.js";
import type { MethodName } from "./methods.js";
import { expectFeatures, methodNamed, settingsFor, smoothedBy } from "./methods.js";
import type { RowInputs, RowSums, ScoreChoice } from "./rows.js";
import { answeredTarget, rowSums } from "./rows.js";

/** Options of an explanation as a graph. */
export interface AttributionGraphOptions extends Partial<Settings>, BaselineOptions, ScoreChoice {
  readonly method: MethodName;
  readonly at?: string;
}

/**
 * The attribution of a gradient method as a function of tensors: x [N, …] (N may be free), target int32 [N] (−1 for the answer), other inputs.
 *
 * Steps are as many as the settings say: a graph cannot look at its gap and take more. Baselines that are made of an example (`blurred`, `uniform`, and
 * `mean` without a background) are refused. Other dimensions of x may be free for methods that draw nothing of its shape, with the baseline zero.
 * A target that is not a score's place gives zeros.
 * Errors: ConfigError, for sampling methods and such baselines as well.
 */
export function attributionGraph(
  model: Explainable,
  inputs: Pick<RowInputs, "x" | "target" | "others">,
  options: AttributionGraphOptions,
): RowSums {
  const method = methodNamed(options.method);
  if (method.kind !== "gradient")
    throw new ConfigError(`${options.method}: expected a gradient method, which is a graph, got a sampling method`);
  const { baseline, background } = options;
  if (baseline === "blurred" || baseline === "uniform" || (baseline === "mean" && background === undefined))
    throw new ConfigError(
      `baseline: expected one that is the same for all examples, got "${baseline}"; give zero, data or numbers`,
    );
  const settings = settingsFor(method, options);
  expectFeatures(method, smoothedBy(settings), model.features);
  const random = (...key: readonly (number | string)[]): Random => new Random(settings.seed, ...key);
  const zeros = standIn(inputs.x, settings, options);
  const baselines = baselinesFor(model, zeros, options, random("baseline"));
  const samples = samplesOf(method, { input: { features: zeros }, baselines, random }, settings);
  const count = samples.weights.length;
  const drawn: Record<string, Tensor> = Object.fromEntries(
    Object.entries(samples.draw(0, count)).map(([name, data]) => [name, constant(data)]),
  );
  const { scale, baseline: from } = drawn;
  if (scale !== undefined) {
    const width = rangeOf(inputs.x).mul(settings.noise).cast(scale.dtype);
    drawn["scale"] = width.reshape([1, inputs.x.shape[0] ?? 1, ...scale.shape.slice(2)]);
  }
  if (from !== undefined) drawn["baseline"] = from.expand([from.shape[0] ?? 1, from.shape[1] ?? 1, ...inputs.x.shape.slice(1)]);
  const sums = rowSums(
    model,
    method,
    {
      ...inputs,
      target: answeredTarget(model, inputs.x, inputs.others, inputs.target),
      weights: constant(fromNumbers("float32", [count], samples.weights)),
      samples: drawn,
    },
    { ...options, settings, at: options.at, of: smoothedBy(settings) },
  );
  if (method.finish === undefined || sums.moments === undefined) return sums;
  return { ...sums, attribution: method.finish({ attribution: sums.attribution, moments: sums.moments }) };
}

/** Zeros in place of an example, of size 1 where x is free. Errors: ConfigError where that does not do. */
function standIn(x: Tensor, { noise }: Settings, { method, baseline, background }: AttributionGraphOptions): TensorData {
  const shape = x.shape.slice(1);
  if (!isStatic(shape) && (noise > 0 || background !== undefined || (baseline !== undefined && baseline !== "zero")))
    throw new ConfigError(`${method}: expected features of a known size, got ${formatShape(shape)}`);
  const sizes = shape.map((d) => (typeof d === "number" ? d : 1));
  return fromNumbers("float32", [1, ...sizes], new Float64Array(sizeOf(sizes)));
}

/** Highest − lowest of each example, float64 [N] as methods compute it: where a unit is near its kink, the last bit of the noise decides. */
function rangeOf(x: Tensor): Tensor {
  const axes = x.shape.slice(1).map((_, i) => i + 1);
  return x.reduceMax(axes).cast("float64").sub(x.reduceMin(axes).cast("float64"));
}
