/**
 * @module Low rank: the weight of a linear layer, or of a convolution of one pixel, as the product of two thinner ones, by its singular values.
 */
import type { Node, Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, Parameter, rewriteTensors, toNumbers, withScope } from "../../graph/index.js";
import { emitOne, opOf } from "../../ops/index.js";
import { symmetricEigen } from "../../util/symmetric-eigen.js";
import type { NamedGraph, ParameterOf, Rewrite } from "../rewrite.js";

/** A layer whose weight can be a product. */
export interface LinearWeight {
  readonly path: string;
  /** Whether the weight is stored [out, in]. */
  readonly isOutIn: boolean;
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** The layer's input. */
  readonly reads: Tensor;
  /** Axis of it that the layer sums over. */
  readonly axis: number;
}

/** The parameter that a product reads as its second operand, and whether it is turned. */
function weightOf(node: Node): { readonly parameter: Parameter; readonly isOutIn: boolean } | undefined {
  const weight = node.inputs[1];
  if (!weight) return undefined;
  if (node.op === "Conv") {
    const isPixel = weight instanceof Parameter && weight.dims.slice(2).every((d) => d === 1) && node.attributes["group"] === 1;
    return isPixel ? { parameter: weight, isOutIn: true } : undefined;
  }
  if (node.op !== "MatMul" && node.op !== "Gemm") return undefined;
  if (node.op === "Gemm" && (node.attributes["transA"] === true || node.attributes["alpha"] !== 1)) return undefined;
  if (weight instanceof Parameter && weight.rank === 2)
    return { parameter: weight, isOutIn: node.op === "Gemm" && node.attributes["transB"] === true };
  const source = weight.node.op === "Transpose" && node.op === "MatMul" ? weight.node.inputs[0] : undefined;
  return source instanceof Parameter && source.rank === 2 ? { parameter: source, isOutIn: true } : undefined;
}

/** Finds layers whose weights nothing else reads. */
export function linearWeights({ graph, paths }: NamedGraph): LinearWeight[] {
  const readers = new Map<Parameter, number>();
  const found = new Map<Parameter, LinearWeight>();
  const layers = new Map<Parameter, number>();
  for (const node of graph.nodes) {
    for (const t of node.inputs) if (t instanceof Parameter) readers.set(t, (readers.get(t) ?? 0) + 1);
    const weight = weightOf(node);
    const reads = node.inputs[0];
    if (weight === undefined || !reads) continue;
    const { parameter, isOutIn } = weight;
    const [first, second] = parameter.dims as [number, number];
    const path = paths.get(parameter);
    if (path === undefined || !parameter.trainable) continue;
    layers.set(parameter, (layers.get(parameter) ?? 0) + 1);
    const axis = node.op === "Conv" ? 1 : reads.rank - 1;
    found.set(parameter, {
      path,
      isOutIn,
      inFeatures: isOutIn ? second : first,
      outFeatures: isOutIn ? first : second,
      reads,
      axis,
    });
  }
  // A tied weight is read elsewhere too.
  return [...found].filter(([parameter]) => readers.get(parameter) === layers.get(parameter)).map(([, layer]) => layer);
}

/** Two factors of a weight: in → rank → out, as matrices [in, rank] and [rank, out]. */
export interface Factors {
  readonly rank: number;
  readonly down: Float64Array;
  readonly up: Float64Array;
}

/** Gram matrix of the shorter side of a matrix [rows, columns], row by row. */
function gram(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const g = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++)
    for (let j = i; j < rows; j++) {
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += (matrix[i * columns + k] as number) * (matrix[j * columns + k] as number);
      g[i * rows + j] = sum;
      g[j * rows + i] = sum;
    }
  return g;
}

const transposed = (matrix: Float64Array, rows: number, columns: number): Float64Array => {
  const t = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) t[j * rows + i] = matrix[i * columns + j] as number;
  return t;
};

/**
 * The least factors of W [in, out] that keep a share of its energy, Σσ² of the singular values; those of diag(s)·W where `scales` s of the inputs are given,
 * so that what counts is the error of the outputs and not of the weights.
 *
 * Source: Eckart and Young 1936; scales by activations: Yuan et al. 2023 (ASVD), arXiv:2312.05821.
 * Cost: the cube of the shorter side.
 */
