/**
 * @module The cost of a training, estimated before it runs: FLOPs of a step, and memory; a training that needs too much is refused.
 */
import type { Machine } from "../../cost/index.js";
import { passCost } from "../../cost/index.js";
import type { TensorType } from "../../graph/index.js";
import { byteSize } from "../../graph/index.js";
import { prepareGraph } from "../../runtime/index.js";
import { cutFor } from "../../train/flat-state.js";
import { predictStep } from "../../cost/step-prediction.js";
import type { StepPrediction } from "../../cost/step-prediction.js";
import type { Device } from "../../runtime/index.js";
import type { BatchTypes, TrainingStep } from "../../train/index.js";
import { DescentError } from "../../util/errors.js";

const bytesOfAll = (tensors: Iterable<TensorType>): number => [...tensors].reduce((sum, type) => sum + byteSize(type), 0);

/** Predicts one step on batches of these types, as it is run: with the update in place where there is a kernel for it. */
export function measureStep(step: TrainingStep, batch: BatchTypes, device: Device, machine?: Machine): StepPrediction {
  const cut = device === "cpu" ? cutFor(step) : undefined;
  if (cut === undefined) return predictStep(step.graphFor(batch).graph, device, machine);
  const update = { parameterBytes: bytesOfAll(cut.trained.values()), slotBytes: bytesOfAll(step.types.slots.values()) };
  return predictStep(cut.graphFor(batch).graph, device, machine, update);
}

/** FLOPs of a whole step, the update among them. */
export const stepFlops = (step: TrainingStep, batch: BatchTypes, device: Device): number =>
  passCost(prepareGraph(step.graphFor(batch).graph, device).nodes).flops;

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
