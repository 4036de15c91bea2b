/**
 * @module Traditional methods as models of tasks: a task family says how its rows become features, and which part of that is in the file.
 */
import type { FittedMethod, Method, Rows, Target } from "../../classical/index.js";
import { SCORES } from "../../classical/index.js";
import type { Dataset } from "../../data/index.js";
import { toNumbers } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { chained, encodeModel } from "../../onnx/index.js";
import type { GraphInfo } from "../graph-use.js";
import type { FitData, FitOptions, Fitted, FittedChoice, TaskInfo } from "../task.js";

/** Rows as a method takes them, and the way there as a file from the task's inputs to `x` [N, F]. */
export interface Design {
  readonly train: Rows;
  readonly validation: Rows;
  readonly file: ModelProto;
  /** The file's inputs by their roles. */
  readonly inputs: GraphInfo["inputs"];
  /** Columns of category codes. */
  readonly categorical?: ReadonlySet<number>;
  readonly notes?: readonly string[];
}

/** The targets of encoded rows: classes, or a quantity where the task knows no classes. */
export function targetOf(rows: Dataset, classes: number): Target {
  if (classes === 0) return { kind: "quantity", values: toNumbers(rows.tensor("target")) };
  return { kind: "classes", labels: toNumbers(rows.tensor("label")), classes };
}

/** Default number of threads: the machine's. */
const usualThreads = (): number => globalThis.navigator?.hardwareConcurrency ?? 1;

async function fitDesign(method: Method, design: Design, { seed, threads, signal, progress }: FitOptions): Promise<FittedMethod> {
  const shown = method.rounds === undefined ? undefined : progress?.({ label: "fit", total: method.rounds, unit: "trees" });
  try {
    return await method.fit(design.train, design.validation, {
      seed,
      threads: threads ?? usualThreads(),
      categorical: design.categorical,
      signal,
      onRound: (done) => shown?.update(done),
    });
  } finally {
    shown?.finish();
  }
}

/** A choice that fits a method to what `designOf` makes of the data. */
export const fittedMethod = <I extends TaskInfo>(
  method: Method,
  designOf: (data: FitData<I>, method: Method, options: FitOptions) => Promise<Design>,
): FittedChoice<I> => ({
  name: method.name,
  summary: method.summary,
  fit: async (data, options): Promise<Fitted> => {
    const design = await designOf(data, method, options);
    const { model, parameters, rounds, notes = [] } = await fitDesign(method, design, options);
    const whole = chained([design.file, model], method.name);
    return {
      file: encodeModel({ ...whole, metadata: model.metadata }),
      graph: { inputs: design.inputs, output: SCORES },
      parameters,
      steps: rounds,
      notes: [...(design.notes ?? []), ...notes],
    };
  },
});
