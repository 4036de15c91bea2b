/**
 * @module Products of matrices: MatMul, Gemm and the batched product with transposed operands.
 */
import type { Dim, Node, TensorType } from "../graph/index.js";
import { broadcastShapes, dimEquals, formatShape, isFloat, isStatic, sizeOf, Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Cost, Op, Target } from "./op.js";
import { bytesMoved, elementCount, emitOne, expectDType, expectSameDType, filled, zerosForNothing } from "./op.js";

type Two = readonly [Tensor, Tensor];

/** The last two axes exchanged. */
const mT = (x: Tensor): Tensor => x.swapAxes(-1, -2);

/** 2·(elements of y)·(length of the sum). */
const productCost =
  (inner: (node: Node) => Dim | undefined) =>
  (node: Node): Cost => {
    const k = inner(node);
    return {
      flops: 2 * elementCount((node.outputs[0] as Tensor).shape) * (typeof k === "number" ? k : 1),
      bytes: bytesMoved(node),
    };
  };

/**
 * y = a · b over the last two axes; the axes before them broadcast. A vector counts as a row on the left, a column on the right.
 * da = dy·bᵀ, db = aᵀ·dy.
 */
export const MatMul: Op<Record<never, never>, Two> = {
  name: "MatMul",
  domain: "",
  attributes: {},
  empty: zerosForNothing,
  infer: ([a, b], _attributes, where) => {
    expectSameDType(where, a, b);
    expectDType(where, a.dtype, (d) => isFloat(d) || d === "int32" || d === "int64", "numbers");
    const inner = b.shape[Math.max(0, b.rank - 2)];
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    if (a.rank === 0 || b.rank === 0 || batch === undefined || !dimEquals(a.shape[a.rank - 1] as Dim, inner as Dim)) {
      throw new ShapeError(`${where}: expected [.., m, k] · [.., k, n], got ${formatShape(a.shape)} · ${formatShape(b.shape)}`);
    }
    const rows = a.rank === 1 ? [] : [a.shape[a.rank - 2] as Dim];
    const columns = b.rank === 1 ? [] : [b.shape[b.rank - 1] as Dim];
    return [{ shape: [...batch, ...rows, ...columns], dtype: a.dtype }];
  },
  gradient: ({ inputs: [a, b], dy, needs }) => {
    // Vectors as matrices: a [1, k], b [k, 1], dy [.., m, n].
    const left = a.rank === 1 ? a.unsqueeze(0) : a;
    const right = b.rank === 1 ? b.unsqueeze(1) : b;
    let d = b.rank === 1 ? dy.unsqueeze(-1) : dy;
    if (a.rank === 1) d = d.unsqueeze(-2);
    const da = needs[0] ? d.matMul(mT(right)) : null;
    // A matrix shared by a batch: one product over batch and rows together, instead of one per example and a sum.
    const shared = b.rank === 2 && a.rank > 2;
    const db = !needs[1] ? null : shared ? mT(asMatrix(a)).matMul(asMatrix(d)) : mT(left).matMul(d);
    return [a.rank === 1 ? vectorGradient(da, -2, a) : da, b.rank === 1 ? vectorGradient(db, -1, b) : db];
  },
  cost: productCost((node) => (node.inputs[0] as Tensor).shape.at(-1)),
  batch: ({ inputs: [a, b], mapped, ranks }) => {
    const [rankA, rankB] = ranks as [number, number];
    // Vectors become matrices, so that the mapped axis is a batch axis of both.
    let left = rankA === 1 ? a.unsqueeze(-2) : a;
    let right = rankB === 1 ? b.unsqueeze(-1) : b;
    const rank = Math.max(rankA, rankB, 2);
    const align = (x: Tensor, isMapped: boolean | undefined, r: number): Tensor =>
      isMapped && Math.max(r, 2) < rank ? x.unsqueeze(...Array.from({ length: rank - Math.max(r, 2) }, (_, i) => i + 1)) : x;
    left = align(left, mapped[0], rankA);
    right = align(right, mapped[1], rankB);
    let y = left.matMul(right);
    if (rankB === 1) y = y.squeeze(-1);
    if (rankA === 1) y = y.squeeze(rankB === 1 ? -1 : -2);
    return [y];
  },
};

/** All but the last axis as one; where nothing is in it, its length cannot be found from the rest. */
const asMatrix = (x: Tensor): Tensor => {
  const rows = x.shape.slice(0, -1);
  return x.reshape([isStatic(rows) ? sizeOf(rows) : -1, x.shape[x.rank - 1] as Dim]);
};

/** Undoes the axis that a vector operand was given, and sums over the batch. */
function vectorGradient(dx: Tensor | null, axis: number, x: Tensor): Tensor | null {
  if (dx === null) return null;
  const d = dx.squeeze(axis);
  return d.rank === 1 ? d : d.sum(d.shape.map((_, i) => i).slice(0, -1)).reshape(x.shape);
}

