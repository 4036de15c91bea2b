/**
 * @module Learning rates over time: functions of the step, computed outside the graph. Each is data (`{ name, … }`), so that a
 * run's configuration and a checkpoint can hold it.
 */
import { ConfigError } from "../util/errors.js";

/** JSON as a configuration file holds it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a schedule with memory remembers; in the checkpoint. */
export type ScheduleState = Readonly<Record<string, number>>;

/** A learning rate for each step. */
export interface Schedule {
  /** What `scheduleFrom` makes the same schedule of. */
  readonly description: { readonly name: string; readonly [option: string]: Json };
  /** The learning rate of the step with this index, 0 first. */
  readonly at: (step: number, state?: ScheduleState) => number;
  /** Schedules with memory: where it begins, and how a measured value (one evaluation) changes it. */
  readonly memory?: { readonly initial: ScheduleState; readonly observe: (state: ScheduleState, value: number) => ScheduleState };
}

/** The same learning rate at every step. */
export function constantSchedule(options: { readonly learningRate: number }): Schedule {
  return { description: { name: "constant", ...options }, at: () => options.learningRate };
}

/** A number is a constant learning rate. ConfigError unless it is a finite number ≥ 0. */
export function asSchedule(learningRate: number | Schedule): Schedule {
  if (typeof learningRate !== "number") return learningRate;
  if (!(learningRate >= 0 && Number.isFinite(learningRate)))
    throw new ConfigError(`learningRate: expected a number ≥ 0, got ${learningRate}`);
  return constantSchedule({ learningRate });
}
