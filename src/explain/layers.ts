/**
 * @module Layers: the part of a model that an explanation looks at, by a module's path, or found from the graph: the last convolution, or the last
 * grid of tokens.
 */
import type { Node, Tensor } from "../graph/index.js";
import { dimEquals, formatShape, reachableNodes } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { nearest } from "../util/nearest.js";
import type { Features } from "./explainable.js";
import { imageAxes } from "./explainable.js";
import type { Remark } from "./remark.js";

/** A layer's values as a grid over the image. */
export interface GridLayer {
  readonly tensor: Tensor;
  /** [B, C, h, w]. */
  readonly grid: (t: Tensor) => Tensor;
  /** The choice in words. */
  readonly remark: Remark;
}

/** Nodes between x and y: those that depend on x, and that y needs; in trace order. */
export function nodesBetween(y: Tensor, x: Tensor): Node[] {
  const depends = new Set<Node>([x.node]);
  const between: Node[] = [];
  for (const node of reachableNodes([y])) {
    if (node === x.node || !node.inputs.some((t) => t !== null && depends.has(t.node))) continue;
    depends.add(node);
    between.push(node);
  }
  return between;
}

const inScope = (node: Node, path: string): boolean => node.scope === path || node.scope.startsWith(`${path}.`);

/** Lists the paths that a name may stand for: its own, or that of a node of a file (`/layer4/layer4.1/conv2/Conv`), with and without its op. */
function pathsMeant(name: string): string[] {
  const parts = name.split("/").filter((part) => part !== "");
  if (parts.length === 1) return [name];
  // PyTorch repeats a list's name before its elements'.
  const kept = parts.filter((part, i) => !(parts[i + 1] ?? "").startsWith(`${part}.`));
  return [kept.join("."), kept.slice(0, -1).join(".")];
}

/** The last node of a module; of one whose path's beginning was left out, where there is no other. */
function nodeNamed(between: readonly Node[], name: string): Node | undefined {
  for (const path of pathsMeant(name)) {
    const own = between.findLast((n) => inScope(n, path));
    const node = own ?? between.findLast((n) => `.${n.scope}.`.includes(`.${path}.`));
    if (node !== undefined) return node;
  }
  return undefined;
}

/** The output of a module, or of a file's node: the last value that is made in it. Errors: ConfigError, with paths that there are. */
export function layerNamed(y: Tensor, x: Tensor, path: string): Tensor {
  const between = nodesBetween(y, x);
  const node = nodeNamed(between, path);
  if (node !== undefined) return node.outputs[0] as Tensor;
  const paths = pathsOf(between);
  const near = nearest(path, paths);
  throw new ConfigError(
    paths.length === 0
      ? `at: expected the path of a layer between the features and the score, got "${path}", and the model has no paths; leave "at" out`
      : `at: expected the path of a layer between the features and the score, got "${path}"; ${near === undefined ? `there are ${list(paths)}` : `did you mean "${near}"?`}`,
  );
}

const pathsOf = (nodes: readonly Node[]): string[] => [...new Set(nodes.map((n) => n.scope))].filter((path) => path !== "");

const list = (paths: readonly string[]): string =>
  paths.length > 12 ? `${paths.slice(0, 4).join(", ")}, …, ${paths.slice(-8).join(", ")}` : paths.join(", ");

const POOLS: ReadonlySet<string> = new Set(["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize"]);

/**
 * The layer that a map of an image is made of.
 *
 * Found from the graph it is the last convolution whose output is larger than 1 × 1, with what follows it at the same size (normalization,
 * activation, sums, concatenation); where attention follows the convolutions, the last normalized grid of tokens that the answer takes all of its
 * tokens from: before the last attention if there is a class token, whose later gradients reach no other token.
 * Errors: ConfigError if there is neither, with the paths that could be given.
 */
export function gridLayer(y: Tensor, x: Tensor, features: Features, at: string | undefined): GridLayer {
  const axes = imageAxes(features);
  if (axes === undefined)
    throw new ConfigError(
      `at: expected a layer's path, since one is found for images [C, H, W] or [H, W, C] alone, got features ${formatShape(features.shape)} of kind "${features.kind}"`,
    );
  const aspect = Number(x.shape[axes.rows + 1]) / Number(x.shape[axes.columns + 1]);
  const between = nodesBetween(y, x);
  if (at !== undefined) {
    const tensor = layerNamed(y, x, at);
    const grid = gridOf(tensor, aspect);
    if (grid !== undefined) {
      const named = `${at}, ${formatShape(tensor.shape.slice(1))}`;
      return { tensor, grid, remark: { en: `Layer: ${named}.`, zh: `层：${named}。` } };
    }
    throw new ConfigError(`at: expected a layer with a grid over the image, got ${formatShape(tensor.shape)} at ${at}`);
  }
  const attention = between.findLast(isAttention);
  const convolution = between.findLast(isSpatialConvolution);
  const tensor =
    attention !== undefined && (convolution === undefined || convolution.id < attention.id)
      ? lastTokens(between, attention, aspect, x)
      : convolution && withFollowing(convolution, between);
  const grid = tensor && gridOf(tensor, aspect);
  if (tensor === undefined || grid === undefined) {
    const candidates = [...new Set(between.filter((n) => gridOf(n.outputs[0] as Tensor, aspect)).map((n) => n.scope))];
    const named = candidates.filter((path) => path !== "");
    throw new ConfigError(
      `a layer's map: expected a model with a convolution or a grid of tokens, got none; ${named.length === 0 ? "take a method that needs no layer: integrated-gradients, kernel-shap" : `give the layer (at), one of ${list(named)}`}`,
    );
  }
  const where = tensor.node.scope === "" ? tensor.node.op : tensor.node.scope;
  const found = `${where}, ${formatShape(tensor.shape.slice(1))}`;
  return { tensor, grid, remark: { en: `Layer: ${found}, found from the graph.`, zh: `层：${found}，由图中找到。` } };
}

