/**
 * @module The traditional methods by name: each makes, from features and targets, a graph from `x` [N, F] to `scores` [N, K].
 */
import { treeThreads } from "#tree-threads";
import type { ModelProto } from "../onnx/index.js";
import { chained } from "../onnx/index.js";
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import type { BoostingOptions, Target } from "./gradient-boosting.js";
import { fitGradientBoostingAside } from "./gradient-boosting.js";
import type { LinearModel } from "./linear.js";
import { fitLinearSvm, fitLinearSvr } from "./linear-svm.js";
import { fitLogisticRegression } from "./logistic-regression.js";
import type { DenseMatrix, Matrix } from "./matrix.js";
import { project, selectRows, toDense } from "./matrix.js";
import { fitGaussianNaiveBayes, fitMultinomialNaiveBayes } from "./naive-bayes.js";
import type { ForestOptions } from "./random-forest.js";
import { fitRandomForest, forestData } from "./random-forest.js";
import { boostedScores, forestScores, gaussianGraph, linearGraph, neighboursGraph } from "./score-graphs.js";
import { temperatureOf } from "./temperature.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { joinTrees } from "./tree-ensemble.js";
import { treesToModel } from "./tree-file.js";
import type { TreeThreads } from "./tree-threads.js";

/** Rows with their targets. */
export interface Rows {
  readonly x: Matrix;
  readonly target: Target;
}

export interface MethodOptions {
  readonly seed: number;
  readonly threads: number;
  /** Columns of category codes: of trees alone, the others are given one column a category. */
  readonly categorical?: ReadonlySet<number> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Tells how many rounds, or trees, are done. */
  readonly onRound?: ((done: number) => void) | undefined;
}

/** The result of a method. */
export interface FittedMethod {
  /** From `x` [N, F] to `scores` [N, K]: logits of classes, or a quantity. */
  readonly model: ModelProto;
  /** Count of the numbers that it learned. */
  readonly parameters: number;
  readonly rounds?: number;
  readonly notes?: readonly string[];
}

export interface Method {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** The kinds of targets that it predicts. */
  readonly predicts: readonly Target["kind"][];
  /** Whether features are trees' own: missing values as NaN, categories as codes, few columns. */
  readonly trees: boolean;
  /** Rounds at most, of a method that has some. */
  readonly rounds?: number;
  readonly fit: (train: Rows, validation: Rows, options: MethodOptions) => FittedMethod | Promise<FittedMethod>;
}

type Classes = Target & { readonly kind: "classes" };

/** The classes of a target. ConfigError for a quantity. */
function classesOf(method: string, target: Target): Classes {
  if (target.kind === "classes") return target;
  throw new ConfigError(`${method}: expected classes, got a quantity; ${namesFor("quantity")} predict one`);
}

/** Methods that predict targets of a kind. */
const namesFor = (kind: Target["kind"]): string =>
  METHODS.filter(({ predicts }) => predicts.includes(kind))
    .map(({ name }) => name)
    .join(", ");

/** A linear model as a graph; of two classes each gets half of the log-odds. */
function linearMethod(
  { weights, bias, converged }: Pick<LinearModel, "weights" | "bias"> & Partial<LinearModel>,
  classes: number,
  scale = 1,
): FittedMethod {
  const notes = converged === false ? { notes: ["the fit ended before its gradient was small: weights may still move"] } : {};
  const isBinary = classes === 2 && bias.length === 1;
  const filled = (values: Float64Array): Float64Array =>
    isBinary
      ? Float64Array.from([...values.map((v) => (-v * scale) / 2), ...values.map((v) => (v * scale) / 2)])
      : values.map((v) => v * scale);
  return { model: linearGraph(filled(weights), filled(bias)), parameters: weights.length + bias.length, ...notes };
}

/**
 * The end of a linear fit. More iterations change no answer: the tolerance is met, or the data are separable. Of 2,700 pictures of clothes in 324 columns
 * one answer in a thousand changes from this tolerance to a hundredth of it, at 2.3 times the iterations.
 */
const ENDS = { maxIterations: 500, tolerance: 1e-4 };

const logisticRegression: Method = {
  name: "logistic-regression",
  summary: "a linear model of the classes' log-odds with an L2 penalty, fitted by L-BFGS",
  predicts: ["classes"],
  trees: false,
  fit: ({ x, target: given }, _validation, { signal }) => {
    const { labels, classes } = classesOf("logistic-regression", given);
    return linearMethod(fitLogisticRegression(x, labels, classes, { ...ENDS, signal }), classes);
  },
};

/** Scores of a linear model for rows. */
function linearScores({ weights, bias }: LinearModel, x: Matrix): Float64Array {
  const scores = new Float64Array(x.rows * bias.length);
  project(x, weights, bias, scores);
  return scores;
}

const linearSvm: Method = {
  name: "linear-svm",
  summary: "a linear support vector machine; a temperature turns its scores into probabilities",
  predicts: ["classes", "quantity"],
  trees: false,
  fit: ({ x, target }, validation, { signal }) => {
    const options = { ...ENDS, signal };
    if (target.kind === "quantity") return linearMethod(fitLinearSvr(x, target.values, options), 1);
    const { labels, classes } = target;
    const fitted = fitLinearSvm(x, labels, classes, options);
    return linearMethod(
      fitted,
      classes,
      temperatureOf(linearScores(fitted, validation.x), classesOf("linear-svm", validation.target)),
    );
  },
};

/** More than the usual 1e-9: a category that a class has not shown yet must not outweigh everything else. */
const SMOOTHING = 1e-3;

