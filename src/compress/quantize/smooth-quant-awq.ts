/**
 * @module Columns of activations made smaller, and rows of the weights that meet them larger by as much: SmoothQuant, so that activations have no outliers,
 * and AWQ, so that the weights that matter are rounded finely. The factors go into the normalization before, where the layers are all that reads it;
 * elsewhere nothing is scaled, since another multiplication would cost what was won.
 *
 * Sources: Xiao et al. 2022, arXiv:2211.10438, equation 4; Lin et al. 2023, arXiv:2306.00978, equations 4 and 5.
 */
import type { FileGraph } from "../file-graph.js";
import type { Layer } from "../layers.js";
import { outputRows, widthsOf } from "../layers.js";
import type { BlockOptions } from "./blocks.js";
import { blockwise, dequantized } from "./blocks.js";
import type { Moments } from "./moments.js";

/** Layers that read one value, and the constants that scale it: of a normalization, or a multiplication behind one. */
export interface ScaledGroup {
  readonly input: string;
  readonly layers: readonly Layer[];
  readonly constants: readonly string[];
}

/** Finds the groups of layers whose input can be scaled for nothing. */
export function scaledGroups(graph: FileGraph, layers: readonly Layer[]): ScaledGroup[] {
  const groups = new Map<string, Layer[]>();
  for (const layer of layers) if (layer.kind === "product") groups.set(layer.input, [...(groups.get(layer.input) ?? []), layer]);
  return [...groups].flatMap(([input, members]) => {
    const isAlone = graph.readersOf(input).length === members.length && !graph.isReadElsewhere(input);
    const constants = isAlone ? scalesOf(graph, input, widthsOf(members[0] as Layer).k) : undefined;
    return constants === undefined ? [] : [{ input, layers: members, constants }];
  });
}

/** The constants [K] that a value is scaled by last, and that nothing else reads. */
function scalesOf(graph: FileGraph, input: string, k: number): string[] | undefined {
  const node = graph.producerOf(input);
  if (node === undefined) return undefined;
  const isOwn = (name: string): boolean =>
    graph.floatsOf(name)?.data.length === k && graph.readersOf(name).length === 1 && !graph.isReadElsewhere(name);
  const [, second = "", third = ""] = node.inputs;
  if (node.opType === "LayerNormalization")
    return isOwn(second) && (third === "" || isOwn(third)) ? [second, third].filter(Boolean) : undefined;
  if (node.opType === "RMSNormalization" || node.opType === "SimplifiedLayerNormalization")
    return isOwn(second) ? [second] : undefined;
  const own = node.opType === "Mul" ? node.inputs.filter(isOwn) : [];
  return own.length === 1 ? own : undefined;
}

/** Divides a group's input by factors [K], and multiplies its weights. */
export function applyScales(graph: FileGraph, { layers, constants }: ScaledGroup, factors: Float64Array): void {
  for (const name of constants) {
    const { shape, data } = graph.floatsOf(name) as NonNullable<ReturnType<FileGraph["floatsOf"]>>;
    graph.setConstant(
      name,
      shape,
      data.map((value, i) => value / (factors[i] as number)),
    );
  }
  for (const { weight, weightShape, isTransposed } of layers) {
    const { data } = graph.floatsOf(weight) as NonNullable<ReturnType<FileGraph["floatsOf"]>>;
    const width = weightShape[1] ?? 1;
    const factorAt = (i: number): number => factors[isTransposed ? i % width : Math.floor(i / width)] as number;
    graph.setConstant(
      weight,
      weightShape,
      data.map((value, i) => value * factorAt(i)),
    );
  }
}

/** Weights of a group's layers as rows [N, K]. */
const rowsOf = (graph: FileGraph, layer: Layer): Float32Array =>
  outputRows(layer, graph.floatsOf(layer.weight)?.data ?? new Float32Array());

/** The share of the difficulty that goes from activations to weights. */
const SMOOTHING = 0.5;

/** SmoothQuant's factors: s = max|x|^α / max|w|^(1 − α). */
export function smoothFactors(graph: FileGraph, { layers }: ScaledGroup, { k, largest }: Moments): Float64Array {
  const weights = new Float64Array(k);
  for (const layer of layers)
    rowsOf(graph, layer).forEach((value, i) => (weights[i % k] = Math.max(weights[i % k] as number, Math.abs(value))));
  return Float64Array.from(
    largest,
    (x, i) => Math.max(x, 1e-5) ** SMOOTHING / Math.max(weights[i] as number, 1e-5) ** (1 - SMOOTHING),
  );
}

/** Exponents that are tried. */
const GRID = Array.from({ length: 11 }, (_, i) => i / 10);

/** Σ over rows of (w − ŵ)ᵀ H (w − ŵ), with the diagonal of H alone: enough to choose among exponents. */
function outputError(rows: Float32Array, rounded: Float32Array, { k, products }: Moments): number {
  let error = 0;
  rows.forEach((value, i) => (error += (value - (rounded[i] as number)) ** 2 * (products[(i % k) * (k + 1)] as number)));
  return error;
}

/** AWQ's factors: s = (mean|x|)^α, with the α of a grid whose weights, rounded, give the nearest outputs. */
export function awqFactors(graph: FileGraph, { layers }: ScaledGroup, moments: Moments, options: BlockOptions): Float64Array {
  const { k, sizes } = moments;
  let [best, least] = [new Float64Array(k).fill(1), Infinity];
  for (const alpha of GRID) {
    const raw = Float64Array.from(sizes, (sum) => Math.max(sum / moments.rows, 1e-4) ** alpha);
    const norm = Math.sqrt(Math.max(...raw) * Math.min(...raw));
    const factors = raw.map((value) => value / norm);
    let error = 0;
    for (const layer of layers) {
      const rows = rowsOf(graph, layer);
      const { n } = widthsOf(layer);
      const scaled = rows.map((value, i) => value * (factors[i % k] as number));
      const rounded = dequantized(blockwise(scaled, n, k, options)).map((value, i) => value / (factors[i % k] as number));
      error += outputError(rows, rounded, moments);
    }
    if (error < least) [best, least] = [factors, error];
  }
  return best;
}
