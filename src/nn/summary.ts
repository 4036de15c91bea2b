/**
 * @module The summary of a module, from `module.summary()`: one row per layer with shapes, parameters and FLOPs. Memory, bytes and time are in `cost/`.
 */
import type { Shape } from "../graph/index.js";
import { formatShape, input, isLeaf, reachableNodes, Tensor } from "../graph/index.js";
import { costOf } from "../ops/index.js";
import { formatInteger, formatTable } from "../util/text.js";
import type { Call, Module } from "./module.js";

/** A symbolic input, or the shape of a float32 one. */
export type SummaryInput = Tensor | Shape;

/** A layer, or what a module computes outside its layers. */
export interface SummaryRow {
  readonly path: string;
  /** The class of the module. */
  readonly layer: string;
  /** Shapes of what its first call gave. */
  readonly outputShapes: readonly Shape[];
  /** Trained elements of its own, those of parts that have a row left out. */
  readonly parameters: number;
  /** Floating-point operations of one forward pass; a free dimension counts as 1. */
  readonly flops: number;
}

/** The table of a model, from the input to the output; `toString()` lays it out. */
export class Summary {
  readonly name: string;
  readonly rows: readonly SummaryRow[];

  constructor(name: string, rows: readonly SummaryRow[]) {
    this.name = name;
    this.rows = rows;
  }

  /** Trained elements of the model. */
  get parameters(): number {
    return this.rows.reduce((sum, row) => sum + row.parameters, 0);
  }

  /** Floating-point operations of one forward pass; a multiply-add is two. */
  get flops(): number {
    return this.rows.reduce((sum, row) => sum + row.flops, 0);
  }

  toString(): string {
    const line = (path: string, layer: string, output: string, parameters: number, flops: number): string[] => [
      path,
      layer,
      output,
      formatInteger(parameters),
      formatInteger(flops),
    ];
    const rows = this.rows.map((row) =>
      line(row.path === "" ? "·" : row.path, row.layer, row.outputShapes.map(formatShape).join(" "), row.parameters, row.flops),
    );
    const table = formatTable(
      ["path", "layer", "output", "parameters", "FLOPs"],
      [...rows, line(this.name, "", "", this.parameters, this.flops)],
    ).split("\n");
    // The sums stand apart, below a rule like the header's.
    return [...table.slice(0, -1), table[1], table.at(-1)].join("\n");
  }
}

/** Tensors in what `forward` returned: one, a list, or an object of them. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (value !== null && typeof value === "object") return Object.values(value).flatMap(tensorsIn);
  return [];
}

/** Traces the model once and gathers its rows in the order of computation. */
export function summarize(
  model: Module,
  inputs: readonly SummaryInput[],
  withCalls: (listener: (call: Call) => void, body: () => unknown) => unknown,
): Summary {
  const calls: Call[] = [];
  const symbolic = inputs.map((x, i) => (x instanceof Tensor ? x : input(i === 0 ? "x" : `x${i}`, x)));
  const result = withCalls(
    (call) => calls.push(call),
    () => (model.forward as (...x: readonly Tensor[]) => unknown)(...symbolic),
  );
  const flops = new Map<string, number>();
  for (const node of reachableNodes(tensorsIn(result))) {
    if (!isLeaf(node)) flops.set(node.scope, (flops.get(node.scope) ?? 0) + costOf(node).flops);
  }
  const rows = new Map<string, SummaryRow>();
  const counted = new Set<Tensor>();
  for (const { path, module, result: value } of calls) {
    if (rows.has(path)) continue;
    let parameters = 0;
    for (const parameter of module.ownState().values()) {
      if (!parameter.trainable || counted.has(parameter)) continue;
      counted.add(parameter);
      parameters += parameter.size;
    }
    const own = flops.get(path) ?? 0;
    // A module of other modules has a row only for what it adds to theirs.
    if (module.children().size > 0 && parameters === 0 && own === 0) continue;
    const outputShapes = tensorsIn(value).map((t) => t.shape);
    rows.set(path, { path, layer: module.constructor.name, outputShapes, parameters, flops: own });
  }
  return new Summary(model.constructor.name, [...rows.values()]);
}
