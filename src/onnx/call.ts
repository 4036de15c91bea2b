/**
 * @module One node of a file as its conversion sees it: operands that become tensors when they are asked for, and attributes.
 */
import type { AttributeValue, Dim, Tensor, TensorType } from "../graph/index.js";
import { isStatic } from "../graph/index.js";
import { DataError, UnsupportedOpError } from "../util/errors.js";
import { own } from "../util/record.js";
import { DEFAULTS } from "./defaults.js";
import type { Reader } from "./fold.js";
import type { Known } from "./known.js";
import { numbersOf, tensorOfKnown } from "./known.js";
import type { AttributeProto, GraphProto, NodeProto } from "./messages.js";

/** A value of the file. It enters the graph only if something needs it as a tensor. */
export interface Operand extends TensorType {
  readonly tensor: () => Tensor;
  /** Its elements, where later nodes may be folded from them. */
  readonly known?: Known | undefined;
  /** Its elements, where they are fixed in the file at all (weights too). */
  readonly fixed?: (() => Known) | undefined;
  /** For integers that were rounded from real numbers: the same values in floating point, with a straight-through gradient. */
  readonly straight?: (() => Tensor) | undefined;
  /** Where the file has fewer bits than the type. */
  readonly bits?: 4 | undefined;
}

export const operandOf = (tensor: Tensor): Operand => ({ shape: tensor.shape, dtype: tensor.dtype, tensor: () => tensor });

/** `make` gives the tensor where JavaScript's numbers cannot hold its elements. */
export function operandOfKnown(known: Known, make: () => Tensor = () => tensorOfKnown(known)): Operand {
  let made: Tensor | undefined;
  return {
    shape: known.shape,
    dtype: known.dtype,
    tensor: () => (made ??= make()),
    known,
    fixed: () => known,
  };
}

/** The surroundings of a node. */
interface CallContext {
  opset: number;
  where: string;
  modes: boolean;
  free: readonly string[];
  inline: Call["inline"];
  visible: Call["visible"];
}

export class Call implements Reader {
  readonly node: NodeProto;
  readonly inputs: readonly (Operand | null)[];
  readonly opset: number;
  /** `file: node "name" (Op)`. */
  readonly where: string;
  readonly modes: boolean;
  /** Names of the file's free dimensions. */
  readonly free: readonly string[];
  /** The values of a branch, computed in place of the node. */
  readonly inline: (graph: GraphProto, given?: ReadonlyMap<string, Operand>) => readonly Operand[];
  /** Values that a branch or body can take by name: those around it, and its own weights. */
  readonly visible: (graph: GraphProto) => ReadonlyMap<string, Operand>;
  readonly #context: CallContext;
  readonly #attributes: ReadonlyMap<string, AttributeProto>;
  /** Names of the attributes that its conversion has asked for. */
  readonly #read: Set<string>;

  constructor(node: NodeProto, inputs: readonly (Operand | null)[], context: CallContext, read = new Set<string>()) {
    this.#read = read;
    this.#context = context;
    this.node = node;
    this.inputs = inputs;
    this.opset = context.opset;
    this.where = context.where;
    this.modes = context.modes;
    this.free = context.free;
    this.inline = context.inline;
    this.visible = context.visible;
    this.#attributes = new Map(node.attributes.map((a) => [a.name, a]));
  }

