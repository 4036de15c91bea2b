/**
 * @module Weights of one run in the model of another, whose data have other columns, categories or classes: they go by the names of these, and what has
 * no partner starts anew.
 */
import type { Parameter, TensorData } from "../../graph/index.js";
import { fromNumbers, sameShape, toNumbers, sizeOf } from "../../graph/index.js";
import { Random } from "../../util/random.js";
import type { NamedAxis, NamedParameter } from "../task.js";

/** The named parameters of a model by their paths, and its weights. */
export interface NamedSide {
  readonly named: ReadonlyMap<string, NamedParameter>;
  readonly weights: ReadonlyMap<string, TensorData>;
}

/** The result of taking over weights: those taken, parameters that start anew, and names without a partner, by what they name. */
export interface CarriedOver {
  readonly weights: ReadonlyMap<string, TensorData>;
  readonly fresh: readonly string[];
  readonly withoutPartner: ReadonlyMap<NamedAxis["of"], ReadonlySet<string>>;
}

/** Finds the index in the other model of each position along an axis, −1 where it has no partner. */
function placesAlong(size: number, other: number, after: NamedAxis | undefined, before: NamedAxis | undefined): number[] {
  if (after === undefined || before === undefined) return Array.from({ length: size }, (_, i) => (size === other ? i : -1));
  const place = new Map(before.names.map((name, i) => [name, i]));
  return after.names.map((name) => place.get(name) ?? -1);
}

/** A parameter filled with what the other has under the same names; undefined where that is nothing. */
function filled(
  parameter: Parameter,
  given: TensorData,
  positions: readonly (readonly number[])[],
  initial: () => ArrayLike<number>,
): TensorData | undefined {
  if (positions.some((axis) => axis.every((place) => place < 0))) return undefined;
  const [rows = [0], columns = [0]] = positions;
  const rest = sizeOf(parameter.dims.slice(2));
  const width = (given.shape[1] ?? 1) * rest;
  const source = toNumbers(given);
  const isWhole = positions.every((axis) => axis.every((place) => place >= 0));
  const data = Float64Array.from(isWhole ? { length: rows.length * columns.length * rest } : initial());
  for (const [i, row] of rows.entries())
    for (const [j, column] of columns.entries()) {
      if (row < 0 || column < 0) continue;
      const from = row * width + column * rest;
      data.set(source.subarray(from, from + rest), (i * columns.length + j) * rest);
    }
  return fromNumbers(parameter.dtype, parameter.dims, data);
}

/**
 * Fills the named parameters of a model with those of another under the same names. Positions without a partner get the initializer's values.
 */
export function carryOver(
  parameters: ReadonlyMap<string, Parameter>,
  named: ReadonlyMap<string, NamedParameter>,
  before: NamedSide,
  seed: number,
): CarriedOver {
  const sources = new Map([...before.named].map(([path, parameter]) => [parameter.as ?? path, { path, ...parameter }]));
  const weights = new Map<string, TensorData>();
  const fresh: string[] = [];
  const withoutPartner = new Map<NamedAxis["of"], Set<string>>();
  for (const [path, { as = path, axes }] of named) {
    const parameter = parameters.get(path) as Parameter;
    // Not the numbers of the seed itself: the rest may have been trained beside just these, and would be held against other classes.
    const initial = (): ArrayLike<number> => parameter.initializer(parameter.dims, new Random(seed, "init anew", path));
    const begin = (): void => {
      fresh.push(path);
      weights.set(path, fromNumbers(parameter.dtype, parameter.dims, initial()));
    };
    const source = sources.get(as);
    const given = source === undefined ? undefined : before.weights.get(source.path);
    if (source === undefined || given === undefined || given.shape.length !== parameter.dims.length) {
      begin();
      continue;
    }
    const positions = parameter.dims
      .slice(0, 2)
      .map((size, axis) => placesAlong(size, given.shape[axis] ?? 0, axes[axis], source.axes[axis]));
    for (const [axis, found] of positions.entries()) {
      const names = axes[axis];
      if (names === undefined) continue;
      const lonely = names.names.filter((_, i) => (found[i] as number) < 0);
      withoutPartner.set(names.of, new Set([...(withoutPartner.get(names.of) ?? []), ...lonely]));
    }
    const restFits = sameShape(given.shape.slice(2), parameter.dims.slice(2));
    const tensor = restFits ? filled(parameter, given, positions, initial) : undefined;
    if (tensor === undefined) begin();
    else weights.set(path, tensor);
  }
  return { weights, fresh, withoutPartner };
}

const PLURALS: Readonly<Record<NamedAxis["of"], string>> = {
  feature: "features",
  category: "categories",
  class: "classes",
  tag: "tags",
};

/** Makes the note on names without a partner; undefined where each has one. */
export function unmatchedNote({ withoutPartner }: Pick<CarriedOver, "withoutPartner">): string | undefined {
  const parts = [...withoutPartner].flatMap(([of, names]) => {
    if (names.size === 0) return [];
    const shown = [...names].slice(0, 6).map((name) => `"${name}"`);
    return [`${names.size === 1 ? of : PLURALS[of]} ${shown.join(", ")}${names.size > 6 ? `, … (${names.size})` : ""}`];
  });
  const count = [...withoutPartner.values()].reduce((sum, names) => sum + names.size, 0);
  return parts.length === 0
    ? undefined
    : `${parts.join(" and ")} of these data ${count === 1 ? "is" : "are"} not in it, and ${count === 1 ? "starts" : "start"} anew`;
}
