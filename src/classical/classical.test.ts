import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { treeThreads } from "#tree-threads";
import type { TensorData } from "../graph/index.js";
import { fromNumbers, toNumbers } from "../graph/index.js";
import type { ModelProto } from "../onnx/index.js";
import { chained, encodeModel, OnnxModel } from "../onnx/index.js";
import { compile } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { findBins, sortFloats } from "./binning.js";
import type { Target } from "./gradient-boosting.js";
import { fitGradientBoosting, fitGradientBoostingAside, meanLoss } from "./gradient-boosting.js";
import { buildHistogram, treeArrays } from "./histogram.js";
import { fitLinearSvm, fitLinearSvr } from "./linear-svm.js";
import { fitLogisticRegression } from "./logistic-regression.js";
import type { DenseMatrix } from "./matrix.js";
import { denseMatrix } from "./matrix.js";
import { fitGaussianNaiveBayes, fitMultinomialNaiveBayes } from "./naive-bayes.js";
import { fitRandomForest } from "./random-forest.js";
import { boostedScores, forestScores, gaussianGraph, linearGraph, neighboursGraph, SCORES } from "./score-graphs.js";
import { applyTfIdf, fitTfIdf, tfIdfModel } from "./tf-idf.js";
import type { TreeEnsemble } from "./tree-ensemble.js";
import { treeScores } from "./tree-ensemble.js";
import { treesFromModel, treesToModel } from "./tree-file.js";
import { interventionalShap, pathDependentShap } from "./tree-shap.js";

interface Fit {
  readonly C: number;
  readonly weights: number[];
  readonly bias: number[];
}
interface Golden {
  readonly classification: readonly {
    readonly x: number[];
    readonly columns: number;
    readonly y: number[];
    readonly classes: number;
    readonly logistic: Fit;
    readonly svm: Fit;
    readonly gaussian: { readonly means: number[]; readonly variances: number[]; readonly logProbabilities: number[] };
    readonly multinomial: { readonly counts: number[]; readonly alpha: number; readonly logProbabilities: number[] };
  }[];
  readonly regression: { readonly x: number[]; readonly columns: number; readonly y: number[]; readonly svr: Fit };
  readonly shap: readonly {
    readonly ensemble: Readonly<Record<string, number[]>> & {
      readonly features: number;
      readonly outputs: number;
      readonly width: number;
    };
    readonly rows: number[];
    readonly background: number[];
    readonly output: number;
    readonly scores: number[];
    readonly pathDependent: number[];
    readonly interventional: number[];
  }[];
  readonly boosting: readonly {
    readonly kind: string;
    readonly x: (number | null)[];
    readonly columns: number;
    readonly y: number[];
    readonly scores: number[];
  }[];
  readonly text: { readonly texts: string[]; readonly names: string[]; readonly idf: number[]; readonly x: number[] };
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/classical.json", import.meta.url), "utf8")) as Golden;

function near(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  for (let i = 0; i < expected.length; i++)
    assert.ok(
      Math.abs((actual[i] as number) - (expected[i] as number)) <= tolerance * Math.max(1, Math.abs(expected[i] as number)),
      `${what} [${i}]: expected ${expected[i]}, got ${actual[i]}`,
    );
}

const matrixOf = ({ x, columns }: { readonly x: readonly (number | null)[]; readonly columns: number }): DenseMatrix =>
  denseMatrix(
    Float32Array.from(x, (v) => v ?? Number.NaN),
    columns,
  );

/** The engine's answers for rows. */
async function engineScores(model: ModelProto, x: DenseMatrix, output = SCORES): Promise<Float64Array> {
  await using session = await compile(new OnnxModel(encodeModel(model)), { device: "cpu" });
  return toNumbers((await session.call({ x: fromNumbers("float32", [x.rows, x.columns], x.values) }))[output] as TensorData);
}

const softmaxLogs = (scores: Float64Array, classes: number): Float64Array =>
  scores.map((s, i) => {
    const row = scores.subarray(Math.floor(i / classes) * classes, (Math.floor(i / classes) + 1) * classes);
    return s - Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0));
  });

