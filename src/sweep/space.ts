/**
 * @module The options that a sweep tries, and the points of the space that they span.
 */
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import { haltonPoints, sobolPoints } from "./sobol.js";

/** A value of an option. */
export type Choice = string | number | boolean;

/** An option with the values that it may take: a list, or a range of numbers. */
export type Dimension =
  | { readonly name: string; readonly kind: "choice"; readonly values: readonly Choice[] }
  | {
      readonly name: string;
      readonly kind: "range";
      readonly from: number;
      readonly to: number;
      readonly scale: "linear" | "log";
      /** Whole numbers alone. */
      readonly whole: boolean;
      /** Values of a grid. */
      readonly steps: number;
    };

/** The settings of a trial, by option. */
export type Setting = ReadonlyMap<string, Choice>;

export const METHODS = ["grid", "random", "sobol", "halton", "asha"] as const;
export type Method = (typeof METHODS)[number];

/** Rounds to six digits: a learning rate that can be typed again. */
const rounded = (value: number): number => Number(value.toPrecision(6));

/** The value at a place in [0, 1) of a dimension. */
export function valueAt(dimension: Dimension, place: number): Choice {
  if (dimension.kind === "choice")
    return dimension.values[Math.min(dimension.values.length - 1, Math.floor(place * dimension.values.length))] as Choice;
  const { from, to, scale, whole } = dimension;
  // Each whole number has a stretch of its own, the last one too.
  const end = whole ? to + 1 : to;
  const value = scale === "log" ? from * (end / from) ** place : from + (end - from) * place;
  return whole ? Math.min(to, Math.floor(value)) : rounded(value);
}

/** The values of a dimension on a grid, ends included. */
function gridValues(dimension: Dimension): Choice[] {
  if (dimension.kind === "choice") return [...dimension.values];
  const { from, to, scale, whole, steps } = dimension;
  const values = Array.from({ length: steps }, (_, i) => {
    const share = steps === 1 ? 0 : i / (steps - 1);
    const value = scale === "log" ? from * (to / from) ** share : from + (to - from) * share;
    return whole ? Math.round(value) : rounded(value);
  });
  return [...new Set(values)];
}

function grid(dimensions: readonly Dimension[]): Setting[] {
  return dimensions.reduce<Setting[]>(
    (settings, dimension) =>
      settings.flatMap((setting) => gridValues(dimension).map((value) => new Map([...setting, [dimension.name, value]]))),
    [new Map<string, Choice>()],
  );
}

const MOST_TRIALS = 10_000;

/** The settings of all trials. ConfigError for a grid that nobody would wait for. */
export function settingsOf(dimensions: readonly Dimension[], method: Method, trials: number, seed: number): Setting[] {
  if (method === "grid") {
    const count = dimensions.reduce((product, dimension) => product * gridValues(dimension).length, 1);
    if (count > MOST_TRIALS)
      throw new ConfigError(
        `sweep: expected a grid of at most ${MOST_TRIALS} trials, got ${count}; use fewer values, or method: sobol`,
      );
    return grid(dimensions);
  }
  const random = new Random(seed, "sweep");
  const points =
    method === "random"
      ? Array.from({ length: trials }, () => dimensions.map(() => random.uniform()))
      : (method === "halton" ? haltonPoints : sobolPoints)(trials, dimensions.length, seed);
  return points.map(
    (point) => new Map(dimensions.map((dimension, d) => [dimension.name, valueAt(dimension, point[d] as number)])),
  );
}
