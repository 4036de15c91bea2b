/**
 * @module Islands of integers in a file: layers and ops between which numbers stay integers. What surrounds an island is converted to integers and back, and
 * loses what the engine joins in float32 (a convolution with its activation), so what layers gain alone may be lost in the whole.
 */
import type { TensorData } from "../../graph/index.js";
import { sizeOf } from "../../graph/index.js";
import type { ModelProto, NodeProto } from "../../onnx/index.js";
import { encodeModel, OnnxModel } from "../../onnx/index.js";
import type { CompileOptions } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import type { Feeds } from "../activations.js";
import { activationShapes } from "../activations.js";
import { FileGraph } from "../file-graph.js";
import { own } from "../../util/record.js";
import type { Speedup } from "../timing.js";
import { isFaster, speedupInTurns, TIMED } from "../timing.js";
import { resultOf, staticPlan } from "./static.js";
import type { Layer } from "../layers.js";

/** Layers that stay or go together, and how many numbers are converted around them. */
export interface Island {
  readonly layers: readonly string[];
  readonly converted: number;
}

/** Finds the islands that static quantization of these layers makes. */
export async function islandsOf(model: ModelProto, layers: readonly Layer[], one: Feeds, use: CompileOptions): Promise<Island[]> {
  const graph = new FileGraph(model);
  const plan = staticPlan(graph, layers);
  const sizes = new Map([...(await activationShapes(model, plan.activations, one, use))].map(([name, s]) => [name, sizeOf(s)]));
  // Values belong together where one op reads or makes them.
  const root = new Map<string, string>();
  const find = (name: string): string => {
    const above = root.get(name) ?? name;
    return above === name ? name : find(above);
  };
  const nodes = [...plan.layers.map(({ node }) => node), ...plan.carriers];
  const integers = new Set(plan.activations);
  const valuesOf = (node: NodeProto): string[] => [...node.inputs.filter((name) => integers.has(name)), resultOf(graph, node)];
  for (const node of nodes) {
    const [first = "", ...rest] = valuesOf(node);
    for (const name of rest) root.set(find(name), find(first));
  }
  const made = new Set(nodes.map((node) => resultOf(graph, node)));
  const inside = new Set(nodes);
  const isRelu = (node: NodeProto): boolean => made.has(node.outputs[0] ?? "");
  const islands = new Map<string, { layers: string[]; converted: number }>();
  const islandOf = (name: string): { layers: string[]; converted: number } => {
    const island = islands.get(find(name)) ?? { layers: [], converted: 0 };
    islands.set(find(name), island);
    return island;
  };
  for (const { name, node } of plan.layers) islandOf(resultOf(graph, node)).layers.push(name);
  for (const name of integers) {
    const size = sizes.get(name) ?? 0;
    const isLeft = graph.isReadElsewhere(name) || graph.readersOf(name).some((node) => !inside.has(node) && !isRelu(node));
    islandOf(name).converted += size * (Number(!made.has(name)) + Number(isLeft));
  }
  return [...islands.values()];
}

/** Shares of the islands, the most rewarding first, that are tried. */
const SHARES = [1, 0.75, 0.5, 0.25];
const BUDGET_MS = 2400;
/** A whole that gains less than this stays as it was. */
export const LEAST_WHOLE = 1.03;

/** The layers with which a whole file was fastest, and how much faster than in float32 it is with all of them. */
export interface Fastest {
  readonly names: ReadonlySet<string>;
  readonly speedup: Speedup;
}

/**
 * Times a whole file in float32, with all islands, and with those alone whose layers gain most for what is converted; returns the fastest, or none. Of several as
 * fast it is the one with most layers, whose file is the smallest.
 * The fastest is measured once more, in new sessions: of several, one is the fastest by chance as well, and a session may lie well in memory.
 * `gains`: milliseconds saved by each layer alone.
 */
export async function fastestIslands(
  source: ModelProto,
  islands: readonly Island[],
  gains: ReadonlyMap<string, number>,
  make: (names: ReadonlySet<string>) => Promise<ModelProto>,
  batches: readonly Feeds[],
  use: CompileOptions,
): Promise<Fastest> {
  const reward = ({ layers, converted }: Island): number =>
    layers.reduce((sum, name) => sum + (gains.get(name) ?? 0), 0) / (1 + converted);
  const order = [...islands].sort((a, b) => reward(b) - reward(a));
  const counts = [...new Set(SHARES.map((share) => Math.ceil(share * order.length)))];
  const sets = counts.map((count) => new Set(order.slice(0, count).flatMap(({ layers }) => layers)));
  const tried: { readonly names: ReadonlySet<string>; readonly model: ModelProto; readonly speedup: Speedup }[] = [];
  for (const names of sets) {
    const model = await make(names);
    tried.push({ names, model, speedup: await wholeSpeedup(source, model, batches, use) });
  }
  const [whole] = tried;
  const faster = tried.filter(({ speedup }) => isFaster(speedup, LEAST_WHOLE));
  const surest = Math.max(...faster.map(({ speedup }) => speedup.low));
  // Of those between which the times do not decide, the one with most layers comes first: it is the smallest.
  const alike = faster.filter(({ speedup }) => speedup.high >= surest);
  let speedup = whole?.speedup as Speedup;
  for (const { names, model } of alike) {
    const again = await wholeSpeedup(source, model, batches, use);
    if (isFaster(again, LEAST_WHOLE)) return { names, speedup: whole?.speedup as Speedup };
    // What did not hold the second time is what is told.
    speedup = again;
  }
  return { names: new Set(), speedup };
}

/** Measures how much faster one file is than another: of batches of several sizes, the one that gains least counts. */
async function wholeSpeedup(
  source: ModelProto,
  changed: ModelProto,
  batches: readonly Feeds[],
  use: CompileOptions,
): Promise<Speedup> {
  // Two at a time: the threads of more sessions would be in each other's way.
  await using plain = await compile(new OnnxModel(encodeModel(source)), { ...use, ...TIMED });
  await using tried = await compile(new OnnxModel(encodeModel(changed)), { ...use, ...TIMED });
  const found: Speedup[] = [];
  for (const batch of batches) {
    const [before, after] = [plain, tried].map((session) => {
      const feeds = Object.fromEntries(session.inputs.map((name) => [name, own(batch, name) as TensorData]));
      return () => session.call(feeds);
    }) as [() => Promise<unknown>, () => Promise<unknown>];
    const speedup = await speedupInTurns(before, after, { budgetMs: BUDGET_MS, least: LEAST_WHOLE });
    found.push(speedup);
    if (!isFaster(speedup, LEAST_WHOLE)) break;
  }
  return found.reduce((least, each) => (each.low < least.low ? each : least));
}
