/**
 * @module The budget of a search for a smaller model, what it may lose and must save: `accuracy -0.5pp, latency 0.5x, size 0.25x`.
 */
import { ConfigError } from "../../util/errors.js";

export const SAVED = ["latency", "size", "parameters"] as const;
export type Saved = (typeof SAVED)[number];

export interface Budget {
  /** The loss of the metric that is allowed: a difference of fractions, or a share of the original value. */
  readonly metric?: { readonly name: string; readonly loss: number; readonly isShare: boolean };
  /** The largest shares of the original that are allowed. */
  readonly most: Readonly<Partial<Record<Saved, number>>>;
}

const isSaved = (name: string): name is Saved => SAVED.some((known) => known === name);
const SYNTAX = "NAME -POINTSpp or NAME -PERCENT% for a metric, latency, size or parameters SHAREx";

/** Reads a budget. ConfigError, beginning with `where`, for text that is not one. */
export function parseBudget(text: string, where = "--budget"): Budget {
  const most = new Map<Saved, number>();
  let metric: Budget["metric"];
  for (const part of text.split(",").map((each) => each.trim())) {
    const match = /^(\w+)\s+(?:([-−]\d*\.?\d+)\s*(pp|%)|(\d*\.?\d+)\s*[x×])$/.exec(part);
    const [, name = "", loss, unit, share] = match ?? [];
    if (share !== undefined && isSaved(name) && Number(share) > 0) most.set(name, Number(share));
    else if (loss !== undefined && !isSaved(name))
      metric = { name, loss: Math.abs(Number(loss.replace("−", "-"))) / 100, isShare: unit === "%" };
    else throw new ConfigError(`${where}: expected ${SYNTAX}, separated by commas, got "${part}"`);
  }
  return { metric, most: Object.fromEntries(most) };
}

/** Figures to compare with a budget: shares of the original, and the metric before and after. */
export interface Measured {
  readonly shares: Readonly<Record<Saved, number>>;
  readonly metric: { readonly before: number; readonly after: number };
}

/** The relative excess over each limit of a budget; none is above 0 if the budget is met. */
export function violations(
  { metric, most }: Budget,
  { shares, metric: got }: Measured,
  mode: "min" | "max",
): Map<string, number> {
  const missed = new Map<string, number>();
  for (const name of SAVED) {
    const limit = most[name];
    if (limit !== undefined) missed.set(name, shares[name] / limit - 1);
  }
  if (metric !== undefined) {
    const lost = mode === "max" ? got.before - got.after : got.after - got.before;
    const allowed = metric.isShare ? metric.loss * Math.abs(got.before) : metric.loss;
    missed.set(metric.name, (lost - allowed) / Math.max(allowed, 0.001));
  }
  return missed;
}

/** The distance of a point from a budget: 0 if the budget is met. */
export const distanceFrom = (missed: ReadonlyMap<string, number>): number =>
  [...missed.values()].reduce((sum, v) => sum + Math.max(0, v), 0);

/** Finds the Pareto front: points that no other point beats in both the metric and the savings. */
export function paretoFront<P extends Measured>(points: readonly P[], saved: Saved, mode: "min" | "max"): P[] {
  const better = (a: number, b: number): boolean => (mode === "max" ? a >= b : a <= b);
  return points.filter(
    (p) =>
      !points.some(
        (q) =>
          q !== p &&
          q.shares[saved] <= p.shares[saved] &&
          better(q.metric.after, p.metric.after) &&
          (q.shares[saved] < p.shares[saved] || q.metric.after !== p.metric.after),
      ),
  );
}
