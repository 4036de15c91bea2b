/**
 * @module Graphs from features to scores, in plain ops: what fitted methods become. Each takes `x` [N, F] and gives [N, K]: logits of classes, or a quantity.
 */
import type { Tensor, TensorData } from "../graph/index.js";
import { constant, fromNumbers, Graph, input, Parameter, symbol } from "../graph/index.js";
import type { ModelProto } from "../onnx/index.js";
import { graphToModel } from "../onnx/index.js";
import { lowerGraph, topK } from "../ops/index.js";
import type { GaussianModel } from "./naive-bayes.js";
import type { Target } from "./gradient-boosting.js";

/** The name of the output. */
export const SCORES = "scores";
/** Probabilities of 0 count as this much. */
const LEAST_PROBABILITY = 1e-7;

const vector = (values: ArrayLike<number>): Tensor =>
  constant(fromNumbers("float32", [values.length], Float64Array.from(values)));
const matrix = (values: ArrayLike<number>, columns: number): Tensor =>
  constant(fromNumbers("float32", [values.length / columns, columns], Float64Array.from(values)));

/** Weights that were learned: an initializer of this name, which whoever differentiates the file finds as a parameter. */
class Learned {
  readonly names = new Map<Tensor, string>();
  readonly values = new Map<Tensor, TensorData>();

  add(name: string, shape: readonly number[], values: ArrayLike<number>): Parameter {
    const data = fromNumbers("float32", shape, Float64Array.from(values));
    const parameter = new Parameter(shape, { initializer: () => Float64Array.from(values) });
    this.names.set(parameter, name);
    this.values.set(parameter, data);
    return parameter;
  }
}

/** A graph of named inputs as an ONNX model. */
export function plainModel(
  outputs: Readonly<Record<string, Tensor>>,
  inputs: readonly Tensor[],
  learned?: Pick<Learned, "names" | "values">,
): ModelProto {
  const graph = lowerGraph(new Graph(outputs), "onnx");
  return graphToModel(graph, { inputs, ...learned });
}

const features = (columns: number): Tensor => input("x", [symbol("N"), columns]);

/** X·Wᵀ + b: weights [K, F], bias [K]. */
export function linearGraph(weights: ArrayLike<number>, bias: ArrayLike<number>): ModelProto {
  const outputs = bias.length;
  const columns = weights.length / outputs;
  const x = features(columns);
  const learned = new Learned();
  const weight = learned.add("weight", [outputs, columns], weights);
  const scores = x.matMul(weight.transpose()).add(learned.add("bias", [outputs], bias));
  return plainModel({ [SCORES]: scores }, [x], learned);
}

/** Logarithms of the classes' normal densities, up to a constant. */
export function gaussianGraph({ means, variances, logPriors }: GaussianModel): ModelProto {
  const classes = logPriors.length;
  const columns = means.length / classes;
  const x = features(columns);
  const distances = x
    .unsqueeze(1)
    .sub(matrix(means, columns))
    .mul(
      matrix(
        variances.map((v) => 1 / Math.sqrt(v)),
        columns,
      ),
    )
    .square()
    .sum(2);
  const shift = logPriors.map((prior, k) => {
    const own = variances.subarray(k * columns, (k + 1) * columns);
    return prior - 0.5 * own.reduce((sum, v) => sum + Math.log(2 * Math.PI * v), 0);
  });
  return plainModel({ [SCORES]: distances.mul(-0.5).add(vector(shift)) }, [x]);
}

/**
 * The nearest of the given rows: of classes their shares among them, one vote divided among all classes besides; of a quantity the mean.
 *
 * Shapes: rows [M, F] → scores [N, K].
 */
export function neighboursGraph(rows: Float32Array, columns: number, target: Target, neighbours: number): ModelProto {
  const count = rows.length / columns;
  const x = features(columns);
  const known = matrix(rows, columns);
  const squares = new Float64Array(count);
  for (let i = 0; i < rows.length; i++) {
    const at = Math.floor(i / columns);
    squares[at] = (squares[at] as number) + (rows[i] as number) ** 2;
  }
  // The row's own square is the same for all neighbours.
  const distances = x.matMul(known.transpose()).mul(-2).add(vector(squares));
  const { indices } = topK(distances, neighbours, { largest: false });
  if (target.kind === "quantity") {
    return plainModel({ [SCORES]: vector(target.values).gather(indices).mean(1).unsqueeze(1) }, [x]);
  }
  const { labels, classes } = target;
  const votes = new Float64Array(count * classes);
  for (let i = 0; i < count; i++) votes[i * classes + (labels[i] as number)] = 1;
  const shares = matrix(votes, classes).gather(indices).sum(1);
  return plainModel(
    {
      [SCORES]: shares
        .add(1 / classes)
        .mul(1 / (neighbours + 1))
        .log(),
    },
    [x],
  );
}

/** From boosted trees' raw sums [N, K] to scores: two classes have one sum, the log-odds of the second, half of which each gets. */
export function boostedScores(base: ArrayLike<number>, isBinary: boolean): ModelProto {
  const sums = input("trees", [symbol("N"), base.length]);
  const raw = sums.add(vector(base));
  return plainModel({ [SCORES]: isBinary ? raw.matMul(matrix([-0.5, 0.5], 2)) : raw }, [sums]);
}

/** From a forest's class shares [N, K] to logits; a quantity as it is. */
export function forestScores(outputs: number, isClasses: boolean): ModelProto {
  const sums = input("trees", [symbol("N"), outputs]);
  return plainModel({ [SCORES]: isClasses ? sums.clip(LEAST_PROBABILITY, null).log() : sums.mul(1) }, [sums]);
}
