/**
 * @module A node: one application of an op. Immutable; made after its inputs, so that ids grow along every edge.
 */
import type { TensorData } from "./dtype.js";
import type { Dim } from "./shape.js";
import type { Tensor } from "./tensor.js";

/** How the gradient of a custom op is made: from the arriving gradient, the output and the inputs; null where there is none. */
export type CustomRule = (dy: Tensor, y: Tensor, inputs: readonly Tensor[]) => readonly (Tensor | null)[];

/**
 * What an op with a body does in each step, from stand-ins for what the step is given. It takes nothing else (but constants), and reads sizes off
 * what it is given: it is traced again when free dimensions get numbers.
 */
export type Body = (inputs: readonly Tensor[]) => readonly Tensor[];

/** What an attribute may hold. A list of dimensions may have symbols in it (the target of a Reshape). */
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

export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

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

/** The three kinds of node that take nothing and are given from outside, or fixed. */
export type LeafOp = "Input" | "Parameter" | "Constant";

export const isLeaf = (node: Node): boolean => node.op === "Input" || node.op === "Parameter" || node.op === "Constant";
