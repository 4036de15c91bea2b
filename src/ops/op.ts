/**
 * @module The type of an entry in the op table: name, attributes, shape rule, gradient, cost, batching, and how it is put
 * into other ops where a device has no kernel for it. An entry without a gradient gives the reason in its place.
 */
import type { Attributes, Dim, DType, Node, Shape, Tensor, TensorType } from "../graph/index.js";
import { constant, createNode, currentScope, isStatic, sizeOf } from "../graph/index.js";
import { DTypeError, UnsupportedOpError } from "../util/errors.js";

/** The form of an attribute in an ONNX file. `shape` is a list of dimensions in which symbols may stand; a `body` becomes a graph. */
export type AttributeKind =
  | "int"
  | "float"
  | "ints"
  | "floats"
  | "string"
  | "strings"
  | "tensor"
  | "bool"
  | "dtype"
  | "shape"
  | "rule"
  | "body";

/** The target that a graph is lowered for. `onnx` is a portable file: standard ops only, no assumption about the device. */
export type Target = "cpu" | "wasm" | "webgpu" | "cuda" | "onnx";

/** An input or a gradient that may be left out. */
export type OptionalTensor = Tensor | null;

/** Cost of one run of an op: floating-point operations (a multiply-add counts as two) and bytes read and written. */
export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

/** Arguments of a gradient rule. `dy` is the gradient that arrives; the rule returns one gradient per input, null where there is none. */
export interface GradientContext<A extends Attributes, I extends readonly OptionalTensor[]> {
  readonly node: Node;
  readonly inputs: I;
  readonly outputs: readonly Tensor[];
  /** The first output, which is the only one of most ops. */
  readonly y: Tensor;
  readonly attributes: A;
  /** Gradient that arrives at the first output; zeros if only other outputs are used. */
  readonly dy: Tensor;
  /** Gradients that arrive at all outputs; null where an output is unused. */
  readonly dys: readonly OptionalTensor[];
  /** Which inputs need a gradient: a rule may skip the others. */
  readonly needs: readonly boolean[];
}

/**
 * A rule may return a gradient of the broadcast shape: the walk sums it down to its input's shape. It emits differentiable
 * ops only, so that gradients of gradients work.
 */
export type GradientRule<A extends Attributes, I extends readonly OptionalTensor[]> = (
  context: GradientContext<A, I>,
) => readonly OptionalTensor[];

/** Arguments of a batching rule. Inputs marked in `mapped` have the mapped axis as axis 0; all outputs must have it as axis 0. */
export interface BatchContext<A extends Attributes, I extends readonly OptionalTensor[]> {
  readonly inputs: I;
  readonly mapped: readonly boolean[];
  readonly size: Dim;
  readonly attributes: A;
  /** Rank of each input without the mapped axis (0 for a missing one). */
  readonly ranks: readonly number[];
}
/** Rule that applies an op to many examples at once: inputs and outputs have the mapped axis as axis 0 (`vmap`). */
export type BatchRule<A extends Attributes, I extends readonly OptionalTensor[]> = (
  context: BatchContext<A, I>,
) => readonly Tensor[];

/** Arguments of a lowering: the node's inputs, already lowered, and the target. */
export interface LowerContext<A extends Attributes, I extends readonly OptionalTensor[]> {
  readonly node: Node;
  readonly inputs: I;
  readonly attributes: A;
  readonly target: Target;
}

/** `train` or `eval`: what dropout and batch normalization become. */
export type Mode = "train" | "eval";

/** Arguments of the rule that puts the form of training or of use in place of an op. */
export interface ResolveContext<A extends Attributes, I extends readonly OptionalTensor[]> {
  readonly inputs: I;
  readonly attributes: A;
  readonly mode: Mode;
  readonly node: Node;
  /** 0 for the first node of this op in this module's path, 1 for the second, …: with the path it names a random node. */
  readonly callIndex: number;
  /** The graph's uint32 scalars that random nodes draw from. */
  readonly seed: Tensor;
  readonly step: Tensor;
}

/** Arguments of an expansion. */
export interface ExpandContext<A extends Attributes, I extends readonly OptionalTensor[]> {
  readonly inputs: I;
  readonly attributes: A;
}

/** Arguments of the rule for empty operands: inputs, at least one of which has no elements, and the types of outputs, which have some. */
export interface EmptyContext<A extends Attributes, I extends readonly OptionalTensor[]> {
  readonly inputs: I;
  readonly attributes: A;
  readonly outputs: readonly TensorType[];
}

