/**
 * @module A profile of training steps: the milliseconds of each op by its layer, out of the engine's own events, with the loading of data apart; and the same as a
 * trace for Chrome (chrome://tracing) and Perfetto.
 */
import * as z from "zod";
import { OPTIMIZER_SCOPE } from "../graph/index.js";
import { median } from "../util/median.js";
import { OUTSIDE } from "./layers.js";

/** An event as Chrome's traces have it (Trace Event Format): times in microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: "X";
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Milliseconds of a step that an op of a layer takes. */
export interface ProfiledOp {
  /** Dotted path of the layer; `(outside)` of the loss and the like, `(optimizer)` of the update, `(engine)` of what the engine added. */
  readonly path: string;
  readonly op: string;
  readonly milliseconds: number;
  /** Nodes that ran in a step. */
  readonly nodes: number;
}

/** A profile of some steps. A node counts with its median over them, so that other work on the machine does not show. */
export interface StepProfile {
  readonly steps: number;
  /** Sum of all ops. */
  readonly opsMs: number;
  /** Waiting for the next batch, beside the steps of the whole training. */
  readonly loadingMs: number;
  /** A step of the whole training, from batch to metrics, without the profiler. */
  readonly stepMs: number;
  /** The slowest first. */
  readonly ops: readonly ProfiledOp[];
}

const ENGINE = "(engine)";

const eventSchema = z.looseObject({
  cat: z.string(),
  name: z.string(),
  ts: z.number(),
  dur: z.number(),
  args: z.looseObject({ op_name: z.string().optional() }).optional(),
});
/** Events as ONNX Runtime writes them. */
export const engineProfileSchema = z.array(eventSchema);
export type EngineEvent = z.infer<typeof eventSchema>;

const KERNEL = "_kernel_time";

/** The layer of a node by its name in the file: `layer1.0.conv1/Conv_5`. What the engine fuses keeps the name of a node in it; what it puts in has others. */
function layerOf(name: string): string {
  const node = name.replace(/^fused /, "");
  const slash = node.indexOf("/");
  if (slash > 0) return node.slice(0, slash);
  return /^[A-Za-z]+_\d+$/.test(node) ? OUTSIDE : ENGINE;
}

/** The kernels' events, in the order of time. */
const kernels = (events: readonly EngineEvent[]): EngineEvent[] =>
  events.filter(({ cat, name }) => cat === "Node" && name.endsWith(KERNEL));

/** Sums the engine's events of `runs` steps by layer and op. The first run, which makes room for all others, must not be among them. */
export function profileOf(
  events: readonly EngineEvent[],
  { runs, loadingMs, stepMs }: { readonly runs: number; readonly loadingMs: number; readonly stepMs: number },
): StepProfile {
  const nodes = new Map<string, { readonly op: string; readonly times: number[] }>();
  for (const { name, dur, args } of kernels(events)) {
    const node = name.slice(0, -KERNEL.length);
    const known = nodes.get(node) ?? { op: args?.op_name ?? "?", times: [] };
    nodes.set(node, known);
    known.times.push(dur);
  }
  const ops = new Map<string, ProfiledOp>();
  for (const [node, { op, times }] of nodes) {
    const path = layerOf(node);
    const key = `${path}\n${op}`;
    const sum = ops.get(key) ?? { path, op, milliseconds: 0, nodes: 0 };
    // Of nodes of one name each ran in every step.
    const count = times.length / runs;
    ops.set(key, { path, op, milliseconds: sum.milliseconds + (count * median(times)) / 1000, nodes: sum.nodes + count });
  }
  const list = [...ops.values()].sort((a, b) => b.milliseconds - a.milliseconds);
  const opsMs = list.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return { steps: runs, opsMs, loadingMs, stepMs, ops: list };
}

/** Events after the end of run `skipped`: each run is one event of the session. */
export function withoutFirstRuns(events: readonly EngineEvent[], skipped: number): EngineEvent[] {
  const runs = events.filter(({ cat, name }) => cat === "Session" && name === "model_run").sort((a, b) => a.ts - b.ts);
  const last = runs[skipped - 1];
  return last === undefined ? [...events] : events.filter(({ ts }) => ts >= last.ts + last.dur);
}

/** A trace of the engine's kernels, with the batches that were loaded before on a line of their own. */
export function chromeTrace(
  events: readonly EngineEvent[],
  waits: readonly { readonly startMs: number; readonly milliseconds: number; readonly what: string }[],
): { readonly traceEvents: readonly TraceEvent[]; readonly displayTimeUnit: "ms" } {
  const [pid, engine, loop] = [1, 1, 2];
  const nodes = kernels(events).map(({ name, ts, dur, args }): TraceEvent => {
    const node = name.slice(0, -KERNEL.length);
    return {
      name: `${args?.op_name ?? "?"} ${layerOf(node)}`,
      cat: layerOf(node),
      ph: "X",
      ts,
      dur,
      pid,
      tid: engine,
      args: { node },
    };
  });
  const begin = waits[0]?.startMs ?? 0;
  const loading = waits.map(({ startMs, milliseconds, what }): TraceEvent => ({
    name: what,
    cat: "training",
    ph: "X",
    ts: (startMs - begin) * 1000,
    dur: milliseconds * 1000,
    pid: pid + 1,
    tid: loop,
  }));
  return { traceEvents: [...nodes, ...loading], displayTimeUnit: "ms" };
}

/** Milliseconds by op alone. */
export function byOp({ ops }: StepProfile): { readonly op: string; readonly milliseconds: number; readonly nodes: number }[] {
  const sums = new Map<string, { op: string; milliseconds: number; nodes: number }>();
  for (const { op, milliseconds, nodes } of ops) {
    const sum = sums.get(op) ?? { op, milliseconds: 0, nodes: 0 };
    sums.set(op, { op, milliseconds: sum.milliseconds + milliseconds, nodes: sum.nodes + nodes });
  }
  return [...sums.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}

/** Which kind of layer a path is: for colours. */
export const kindOf = ({ path }: ProfiledOp): 0 | 1 | 2 =>
  path === OPTIMIZER_SCOPE ? 1 : path === OUTSIDE || path === ENGINE ? 2 : 0;