for (const [i, each] of golden.classification.entries()) {
  const x = matrixOf(each);
  test(`case ${i}: logistic regression and a linear SVM have scikit-learn's coefficients`, () => {
    const logistic = fitLogisticRegression(x, each.y, each.classes, { C: each.logistic.C });
    near(logistic.weights, each.logistic.weights, 1e-4, "logistic weights");
    near(logistic.bias, each.logistic.bias, 1e-4, "logistic bias");
    const svm = fitLinearSvm(x, each.y, each.classes, { C: each.svm.C });
    near(svm.weights, each.svm.weights, 1e-4, "SVM weights");
    near(svm.bias, each.svm.bias, 1e-4, "SVM bias");
    assert.ok(logistic.converged && svm.converged);
  });

  test(`case ${i}: naive Bayes has scikit-learn's probabilities, also through the engine`, async () => {
    const gaussian = fitGaussianNaiveBayes(x, each.y, each.classes);
    near(gaussian.means, each.gaussian.means, 1e-6, "means");
    near(gaussian.variances, each.gaussian.variances, 1e-6, "variances");
    const scores = await engineScores(gaussianGraph(gaussian), x);
    near(softmaxLogs(scores, each.classes).subarray(0, 10 * each.classes), each.gaussian.logProbabilities, 1e-4, "Gaussian");
    const counts = matrixOf({ x: each.multinomial.counts, columns: each.columns });
    const { weights, bias } = fitMultinomialNaiveBayes(counts, each.y, each.classes, each.multinomial.alpha);
    const other = await engineScores(linearGraph(weights, bias), counts);
    near(softmaxLogs(other, each.classes).subarray(0, 10 * each.classes), each.multinomial.logProbabilities, 1e-4, "multinomial");
  });
}

test("support vector regression has scikit-learn's coefficients", () => {
  const { y, svr } = golden.regression;
  const { weights, bias } = fitLinearSvr(matrixOf(golden.regression), y, { C: svr.C });
  near([...weights, ...bias], [...svr.weights, ...svr.bias], 1e-4, "SVR");
});

/** Trees of the golden file, which knows no categories. */
const ensembleOf = (given: Golden["shap"][number]["ensemble"]): TreeEnsemble => ({
  features: given.features,
  outputs: given.outputs,
  width: given.width,
  base: Float64Array.from(given["base"] ?? []),
  roots: Int32Array.from(given["roots"] ?? []),
  treeOutputs: Int32Array.from(given["treeOutputs"] ?? []),
  feature: Int32Array.from(given["feature"] ?? []),
  threshold: Float32Array.from(given["threshold"] ?? []),
  left: Int32Array.from(given["left"] ?? []),
  right: Int32Array.from(given["right"] ?? []),
  missingLeft: Uint8Array.from(given["missingLeft"] ?? []),
  sets: new Int32Array(2 * (given["feature"]?.length ?? 0)),
  categories: new Float32Array(),
  nodeCover: Float64Array.from(given["nodeCover"] ?? []),
  leafCover: Float64Array.from(given["leafCover"] ?? []),
  leafValues: Float32Array.from(given["leafValues"] ?? []),
});

for (const [i, each] of golden.shap.entries()) {
  test(`case ${i}: Shapley values of trees are shap's`, () => {
    const e = ensembleOf(each.ensemble);
    const rows = Float32Array.from(each.rows);
    const scores = treeScores(e, rows);
    near(
      Float64Array.from(each.scores, (_, n) => scores[n * e.outputs + each.output] as number),
      each.scores,
      1e-6,
      "scores",
    );
    const path = pathDependentShap(e, rows, each.output);
    near(path.values, each.pathDependent, 1e-5, "path-dependent");
    const interventional = interventionalShap(e, rows, Float32Array.from(each.background), each.output);
    near(interventional.values, each.interventional, 1e-5, "interventional");
    for (const { values, base } of [path, interventional])
      each.scores.forEach((score, n) => {
        const sum = values.subarray(n * e.features, (n + 1) * e.features).reduce((a, b) => a + b, base);
        assert.ok(Math.abs(sum - score) < 1e-5, `sum ${sum}, score ${score}`);
      });
  });
}

const targetOf = (kind: string, y: readonly number[]): Target =>
  kind === "quantity" ? { kind, values: y } : { kind: "classes", labels: y, classes: kind === "two" ? 2 : 3 };

