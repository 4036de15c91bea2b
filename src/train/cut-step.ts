/**
 * @module A training step whose last part is a kernel: a graph gives gradients, as far as the parts before the kernel make something of them, and the
 * scalars by which these multiply them.
 */
import { constant, Graph, input, isStatic, reachableNodes, Tensor } from "../graph/index.js";
import type { Parameter } from "../graph/index.js";
import { identity } from "../ops/index.js";
import type { InPlaceRule } from "../optim/in-place.js";
import { inPlaceRule } from "../optim/in-place.js";
import type { BatchTypes, StepGraph, TrainingStep } from "./step.js";
import { gradientName, nextName, traceLoss } from "./step.js";

/** Factors of the parts before the kernel: the gradient by a number or a scalar output, the weights in it by a number. */
export interface Factors {
  readonly scale: number | string;
  readonly decay: number;
}

/**
 * The rest of a gradient: rows to be added to it at indices, outputs both. So is the gradient of a table that is read by index: the engine's node for it takes 20 ns a number
 * and one thread, a table of zeros first, and, where another layer shares the table, a sum of two tables.
 */
export interface RowSum {
  readonly path: string;
  readonly rows: string;
  readonly indices: string;
  /** Whether the graph gives what the rows are added to; otherwise that is 0. */
  readonly hasRest: boolean;
}

/** A graph that ends before the kernel. */
export interface CutGraph extends StepGraph {
  readonly rowSums: readonly RowSum[];
  /** The outputs that these name. */
  readonly handed: readonly string[];
  /** State entries that it gives new values and does not read: these are written where they lie. */
  readonly filled: readonly string[];
  /** By path. */
  readonly factors: ReadonlyMap<string, Factors>;
  /** Those that `factors` name. */
  readonly scalars: readonly string[];
}

/** A step in two parts. */
export interface CutStep {
  readonly rule: InPlaceRule;
  readonly trained: ReadonlyMap<string, Parameter>;
  /** Gradients of a batch; where batches are accumulated, their sums. */
  readonly graphFor: (batch: BatchTypes) => CutGraph;
  /** The parts before the kernel on sums of gradients, a graph that may be empty; undefined where nothing is summed. */
  readonly beforeUpdate: CutGraph | undefined;
}

const NOTHING: Pick<CutGraph, "filled" | "factors" | "scalars" | "rowSums" | "handed"> = {
  filled: [],
  factors: new Map(),
  scalars: [],
  rowSums: [],
  handed: [],
};

/** A tensor behind transposes that move nothing. */
function unmoved(t: Tensor): Tensor {
  const isStill = t.node.op === "Transpose" && (t.node.attributes["perm"] as readonly number[]).every((axis, i) => axis === i);
  return isStill ? unmoved(t.node.inputs[0] as Tensor) : t;
}

/** The rows and indices of a gradient that sums rows into a table [V, D], and what else is added; undefined where it is something else. */
function rowsIn(gradient: Tensor): { readonly rows: Tensor; readonly indices: Tensor; readonly rest?: Tensor } | undefined {
  const { op, inputs } = gradient.node;
  const [first, second] = inputs.map((t) => t && unmoved(t)) as [Tensor, Tensor];
  if (op === "EmbeddingGradient")
    return isStatic(first.shape) && gradient.rank === 2 ? { rows: first, indices: second } : undefined;
  if (op !== "Add") return undefined;
  for (const [sum, rest] of [
    [first, second],
    [second, first],
  ] as const) {
    const found = sum.node.op === "EmbeddingGradient" ? rowsIn(sum) : undefined;
    if (found !== undefined && rest.rank === 2) return { ...found, rest };
  }
  return undefined;
}