interface GemmAttributes {
  readonly [name: string]: number | boolean;
  readonly alpha: number;
  readonly beta: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

/** y = α·a'·b' + β·c, where ' transposes on request; c broadcasts. Matrices only. */
export const Gemm: Op<GemmAttributes, readonly [Tensor, Tensor, Tensor | null]> = {
  name: "Gemm",
  domain: "",
  attributes: { alpha: "float", beta: "float", transA: "bool", transB: "bool" },
  empty: ({ inputs: [, , c], attributes: { beta }, outputs: [type] }) => {
    const y = type as TensorType;
    return [c === null ? filled(y, 0) : c.mul(beta).expand(y.shape)];
  },
  infer: ([a, b, c], { transA, transB }, where) => {
    expectSameDType(where, a, b);
    expectDType(where, a.dtype, isFloat, "floating-point operands");
    const [m, k] = transA ? [a.shape[1], a.shape[0]] : a.shape;
    const [k2, n] = transB ? [b.shape[1], b.shape[0]] : b.shape;
    if (a.rank !== 2 || b.rank !== 2 || !dimEquals(k as Dim, k2 as Dim)) {
      const mark = (t: boolean): string => (t ? "ᵀ" : "");
      throw new ShapeError(
        `${where}: expected [m, k] · [k, n], got ${formatShape(a.shape)}${mark(transA)} · ${formatShape(b.shape)}${mark(transB)}`,
      );
    }
    const shape = [m as Dim, n as Dim];
    if (c !== null) {
      expectSameDType(where, a, c);
      const sum = broadcastShapes(shape, c.shape);
      if (sum === undefined || c.rank > 2 || !sum.every((d, i) => dimEquals(d, shape[i] as Dim))) {
        throw new ShapeError(
          `${where}: expected an addend that broadcasts to ${formatShape(shape)}, got ${formatShape(c.shape)}`,
        );
      }
    }
    return [{ shape, dtype: a.dtype }];
  },
  gradient: ({ inputs: [a, b, c], dy, attributes: { alpha, beta, transA, transB }, needs }) => {
    const product = (x: Tensor, tx: boolean, y: Tensor, ty: boolean): Tensor =>
      gemm(x, y, null, { alpha, transA: tx, transB: ty });
    const da = !needs[0] ? null : transA ? product(b, transB, dy, true) : product(dy, false, b, !transB);
    const db = !needs[1] ? null : transB ? product(dy, true, a, transA) : product(a, !transA, dy, false);
    return [da, db, needs[2] && c !== null ? (beta === 1 ? dy : dy.mul(beta)) : null];
  },
  cost: productCost((node) => (node.inputs[0] as Tensor).shape[node.attributes["transA"] ? 0 : 1]),
  batch: ({ inputs: [a, b, c], mapped, attributes: { alpha, beta, transA, transB } }) => {
    let y = (transA ? mT(a) : a).matMul(transB ? mT(b) : b);
    if (alpha !== 1) y = y.mul(alpha);
    if (c === null) return [y];
    const rank = mapped[2] ? c.rank - 1 : c.rank;
    const addend = mapped[2] && rank < 2 ? c.unsqueeze(...Array.from({ length: 2 - rank }, (_, i) => i + 1)) : c;
    return [y.add(beta === 1 ? addend : addend.mul(beta))];
  },
};

/** α·a'·b' over the last two axes with batches: the engine's own kernel for products with transposed operands. */
export const FusedMatMul: Op<{ alpha: number; transA: boolean; transB: boolean }, Two> = {
  name: "FusedMatMul",
  domain: "com.microsoft",
  attributes: { alpha: "float", transA: "bool", transB: "bool" },
  empty: zerosForNothing,
  infer: ([a, b], { transA, transB }, where) => MatMul.infer([transA ? mT(a) : a, transB ? mT(b) : b], {}, where),
  gradient: ({ inputs: [a, b], dy, attributes: { alpha, transA, transB }, needs }) => {
    const d = alpha === 1 ? dy : dy.mul(alpha);
    const [x, y] = [transA ? mT(a) : a, transB ? mT(b) : b];
    const da = needs[0] ? d.matMul(mT(y)) : null;
    const db = needs[1] ? mT(x).matMul(d) : null;
    return [da !== null && transA ? mT(da) : da, db !== null && transB ? mT(db) : db];
  },
  cost: productCost((node) => (node.inputs[0] as Tensor).shape.at(node.attributes["transA"] ? -2 : -1)),
  batch: { unroll: "it appears only after differentiation and batching, in lowered graphs" },
  lower: ({ inputs: [a, b], attributes: { alpha, transA, transB }, target }) => {
    if (hasFusedMatMul(target)) return undefined;
    const y = (transA ? mT(a) : a).matMul(transB ? mT(b) : b);
    return [alpha === 1 ? y : y.mul(alpha)];
  },
};

/** Devices with a kernel for FusedMatMul. */
export const hasFusedMatMul = (target: Target): boolean => target === "cpu" || target === "wasm" || target === "cuda";

/** Entries of the op table: products of matrices. */
export const linalg = [MatMul, Gemm, FusedMatMul] as const;

// --- builders ---------------------------------------------------------------------------------------------------------

/**
 * Product of matrices, as NumPy's matmul: [..., M, K] · [..., K, N] → [..., M, N], leading dimensions broadcast; a vector counts as one row or column.
 * ShapeError if K differs.
 */
export const matMul = (a: Tensor, b: Tensor): Tensor => emitOne(MatMul, [a, b], {});

/** alpha·a·b + beta·c of matrices [M, K] and [K, N], each transposed before if so asked; c broadcasts to [M, N]. */
export function gemm(
  a: Tensor,
  b: Tensor,
  c: Tensor | null = null,
  options: { alpha?: number; beta?: number; transA?: boolean; transB?: boolean } = {},
): Tensor {
  return emitOne(Gemm, [a, b, c], { alpha: 1, beta: 1, transA: false, transB: false, ...options });
}

declare module "../graph/tensor.js" {
  interface Tensor {
    matMul(other: Tensor): Tensor;
  }
}
Tensor.prototype.matMul = function (other) {
  return matMul(this, other);
};
