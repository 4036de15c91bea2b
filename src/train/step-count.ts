/** @module The number of steps of a training. */

export interface StepCounts {
  /** Updates in one pass over the data. */
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
}

/** Counts updates: `steps` where they are given, or else those of so many epochs. A pass makes at least one. */
export function countSteps(options: {
  readonly examples: number;
  readonly batchSize: number;
  /** Batches whose gradients make one update. */
  readonly accumulate: number;
  readonly epochs: number;
  readonly steps?: number;
}): StepCounts {
  const stepsPerEpoch = Math.max(1, Math.floor(Math.floor(options.examples / options.batchSize) / options.accumulate));
  return { stepsPerEpoch, totalSteps: options.steps ?? Math.max(1, Math.round(options.epochs * stepsPerEpoch)) };
}
