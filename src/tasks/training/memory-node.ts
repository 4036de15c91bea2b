/**
 * @module The cost of a training, estimated before it runs: FLOPs of a step, and memory; a training that needs too much is refused.
 */
import type { Machine } from "../../cost/index.js";
import { predictStep } from "../../cost/step-prediction.js";
import type { StepPrediction } from "../../cost/step-prediction.js";
import type { Device } from "../../runtime/index.js";
import type { BatchTypes, TrainingStep } from "../../train/index.js";
import { DescentError } from "../../util/errors.js";

/** Predicts one step on batches of these types. */
export const measureStep = (step: TrainingStep, batch: BatchTypes, device: Device, machine?: Machine): StepPrediction =>
  predictStep(step.graphFor(batch).graph, device, machine);

/** Refuses a training that there is no memory for, with a batch size that would fit: memory is a line over the batch size, or below one. */
export function checkMemory(bytesFor: (batchSize: number) => number, batchSize: number, free: number): void {
  const bytes = bytesFor(batchSize);
  if (bytes <= free) return;
  const mib = (n: number): number => Math.ceil(n / 2 ** 20);
  const one = bytesFor(1);
  const perExample = (bytes - one) / Math.max(1, batchSize - 1);
  const fitting = perExample === 0 ? 0 : Math.floor(1 + (free * 0.9 - one) / perExample);
  const remedy = fitting >= 1 ? `--batch-size ${fitting} would fit` : "use a smaller model";
  throw new DescentError(`memory: expected ${mib(bytes)} MiB for training, got ${mib(free)} MiB free; ${remedy}`);
}