for (const each of golden.boosting) {
  test(`gradient boosting of ${each.kind} gives LightGBM's scores, also through the engine`, async () => {
    const x = matrixOf(each);
    const target = targetOf(each.kind, each.y);
    const { ensemble } = fitGradientBoosting(x, target, { rounds: 10, leaves: 15, minLeafRows: 10 });
    const scores = treeScores(ensemble, x.values);
    const [own, theirs] = [scores, Float64Array.from(each.scores)].map((s) => meanLoss(target, s)) as [number, number];
    assert.ok(Math.abs(own - theirs) < 0.02 * theirs, `loss ${own}, LightGBM's ${theirs}`);
    const model = chained([treesToModel(ensemble), boostedScores(ensemble.base, each.kind === "two")], "trees");
    const engine = await engineScores(model, x);
    near(engine, each.kind === "two" ? scores.reduce((all: number[], s) => [...all, -s / 2, s / 2], []) : scores, 1e-5, "engine");
  });
}

/** Rows with a column of 12 categories, of which some go together, and one of numbers with gaps. */
function categoricalRows(n: number): { x: DenseMatrix; labels: number[] } {
  const random = new Random(3, "categories");
  const values = new Float32Array(n * 2);
  const labels = Array.from({ length: n }, (_, i) => {
    const category = random.integer(12);
    values[2 * i] = category;
    values[2 * i + 1] = random.uniform() < 0.2 ? Number.NaN : random.normal();
    return [1, 4, 6, 9, 11].includes(category) !== random.uniform() < 0.05 ? 1 : 0;
  });
  return { x: denseMatrix(values, 2), labels };
}

test("categories are split as sets, missing values go where the loss falls, and the file keeps both", async () => {
  const { x, labels } = categoricalRows(1500);
  const target: Target = { kind: "classes", labels, classes: 2 };
  const { ensemble } = fitGradientBoosting(x, target, { rounds: 5, leaves: 4, categorical: new Set([0]) });
  const set = [...ensemble.categories.subarray(ensemble.sets[0], ensemble.sets[1])].sort((a, b) => a - b);
  const groups = [
    [1, 4, 6, 9, 11],
    [0, 2, 3, 5, 7, 8, 10],
  ];
  assert.ok(
    groups.some((group) => group.join() === set.join()),
    `the first split takes ${set.join()}`,
  );
  const read = treesFromModel(treesToModel(ensemble), 2, "trees");
  const unseen = Float32Array.of(99, 0.3, Number.NaN, Number.NaN, 4, Number.NaN);
  for (const rows of [x.values, unseen]) {
    const scores = treeScores(ensemble, rows);
    near(treeScores({ ...read, base: ensemble.base }, rows), scores, 1e-6, "read again");
    near(
      await engineScores(chained([treesToModel(ensemble), boostedScores(ensemble.base, false)], "trees"), denseMatrix(rows, 2)),
      scores,
      1e-5,
      "engine",
    );
  }
  assert.deepEqual([...read.nodeCover], [...ensemble.nodeCover]);
});

test("early stopping keeps the round with the least loss on other rows", () => {
  const { x, labels } = categoricalRows(400);
  const other = categoricalRows(900);
  const validation = {
    x: denseMatrix(other.x.values.subarray(800), 2),
    target: { kind: "classes", labels: other.labels.slice(400), classes: 2 },
    patience: 5,
  } as const;
  const { ensemble, rounds, losses } = fitGradientBoosting(
    x,
    { kind: "classes", labels, classes: 2 },
    { rounds: 300, learningRate: 0.3, categorical: new Set([0]), validation },
  );
  assert.ok(losses.length < 300 && losses.length - rounds === 5, `${losses.length} rounds, ${rounds} kept`);
  assert.equal(Math.min(...losses), losses[rounds - 1]);
  assert.equal(ensemble.roots.length, rounds);
});

