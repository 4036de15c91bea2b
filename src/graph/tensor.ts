/**
 * @module `Tensor`, a symbolic value: its shape, its element type, and the node that makes it. It holds no data;
 * methods (`add`, `matMul`, …) are added where the ops are defined, in `ops/`.
 */
import type { DType, TensorData } from "./dtype.js";
import { DTYPES, fromNumbers } from "./dtype.js";
import type { Attributes, Node } from "./node.js";
import { currentScope } from "./scope.js";
import type { Shape } from "./shape.js";
import { formatShape, isStatic, sizeOf } from "./shape.js";
import { ShapeError } from "../util/errors.js";
import type { Random } from "../util/random.js";

/** The type of a tensor, known before it is computed. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/**
 * A value that is not computed yet: its shape, its element type, and the node that makes it. Methods make further nodes; shapes are checked at once, and
 * nothing runs.
 */
export class Tensor implements TensorType {
  readonly node: Node;
  /** Index of the node's output. */
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(node: Node, index: number, type: TensorType) {
    this.node = node;
    this.index = index;
    this.shape = type.shape;
    this.dtype = type.dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  /** `float32 [2, 2] = Add(MatMul(…), …)`. */
  toString(): string {
    return `${this.dtype} ${formatShape(this.shape)} = ${describe(this, 2)}`;
  }

  /** `x.pipe(f, g)` is `g(f(x))`; takes modules and functions alike. */
  pipe(...stages: readonly (Layer | ((x: Tensor) => Tensor))[]): Tensor {
    let x: Tensor = this;
    for (const stage of stages) x = typeof stage === "function" ? stage(x) : stage.forward(x);
    return x;
  }
}

/** Whatever maps one tensor to one tensor: most modules. */
export interface Layer {
  forward(x: Tensor): Tensor;
}

function describe(t: Tensor, depth: number): string {
  const { node } = t;
  if (node.op === "Input" || node.op === "Parameter") return String(node.attributes["name"] ?? node.op);
  if (node.op === "Constant") return t.rank === 0 ? String((node.attributes["value"] as TensorData).data[0]) : "Constant";
  if (depth === 0) return "…";
  return `${node.op}(${node.inputs.map((input) => (input === null ? "–" : describe(input, depth - 1))).join(", ")})`;
}

let nextId = 0;

/** Makes a node and its outputs. Only `ops/` calls this for ops (after the shape rule), and this file for leaves. */
export function createNode(
  op: string,
  inputs: readonly (Tensor | null)[],
  attributes: Attributes,
  types: readonly TensorType[],
  scope: string = currentScope(),
): Node {
  const outputs: Tensor[] = [];
  const node: Node = { id: nextId++, op, inputs, attributes, outputs, scope };
  for (const type of types) outputs.push(new Tensor(node, outputs.length, type));
  return node;
}

/** The bytes of a tensor's values; 0 where a dimension is free. */
export const byteSize = ({ shape, dtype }: TensorType): number => (isStatic(shape) ? sizeOf(shape) * DTYPES[dtype].bytes : 0);

/** The node again, on other inputs; its outputs keep their shapes and types. */
export const copyNode = ({ op, attributes, outputs, scope }: Node, inputs: readonly (Tensor | null)[]): Node =>
  createNode(op, inputs, attributes, outputs, scope);

/** A value given at each run: a batch, a scalar, a seed. Names are unique within a graph. */
export function input(name: string, shape: Shape, dtype: DType = "float32"): Tensor {
  return createNode("Input", [], { name }, [{ shape, dtype }]).outputs[0] as Tensor;
}

/** Symbolic inputs by name, of these types. Shapes may have symbols for free dimensions. */
export const inputsOf = (types: Readonly<Record<string, TensorType>>): Readonly<Record<string, Tensor>> =>
  Object.fromEntries(Object.entries(types).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));

/** A fixed value. A number becomes a scalar; lists become float32 unless said otherwise. */
export function constant(value: TensorData | number, dtype?: DType): Tensor {
  const data = typeof value === "number" ? fromNumbers(dtype ?? "float32", [], [value]) : value;
  return createNode("Constant", [], { value: data }, [{ shape: data.shape, dtype: data.dtype }]).outputs[0] as Tensor;
}

/** Numbers in lists, as deep as there are dimensions. */
export type NestedNumbers = number | boolean | readonly NestedNumbers[];

/** Nested lists as data with a shape: `[[1, 2], [3, 4]]` → float32 [2, 2]; booleans → bool. ShapeError where ragged. */
export function toTensorData(nested: NestedNumbers, dtype?: DType): TensorData {
  const shape: number[] = [];
  for (let level: NestedNumbers | undefined = nested; Array.isArray(level); level = (level as readonly NestedNumbers[])[0])
    shape.push(level.length);
  const numbers: number[] = [];
  let booleans = false;
  const visit = (item: NestedNumbers, depth: number): void => {
    if (Array.isArray(item) !== depth < shape.length || (Array.isArray(item) && item.length !== shape[depth])) {
      throw new ShapeError(`tensor: expected lists of equal length, got a ragged list at depth ${depth}`);
    }
    if (Array.isArray(item)) for (const element of item as readonly NestedNumbers[]) visit(element, depth + 1);
    else {
      booleans ||= typeof item === "boolean";
      numbers.push(Number(item));
    }
  };
  visit(nested, 0);
  return fromNumbers(dtype ?? (booleans ? "bool" : "float32"), shape, numbers);
}

/**
 * A constant tensor from nested lists: `tensor([[1, 2], [3, 4]])`.
 *
 * @example
 * import { tensor } from "descentjs";
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(String(x)); // float32 [2, 2] = Constant
 * console.log(await x.matMul(x).data()); // Float32Array(4) [ 7, 10, 15, 22 ]
 */
export const tensor = (nested: NestedNumbers, dtype?: DType): Tensor => constant(toTensorData(nested, dtype));

/** Makes a parameter's initial values, given its shape and a random stream of its own. */
export type Initializer = (shape: readonly number[], random: Random) => ArrayLike<number>;

/** A named number array that a model owns: trained (`trainable`), or a buffer such as running statistics. */
export class Parameter extends Tensor {
  readonly initializer: Initializer;
  readonly trainable: boolean;

  constructor(shape: readonly number[], options: { initializer: Initializer; trainable?: boolean; dtype?: DType }) {
    const type: TensorType = { shape: [...shape], dtype: options.dtype ?? "float32" };
    const outputs: Tensor[] = [];
    super({ id: nextId++, op: "Parameter", inputs: [], attributes: {}, outputs, scope: "" }, 0, type);
    outputs.push(this);
    this.initializer = options.initializer;
    this.trainable = options.trainable ?? true;
  }

  /** The shape as numbers: a parameter has no free dimensions. */
  get dims(): readonly number[] {
    return this.shape as readonly number[];
  }

  get size(): number {
    return sizeOf(this.dims);
  }
}