  /** The same node with other operands. */
  with(inputs: readonly (Operand | null)[]): Call {
    return new Call(this.node, inputs, this.#context, this.#read);
  }

  // --- operands -------------------------------------------------------------------------------------------------------

  has(i: number): boolean {
    return (this.inputs[i] ?? null) !== null;
  }

  operand(i: number): Operand {
    const operand = this.inputs[i] ?? null;
    if (operand === null) throw new DataError(`${this.where}: expected an input ${i}, got none`);
    return operand;
  }

  x(i: number): Tensor {
    return this.operand(i).tensor();
  }

  optional(i: number): Tensor | null {
    return this.inputs[i]?.tensor() ?? null;
  }

  tensors(): Tensor[] {
    return this.inputs.map((_, i) => this.x(i));
  }

  /** The elements of an input that becomes an attribute: integers, in which free dimensions may stand. */
  dims(i: number, what: string): readonly Dim[] {
    const operand = this.operand(i);
    const known = operand.known ?? operand.fixed?.();
    if (known !== undefined) return known.values;
    throw new UnsupportedOpError(
      `${this.where}: expected its ${what} to be a constant, got one that is computed at run time; ${this.#remedy()}`,
    );
  }

  /** The same as numbers. */
  numbers(i: number, what: string): readonly number[] {
    const dims = this.dims(i, what);
    if (isStatic(dims)) return dims;
    throw new UnsupportedOpError(`${this.where}: expected numbers as its ${what}, got [${dims.join(", ")}]; ${this.#remedy()}`);
  }

  /** A product of two free dimensions is not linear: with all but one of them bound it is. */
  #remedy(): string {
    if (this.free.length === 0) return "simplify the model first";
    return `give numbers for free dimensions: bindings: { ${this.free.map((name) => `"${name}": …`).join(", ")} }`;
  }

  /** Numbers from input i where it is there, from the attribute (of older opsets) otherwise. */
  list(i: number, name: string): readonly number[] | undefined {
    return this.has(i) ? this.numbers(i, name) : this.ints(name);
  }

  // --- attributes -----------------------------------------------------------------------------------------------------

  attribute(name: string): AttributeProto | undefined {
    this.#read.add(name);
    return this.#attributes.get(name);
  }

  /** Attributes of the node that its conversion has not read, and would thus ignore. */
  unread(): readonly AttributeProto[] {
    return this.node.attributes.filter(({ name }) => !this.#read.has(name));
  }

  #value(name: string, types: readonly AttributeProto["type"][]): AttributeProto["value"] | undefined {
    const found = this.attribute(name);
    if (found === undefined) return undefined;
    if (types.includes(found.type)) return found.value;
    throw new DataError(`${this.where}: expected ${name} to be of type ${types.join(" or ")}, got ${found.type}`);
  }

  int(name: string, otherwise?: number): number {
    const value = (this.#value(name, ["int"]) as number | undefined) ?? otherwise ?? this.#default(name);
    return Number(value);
  }

  float(name: string, otherwise?: number): number {
    const value = (this.#value(name, ["float", "int"]) as number | undefined) ?? otherwise ?? this.#default(name);
    return Number(value);
  }

  string(name: string, otherwise?: string): string {
    return String((this.#value(name, ["string"]) as string | undefined) ?? otherwise ?? this.#default(name));
  }

  flag(name: string, otherwise?: boolean): boolean {
    const value = this.#value(name, ["int"]) as number | undefined;
    return Boolean(value ?? otherwise ?? this.#default(name));
  }

  ints(name: string): readonly number[] | undefined {
    return this.#value(name, ["ints"]) as readonly number[] | undefined;
  }

  floats(name: string): readonly number[] | undefined {
    return this.#value(name, ["floats", "ints"]) as readonly number[] | undefined;
  }

  strings(name: string): readonly string[] | undefined {
    return this.#value(name, ["strings"]) as readonly string[] | undefined;
  }

  graph(name: string): GraphProto {
    const value = this.#value(name, ["graph"]) as GraphProto | undefined;
    if (value === undefined) throw new DataError(`${this.where}: expected a graph as ${name}, got none`);
    return value;
  }

  #default(name: string): AttributeValue {
    const value = own(own(DEFAULTS, this.node.opType) ?? {}, name);
    if (value === undefined) throw new DataError(`${this.where}: expected a value for ${name}, got none`);
    return value;
  }

  /** Refuses a node that asks for something Descent has no op for. Errors: UnsupportedOpError. */
  unsupported(what: string): never {
    throw new UnsupportedOpError(`${this.where}: ${what} is not supported`);
  }
}

/** The numbers of an operand as they are fixed in the file, if they are. */
export const fixedNumbers = (operand: Operand | null | undefined): readonly number[] | undefined =>
  numbersOf(operand?.known ?? operand?.fixed?.());