const naiveBayes: Method = {
  name: "naive-bayes",
  summary: "takes features as independent within a class: Gaussian for columns, multinomial for counts of words",
  predicts: ["classes"],
  trees: false,
  fit: ({ x, target: given }) => {
    const { labels, classes } = classesOf("naive-bayes", given);
    if (x.kind === "sparse") return linearMethod(fitMultinomialNaiveBayes(x, labels, classes), 0);
    const model = fitGaussianNaiveBayes(x, labels, classes, SMOOTHING);
    return { model: gaussianGraph(model), parameters: 2 * model.means.length + classes };
  },
};

const NEIGHBOURS = 5;
/** Numbers that neighbours keep at most: 256 MB. */
const MOST_KEPT = 64e6;

const nearestNeighbours: Method = {
  name: "k-nearest-neighbours",
  summary: `the vote, or the mean, of the ${NEIGHBOURS} nearest training rows`,
  predicts: ["classes", "quantity"],
  trees: false,
  fit: ({ x: all, target: given }, _validation, { seed }) => {
    const most = Math.floor(MOST_KEPT / all.columns);
    const isCut = all.rows > most;
    const kept = isCut ? new Random(seed, "neighbours").permutation(all.rows).subarray(0, most).sort() : undefined;
    const x = toDense(kept === undefined ? all : selectRows(all, kept));
    const pick = (values: ArrayLike<number>): ArrayLike<number> =>
      kept === undefined ? values : Array.from(kept, (row) => values[row] as number);
    const target: Target =
      given.kind === "classes" ? { ...given, labels: pick(given.labels) } : { ...given, values: pick(given.values) };
    const notes = isCut
      ? { notes: [`k-nearest-neighbours keeps ${most} of ${all.rows} rows, drawn at random: all would be too large a file`] }
      : {};
    return {
      model: neighboursGraph(x.values, x.columns, target, Math.min(NEIGHBOURS, x.rows)),
      parameters: x.values.length,
      ...notes,
    };
  },
};

/** Threads, where there are some and so much data is worth their start. */
const sharedThreads = (threads: number, { rows, columns }: DenseMatrix): TreeThreads | undefined =>
  threads > 1 && treeThreads !== undefined && treeThreads.isWorthwhile(rows, columns) ? treeThreads : undefined;

/** Numbers in trees: a feature, a threshold, and the leaves' values. */
const treeParameters = (e: TreeEnsemble): number => 2 * e.feature.length + e.categories.length + e.leafValues.length;

const FOREST: ForestOptions = { trees: 100 };
/** Leaves of a quantity hold a few rows, as Breiman's do: a file of single rows would be large, and no better. */
const LEAST_IN_LEAF = 5;

const randomForest: Method = {
  name: "random-forest",
  summary: "the average of 100 deep trees, each grown on a bootstrap sample of the rows",
  predicts: ["classes", "quantity"],
  trees: true,
  rounds: 100,
  fit: async ({ x: given, target }, _validation, { seed, threads, categorical, signal, onRound }) => {
    const x = toDense(given);
    const isClasses = target.kind === "classes";
    const options = { ...FOREST, seed, categorical, signal, onTree: onRound, minLeafRows: isClasses ? 1 : LEAST_IN_LEAF };
    const shared = sharedThreads(threads, x);
    let forest: TreeEnsemble;
    if (shared === undefined) forest = fitRandomForest(x, target, options);
    else {
      const data = forestData(x, target, options, shared.allocate);
      const pieces = await shared.forest(data, threads, (done) => onRound?.(done), signal);
      forest = joinTrees(pieces, new Float64Array(pieces[0]?.outputs ?? 1));
    }
    const model = chained([treesToModel(forest), forestScores(forest.outputs, isClasses)], "random-forest");
    return { model: withCover(model, forest), parameters: treeParameters(forest), rounds: forest.roots.length };
  },
};

const ROUNDS = 1000;
const BOOSTING: BoostingOptions = { rounds: ROUNDS, leaves: 31, learningRate: 0.1 };
/** Rounds without a lower loss on the validation part after which boosting ends. */
const PATIENCE = 30;

const gradientBoosting: Method = {
  name: "gradient-boosting",
  summary: "trees of 31 leaves, each fitted to the gradient of the loss, with early stopping; like LightGBM",
  predicts: ["classes", "quantity"],
  trees: true,
  rounds: ROUNDS,
  fit: async ({ x: given, target }, validation, { threads, categorical, signal, onRound }) => {
    const x = toDense(given);
    const shared = sharedThreads(threads, x);
    const { ensemble, rounds } = await fitGradientBoostingAside(x, target, {
      ...BOOSTING,
      categorical,
      signal,
      onRound,
      validation: { x: toDense(validation.x), target: validation.target, patience: PATIENCE },
      threads: shared && { count: threads, expander: shared.leaves },
    });
    const isBinary = target.kind === "classes" && target.classes === 2;
    const model = chained([treesToModel(ensemble), boostedScores(ensemble.base, isBinary)], "gradient-boosting");
    const notes = rounds === ROUNDS ? [`gradient-boosting: the loss still fell after ${ROUNDS} rounds`] : [];
    return { model: withCover(model, ensemble), parameters: treeParameters(ensemble), rounds, notes };
  },
};

/** The trees' covers, which a chain of files does not keep. */
const withCover = (model: ModelProto, ensemble: TreeEnsemble): ModelProto => ({
  ...model,
  metadata: treesToModel(ensemble).metadata,
});

export const METHODS: readonly Method[] = [
  logisticRegression,
  linearSvm,
  naiveBayes,
  nearestNeighbours,
  randomForest,
  gradientBoosting,
];
