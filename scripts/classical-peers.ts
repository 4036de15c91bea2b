/**
 * @module Traditional models beside scikit-learn's and LightGBM's, on the same rows: `node dist/scripts/classical-peers.js FILE.json`, with a file that
 * `scripts/peers/classical.py` wrote. A row a method and table: both means over the splits, and their difference in standard errors.
 */
import { readFileSync } from "node:fs";
import type { DenseMatrix, Target } from "../src/classical/index.js";
import {
  denseMatrix,
  fitGaussianNaiveBayes,
  fitGradientBoosting,
  fitLinearSvm,
  fitLinearSvr,
  fitLogisticRegression,
  fitRandomForest,
  treeScores,
} from "../src/classical/index.js";
import type { LinearModel } from "../src/classical/index.js";
import { neighboursGraph, SCORES } from "../src/classical/score-graphs.js";
import type { TensorData } from "../src/graph/index.js";
import { fromNumbers, toNumbers } from "../src/graph/index.js";
import { encodeModel, OnnxModel } from "../src/onnx/index.js";
import { compile } from "../src/runtime/index.js";
import { formatTable } from "../src/util/text.js";
import "../src/ops/index.js";

interface Split {
  readonly train: number[];
  readonly test: number[];
  readonly scores: Readonly<Record<string, { readonly score: number; readonly seconds: number }>>;
}
interface Table {
  readonly name: string;
  readonly kind: "classes" | "quantity";
  readonly y: number[];
  readonly dense: (number | null)[];
  readonly codes: (number | null)[];
  readonly categorical: number[];
  /** Forests whose scores are averaged: one differs from the next by more than methods do. */
  readonly forests: number;
  readonly splits: Split[];
}

const matrix = (values: readonly (number | null)[], rows: number): DenseMatrix =>
  denseMatrix(
    Float32Array.from(values, (v) => v ?? Number.NaN),
    values.length / rows,
  );
function rowsOf({ values, columns }: DenseMatrix, rows: readonly number[]): DenseMatrix {
  const picked = new Float32Array(rows.length * columns);
  rows.forEach((row, i) => picked.set(values.subarray(row * columns, (row + 1) * columns), i * columns));
  return denseMatrix(picked, columns);
}

/** From raw scores [N, K] to answers: of one score its sign, or the quantity itself. */
function answersOf(scores: ArrayLike<number>, rows: number, kind: Table["kind"]): number[] {
  const width = scores.length / rows;
  return Array.from({ length: rows }, (_, i) => {
    if (width === 1) return kind === "quantity" ? (scores[i] as number) : (scores[i] as number) > 0 ? 1 : 0;
    let best = 0;
    for (let k = 1; k < width; k++) if ((scores[i * width + k] as number) > (scores[i * width + best] as number)) best = k;
    return best;
  });
}

function linearScores({ weights, bias }: LinearModel, { values, columns, rows }: DenseMatrix): Float64Array {
  const outputs = bias.length;
  return Float64Array.from({ length: rows * outputs }, (_, at) => {
    const [i, k] = [Math.floor(at / outputs), at % outputs];
    let sum = bias[k] as number;
    for (let j = 0; j < columns; j++) sum += (values[i * columns + j] as number) * (weights[k * columns + j] as number);
    return sum;
  });
}

function bayesScores(x: DenseMatrix, labels: readonly number[], classes: number, test: DenseMatrix): Float64Array {
  const { means, variances, logPriors } = fitGaussianNaiveBayes(x, labels, classes);
  return Float64Array.from({ length: test.rows * classes }, (_, at) => {
    const [i, k] = [Math.floor(at / classes), at % classes];
    let sum = logPriors[k] as number;
    for (let j = 0; j < test.columns; j++) {
      const variance = variances[k * test.columns + j] as number;
      sum -=
        0.5 *
        (Math.log(variance) +
          ((test.values[i * test.columns + j] as number) - (means[k * test.columns + j] as number)) ** 2 / variance);
    }
    return sum;
  });
}

