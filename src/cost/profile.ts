/**
 * @module A profile of training steps, or of answers: the milliseconds of each op by its layer, out of the engine's own events, with the loading of data apart; and the same as a
 * trace for Chrome (chrome://tracing) and Perfetto.
 */
import * as z from "zod";
import { OPTIMIZER_SCOPE } from "../graph/index.js";
import type { GraphProto } from "../onnx/index.js";
import type { Device } from "../runtime/index.js";
import { ConfigError } from "../util/errors.js";
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

/** A profile of some steps, or of some passes over examples. A node counts with its median over them, so that other work on the machine does not show. */
export interface StepProfile {
  readonly steps: number;
  /** Sum of all ops. */
  readonly opsMs: number;
  /** Waiting for the next batch, beside the steps of the whole training; of a pass all that is not the engine's. */
  readonly loadingMs: number;
  /** A step of the whole training, from batch to metrics, or a pass, without the profiler. */
  readonly stepMs: number;
  /** The slowest first. */
  readonly ops: readonly ProfiledOp[];
}

/** A profile of a model in use: a step is a pass over `examples`. */
export interface UseProfile extends StepProfile {
  readonly examples: number;
  /** Reading and encoding all inputs beforehand. */
  readonly readingMs: number;
}

/** ConfigError for a device whose ops cannot be timed one by one. */
export function checkProfiled(device: Device): void {
  if (device !== "cpu")
    throw new ConfigError(
      `--profile: expected the cpu device, whose ops are timed one by one, got ${device}, which runs them asynchronously; take --device cpu`,
    );
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

/**
 * The layer of a node by its name in the file: `layer1.0.conv1/Conv_5` in Descent's, `/layer1/layer1.0/conv1/Conv` in PyTorch's. What the engine fuses keeps the
 * name of a node in it; what it puts in has others.
 */
function layerOf(name: string): string {
  const node = name.replace(/^fused /, "");
  if (node.startsWith("/")) return node.split("/").slice(1, -1).join(".") || OUTSIDE;
  const slash = node.indexOf("/");
  if (slash > 0) return node.slice(0, slash);
  return /^[A-Za-z]+_\d+$/.test(node) ? OUTSIDE : ENGINE;
}

/** Ops that the engine runs in blocks of channels, and those that it fuses into one that comes before. */
const [BLOCKED, FUSED_BEHIND]: readonly [ReadonlySet<string>, ReadonlySet<string>] = [
  new Set("Conv FusedConv MaxPool AveragePool GlobalMaxPool GlobalAveragePool Resize Upsample".split(" ")),
  new Set("BatchNormalization Relu LeakyRelu Clip HardSigmoid Sigmoid Tanh Add Mul".split(" ")),
];
/** The end of the name of such a node, which begins with that of its last output. */
const IN_BLOCKS = "_nchwc";

/** By the value that it ends in, the node of a file that the engine may run in blocks. */
export function nodesInBlocks({ nodes }: GraphProto): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { opType, name, inputs, outputs } of nodes) {
    const before = FUSED_BEHIND.has(opType) ? inputs.findLast((value) => names.has(value)) : undefined;
    const own = BLOCKED.has(opType) ? name : names.get(before ?? "");
    if (own !== undefined && outputs[0] !== undefined) names.set(outputs[0], own);
  }
  return names;
}

/** Events in which nodes in blocks have their names in the file again. */
export const withNamesInBlocks = (events: readonly EngineEvent[], names: ReadonlyMap<string, string>): EngineEvent[] =>
  events.map((event) => {
    const [value = "", rest] = event.name.split(IN_BLOCKS, 2);
    const name = rest === undefined ? undefined : names.get(value);
    return name === undefined ? event : { ...event, name: `${name}${rest}` };
  });

/** The kernels' events, in the order of time. */
const kernels = (events: readonly EngineEvent[]): EngineEvent[] =>
  events.filter(({ cat, name }) => cat === "Node" && name.endsWith(KERNEL));

/** The times of each node of a session. */
function nodeTimes(events: readonly EngineEvent[]): [string, { readonly op: string; readonly times: number[] }][] {
  const nodes = new Map<string, { readonly op: string; readonly times: number[] }>();
  for (const { name, dur, args } of kernels(events)) {
    const node = name.slice(0, -KERNEL.length);
    const known = nodes.get(node) ?? { op: args?.op_name ?? "?", times: [] };
    nodes.set(node, known);
    known.times.push(dur);
  }
  return [...nodes];
}

/**
 * Sums the engine's events of `runs` steps by layer and op, session by session. The first run, which makes room for all others, must not be among them.
 */
export function profileOf(
  sessions: readonly (readonly EngineEvent[])[],
  { runs, loadingMs, stepMs }: { readonly runs: number; readonly loadingMs: number; readonly stepMs: number },
): StepProfile {
  const ops = new Map<string, ProfiledOp>();
  for (const [node, { op, times }] of sessions.flatMap(nodeTimes)) {
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

const runsIn = (events: readonly EngineEvent[]): EngineEvent[] =>
  events.filter(({ cat, name }) => cat === "Session" && name === "model_run").sort((a, b) => a.ts - b.ts);

/** Events after the end of run `skipped`: each run is one event of the session. */
export function withoutFirstRuns(events: readonly EngineEvent[], skipped: number): EngineEvent[] {
  const last = runsIn(events)[skipped - 1];
  return last === undefined ? [...events] : events.filter(({ ts }) => ts >= last.ts + last.dur);
}

/** Events after the first of so many passes; none of a session that did not run in each: one that was tried while the model was opened. */
export function withoutFirstPass(events: readonly EngineEvent[], passes: number): EngineEvent[] {
  const runs = runsIn(events).length;
  return runs < passes ? [] : withoutFirstRuns(events, Math.round(runs / passes));
}

/** A trace of the engine's kernels, each session apart, with the batches that were loaded before on a line of their own. */
export function chromeTrace(
  sessions: readonly (readonly EngineEvent[])[],
  waits: readonly { readonly startMs: number; readonly milliseconds: number; readonly what: string }[],
): { readonly traceEvents: readonly TraceEvent[]; readonly displayTimeUnit: "ms" } {
  const [engine, loop] = [1, 2];
  const nodes = sessions.flatMap((events, session) =>
    kernels(events).map(({ name, ts, dur, args }): TraceEvent => {
      const node = name.slice(0, -KERNEL.length);
      const layer = layerOf(node);
      return {
        name: `${args?.op_name ?? "?"} ${layer}`,
        cat: layer,
        ph: "X",
        ts,
        dur,
        pid: session + 1,
        tid: engine,
        args: { node },
      };
    }),
  );
  const begin = waits[0]?.startMs ?? 0;
  const loading = waits.map(({ startMs, milliseconds, what }): TraceEvent => ({
    name: what,
    cat: "loop",
    ph: "X",
    ts: (startMs - begin) * 1000,
    dur: milliseconds * 1000,
    pid: sessions.length + 1,
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
