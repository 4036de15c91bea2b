/**
 * @module Units cut out of a graph: weights and constants lose their slices, and every node is made anew for what is left of its axes.
 */
import type { Tensor, TensorData } from "../../graph/index.js";
import {
  constant,
  formatShape,
  Graph,
  Parameter,
  rewriteTensors,
  sameShape,
  sizeOf,
  stridesOf,
  toNumbers,
  withScope,
  DTYPES,
} from "../../graph/index.js";
import { emit, opOf } from "../../ops/index.js";
import { DescentError } from "../../util/errors.js";
import type { NamedGraph, ParameterOf, Rewrite } from "../rewrite.js";
import type { Couplings } from "./coupling.js";
import { coupleAxes } from "./coupling.js";
import type { Group } from "./groups.js";
import { findGroups } from "./groups.js";
import type { PositionSet } from "./positions.js";
import { keptPositions, keptSize, positionsOf, setsOf } from "./positions.js";

/** The units that stay, by group's set: numbers in ascending order. */
export type Kept = ReadonlyMap<PositionSet, readonly number[]>;

/** A graph after cutting. */
export interface CutGraph {
  readonly graph: Graph;
  /** The new parameter of each old one that the graph still has; one that lost nothing is its own. */
  readonly parameters: ReadonlyMap<Tensor, Parameter>;
  /** The numbers of a new parameter, from those of the old one. */
  readonly numbersOf: (old: Tensor, numbers: TensorData) => TensorData;
}

/** Elements at the given positions of each axis; undefined keeps an axis whole. */
export function takePositions(from: TensorData, positions: readonly (readonly number[] | undefined)[]): TensorData {
  const shape = from.shape.map((d, axis) => positions[axis]?.length ?? d);
  const strides = stridesOf(from.shape);
  // Offsets of the elements that stay, axis by axis.
  let offsets: number[] = [0];
  from.shape.forEach((d, axis) => {
    const own = positions[axis] ?? Array.from({ length: d }, (_, i) => i);
    const stride = strides[axis] as number;
    offsets = offsets.flatMap((at) => own.map((i) => at + i * stride));
  });
  const data = DTYPES[from.dtype].create(sizeOf(shape));
  offsets.forEach((at, i) => {
    data[i] = from.data[at] as never;
  });
  return { dtype: from.dtype, shape, data };
}

/** The positions that an axis keeps; undefined where it keeps all. */
function keptAxes(couplings: Couplings, t: Tensor, kept: Kept): (readonly number[] | undefined)[] {
  return couplings
    .axesOf(t)
    .map((positions) => ([...setsOf(positions)].some((set) => kept.has(set)) ? keptPositions(positions, kept) : undefined));
}

/**
 * Cuts units out. `make` gives the smaller parameters; left out, they are new ones.
 *
 * Errors: DescentError where a node would not fit what is left, which is a fault of a coupling rule.
 */
export function cutUnits(
  couplings: Couplings,
  kept: Kept,
  make?: (old: Parameter, dims: readonly number[]) => Parameter,
): CutGraph {
  const { graph, axesOf, attributesOf } = couplings;
  const parameters = new Map<Tensor, Parameter>();
  const length = (positions: Parameters<typeof keptSize>[0]): ReturnType<typeof keptSize> => keptSize(positions, kept);
  const numbersOf = (old: Tensor, numbers: TensorData): TensorData => {
    const positions = keptAxes(couplings, old, kept);
    return positions.every((p) => p === undefined) ? numbers : takePositions(numbers, positions);
  };
  const map = rewriteTensors(graph.outputs.values(), (node, inputs) => {
    const [first] = node.outputs;
    if (first instanceof Parameter) {
      const dims = axesOf(first).map(length) as number[];
      const made = sameShape(dims, first.dims) ? first : (make?.(first, dims) ?? smaller(first, dims, numbersOf));
      parameters.set(first, made);
      return [made];
    }
    if (node.op === "Constant") {
      const value = numbersOf(first as Tensor, node.attributes["value"] as TensorData);
      return value === node.attributes["value"] ? undefined : [constant(value)];
    }
    if (node.op === "Input") return undefined;
    const isSame =
      inputs.every((t, i) => t === node.inputs[i]) && node.outputs.every((t) => sameShape(axesOf(t).map(length), t.shape));
    if (isSame) return undefined;
    const attributes = { ...node.attributes, ...attributesOf.get(node)?.(length) };
    const made = withScope(node.scope, () => emit(opOf(node), inputs, attributes));
    node.outputs.forEach((t, i) => {
      const [expected, got] = [axesOf(t).map(length), made[i]?.shape ?? []];
      if (!sameShape(expected, got))
        throw new DescentError(
          `cutting ${node.scope === "" ? "" : `${node.scope}: `}${node.op}: expected ${formatShape(expected)}, got ${formatShape(got)}; this is a fault in Descent`,
        );
    });
    return made;
  });
  return { graph: new Graph(new Map([...graph.outputs].map(([name, t]) => [name, map(t)]))), parameters, numbersOf };
}