test("a forest answers through the engine as here, beats its best single split, and repeats for its seed", async () => {
  const { x, labels } = categoricalRows(600);
  const target: Target = { kind: "classes", labels, classes: 2 };
  const options = { trees: 12, categorical: new Set([0]), seed: 5 };
  const forest = fitRandomForest(x, target, options);
  const shares = treeScores(forest, x.values);
  const right = labels.filter((label, i) => ((shares[2 * i + 1] as number) > 0.5 ? 1 : 0) === label).length;
  assert.ok(right / labels.length > 0.95, `${right} of ${labels.length}`);
  near(shares, treeScores(fitRandomForest(x, target, options), x.values), 0, "again");
  const model = treesToModel(forest);
  near(await engineScores(model, x, "trees"), shares, 1e-5, "engine");
  near(treeScores(treesFromModel(model, 2, "forest"), x.values), shares, 1e-6, "read again");
  const logits = await engineScores(chained([model, forestScores(2, true)], "forest"), x);
  near(
    logits.map(Math.exp),
    shares.map((p) => Math.max(p, 1e-7)),
    1e-5,
    "logits",
  );
});

test("a forest of a quantity averages its leaves", () => {
  const x = denseMatrix(
    Float32Array.from({ length: 200 }, (_, i) => i),
    1,
  );
  const values = Array.from({ length: 200 }, (_, i) => (i < 80 ? 3 : 7));
  const forest = fitRandomForest(x, { kind: "quantity", values }, { trees: 20 });
  near(treeScores(forest, Float32Array.of(10, 150)), [3, 7], 1e-6, "means");
});

test("neighbours vote, and a quantity is their mean", async () => {
  const rows = Float32Array.of(0, 0, 0, 1, 1, 0, 10, 10, 10, 11);
  const x = denseMatrix(Float32Array.of(0.2, 0.1, 9, 10), 2);
  const scores = await engineScores(neighboursGraph(rows, 2, { kind: "classes", labels: [0, 0, 1, 1, 1], classes: 2 }, 3), x);
  near(
    scores,
    [2.5, 1.5, 1.5, 2.5].map((votes) => Math.log(votes / 4)),
    1e-5,
    "votes",
  );
  const means = await engineScores(neighboursGraph(rows, 2, { kind: "quantity", values: [1, 2, 3, 10, 20] }, 2), x);
  near(means, [2, 15], 1e-5, "means");
});

test("TF-IDF is scikit-learn's, also through the engine", async () => {
  const { texts, names, idf, x } = golden.text;
  const words = [...new Set(texts.flatMap((text) => text.split(" ")))];
  const ids = texts.map((text) => text.split(" ").map((word) => words.indexOf(word) + 1));
  const width = Math.max(...ids.map((row) => row.length)) + 2;
  const rows = {
    ids: ids.flatMap((row) => [...row, ...new Array<number>(width - row.length).fill(0)]),
    width,
    lengths: ids.map((row) => row.length),
  };
  const learned = fitTfIdf(rows);
  const order = learned.grams.map((gram) => names.indexOf(gram.map((id) => words[id - 1]).join(" ")));
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    names.map((_, i) => i),
  );
  near(
    learned.idf,
    order.map((at) => idf[at] as number),
    1e-6,
    "idf",
  );
  const expected = texts.flatMap((_, i) => order.map((at) => x[i * names.length + at] as number));
  const sparse = applyTfIdf(learned, rows);
  const dense = new Float64Array(expected.length);
  for (let i = 0; i < texts.length; i++)
    for (let e = sparse.starts[i] as number; e < (sparse.starts[i + 1] as number); e++)
      dense[i * names.length + (sparse.indices[e] as number)] = sparse.values[e] as number;
  near(dense, expected, 1e-6, "matrix");
  await using session = await compile(new OnnxModel(encodeModel(tfIdfModel(learned))), { device: "cpu" });
  const engine = await session.call({ input_ids: fromNumbers("int64", [texts.length, width], rows.ids) });
  near(toNumbers(engine["x"] as TensorData), expected, 1e-5, "engine");
  const none = await session.call({ input_ids: fromNumbers("int64", [2, 3], new Array<number>(6).fill(0)) });
  near(toNumbers(none["x"] as TensorData), new Array<number>(2 * names.length).fill(0), 0, "texts without a known word");
});

