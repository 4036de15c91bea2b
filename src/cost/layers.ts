/**
 * @module Cost by layer: the work of each module's own nodes, forward, backward and in the update, and sums over what lies below a path.
 */
import type { Node } from "../graph/index.js";
import { isLeaf, OPTIMIZER_SCOPE } from "../graph/index.js";
import type { NodeTime } from "./roofline.js";
import type { Phase } from "./step-graph.js";
import type { Work } from "./work.js";
import { addWork, NO_WORK, workOf } from "./work.js";

/** The path of the nodes that no module made: the loss, and what a task does before and after its model. */
export const OUTSIDE = "(outside)";

/** A layer's work in a step. */
export interface LayerCost {
  /** Dotted path of the module; `(outside)` for what no module made, `(optimizer)` for the update. */
  readonly path: string;
  readonly forward: Work;
  readonly backward: Work;
  readonly update: Work;
  /** Predicted milliseconds, where a machine is given: of the layer in use, and in a training step. */
  readonly time?: LayerTime;
}

/** Predicted milliseconds of a layer, and what bounds most of them. */
export interface LayerTime {
  readonly useMs: number;
  readonly stepMs: number;
  readonly bound: NodeTime["bound"];
}

export const pathOf = (node: Node): string => (node.scope === "" ? OUTSIDE : node.scope);

/** Gathers the work of a step's nodes by layer, in the order of computation; the update last. */
export function layersOf(nodes: Iterable<Node>, phaseOf: (node: Node) => Phase): LayerCost[] {
  const layers = new Map<string, LayerCost>();
  for (const node of nodes) {
    if (isLeaf(node)) continue;
    const phase = phaseOf(node);
    const path = phase === "update" ? OPTIMIZER_SCOPE : pathOf(node);
    const sum = layers.get(path) ?? { path, forward: NO_WORK, backward: NO_WORK, update: NO_WORK };
    layers.set(path, { ...sum, [phase]: addWork(sum[phase], workOf(node)) });
  }
  const all = [...layers.values()];
  const isLast = ({ path }: LayerCost): boolean => path === OPTIMIZER_SCOPE;
  return [...all.filter((layer) => !isLast(layer)), ...all.filter(isLast)];
}

/** Adds predicted times by layer. */
export function withTimes(layers: readonly LayerCost[], use: readonly NodeTime[], step: readonly NodeTime[]): LayerCost[] {
  const sums = new Map<string, { useMs: number; stepMs: number; bounds: Map<NodeTime["bound"], number> }>();
  const add = (times: readonly NodeTime[], key: "useMs" | "stepMs"): void => {
    for (const { node, seconds, bound } of times) {
      const path = pathOf(node);
      const sum = sums.get(path) ?? { useMs: 0, stepMs: 0, bounds: new Map<NodeTime["bound"], number>() };
      sums.set(path, sum);
      sum[key] += seconds * 1000;
      if (key === "stepMs") sum.bounds.set(bound, (sum.bounds.get(bound) ?? 0) + seconds);
    }
  };
  add(use, "useMs");
  add(step, "stepMs");
  return layers.map((layer) => {
    const sum = sums.get(layer.path);
    if (sum === undefined) return { ...layer, time: { useMs: 0, stepMs: 0, bound: "overhead" } };
    const [bound = "overhead"] = [...sum.bounds].sort((a, b) => b[1] - a[1])[0] ?? [];
    return { ...layer, time: { useMs: sum.useMs, stepMs: sum.stepMs, bound } };
  });
}

/** Layers summed up to a depth of their paths: `layer.0.attention.query` is part of `layer.0` at depth 2. */
export function atDepth(layers: readonly LayerCost[], depth: number): LayerCost[] {
  const groups = new Map<string, LayerCost[]>();
  for (const layer of layers) {
    const path = layer.path.startsWith("(") ? layer.path : layer.path.split(".").slice(0, depth).join(".");
    const group = groups.get(path);
    if (group === undefined) groups.set(path, [layer]);
    else group.push(layer);
  }
  return [...groups].map(([path, parts]) => {
    const sum = (phase: Phase): Work => parts.reduce((total, part) => addWork(total, part[phase]), NO_WORK);
    const slowest = [...parts].sort((a, b) => (b.time?.stepMs ?? 0) - (a.time?.stepMs ?? 0))[0]?.time;
    const total = (key: "useMs" | "stepMs"): number => parts.reduce((ms, { time }) => ms + (time?.[key] ?? 0), 0);
    const time = slowest === undefined ? {} : { time: { useMs: total("useMs"), stepMs: total("stepMs"), bound: slowest.bound } };
    return { path, forward: sum("forward"), backward: sum("backward"), update: sum("update"), ...time };
  });
}

/** The deepest summing up that gives at most `rows` layers. */
export function shownLayers(layers: readonly LayerCost[], rows: number): LayerCost[] {
  const deepest = Math.max(1, ...layers.map(({ path }) => path.split(".").length));
  for (let depth = deepest; depth > 1; depth--) {
    const shown = atDepth(layers, depth);
    if (shown.length <= rows) return shown;
  }
  return atDepth(layers, 1);
}
