/**
 * @module Defaults of the training of models of tables.
 */
import type { TrainingDefaults } from "../task.js";

/** Enough updates whatever the number of rows: small tables are passed many times. */
export function tableDefaults(examples: number, lr: number): TrainingDefaults {
  const batchSize = examples < 2_000 ? 32 : examples < 20_000 ? 128 : 256;
  const stepsPerEpoch = Math.max(1, Math.floor(examples / batchSize));
  return {
    epochs: Math.max(20, Math.ceil(1500 / stepsPerEpoch)),
    batchSize,
    lr,
    optimizer: "adamw",
    schedule: "cosine",
    weightDecay: 0.05,
    warmupSteps: 50,
  };
}
