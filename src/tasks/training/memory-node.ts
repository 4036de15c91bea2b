/**
 * @module The cost of a training, estimated before it runs: FLOPs of a step, and memory; a training that needs too much is refused.
 */
import { bytesOf, passCost, peakIntermediateBytes } from "../../cost/index.js";
import type { Tensor } from "../../graph/index.js";
import { isLeaf } from "../../graph/index.js";
import type { Device } from "../../runtime/index.js";
import { MEMORY_FACTOR, prepareGraph } from "../../runtime/index.js";
import type { BatchTypes, TrainingStep } from "../../train/index.js";
import { DescentError } from "../../util/errors.js";

/** Estimates the cost of one step, and the memory that training takes: two copies of the state, the batch, and the live values. */
export function measureStep(step: TrainingStep, batch: BatchTypes, device: Device): { flops: number; bytes: number } {
  const traced = step.graphFor(batch).graph;
  const graph = prepareGraph(traced, device);
  const leafBytes = graph.nodes.filter(isLeaf).reduce((sum, node) => sum + bytesOf(node.outputs[0] as Tensor), 0);
  return {
    flops: passCost(graph.nodes).flops,
    bytes: (2 * leafBytes + peakIntermediateBytes(graph)) * MEMORY_FACTOR,
  };
}

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
