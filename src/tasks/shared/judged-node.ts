/**
 * @module Examples of a report where each one is right or wrong, or near or far off: the most confident mistakes, some that were
 * right, and what the model looked at.
 */
import type { Dataset } from "../../data/node.js";
import type { TensorData } from "../../graph/index.js";
import { elementAt, toNumbers } from "../../graph/index.js";
import type { ReportExample } from "../../report/report.js";
import { rowsOf, softmaxRow } from "./softmax.js";
import { scoredTitle } from "./planted-results.js";
import type { ReportSources, TaskReport } from "../task-node.js";
import { argMax } from "../../util/vectors.js";

const MISTAKES = 12;
const RIGHT_ONES = 8;

/** The prediction for one test row: its class or quantity, and how sure or how far off it is. */
export interface Judged {
  readonly row: number;
  readonly truth: number;
  readonly predicted: number;
  /** Probabilities of all classes; none where a quantity is predicted. */
  readonly probabilities: Float64Array | undefined;
  readonly correct: boolean;
  /** Mistakes are shown in falling order of this: confidence, or the size of the error. */
  readonly weight: number;
}

type Rows = Pick<ReportSources, "used" | "test">;

/** Judges each row of the test part by its logits, or its quantity. */
export async function judgeRows(
  { used, test }: Rows,
  judge: (numbers: Float64Array, row: number) => Omit<Judged, "row">,
): Promise<Judged[]> {
  const judged: Judged[] = [];
  await used.run(test, (outputs, rows) => {
    for (const [i, numbers] of rowsOf((outputs["logits"] ?? outputs["prediction"]) as TensorData).entries())
      judged.push({ row: rows[i] as number, ...judge(numbers, rows[i] as number) });
  });
  return judged;
}

/** Each row of logits against its label. */
export function judgeClasses(sources: Rows): Promise<Judged[]> {
  const labels = sources.test.tensor("label");
  return judgeRows(sources, (logits, row) => {
    const probabilities = softmaxRow(logits);
    const predicted = argMax(probabilities);
    const truth = elementAt(labels, row);
    return { truth, predicted, probabilities, correct: predicted === truth, weight: probabilities[predicted] as number };
  });
}

/** Each predicted quantity against the true one, in standard deviations: within half of one counts as near. */
export function judgeQuantities(sources: Rows): Promise<Judged[]> {
  const target = sources.test.tensor("target");
  return judgeRows(sources, ([predicted = NaN], row) => {
    const truth = elementAt(target, row);
    const weight = Math.abs(predicted - truth);
    return { truth, predicted, probabilities: undefined, correct: weight < 0.5, weight };
  });
}

/** The most confident mistakes, and correct predictions of as many classes as there is room for. */
function choose(judged: readonly Judged[]): Judged[] {
  const mistakes = judged
    .filter((j) => !j.correct)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, MISTAKES);
  const right = judged.filter((j) => j.correct);
  const seen = new Set<number>();
  const varied = right.filter((j) => !seen.has(j.truth) && seen.add(j.truth)).slice(0, RIGHT_ONES);
  return [...mistakes, ...varied];
}

/** Shows one example, from the model's input and the attribution of each of its values. */
export type ShowExample = (
  judged: Judged,
  row: {
    readonly rows: Dataset;
    readonly index: number;
    /** Shape of `attribution`: that of `features`, or [1, H, W]. */
    readonly shape: readonly number[];
    readonly features: Float64Array;
    readonly attribution: Float64Array;
  },
) => ReportExample | Promise<ReportExample>;

/** Chosen rows as a report shows them, with the method that says what moved their predictions. */
export async function judgedExamples(
  { explain, test }: ReportSources,
  judged: readonly Judged[],
  show: ShowExample,
): Promise<Pick<TaskReport, "examples" | "attributionMethod">> {
  const chosen = choose(judged);
  if (chosen.length === 0) return { examples: [] };
  const rows = test.select(chosen.map((j) => j.row));
  const targets = Int32Array.from(chosen, (j) => (j.probabilities === undefined ? 0 : j.predicted));
  const { method, features, attribution, bases, faithfulness } = await explain(rows, targets);
  const [seen, weights] = [toNumbers(features), toNumbers(attribution)];
  const shape = attribution.shape.slice(1);
  const shown = chosen.map(async (j, index) => {
    const of = (values: Float64Array): Float64Array => {
      const size = values.length / chosen.length;
      return values.subarray(index * size, (index + 1) * size);
    };
    const example = await show(j, { rows, index, shape, features: of(seen), attribution: of(weights) });
    return { ...example, base: bases[index], faithfulness: faithfulness[index] ?? {} };
  });
  const examples = await Promise.all(shown);
  return { examples, attributionMethod: scoredTitle(method, examples[0]?.input.kind ?? "features") };
}

/** Truth, answer and the likeliest classes, by name. */
export function classResult(
  j: Judged,
  classes: readonly string[],
): Pick<ReportExample, "truth" | "prediction" | "scores" | "correct" | "name"> {
  const scores = [...(j.probabilities ?? [])]
    .map((probability, k) => ({ label: classes[k] as string, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, 3);
  return {
    truth: classes[j.truth] as string,
    prediction: classes[j.predicted] as string,
    scores,
    correct: j.correct,
    name: `#${j.row}`,
  };
}
