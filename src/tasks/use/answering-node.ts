/**
 * @module Answers and measurements of whatever runs over examples.
 */
import type { Dataset } from "../../data/node.js";
import { textAt } from "../shared/windows.js";
import type { Answer, Measurement } from "../task.js";
import type { TrainedModel } from "../trained-model.js";

type Runs = Pick<TrainedModel, "task" | "info" | "run">;

/** One answer for each encoded example; for each text, where examples are windows. */
export async function answersOf(model: Runs, examples: Dataset): Promise<Answer[]> {
  const answers: Answer[] = [];
  await model.run(examples, (outputs, rows, batch) => {
    const given = model.task.answers(outputs, model.info, batch, examples.select(rows));
    for (const [i, answer] of given.entries()) answers[textAt(examples, rows[i] as number)] = answer;
  });
  return answers;
}

/** A measurement on encoded examples that have their targets; undefined where the task has nothing to compare. */
export async function measurementOf(model: Runs, examples: Dataset): Promise<Measurement | undefined> {
  const measurement = model.task.measurement?.(model.info);
  if (measurement !== undefined) await model.run(examples, (outputs, _rows, batch) => measurement.update(outputs, batch));
  return measurement;
}
