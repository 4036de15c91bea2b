/**
 * @module The figures of a comparison: what was measured of each model, and of each pair of them.
 */
import type { McNemar, PairedBootstrap } from "../metrics/index.js";

/** Times of single answers, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
}

/** The costs of a model in use, measured in a process of its own. */
export interface UseFigures {
  /** For one row at a time, and for 32 at once. */
  readonly one: Latency;
  readonly many: Latency;
  /** The process's growth by the model and its answers. */
  readonly memoryMiB: number;
  /** Joules of 1,000 answers, one at a time. */
  readonly joulesPer1000: number;
  /** Whether the processor's counters said so; otherwise busy cores are multiplied by usual watts. */
  readonly energy: "measured" | "modelled";
}

/** A point of a learning curve. */
export interface CurvePoint {
  readonly examples: number;
  readonly value: number;
}

export interface ModelFigures extends UseFigures {
  readonly name: string;
  readonly run: string;
  readonly kind: "network" | "traditional" | "compressed";
  readonly parameters: number;
  readonly sizeBytes: number;
  /** For one row; undefined if a file has ops of unknown cost. */
  readonly flops: number | undefined;
  readonly trainSeconds: number;
  /** On the test part, with its 95 % interval. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** The metric by seed, where there were several. */
  readonly bySeed?: readonly number[];
  /** Expected calibration error; undefined of a quantity. */
  readonly calibrationError: number | undefined;
  readonly curve: readonly CurvePoint[];
  /** Caveats, such as training on another split. */
  readonly remarks: readonly string[];
}

/** The best model beside another. */
export interface Difference {
  readonly name: string;
  /** Best − other, where more is better; in the metric's unit. */
  readonly bootstrap: PairedBootstrap;
  /** Given for classes and one seed only. */
  readonly mcNemar: McNemar | undefined;
  /** Given for several seeds: the chance of so large a difference by the choice of test examples and of seeds together. */
  readonly overSeeds?: number;
  /** Whether chance alone may have made it: p ≥ 0.05. */
  readonly isNoise: boolean;
}

/** Most that a model may take. */
export interface Budget {
  readonly latencyMs?: number;
  readonly sizeBytes?: number;
  readonly trainSeconds?: number;
  readonly memoryMiB?: number;
}

export interface Comparison {
  readonly task: string;
  readonly data: string;
  readonly seed: number;
  /** Seeds that each model was trained with, from `seed` on; the split is that of the first. */
  readonly seeds: number;
  readonly examples: { readonly train: number; readonly test: number };
  readonly metric: "accuracy" | "rmse";
  readonly models: readonly ModelFigures[];
  readonly differences: readonly Difference[];
  readonly budget: Budget;
  /** The model to take; undefined where none is within the budget. */
  readonly recommended: string | undefined;
  readonly standIn: StandIn | undefined;
}

/** A small tree that imitates a network. */
export interface StandIn {
  readonly of: string;
  readonly leaves: number;
  /** Share of test rows on which both answer alike; of a quantity the share of variance. */
  readonly fidelity: number;
  /** Mean |Shapley value| by column, the largest first. */
  readonly importance: readonly { readonly name: string; readonly value: number }[];
  readonly rules: readonly string[];
}