const isSpatialConvolution = (node: Node): boolean =>
  node.op === "Conv" && node.outputs[0]?.rank === 4 && node.outputs[0].shape.slice(2).some((d) => d !== 1);

/** Softmax over keys, of queries and keys: over classes of a grid's places it is over another axis. */
export const isAttention = (node: Node): boolean => {
  const y = node.outputs[0] as Tensor;
  const axis = Number(node.attributes["axis"] ?? -1);
  const isLast = axis === -1 || axis === y.rank - 1;
  return (
    node.op === "Softmax" && isLast && y.rank >= 3 && y.shape.at(-1) !== 1 && dimEquals(y.shape.at(-1) ?? 0, y.shape.at(-2) ?? 1)
  );
};

/** The last value of the convolution's size that is made of it without another convolution or a pooling. */
function withFollowing(convolution: Node, between: readonly Node[]): Tensor {
  let last = convolution.outputs[0] as Tensor;
  const made = new Set([convolution]);
  const size = last.shape.slice(2);
  for (const node of between) {
    if (node.op === "Conv" || POOLS.has(node.op) || !node.inputs.some((t) => t !== null && made.has(t.node))) continue;
    const y = node.outputs[0] as Tensor;
    // A mapped example keeps an axis of its own: [B, 1, C, h, w].
    const isGrid = y.rank === 4 || (y.rank === 5 && y.shape[1] === 1);
    if (!isGrid || !y.shape.slice(-2).every((d, i) => dimEquals(d, size[i] ?? 0))) continue;
    made.add(node);
    last = y;
  }
  return last;
}

function lastTokens(between: readonly Node[], attention: Node, aspect: number, x: Tensor): Tensor | undefined {
  const depends = new Set<Node>([x.node, ...between]);
  const isResidual = (node: Node): boolean => node.op === "Add" && node.inputs.every((t) => t !== null && depends.has(t.node));
  const grids = (test: (node: Node) => boolean): Node[] =>
    between.filter((node) => {
      const y = node.outputs[0] as Tensor;
      return test(node) && dimEquals(y.shape[0] ?? 0, x.shape[0] ?? 1) && gridOf(y, aspect) !== undefined;
    });
  const normalized = grids((node) => node.op === "LayerNormalization");
  const nodes = normalized.length > 0 ? normalized : grids(isResidual);
  const last = nodes.at(-1)?.outputs[0];
  if (last === undefined) return undefined;
  const hasClassToken = last.rank === 3 && tokenGrid(Number(last.shape[1]), aspect)?.extra !== 0;
  return hasClassToken ? nodes.findLast((node) => node.id < attention.id)?.outputs[0] : last;
}

/** Rows and columns of T tokens, after up to 2 that stand for no place; undefined where T fits no grid of the image's shape. */
export function tokenGrid(t: number, aspect: number): { rows: number; columns: number; extra: number } | undefined {
  for (const extra of [0, 1, 2]) {
    const rows = Math.round(Math.sqrt((t - extra) * aspect));
    const columns = rows > 0 ? (t - extra) / rows : 0;
    if (rows > 1 && Number.isInteger(columns) && Math.abs(rows / columns / aspect - 1) < 0.26) return { rows, columns, extra };
  }
  return undefined;
}

/** Returns how to read a layer's values as a grid, with or without the axis of 1 that mapped examples keep; undefined where they are none. */
function gridOf(t: Tensor, aspect: number): ((t: Tensor) => Tensor) | undefined {
  const grid = plainGrid(t, aspect);
  if (grid !== undefined || t.shape[1] !== 1 || t.rank < 4) return grid;
  const inner = plainGrid({ rank: t.rank - 1, shape: [...t.shape.slice(0, 1), ...t.shape.slice(2)] }, aspect);
  return inner && ((v) => inner(v.squeeze(1)));
}

/** Returns how to read [B, C, h, w], [B, h, w, C] or [B, T, C] as a grid of channels; undefined for other shapes. */
function plainGrid(t: Pick<Tensor, "rank" | "shape">, aspect: number): ((t: Tensor) => Tensor) | undefined {
  const fits = (h: unknown, w: unknown): boolean =>
    typeof h === "number" && typeof w === "number" && h * w > 1 && Math.abs(h / w / aspect - 1) < 0.5;
  if (t.rank === 4) {
    if (fits(t.shape[2], t.shape[3])) return (v) => v;
    return fits(t.shape[1], t.shape[2]) ? (v) => v.transpose([0, 3, 1, 2]) : undefined;
  }
  const tokens = t.shape[1];
  if (t.rank !== 3 || typeof tokens !== "number") return undefined;
  const grid = tokenGrid(tokens, aspect);
  if (grid === undefined) return undefined;
  const { rows, columns, extra } = grid;
  return (v) => {
    const [n, , d] = v.shape;
    return v
      .slice(1, extra, tokens)
      .swapAxes(1, 2)
      .reshape([n ?? 1, d ?? 1, rows, columns]);
  };
}
