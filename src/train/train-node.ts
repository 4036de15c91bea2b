/**
 * @module Trainings in a run folder, as Node opens them: see `train-run.ts`.
 */
export * from "./train-run.js";