export function factorsOf(
  weight: Float64Array,
  inFeatures: number,
  outFeatures: number,
  energy: number,
  scales?: Float64Array,
): Factors {
  const scaleAt = (i: number): number => Math.max(scales?.[i] ?? 1, 1e-6);
  const scaled = weight.map((v, at) => v * scaleAt(Math.floor(at / outFeatures)));
  const isWide = inFeatures <= outFeatures;
  const [rows, columns] = isWide ? [inFeatures, outFeatures] : [outFeatures, inFeatures];
  const matrix = isWide ? scaled : transposed(scaled, inFeatures, outFeatures);
  const { values, vectors } = symmetricEigen(gram(matrix, rows, columns), rows);
  const order = Array.from({ length: rows }, (_, i) => i).sort((a, b) => (values[b] as number) - (values[a] as number));
  const total = values.reduce((sum, v) => sum + Math.max(0, v), 0);
  let [kept, rank] = [0, 0];
  while (rank < rows && kept < energy * total) kept += Math.max(0, values[order[rank++] as number] as number);
  rank = Math.max(1, rank);
  // U [rows, rank] of the shorter side, and Uᵀ·M [rank, columns].
  const u = new Float64Array(rows * rank);
  for (let i = 0; i < rows; i++)
    for (let r = 0; r < rank; r++) u[i * rank + r] = vectors[i * rows + (order[r] as number)] as number;
  const projected = new Float64Array(rank * columns);
  for (let i = 0; i < rows; i++)
    for (let r = 0; r < rank; r++) {
      const c = u[i * rank + r] as number;
      for (let k = 0; k < columns; k++)
        projected[r * columns + k] = (projected[r * columns + k] as number) + c * (matrix[i * columns + k] as number);
    }
  const down = isWide ? u : transposed(projected, rank, columns);
  const up = isWide ? projected : transposed(u, rows, rank);
  return { rank, down: down.map((v, at) => v / scaleAt(Math.floor(at / rank))), up };
}

/** Whether two factors take fewer numbers than the weight. */
export const saves = ({ rank }: Factors, { inFeatures, outFeatures }: LinearWeight): boolean =>
  rank * (inFeatures + outFeatures) < inFeatures * outFeatures;

const downPath = (path: string): string => `${path}.down`;
const upPath = (path: string): string => `${path}.up`;

/** The rewrite of layers into two, by the path of their weights. */
export function factoring(
  factors: ReadonlyMap<string, Factors & Pick<LinearWeight, "isOutIn" | "inFeatures" | "outFeatures">>,
): Rewrite {
  return {
    apply({ graph, paths }: NamedGraph, parameterOf: ParameterOf): NamedGraph {
      const made = new Map<Tensor, string>();
      const share = (path: string, dims: readonly number[], like: Parameter): Parameter => {
        const parameter = parameterOf(path, dims, like);
        made.set(parameter, path);
        return parameter;
      };
      const map = rewriteTensors(graph.outputs.values(), (node, inputs) => {
        const weight = weightOf(node);
        const path = weight === undefined ? undefined : paths.get(weight.parameter);
        const factor = path === undefined ? undefined : factors.get(path);
        const [x] = inputs;
        if (weight === undefined || path === undefined || factor === undefined || !x) return undefined;
        const { rank, inFeatures, outFeatures } = factor;
        return withScope(node.scope, () => {
          if (node.op === "Conv") {
            const ones = weight.parameter.dims.slice(2);
            const narrow = emitOne(
              opOf(node),
              [x, share(downPath(path), [rank, inFeatures, ...ones], weight.parameter), null],
              node.attributes,
            );
            const plain = { ...node.attributes, strides: ones, pads: [...ones, ...ones].map(() => 0), dilations: ones };
            return [
              emitOne(
                opOf(node),
                [narrow, share(upPath(path), [outFeatures, rank, ...ones], weight.parameter), inputs[2] ?? null],
                plain,
              ),
            ];
          }
          const narrow = x.matMul(share(downPath(path), [inFeatures, rank], weight.parameter));
          const up = share(upPath(path), [rank, outFeatures], weight.parameter);
          if (node.op === "MatMul") return [narrow.matMul(up)];
          return [emitOne(opOf(node), [narrow, up, inputs[2] ?? null], { ...node.attributes, transB: false })];
        });
      });
      const rewritten = new Graph(new Map([...graph.outputs].map(([name, t]) => [name, map(t)])));
      return { graph: rewritten, paths: new Map(rewritten.parameters.map((t) => [t, made.get(t) ?? (paths.get(t) as string)])) };
    },
    weights: (before) =>
      new Map(
        [...before].flatMap(([path, t]): [string, TensorData][] => {
          const factor = factors.get(path);
          if (factor === undefined) return [[path, t]];
          const { rank, down, up, inFeatures, outFeatures } = factor;
          const ones = t.shape.slice(2);
          if (t.shape.length === 2)
            return [
              [downPath(path), fromNumbers(t.dtype, [inFeatures, rank], down)],
              [upPath(path), fromNumbers(t.dtype, [rank, outFeatures], up)],
            ];
          return [
            [downPath(path), fromNumbers(t.dtype, [rank, inFeatures, ...ones], transposed(down, inFeatures, rank))],
            [upPath(path), fromNumbers(t.dtype, [outFeatures, rank, ...ones], transposed(up, rank, outFeatures))],
          ];
        }),
      ),
  };
}

/** The weight of a layer as a matrix [in, out]. */
export function matrixOf(t: TensorData, { isOutIn, inFeatures, outFeatures }: LinearWeight): Float64Array {
  const numbers = toNumbers(t);
  return isOutIn ? transposed(numbers, outFeatures, inFeatures) : numbers;
}