/** Takes sums of rows out of gradients, but for those that the graph itself reads. Changes `outputs`. */
function takeRowSums(outputs: Map<string, Tensor>, paths: Iterable<string>): RowSum[] {
  const read = new Set(reachableNodes(outputs.values()).flatMap(({ inputs }) => inputs));
  return [...paths].flatMap((path) => {
    const name = nextName(gradientName(path));
    const gradient = unmoved(outputs.get(name) as Tensor);
    const found = read.has(outputs.get(name) as Tensor) ? undefined : rowsIn(gradient);
    if (found === undefined) return [];
    const [rows, indices] = [`rows:${path}`, `indices:${path}`];
    outputs.set(rows, identity(found.rows));
    outputs.set(indices, identity(found.indices));
    if (found.rest === undefined) outputs.delete(name);
    else outputs.set(name, found.rest);
    return [{ path, rows, indices, hasRest: found.rest !== undefined }];
  });
}

/** The outputs, factors and metrics that the parts before the kernel make of gradients. */
function before(
  { optimizer }: TrainingStep,
  count: number,
  trained: ReadonlyMap<string, Parameter>,
  gradients: ReadonlyMap<string, Tensor>,
): { outputs: Map<string, Tensor>; metrics: ReadonlyMap<string, Tensor>; factors: Map<string, Factors>; scalars: string[] } {
  const scalars = new Map(optimizer.scalarNames.map((name) => [name, input(name, [], "float32")]));
  const { updates, metrics } = optimizer.updatesBefore(count, { parameters: trained, gradients, state: new Map(), scalars });
  const outputs = new Map<string, Tensor>();
  const names = new Map<Tensor, string>();
  const factors = new Map<string, Factors>();
  for (const [path, { direction, scale, decay }] of updates) {
    outputs.set(nextName(gradientName(path)), direction);
    if (scale instanceof Tensor && !names.has(scale)) names.set(scale, `factor:${names.size}`);
    factors.set(path, { scale: scale instanceof Tensor ? (names.get(scale) as string) : scale, decay: Number(decay) });
  }
  for (const [t, name] of names) outputs.set(name, t);
  return { outputs, metrics, factors, scalars: [...names.values()] };
}

/** Cuts a step before its optimizer's kernel; undefined where it has none, or parameters are no float32 numbers. */
export function cutStep(step: TrainingStep): CutStep | undefined {
  const rule = inPlaceRule(step.optimizer);
  const trained = step.optimizer.trained(step.model.parameters());
  const isFloat32 = [...trained.values()].every(({ dtype }) => dtype === "float32");
  if (rule === undefined || !isFloat32) return undefined;

  const graphFor = (batch: BatchTypes): CutGraph => {
    if ((step.accumulate ?? 1) > 1) return { ...step.graphFor(batch), ...NOTHING };
    const { loss, watched, updates, gradients } = traceLoss(step, batch, trained);
    const { outputs, metrics, factors, scalars } = before(step, rule.before, trained, gradients(constant(1, loss.dtype)));
    const all = new Map<string, Tensor>([["loss", loss], ...watched, ...metrics, ...outputs]);
    for (const [path, value] of updates) all.set(nextName(path), value);
    const rowSums = takeRowSums(all, trained.keys());
    const filled = [...trained.keys()].map(gradientName).filter((name) => all.has(nextName(name)));
    return {
      graph: step.graphOf(all),
      changes: [...updates.keys()],
      metrics: ["loss", ...watched.keys(), ...metrics.keys()],
      filled,
      factors,
      scalars,
      rowSums,
      handed: rowSums.flatMap(({ rows, indices }) => [rows, indices]),
    };
  };

  const beforeUpdate = (): CutGraph => {
    const gradients = new Map([...trained].map(([path, p]) => [path, input(gradientName(path), p.dims, p.dtype)]));
    const { outputs, metrics, factors, scalars } = before(step, rule.before, trained, gradients);
    // What is only multiplied stays where it lies.
    for (const [path, gradient] of gradients)
      if (outputs.get(nextName(gradientName(path))) === gradient) outputs.delete(nextName(gradientName(path)));
    const changes = [...trained.keys()].map(gradientName).filter((name) => outputs.has(nextName(name)));
    const graph = new Graph(new Map([...metrics, ...outputs]));
    return { ...NOTHING, graph, changes, metrics: [...metrics.keys()], factors, scalars };
  };
  return { rule, trained, graphFor, beforeUpdate: (step.accumulate ?? 1) > 1 ? beforeUpdate() : undefined };
}