async function neighbourScores(x: DenseMatrix, target: Target, test: DenseMatrix): Promise<Float64Array> {
  const graph = neighboursGraph(x.values, x.columns, target, 5);
  await using session = await compile(new OnnxModel(encodeModel(graph)), { device: "cpu" });
  return toNumbers(
    (await session.call({ x: fromNumbers("float32", [test.rows, test.columns], test.values) }))[SCORES] as TensorData,
  );
}

/** The scores of a method on test rows, of each of its fits. */
async function scoresOf(
  method: string,
  table: Table,
  dense: DenseMatrix,
  codes: DenseMatrix,
  { train, test }: Split,
): Promise<ArrayLike<number>[]> {
  const classes = table.kind === "classes" ? Math.max(...table.y) + 1 : 0;
  const y = train.map((row) => table.y[row] as number);
  const target: Target = classes > 0 ? { kind: "classes", labels: y, classes } : { kind: "quantity", values: y };
  const [x, other] = [rowsOf(dense, train), rowsOf(dense, test)];
  const [trees, otherTrees] = [rowsOf(codes, train), rowsOf(codes, test)];
  const categorical = new Set(table.categorical);
  switch (method) {
    case "logistic-regression":
      return [linearScores(fitLogisticRegression(x, y, classes), other)];
    case "linear-svm":
      return [linearScores(classes > 0 ? fitLinearSvm(x, y, classes) : fitLinearSvr(x, y), other)];
    case "naive-bayes":
      return [bayesScores(x, y, classes, other)];
    case "k-nearest-neighbours":
      return [await neighbourScores(x, target, other)];
    case "random-forest":
      return Array.from({ length: table.forests }, (_, i) =>
        treeScores(fitRandomForest(trees, target, { minLeafRows: classes > 0 ? 1 : 5, seed: i + 1 }), otherTrees.values),
      );
    case "gradient-boosting":
      return [treeScores(fitGradientBoosting(trees, target, { categorical }).ensemble, otherTrees.values)];
    default:
      throw new Error(`${method}: expected a method of Descent's`);
  }
}

function scoreOf(kind: Table["kind"], truth: readonly number[], answers: readonly number[]): number {
  if (kind === "classes") return truth.filter((t, i) => t === answers[i]).length / truth.length;
  const mean = truth.reduce((a, b) => a + b, 0) / truth.length;
  return (
    1 -
    truth.reduce((sum, t, i) => sum + (t - (answers[i] as number)) ** 2, 0) / truth.reduce((sum, t) => sum + (t - mean) ** 2, 0)
  );
}

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const { tables, madeBy } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as {
  readonly tables: Table[];
  readonly madeBy: string;
};
console.log(`Beside ${madeBy}; classes: accuracy, quantities: R²; means over 10 splits; seconds of processor time over all.`);
const lines: string[][] = [];
for (const table of tables) {
  const rows = table.y.length;
  const [dense, codes] = [matrix(table.dense, rows), matrix(table.codes, rows)];
  // A forest of ours knows no categories as scikit-learn's, which is given codes.
  for (const method of Object.keys(table.splits[0]?.scores ?? {})) {
    const began = process.cpuUsage();
    const own: number[] = [];
    for (const split of table.splits) {
      const truth = split.test.map((row) => table.y[row] as number);
      const fits = await scoresOf(method, table, dense, codes, split);
      own.push(meanOf(fits.map((scores) => scoreOf(table.kind, truth, answersOf(scores, truth.length, table.kind)))));
    }
    const { user, system } = process.cpuUsage(began);
    const theirs = table.splits.map(({ scores }) => scores[method]?.score ?? Number.NaN);
    const mean = meanOf(theirs);
    const error = Math.sqrt(theirs.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (theirs.length - 1) / theirs.length);
    const difference = meanOf(own) - mean;
    const seconds = table.splits.reduce((sum, { scores }) => sum + (scores[method]?.seconds ?? 0), 0);
    const inErrors = error === 0 ? (difference === 0 ? 0 : Infinity) : difference / error;
    lines.push([
      table.name,
      method,
      meanOf(own).toFixed(4),
      mean.toFixed(4),
      inErrors.toFixed(2),
      ((user + system) / 1e6).toFixed(2),
      seconds.toFixed(2),
    ]);
  }
}
console.log(formatTable(["table", "method", "Descent", "peer", "difference in standard errors", "seconds", "peer's"], lines));
