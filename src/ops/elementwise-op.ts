/**
 * @module Common parts of elementwise ops: entries of one and of two operands, which broadcast as in
 * NumPy (the gradient walk sums a broadcast gradient back down), and how they are built.
 */
import type { Attributes, DType } from "../graph/index.js";
import { broadcastShapes, formatShape, isFloat, Tensor } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { BatchContext, GradientContext, Op, OptionalTensor, TensorLike } from "./op.js";
import { asTensor, emitOne, expectDType, expectSameDType, perElement } from "./op.js";

export const isNumeric = (d: DType): boolean => d !== "bool" && d !== "string";
export const isBool = (d: DType): boolean => d === "bool";
export const anyDType = (): boolean => true;

export type Unary = readonly [Tensor];
export type Binary = readonly [Tensor, Tensor];
export type None = Record<never, never>;

/** Aligns mapped operands for broadcasting: each gets ones after the mapped axis, up to the largest rank. */
function alignMapped<A extends Attributes, I extends readonly OptionalTensor[]>(c: BatchContext<A, I>): I {
  const rank = Math.max(...c.ranks);
  const aligned: readonly OptionalTensor[] = c.inputs.map((x, i) => {
    const missing = rank - (c.ranks[i] as number);
    if (x === null || !c.mapped[i] || missing === 0) return x;
    return x.unsqueeze(...Array.from({ length: missing }, (_, k) => k + 1));
  });
  // As many operands as there were, which the type of `map` does not say.
  return aligned as I;
}

/** A batching rule for ops that broadcast: apply the op to the aligned operands. */
export function broadcastBatch<A extends Attributes, I extends readonly OptionalTensor[]>(op: () => Op<A, I>) {
  return (c: BatchContext<A, I>): readonly Tensor[] => [emitOne(op(), alignMapped(c), c.attributes)];
}

export interface UnaryOptions<A extends Attributes> {
  readonly domain?: "descent";
  readonly attributes?: Op<A, Unary>["attributes"];
  readonly takes?: (dtype: DType) => boolean;
  readonly gives?: DType;
  /** dx, from x, y = f(x) and dy; null where the derivative is zero almost everywhere. */
  readonly dx: ((c: { x: Tensor; y: Tensor; dy: Tensor; attributes: A }) => Tensor | null) | { readonly none: string };
  readonly flops?: number;
  readonly lower?: Op<A, Unary>["lower"];
}

/** The entry of a function of one operand. */
export function unary<A extends Attributes = None>(name: string, o: UnaryOptions<A>): Op<A, Unary> {
  const { dx } = o;
  const op: Op<A, Unary> = {
    name,
    domain: o.domain ?? "",
    attributes: o.attributes ?? ({} as Op<A, Unary>["attributes"]),
    infer: ([x], _attributes, where) => {
      expectDType(where, x.dtype, o.takes ?? isFloat, "a floating-point operand");
      return [{ shape: x.shape, dtype: o.gives ?? x.dtype }];
    },
    gradient: typeof dx === "function" ? ({ inputs: [x], y, dy, attributes }) => [dx({ x, y, dy, attributes })] : dx,
    cost: perElement(o.flops ?? 1),
    batch: broadcastBatch(() => op),
    lower: o.lower,
  };
  return op;
}

export interface BinaryOptions {
  readonly domain?: "descent";
  readonly takes?: (dtype: DType) => boolean;
  readonly gives?: DType;
  readonly gradient: ((c: GradientContext<None, Binary>) => readonly OptionalTensor[]) | { readonly none: string };
  readonly lower?: Op<None, Binary>["lower"];
}

/** The entry of a function of two operands of one type, which broadcast. */
export function binary(name: string, o: BinaryOptions): Op<None, Binary> {
  const op: Op<None, Binary> = {
    name,
    domain: o.domain ?? "",
    attributes: {},
    infer: ([a, b], _attributes, where) => {
      expectSameDType(where, a, b);
      expectDType(where, a.dtype, o.takes ?? isNumeric, "numbers");
      const shape = broadcastShapes(a.shape, b.shape);
      if (shape === undefined) {
        throw new ShapeError(`${where}: expected shapes that broadcast, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
      }
      return [{ shape, dtype: o.gives ?? a.dtype }];
    },
    gradient: o.gradient,
    cost: perElement(1),
    batch: broadcastBatch(() => op),
    lower: o.lower,
  };
  return op;
}

/** At least one operand is a tensor; a number takes its type. */
export function apply2(op: Op<None, Binary>, a: TensorLike, b: TensorLike): Tensor {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : "float32";
  return emitOne(op, [asTensor(a, dtype), asTensor(b, dtype)], {});
}

export const build2 =
  (op: Op<None, Binary>) =>
  (a: TensorLike, b: TensorLike): Tensor =>
    apply2(op, a, b);
export const build1 =
  (op: Op<None, Unary>) =>
  (x: Tensor): Tensor =>
    emitOne(op, [x], {});
