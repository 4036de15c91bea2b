/** @module Inputs of `descent plan`: losses of the user's own runs, and points of a scaling law from a table. */
import type { CurvePoint, LossPoint } from "../cost/plan/index.js";
import { ConfigError, DataError } from "../util/errors.js";

/** A run's settings, and its results. */
export interface PlannedRun {
  readonly path: string;
  readonly parameters: number;
  readonly examples: number;
  readonly steps: number;
  /** The metric as it is. */
  readonly value: number;
}

export const CURVE_AXES = ["examples", "parameters", "steps"] as const;
export type CurveAxis = (typeof CURVE_AXES)[number];

const numberIn = (options: Readonly<Record<string, unknown>>, name: string): number | undefined => {
  const value = new Map(Object.entries(options)).get(name);
  return typeof value === "number" ? value : undefined;
};

/** Reads runs that are complete. ConfigError for one without a summary or the metric. */
export async function readRuns(paths: readonly string[], metric: string): Promise<PlannedRun[]> {
  const { openRun } = await import("../run/run-folder-node.js");
  const runs: PlannedRun[] = [];
  for (const path of paths) {
    const folder = await openRun(path);
    const [config, summary] = [await folder.config(), await folder.summary()];
    const measured = summary.metrics.test ?? summary.metrics.validation ?? {};
    const value = new Map(Object.entries(measured)).get(metric);
    if (value === undefined)
      throw new ConfigError(
        `${path}: expected the metric ${metric}, got ${Object.keys(measured).join(", ")}; choose one with --metric`,
      );
    const { steps, parameters } = summary;
    const [batch = 1, accumulate = 1, epochs = 1] = ["batchSize", "accumulate", "epochs"].map((name) =>
      numberIn(config.options, name),
    );
    // Runs of before their summaries counted examples say it by their steps alone, which models that are fitted at once do not have.
    const examples = summary.trainExamples ?? Math.round((steps * batch * accumulate) / epochs);
    runs.push({ path, parameters, steps, value, examples });
  }
  return runs;
}

/** Remedies for runs that do not differ in a quantity. */
const REMEDIES: Readonly<Record<CurveAxis, string>> = {
  examples: "train with other values of --train-fraction",
  parameters: "train models of other sizes",
  steps: "train with other values of --steps",
};

/** The one quantity in which runs differ. ConfigError where it is none, or several. */
export function axisOf(runs: readonly PlannedRun[], given: CurveAxis | undefined): CurveAxis {
  const varies = (axis: CurveAxis): boolean => new Set(runs.map((run) => run[axis])).size > 1;
  if (given !== undefined) {
    if (!varies(given))
      throw new ConfigError(
        `--by ${given}: expected runs of different ${given}, got ${runs[0]?.[given]} in all of them; ${REMEDIES[given]}`,
      );
    return given;
  }
  // More examples take more steps: steps count where nothing else differs.
  const found = CURVE_AXES.filter((axis) => axis !== "steps" && varies(axis));
  if (found.length === 1) return found[0] as CurveAxis;
  if (found.length === 0 && varies("steps")) return "steps";
  throw new ConfigError(
    found.length === 0
      ? `--runs: expected runs that differ in examples, parameters or steps, got ${runs.length === 1 ? "one run" : "runs that differ in none"}; ${REMEDIES.examples}`
      : `--runs: expected runs that differ in examples, parameters or steps, got runs that differ in ${found.join(" and ")}; say which with --by ${found[0]}`,
  );
}

/** Runs as points of a curve: of a metric of which more is better, what is missing to 1. */
export const pointsOf = (runs: readonly PlannedRun[], axis: CurveAxis, isError: boolean): CurvePoint[] =>
  runs.map((run) => ({ x: run[axis], y: isError ? run.value : 1 - run.value }));

const COLUMNS = {
  parameters: ["parameters", "model size", "n"],
  tokens: ["tokens", "training tokens", "d"],
  flops: ["flops", "training flop", "c"],
  loss: ["loss", "l"],
} as const;

/** Reads points of a scaling law, without rows that lack a number and without those of the highest losses: columns parameters, tokens (or flops, of which a sixth of each is a token's) and loss. DataError where one is missing. */
export async function readPoints(
  path: string,
  leaveOut: number,
): Promise<{ readonly read: readonly LossPoint[]; readonly leftOut: number }> {
  const { readTable } = await import("../data/node.js");
  const { toNumbers } = await import("../graph/index.js");
  const { data } = await readTable(path);
  const named = (what: keyof typeof COLUMNS): Float64Array | undefined => {
    const name = data.names.find((column) => (COLUMNS[what] as readonly string[]).includes(column.trim().toLowerCase()));
    return name === undefined ? undefined : toNumbers(data.tensor(name));
  };
  const [parameters, tokens, flops, loss] = [named("parameters"), named("tokens"), named("flops"), named("loss")];
  if (parameters === undefined || loss === undefined || (tokens === undefined && flops === undefined))
    throw new DataError(`${path}: expected columns parameters, tokens (or flops) and loss, got ${data.names.join(", ")}`);
  const all = Array.from(parameters, (n, i) => ({
    parameters: n,
    tokens: tokens?.[i] ?? (flops?.[i] as number) / (6 * n),
    loss: loss[i] as number,
  }));
  const whole = all.filter((point) => Object.values(point).every(Number.isFinite));
  const sorted = whole.map((point) => point.loss).sort((a, b) => b - a);
  const read = leaveOut === 0 ? whole : whole.filter((point) => point.loss < (sorted[leaveOut - 1] as number));
  return { read, leftOut: all.length - read.length };
}
