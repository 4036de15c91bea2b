/**
 * @module JSON schemas as grammars. What a schema asks for is followed to the letter, or refused by name: a constraint that is silently left out would be
 * believed.
 *
 * Source: JSON Schema 2020-12, the part that constrains structure: type, enum, const, properties, required, additionalProperties, items, minItems,
 * maxItems, minLength, maxLength, anyOf, oneOf, allOf of one, $ref within the schema.
 * Differs: properties come in the schema's order; an object that lists properties has no others unless it says so; one space at most behind : and ,.
 */
import { ConfigError } from "../../util/errors.js";
import { own } from "../../util/record.js";
import type { GrammarNode } from "./grammar.js";
import { byteIn, bytes, choice, isSatisfiable, later, optional, repeat, sequence } from "./grammar.js";

type Schema = Readonly<Record<string, unknown>> | boolean;

/** Bounds of what is compiled. */
const MOST_NODES = 20_000;
const MOST_CHARACTERS = 64 * 1024;
const MOST_DEPTH = 48;
/** Whole numbers in a range are listed, where there are no more. */
const MOST_LISTED = 1000;

/** Words that describe, and constrain nothing. */
const NOTES: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  "strict",
]);
/** Words that are followed. */
const FOLLOWED: ReadonlySet<string> = new Set([
  "type",
  "enum",
  "const",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "minItems",
  "maxItems",
  "minLength",
  "maxLength",
  "anyOf",
  "oneOf",
  "allOf",
  "$ref",
  "minimum",
  "maximum",
]);

const space = optional(bytes(" "));
const comma = sequence(bytes(","), space);
const digit = byteIn([0x30, 0x39]);
const continuation = byteIn([0x80, 0xbf]);
const hexDigit = byteIn([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]);
/** A character of a text: as it is, in UTF-8, or escaped (RFC 8259, section 7; surrogates are left out). */
const character = choice(
  byteIn([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7f]),
  sequence(byteIn([0xc2, 0xdf]), continuation),
  sequence(byteIn([0xe0, 0xe0]), byteIn([0xa0, 0xbf]), continuation),
  sequence(byteIn([0xe1, 0xec], [0xee, 0xef]), continuation, continuation),
  sequence(byteIn([0xed, 0xed]), byteIn([0x80, 0x9f]), continuation),
  sequence(byteIn([0xf0, 0xf0]), byteIn([0x90, 0xbf]), continuation, continuation),
  sequence(byteIn([0xf1, 0xf3]), continuation, continuation, continuation),
  sequence(byteIn([0xf4, 0xf4]), byteIn([0x80, 0x8f]), continuation, continuation),
  sequence(
    bytes("\\"),
    choice(
      byteIn([0x22, 0x22], [0x2f, 0x2f], [0x5c, 0x5c], [0x62, 0x62], [0x66, 0x66], [0x6e, 0x6e], [0x72, 0x72], [0x74, 0x74]),
      sequence(
        bytes("u"),
        choice(byteIn([0x30, 0x39], [0x41, 0x43], [0x61, 0x63]), byteIn([0x45, 0x46], [0x65, 0x66])),
        hexDigit,
        hexDigit,
        hexDigit,
      ),
    ),
  ),
);
const text = (minimum = 0, maximum = Infinity): GrammarNode =>
  sequence(bytes('"'), repeat(character, minimum, maximum), bytes('"'));
/** No number is longer: a model that goes on with digits would go on for ever. */
const whole = sequence(optional(bytes("-")), choice(bytes("0"), sequence(byteIn([0x31, 0x39]), repeat(digit, 0, 14))));
const number = sequence(
  whole,
  optional(sequence(bytes("."), repeat(digit, 1, 15))),
  optional(sequence(byteIn([0x45, 0x45], [0x65, 0x65]), optional(byteIn([0x2b, 0x2b], [0x2d, 0x2d])), repeat(digit, 1, 2))),
);
const truth = choice(bytes("true"), bytes("false"));

const list = (item: GrammarNode, minimum = 0, maximum = Infinity): GrammarNode => {
  const some = sequence(item, repeat(sequence(comma, item), Math.max(0, minimum - 1), maximum - 1));
  const inner = maximum < 1 ? sequence() : minimum === 0 ? optional(some) : some;
  return sequence(bytes("["), minimum > maximum ? choice() : inner, bytes("]"));
};
const pair = (name: GrammarNode, value: GrammarNode): GrammarNode => sequence(name, bytes(":"), space, value);
const anyObject = (value: GrammarNode): GrammarNode => {
  const one = pair(text(), value);
  return sequence(bytes("{"), optional(sequence(one, repeat(sequence(comma, one)))), bytes("}"));
};

