/**
 * @module A node: one application of an op. Immutable; made after its inputs, so that ids grow along every edge.
 */
import type { TensorData } from "./dtype.js";
import type { Dim } from "./shape.js";
import type { Tensor } from "./tensor.js";

/** The gradient of a custom op: made from the arriving gradient, the output and the inputs; null where there is none. */
export type CustomRule = (dy: Tensor, y: Tensor, inputs: readonly Tensor[]) => readonly (Tensor | null)[];

/**
 * The body of an op, which runs in each step on stand-ins for the step's inputs. It reads nothing else (but constants), and takes sizes from
 * what it is given: it is traced again when free dimensions get sizes.
 */
export type Body = (inputs: readonly Tensor[]) => readonly Tensor[];

/** The value of an attribute. A list of dimensions may have symbols in it (the target of a Reshape). */
export type AttributeValue =
  | number
  | string
  | boolean
  | readonly number[]
  | readonly string[]
  | readonly Dim[]
  | TensorData
  | CustomRule
  | Body;

/** Attributes of a node by their ONNX names. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** One op of a graph: its name, inputs (null where an optional one is left out), attributes, outputs, and the path of the module that made it. */
export interface Node {
  /** Grows in trace order: sorting by id is a topological order. */
  readonly id: number;
  /** Key into the op table, or one of the leaves `Input`, `Parameter`, `Constant`. */
  readonly op: string;
  /** `null` where an optional input is left out. */
  readonly inputs: readonly (Tensor | null)[];
  readonly attributes: Attributes;
  readonly outputs: readonly Tensor[];
  /** Dotted path of the module whose `forward` made the node; empty outside modules. */
  readonly scope: string;
}

/** The kinds of node without inputs: values from outside, and constants. */
export type LeafOp = "Input" | "Parameter" | "Constant";

/** True for nodes that compute nothing: inputs, parameters, constants. */
export const isLeaf = (node: Node): boolean => node.op === "Input" || node.op === "Parameter" || node.op === "Constant";
