/**
 * @module The type of a node's conversion, and the conversion that follows from an entry in the table of ops.
 */
import type { AttributeValue, Tensor } from "../graph/index.js";
import type { AttributeKind, TableOp } from "../ops/index.js";
import * as ops from "../ops/index.js";
import { emit } from "../ops/index.js";
import { DataError } from "../util/errors.js";
import { own } from "../util/record.js";
import type { Call, Operand } from "./call.js";
import { DEFAULTS, INPUT_COUNT } from "./defaults.js";
import { dtypeOf } from "./numbers.js";

export type Conversion = (c: Call) => readonly (Tensor | Operand)[];

/** Attributes as a node of the graph holds them. */
export type GivenAttributes = Record<string, AttributeValue | undefined>;

/** Applies an op's entry to tensors, whatever its types. */
export const apply = (name: string, inputs: readonly (Tensor | null)[], attributes: GivenAttributes): readonly Tensor[] =>
  emit(ops.opNamed(name), inputs, attributes);

function attributeOf(c: Call, name: string, kind: AttributeKind): GivenAttributes[string] {
  const otherwise = own(own(DEFAULTS, c.node.opType) ?? {}, name);
  const given = c.attribute(name);
  if (given === undefined && otherwise !== undefined) return otherwise;
  switch (kind) {
    case "int":
      return c.int(name);
    case "bool":
      return c.flag(name);
    case "float":
      return c.float(name);
    case "string":
      return c.string(name);
    case "dtype":
      return dtypeOf(c.int(name), c.where);
    case "floats":
      return required(c, name, c.floats(name));
    case "strings":
      return required(c, name, c.strings(name));
    case "ints":
    case "shape":
      return required(c, name, c.ints(name));
    case "tensor":
    case "rule":
    case "body":
      return c.unsupported(`attribute ${name}`);
  }
}

export function required<T>(c: Call, name: string, value: T | undefined): T {
  if (value === undefined) throw new DataError(`${c.where}: expected a value for ${name}, got none`);
  return value;
}

/** The attributes that ONNX writes as attributes, by the table's entry. */
export function plainAttributes(c: Call, op: TableOp): GivenAttributes {
  const attributes: GivenAttributes = {};
  for (const [name, kind] of Object.entries(op.attributes)) {
    if (op.attributeInputs?.[name] === undefined) attributes[name] = attributeOf(c, name, kind);
  }
  return attributes;
}

/** Converts a node by the entry in the table alone. */
export function byTable(c: Call, op: TableOp): readonly Tensor[] {
  const attributes: GivenAttributes = {};
  const slots = new Set<number>();
  for (const [name, kind] of Object.entries(op.attributes)) {
    const place = op.attributeInputs?.[name];
    if (place === undefined) attributes[name] = attributeOf(c, name, kind);
    else {
      slots.add(place.slot);
      if (!c.has(place.slot)) attributes[name] = attributeOf(c, name, kind);
      else if (place.scalar) attributes[name] = c.numbers(place.slot, name)[0];
      else attributes[name] = kind === "shape" ? c.dims(place.slot, name) : c.numbers(place.slot, name);
    }
  }
  const inputs = c.inputs.flatMap((operand, i) => (slots.has(i) ? [] : [operand?.tensor() ?? null]));
  const count = own(INPUT_COUNT, op.name);
  if (count === undefined) while (inputs.at(-1) === null) inputs.pop();
  else while (inputs.length < count) inputs.push(null);
  return emit(op, inputs, attributes);
}

export const activation =
  (f: (x: Tensor, c: Call) => Tensor): Conversion =>
  (c) => [f(c.x(0), c)];
