/**
 * @module Descent's side of the cases that time a training step: the public classes, as the README shows them.
 */
import type { TensorData } from "../../src/graph/index.js";
import type { TrainingStep } from "../../src/train/index.js";
import { TrainingState } from "../../src/train/index.js";
import { engineVersion } from "../engine-version.js";
import type { NamedTensor } from "../tensor-file.js";
import { readTensors } from "../tensor-file.js";
import type { Contender, SetupOptions } from "./types.js";
import { timeSteps } from "./types.js";

interface Training {
  readonly step: TrainingStep;
  readonly numbers: ReadonlyMap<string, TensorData>;
  /** Given one a step, again and again. */
  readonly batches: readonly Readonly<Record<string, TensorData>>[];
}

/** A step that is made of the inputs file's tensors and the case's settings. */
export function trainingContender(
  prepare: (tensors: ReadonlyMap<string, NamedTensor>, settings: SetupOptions["settings"]) => Training,
  notesOf: (state: TrainingState) => Promise<string> = () => Promise.resolve(""),
): Contender {
  let state: TrainingState;
  let next: () => Promise<number>;
  return {
    name: "descent",
    async setup({ inputsFile, threads, settings }) {
      const { step, numbers, batches } = prepare(readTensors(inputsFile), settings);
      state = await TrainingState.create(step, { threads, weights: numbers });
      let at = 0;
      next = async () => {
        const batch = batches[at++ % batches.length];
        if (batch === undefined) throw new Error("training step: a batch is missing");
        return (await state.run(batch)).loss;
      };
      return { version: engineVersion(), notes: await notesOf(state) };
    },
    steps: (n) => timeSteps(n, next),
    close: () => state.dispose(),
  };
}
