/**
 * @module A small tree that imitates the best network of a table: what it does, as a person can read it, with exact Shapley values.
 */
import type { TableInfo } from "../tasks/tables/tables.js";
import type { TreeEnsemble } from "../classical/index.js";
import { denseMatrix, fitGradientBoosting, pathDependentShap, treeScores } from "../classical/index.js";
import type { Dataset } from "../data/index.js";
import { TabularPreprocessor } from "../data/index.js";
import { toNumbers } from "../graph/index.js";
import { loadExamples } from "../tasks/use/examples-node.js";
import { openTrained } from "../tasks/use/trained-node.js";
import type { AnyTask } from "../tasks/task.js";
import type { TrainedModel } from "../tasks/trained-model.js";
import type { ModelFigures, StandIn } from "./figures.js";

/** Leaves that a person reads. */
const LEAVES = 8;
/** Columns named, and rows that their Shapley values are averaged over. */
const [MOST_NAMED, MOST_ROWS] = [6, 500];

/** A network's answers: the score of the second class over the first, or the quantity; of more classes the largest score's margin is of no use. */
async function scoresOf(model: TrainedModel, examples: Dataset): Promise<Float64Array> {
  const scores = new Float64Array(examples.length);
  await model.run(examples, (outputs, rows) => {
    const { logits, prediction } = outputs;
    const values = toNumbers(logits ?? prediction ?? { dtype: "float32", shape: [0], data: new Float32Array() });
    const width = values.length / rows.length;
    for (const [i, row] of rows.entries())
      scores[row] = width === 2 ? (values[2 * i + 1] as number) - (values[2 * i] as number) : (values[i * width] as number);
  });
  return scores;
}

/** A column's threshold in its own unit, and the column's name. */
function conditionOf({ spec, featureNames, featureColumns }: TabularPreprocessor, feature: number, threshold: number): string {
  const name = featureNames[feature] as string;
  const encoder = spec.encoders.find((one) => one.name === featureColumns[feature]);
  if (name.includes("=") || name.endsWith(":missing") || name.endsWith(":other")) return `not ${name}`;
  const value = encoder?.kind === "number" && name === encoder.name ? threshold * encoder.sd + encoder.mean : threshold;
  return `${name} ≤ ${Number(value.toPrecision(4))}`;
}

/** Each leaf as a line: its conditions, and what it answers. */
function rulesOf(tree: TreeEnsemble, preprocessor: TabularPreprocessor, say: (score: number) => string): string[] {
  const walk = (child: number, path: readonly string[]): string[] => {
    if (child < 0)
      return [`${path.join(", ") || "always"} → ${say((tree.leafValues[-1 - child] as number) + (tree.base[0] as number))}`];
    const condition = conditionOf(preprocessor, tree.feature[child] as number, tree.threshold[child] as number);
    const opposite = condition.startsWith("not ") ? condition.slice(4) : condition.replace("≤", ">");
    return [...walk(tree.left[child] as number, [...path, condition]), ...walk(tree.right[child] as number, [...path, opposite])];
  };
  return walk(tree.roots[0] as number, []);
}

/** Mean |Shapley value| of each column. */
function importanceOf(tree: TreeEnsemble, rows: Float32Array, columns: readonly string[]): StandIn["importance"] {
  const few = rows.subarray(0, MOST_ROWS * tree.features);
  const { values } = pathDependentShap(tree, few, 0);
  const sums = new Map<string, number>();
  values.forEach((v, i) => {
    const name = columns[i % tree.features] as string;
    sums.set(name, (sums.get(name) ?? 0) + (Math.abs(v) * tree.features) / few.length);
  });
  return [...sums]
    .map(([name, value]) => ({ name, value }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, MOST_NAMED);
}

/** Measures how well scores are imitated: alike signs, or the share of variance. */
function fidelityOf(given: Float64Array, imitated: Float64Array, isClasses: boolean): number {
  if (isClasses) return given.filter((v, i) => v > 0 === (imitated[i] as number) > 0).length / given.length;
  const mean = given.reduce((a, b) => a + b, 0) / given.length;
  const spread = given.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return 1 - given.reduce((sum, v, i) => sum + (v - (imitated[i] as number)) ** 2, 0) / spread;
}

/** A tree for the best network among the models; undefined where there is none, or its task is not two classes or a quantity of a table. */
export async function surrogateFor(
  { data, seed, labelColumn }: { readonly data: string; readonly seed: number; readonly labelColumn: string | undefined },
  task: AnyTask,
  models: readonly ModelFigures[],
): Promise<StandIn | undefined> {
  const network = models.find(({ kind }) => kind === "network");
  if (network === undefined || !task.name.startsWith("tabular-")) return undefined;
  const { model, config } = await openTrained(network.run);
  await using used = model;
  const { classes = [], categories = [], preprocessing, targetMean = 0, targetDeviation = 1 } = used.info as Partial<TableInfo>;
  if (classes.length > 2 || categories.length > 0 || preprocessing === undefined) return undefined;
  const split = { options: { ...config.options, data, splitSeed: seed } };
  const reading = { data, labelColumn };
  const [train, test] = [
    (await loadExamples(used, split, { ...reading, part: "train" })).examples,
    (await loadExamples(used, split, reading)).examples,
  ];
  const preprocessor = TabularPreprocessor.fromJSON(preprocessing);
  const rowsOf = (part: Dataset): Float32Array => Float32Array.from(toNumbers(part.tensor("features")));
  const isClasses = classes.length === 2;
  const values = await scoresOf(used, train);
  const x = denseMatrix(rowsOf(train), preprocessor.featureNames.length);
  const { ensemble } = fitGradientBoosting(x, { kind: "quantity", values }, { rounds: 1, leaves: LEAVES, learningRate: 1 });
  const imitated = treeScores(ensemble, rowsOf(test));
  const say = (score: number): string =>
    isClasses
      ? `${score > 0 ? classes[1] : classes[0]} (${(100 / (1 + Math.exp(-Math.abs(score)))).toFixed(0)} %)`
      : String(Number((score * targetDeviation + targetMean).toPrecision(4)));
  return {
    of: network.name,
    leaves: ensemble.leafCover.length,
    fidelity: fidelityOf(await scoresOf(used, test), imitated, isClasses),
    importance: importanceOf(ensemble, x.values, preprocessor.featureColumns),
    rules: rulesOf(ensemble, preprocessor, say),
  };
}