/** A parameter with fewer positions, which begins with what is left of the old one's. */
const smaller = (old: Parameter, dims: readonly number[], numbersOf: CutGraph["numbersOf"]): Parameter =>
  new Parameter(dims, {
    dtype: old.dtype,
    trainable: old.trainable,
    initializer: (_shape, random) => {
      const whole = old.initializer(old.dims, random);
      const numbers: TensorData = { dtype: "float64", shape: old.dims, data: Float64Array.from(whole) };
      return toNumbers(numbersOf(old, numbers));
    },
  });

/** The positions that weights keep, by path: those of each axis in ascending order, undefined for an axis that keeps all. It outlives the trace it was found on. */
export type WeightCuts = ReadonlyMap<string, readonly (readonly number[] | undefined)[]>;

/** Finds the positions that the weights of a graph keep if groups keep these units. */
export function weightCuts(couplings: Couplings, kept: Kept, pathOf: ReadonlyMap<Tensor, string>): WeightCuts {
  const cuts = new Map<string, readonly (readonly number[] | undefined)[]>();
  for (const t of couplings.graph.parameters) {
    const axes = keptAxes(couplings, t, kept);
    const path = pathOf.get(t);
    if (path !== undefined && axes.some((positions) => positions !== undefined)) cuts.set(path, axes);
  }
  return cuts;
}

/** The units that groups of another trace of the same model keep. Errors: DescentError where that trace cannot lose what was cut. */
export function keptFor(couplings: Couplings, cuts: WeightCuts, pathOf: ReadonlyMap<Tensor, string>): Kept {
  const kept = new Map<PositionSet, readonly number[]>();
  for (const group of findGroups(couplings)) {
    const units = unitsOf(group, cuts, pathOf);
    if (units !== undefined && units.length < group.units) kept.set(group.set, units);
  }
  for (const t of couplings.graph.parameters) {
    const path = pathOf.get(t);
    const wanted = path === undefined ? undefined : cuts.get(path);
    const got = couplings.axesOf(t).map((positions) => keptSize(positions, kept));
    if (wanted?.some((positions, axis) => positions !== undefined && positions.length !== got[axis]))
      throw new DescentError(
        `cutting ${path}: expected a trace that can lose what was cut, got one that keeps ${formatShape(got)}; this is a fault in Descent`,
      );
  }
  return kept;
}

/** The units of a group all of whose slices stay, by the first of its weights that was cut. */
function unitsOf(group: Group, cuts: WeightCuts, pathOf: ReadonlyMap<Tensor, string>): readonly number[] | undefined {
  for (const { tensor, axis, positions } of group.axes) {
    const path = pathOf.get(tensor);
    const staying = path === undefined ? undefined : cuts.get(path)?.[axis];
    if (staying === undefined) continue;
    const set = new Set(staying);
    // A unit stays if any of its slices does: others of the same axis may have gone with another group's units.
    return Array.from({ length: group.units }, (_, i) => i).filter((i) =>
      positionsOf(positions, group.set, i).some((at) => set.has(at)),
    );
  }
  return undefined;
}

/** The rewrite that leaves weights what `cuts` says, and cuts everything else to fit. */
export const cutting = (cuts: WeightCuts): Rewrite => ({
  apply({ graph, paths, inside }: NamedGraph, parameterOf: ParameterOf): NamedGraph {
    const couplings = coupleAxes(graph, inside);
    const cut = cutUnits(couplings, keptFor(couplings, cuts, paths), (old, dims) =>
      parameterOf(paths.get(old) as string, dims, old),
    );
    return { graph: cut.graph, paths: new Map([...cut.parameters].map(([old, made]) => [made, paths.get(old) as string])) };
  },
  weights: (before) =>
    new Map(
      [...before].map(([path, numbers]) => {
        const positions = cuts.get(path);
        return [path, positions === undefined ? numbers : takePositions(numbers, positions)];
      }),
    ),
});