/** One entry of the table: `export const Softmax: Op<{ axis: number }, readonly [Tensor]> = { … }`. */
export interface Op<A extends Attributes = Attributes, I extends readonly OptionalTensor[] = readonly OptionalTensor[]> {
  /** ONNX's own name, or Descent's where ONNX has no such op. */
  readonly name: string;
  /** The name in files where another op of the table has it, in another domain. */
  readonly engineName?: string;
  /** "" is ONNX itself. Ops of `descent` are never run: each has a `lower`, or a `resolve`. */
  readonly domain: "" | "com.microsoft" | "com.microsoft.nchwc" | "descent";
  readonly attributes: { readonly [K in keyof A]-?: AttributeKind };
  /** Attributes that ONNX takes as constant inputs, with the input's place; `scalar` for rank 0. */
  readonly attributeInputs?: { readonly [K in keyof A]?: { readonly slot: number; readonly scalar?: boolean } };
  /** Types of the outputs; ShapeError or DTypeError, beginning with `where`, if the inputs do not fit. */
  readonly infer: (inputs: I, attributes: A, where: string) => readonly TensorType[];
  readonly gradient: GradientRule<A, I> | { readonly none: string };
  /** `costOf` is for nodes of its body. */
  readonly cost: (node: Node, costOf: (inner: Node) => Cost) => Cost;
  readonly batch: BatchRule<A, I> | { readonly unroll: string };
  /** The same value in other ops, for targets without a kernel or with a faster way; undefined keeps the node. */
  readonly lower?: (context: LowerContext<A, I>) => readonly Tensor[] | undefined;
  /** Replacement of an op that differs between training and use. Runs before differentiation. */
  readonly resolve?: (context: ResolveContext<A, I>) => readonly Tensor[];
  /** The same outputs in ops with gradients: what a fused op is differentiated by, and becomes in training. */
  readonly expand?: (context: ExpandContext<A, I>) => readonly Tensor[];
  /** The outputs where an operand has no elements and they have some (the sum of nothing is 0); left out, such a node is refused. */
  readonly empty?: (context: EmptyContext<A, I>) => readonly Tensor[];
  /** Outputs from this place on are optional: the file leaves out those at the end that nothing uses. */
  readonly requiredOutputs?: number;
  /** A random node: never merged with an equal one, never folded. */
  readonly random?: boolean;
}

/** An entry with its attribute and input types erased, as the table keeps it. */
// Method parameters are bivariant in TypeScript only for methods; a table of entries needs one common type.
export type AnyOp = Op<never, never>;

/** Applies an op: checks its inputs by the shape rule, and makes the node. */
export function emit<A extends Attributes, I extends readonly OptionalTensor[]>(
  op: Op<A, I>,
  inputs: I,
  attributes: NoInfer<A>,
): readonly Tensor[] {
  const scope = currentScope();
  const where = scope === "" ? op.name : `${scope}: ${op.name}`;
  return createNode(op.name, inputs, attributes, op.infer(inputs, attributes, where), scope).outputs;
}

/** Applies an op of one output. Shape and type are those of the op's rule. ShapeError or DTypeError if the inputs do not fit. */
export function emitOne<A extends Attributes, I extends readonly OptionalTensor[]>(
  op: Op<A, I>,
  inputs: I,
  attributes: NoInfer<A>,
): Tensor {
  return emit(op, inputs, attributes)[0] as Tensor;
}

/** A tensor, or a number that becomes a scalar constant of the other operand's type. */
export type TensorLike = Tensor | number;

/** The number as a scalar constant of `dtype`; a tensor as it is. */
export const asTensor = (value: TensorLike, dtype: DType): Tensor => (typeof value === "number" ? constant(value, dtype) : value);

/** A constant of one number everywhere. Shape and type as given. */
export const filled = ({ dtype, shape }: TensorType, value: number): Tensor => constant(value, dtype).expand(shape);

/** An `empty` rule: a sum of no products. Shapes and types of the outputs. */
export const zerosForNothing = ({ outputs }: { readonly outputs: readonly TensorType[] }): Tensor[] =>
  outputs.map((type) => filled(type, 0));

/** A DTypeError unless `dtype` is among the allowed ones. */
export function expectDType(
  where: string,
  dtype: DType,
  allowed: readonly DType[] | ((d: DType) => boolean),
  what: string,
): void {
  const ok = typeof allowed === "function" ? allowed(dtype) : allowed.includes(dtype);
  if (!ok) throw new DTypeError(`${where}: expected ${what}, got ${dtype}; convert it with cast()`);
}

/** A DTypeError unless both have the same type. */
export function expectSameDType(where: string, a: TensorType, b: TensorType): void {
  if (a.dtype !== b.dtype)
    throw new DTypeError(`${where}: expected operands of one type, got ${a.dtype} and ${b.dtype}; convert one with cast()`);
}

/** Number of elements where known; symbols count as 1 (costs of free dimensions are per unit). */
export const elementCount = (shape: Shape): number =>
  isStatic(shape) ? sizeOf(shape) : sizeOf(shape.map((d) => (typeof d === "number" ? d : 1)));

const BYTES: Partial<Record<DType, number>> = {
  float16: 2,
  float64: 8,
  int64: 8,
  uint64: 8,
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
};

const byteSize = (t: Tensor): number => elementCount(t.shape) * (BYTES[t.dtype] ?? 4);

/** Bytes that a node reads and writes: every input and output once. */
export function bytesMoved(node: Node): number {
  let bytes = 0;
  for (const t of [...node.inputs, ...node.outputs]) if (t !== null) bytes += byteSize(t);
  return bytes;
}

/** The cost of an op that does `flopsPerElement` for each element that it writes. */
export const perElement =
  (flopsPerElement: number) =>
  (node: Node): Cost => ({
    flops: flopsPerElement * elementCount((node.outputs[0] as Tensor).shape),
    bytes: bytesMoved(node),
  });

/** The cost of an op that only moves or names data. */
export const moves = perElement(0);

/** The cost of an op that reads as much of its first operand as it writes, whatever the operand's size. */
export const picks = (node: Node): Cost => {
  const [from] = node.inputs;
  const written = node.outputs.reduce((sum, t) => sum + byteSize(t), 0);
  const others = node.inputs.slice(1).reduce((sum, t) => sum + (t === null ? 0 : byteSize(t)), 0);
  return { flops: 0, bytes: others + written + Math.min(written, byteSize(from as Tensor)) };
};

/** Throws, for an op that must have been replaced by an earlier pass. */
export function unreachableOp(name: string, stage: string): never {
  throw new UnsupportedOpError(`${name}: expected to be replaced before ${stage}; this is a fault in Descent`);
}