/** Any JSON value. */
const any: GrammarNode = later(() => anyValue);
const anyValue = choice(anyObject(any), list(any), text(), number, truth, bytes("null"));

/** Any JSON object. */
export const ANY_OBJECT: GrammarNode = anyObject(any);

/** Makes one schema's grammar. */
class Compiler {
  readonly #root: Schema;
  readonly #where: string;
  readonly #references = new Map<string, GrammarNode>();

  constructor(root: Schema, where: string) {
    this.#root = root;
    this.#where = where;
  }

  #refuse(path: string, expected: string): ConfigError {
    return new ConfigError(`${this.#where}${path}: expected ${expected}`);
  }

  compile(given: unknown, path: string, depth: number): GrammarNode {
    if (depth > MOST_DEPTH) throw this.#refuse("", `a schema nested up to ${MOST_DEPTH} deep, got deeper`);
    if (given === true) return any;
    if (given === false) return choice();
    if (typeof given !== "object" || given === null || Array.isArray(given))
      throw this.#refuse(path, "a schema, got something else");
    const schema = given as Readonly<Record<string, unknown>>;
    const unknown = Object.keys(schema).find((name) => !NOTES.has(name) && !FOLLOWED.has(name));
    if (unknown !== undefined)
      throw this.#refuse(path, `words that can be followed, got ${JSON.stringify(unknown.slice(0, 40))}; leave it out`);
    if (schema["$ref"] !== undefined) return this.#reference(schema["$ref"], path, depth);
    if ("const" in schema) return bytes(JSON.stringify(schema["const"]));
    if (schema["enum"] !== undefined) return this.#enumeration(schema["enum"], path);
    for (const word of ["anyOf", "oneOf", "allOf"]) {
      const options = own(schema, word);
      if (options === undefined) continue;
      if (!Array.isArray(options) || (word === "allOf" && options.length !== 1))
        throw this.#refuse(
          `${path}.${word}`,
          word === "allOf" ? "one schema, got several; put them together" : "a list of schemas",
        );
      return choice(...options.map((option, i) => this.compile(option, `${path}.${word}.${i}`, depth + 1)));
    }
    return this.#typed(schema, path, depth);
  }

  #enumeration(values: unknown, path: string): GrammarNode {
    if (!Array.isArray(values)) throw this.#refuse(`${path}.enum`, "a list of values, got something else");
    return choice(...values.map((value) => bytes(JSON.stringify(value))));
  }

  #reference(reference: unknown, path: string, depth: number): GrammarNode {
    if (typeof reference !== "string" || !reference.startsWith("#"))
      throw this.#refuse(`${path}.$ref`, "a place within this schema, as #/$defs/name");
    const known = this.#references.get(reference);
    if (known !== undefined) return known;
    const parts = reference
      .slice(1)
      .split("/")
      .filter((part) => part !== "");
    let found: unknown = this.#root;
    for (const part of parts) {
      const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      found = typeof found === "object" && found !== null ? own(found as Record<string, unknown>, name) : undefined;
    }
    if (found === undefined)
      throw this.#refuse(`${path}.$ref`, `a place within this schema, got ${JSON.stringify(reference.slice(0, 60))}`);
    let made: GrammarNode = choice();
    // Known before it is made: it may refer to itself.
    const node = later(() => made);
    this.#references.set(reference, node);
    made = this.compile(found, reference, depth + 1);
    return node;
  }

  #typed(schema: Readonly<Record<string, unknown>>, path: string, depth: number): GrammarNode {
    const { type } = schema;
    if (type === undefined && ("properties" in schema || "required" in schema)) return this.#object(schema, path, depth);
    if (type === undefined && "items" in schema) return this.#array(schema, path, depth);
    if (type === undefined) return any;
    const types = Array.isArray(type) ? (type as unknown[]) : [type];
    return choice(...types.map((each) => this.#ofType(each, schema, path, depth)));
  }

  #ofType(type: unknown, schema: Readonly<Record<string, unknown>>, path: string, depth: number): GrammarNode {
    switch (type) {
      case "object":
        return this.#object(schema, path, depth);
      case "array":
        return this.#array(schema, path, depth);
      case "string":
        return text(this.#count(schema, "minLength", path, 0), this.#count(schema, "maxLength", path, Infinity));
      case "integer":
        return this.#integer(schema, path);
      case "number":
        if (schema["minimum"] !== undefined || schema["maximum"] !== undefined)
          throw this.#refuse(path, "numbers without minimum and maximum; integers may have both");
        return number;
      case "boolean":
        return truth;
      case "null":
        return bytes("null");
      default:
        throw this.#refuse(`${path}.type`, "object, array, string, number, integer, boolean or null");
    }
  }

  #count(schema: Readonly<Record<string, unknown>>, name: string, path: string, usual: number): number {
    const value = own(schema, name) ?? usual;
    if (value === Infinity || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0)) return value;
    throw this.#refuse(`${path}.${name}`, "a whole number from 0 on, got something else");
  }

  #integer({ minimum, maximum }: Readonly<Record<string, unknown>>, path: string): GrammarNode {
    if (minimum === undefined && maximum === undefined) return whole;
    if (
      !Number.isSafeInteger(minimum) ||
      !Number.isSafeInteger(maximum) ||
      (maximum as number) - (minimum as number) >= MOST_LISTED
    )
      throw this.#refuse(path, `integers with a minimum and a maximum less than ${MOST_LISTED} apart, or without both`);
    const count = Math.max(0, (maximum as number) - (minimum as number) + 1);
    return choice(...Array.from({ length: count }, (_, i) => bytes(String((minimum as number) + i))));
  }

  #array(schema: Readonly<Record<string, unknown>>, path: string, depth: number): GrammarNode {
    const item = schema["items"] === undefined ? any : this.compile(schema["items"], `${path}.items`, depth + 1);
    return list(item, this.#count(schema, "minItems", path, 0), this.#count(schema, "maxItems", path, Infinity));
  }

  #object(schema: Readonly<Record<string, unknown>>, path: string, depth: number): GrammarNode {
    const properties = (schema["properties"] ?? {}) as Readonly<Record<string, unknown>>;
    const required = schema["required"] ?? [];
    if (typeof properties !== "object" || Array.isArray(properties))
      throw this.#refuse(`${path}.properties`, "an object of schemas");
    if (!Array.isArray(required) || required.some((name) => typeof name !== "string"))
      throw this.#refuse(`${path}.required`, "a list of names");
    const names = Object.keys(properties);
    const others = schema["additionalProperties"] ?? names.length === 0;
    const listed = [...names, ...(required as string[]).filter((name) => !names.includes(name))];
    if (listed.length === 0)
      return others === false ? bytes("{}") : anyObject(this.compile(others, `${path}.additionalProperties`, depth + 1));
    const rest = others === false ? undefined : this.compile(others, `${path}.additionalProperties`, depth + 1);
    const pairs = listed.map((name) => {
      // A name that is required and not described is one of the others.
      const value = names.includes(name)
        ? this.compile(own(properties, name), `${path}.properties.${name.slice(0, 40)}`, depth + 1)
        : (rest ?? choice());
      return { pair: pair(bytes(JSON.stringify(name)), value), isRequired: required.includes(name) };
    });
    return sequence(bytes("{"), this.#pairs(pairs, rest), bytes("}"));
  }

  /** Pairs in their order, those that need not be left out or not, then others. */
  #pairs(
    pairs: readonly { readonly pair: GrammarNode; readonly isRequired: boolean }[],
    rest: GrammarNode | undefined,
  ): GrammarNode {
    const other = rest === undefined ? undefined : pair(text(), rest);
    // From the last to the first: what follows once something was written, and while nothing was.
    let after: GrammarNode = other === undefined ? sequence() : repeat(sequence(comma, other));
    let first: GrammarNode = other === undefined ? sequence() : optional(sequence(other, repeat(sequence(comma, other))));
    for (const { pair: one, isRequired } of pairs.toReversed()) {
      const [behind, skipped] = [after, first];
      after = isRequired ? sequence(comma, one, behind) : choice(sequence(comma, one, behind), behind);
      first = isRequired ? sequence(one, behind) : choice(sequence(one, behind), skipped);
    }
    return first;
  }
}

/**
 * The grammar of a schema's JSON.
 *
 * Errors: ConfigError for words that cannot be followed, a schema that is too large, and one that nothing satisfies.
 */
export function schemaGrammar(schema: unknown, where = "schema"): GrammarNode {
  if (JSON.stringify(schema).length > MOST_CHARACTERS)
    throw new ConfigError(`${where}: expected at most ${MOST_CHARACTERS} characters, got more; make it smaller`);
  const node = new Compiler(schema as Schema, where).compile(schema, "", 0);
  const satisfiable = isSatisfiable(node, MOST_NODES);
  if (satisfiable === undefined)
    throw new ConfigError(`${where}: expected at most ${MOST_NODES} parts, got more; make it smaller`);
  if (!satisfiable) throw new ConfigError(`${where}: expected one that some JSON satisfies, got one that none does`);
  return node;
}