for (const [columns, hasHessians, isShared] of [
  [4, false, false],
  [4, true, true],
  [30, false, true],
  [30, true, false],
] as const)
  test(`histograms to the bit as by plain sums: ${columns} columns, ${hasHessians ? "with" : "without"} weights`, () => {
    const random = new Random(3, "histograms");
    const rows = 900;
    const values = Float32Array.from({ length: rows * columns }, () => random.uniform(-1, 1));
    const x = denseMatrix(values, columns);
    const options = { minLeafRows: 20, minLeafHessian: 1e-3, l2: 0 };
    const arrays = treeArrays(x, findBins(x), 2, hasHessians, options, isShared ? 2 : 1);
    const { data, order, gradients, hessians, histograms } = arrays;
    assert.equal(arrays.places === undefined, columns === 30);
    for (let i = 0; i < rows; i++) {
      order[i] = (i * 7) % rows;
      gradients[i] = random.uniform(-1, 1);
      if (hessians !== undefined) hessians[i] = random.uniform(0, 1);
    }
    const [begin, end, from, to] = [100, 731, 1, columns - 1];
    const { offsets } = data;
    const expected = new Float64Array(histograms.length / 2);
    for (let j = from; j < to; j++)
      for (let i = begin; i < end; i++) {
        const row = order[i] as number;
        const at = 2 * ((offsets[j] as number) + (data.bins[j * rows + row] as number));
        expected[at] = (expected[at] as number) + (gradients[row] as number);
        expected[at + 1] = (expected[at + 1] as number) + (hessians?.[row] ?? 1);
      }
    const second = histograms.subarray(histograms.length / 2);
    buildHistogram(arrays, begin, end, second, from, to);
    assert.deepEqual(second, expected);
    assert.ok(histograms.subarray(0, histograms.length / 2).every((v) => v === 0));
  });

test("boosted trees are the same to the bit in one thread and in several", () => {
  assert.ok(treeThreads !== undefined);
  const expander = treeThreads.leaves;
  const [rows, columns] = [12_000, 6];
  const random = new Random(5, "threads");
  // Gaps, and a column of categories.
  const valueAt = (i: number): number =>
    i % columns === 3
      ? Math.floor(random.uniform(0, 20))
      : i % 7 === 0 && random.uniform(0, 1) < 0.2
        ? Number.NaN
        : random.uniform(-1, 1);
  const values = Float32Array.from({ length: rows * columns }, (_, i) => valueAt(i));
  const at = (row: number, column: number): number => values[row * columns + column] || 0;
  const labels = Int32Array.from(
    { length: rows },
    (_, i) => (Math.floor(2 * at(i, 0)) + Math.floor(3 * at(i, 1)) + at(i, 3) + 9) % 3,
  );
  const target: Target = { kind: "classes", labels, classes: 3 };
  for (const leaves of [3, 31]) {
    const options = { rounds: 8, leaves, categorical: new Set([3]) };
    const alone = fitGradientBoosting(denseMatrix(values, columns), target, options);
    for (const threads of [2, 4]) {
      const asked = { ...options, threads: { count: threads, expander } };
      const shared = fitGradientBoosting(denseMatrix(values, columns), target, asked);
      assert.deepEqual(shared, alone);
    }
  }
});

test("boosting beside other work gives the same trees, and ends when it is told to", async () => {
  const random = new Random(7, "aside");
  const [rows, columns] = [20_000, 4];
  const x = denseMatrix(
    Float32Array.from({ length: rows * columns }, () => random.uniform(-1, 1)),
    columns,
  );
  const target: Target = {
    kind: "quantity",
    values: Float64Array.from({ length: rows }, (_, i) => (x.values[i * columns] ?? 0) ** 2),
  };
  assert.deepEqual(await fitGradientBoostingAside(x, target, { rounds: 5 }), fitGradientBoosting(x, target, { rounds: 5 }));
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("enough")), 50);
  await assert.rejects(fitGradientBoostingAside(x, target, { rounds: 100_000, signal: stop.signal }), /^Error: enough$/);
});

test("numbers are sorted with missing ones last, whatever the sign", () => {
  const random = new Random(6, "sorting");
  const special = [Number.NaN, Infinity, -Infinity, 0, -0, 1e-45, -1e-45, 3.4e38, -3.4e38];
  const given = Float32Array.from({ length: 10_000 }, (_, i) => special[i % 40] ?? random.uniform(-5, 5) ** 5);
  // A missing value with its sign set, as arithmetic may leave one.
  new Uint32Array(given.buffer)[17] = 0xffc00000;
  const byComparing = [...given.slice().sort()];
  assert.deepEqual([...sortFloats(given)], byComparing);
});
