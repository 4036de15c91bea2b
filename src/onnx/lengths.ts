/**
 * @module Lengths of free dimensions, written into a file's declarations: everything that looks at the file then finds them fixed.
 */
import type { Dim } from "../graph/index.js";
import { declaredDims } from "./import.js";
import type { ModelProto, ValueInfoProto } from "./messages.js";

/** Sizes for the free dimensions of a file, by their names. */
export type Lengths = ReadonlyMap<string, number>;

/** The names of an input's axes that are free, as `--shape` takes them; undefined for an axis of a fixed length. */
export const freeAxes = (info: ValueInfoProto): readonly (string | undefined)[] =>
  (declaredDims(info) ?? []).map((d: Dim) => (typeof d === "number" ? undefined : String(d)));

/**
 * The model with inputs and outputs declared for these lengths; what they leave out stays free. `shapes` are those of inputs of which the file says
 * nothing.
 */
export function withLengths(
  model: ModelProto,
  lengths: Lengths,
  shapes: Readonly<Record<string, readonly number[]>> = {},
): ModelProto {
  const bindings = Object.fromEntries(lengths);
  const settled = (info: ValueInfoProto): ValueInfoProto => {
    const { shape } = info;
    const dims = declaredDims(info, bindings);
    return dims === undefined ? info : { ...info, shape: dims.map((d, i) => (typeof d === "number" ? d : (shape?.[i] ?? null))) };
  };
  const { graph } = model;
  const given = new Map(Object.entries(shapes));
  const inputs = graph.inputs.map((info) =>
    settled(info.shape === undefined ? { ...info, shape: given.get(info.name)?.slice() } : info),
  );
  return { ...model, graph: { ...graph, inputs, outputs: graph.outputs.map(settled) } };
}
