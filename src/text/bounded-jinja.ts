/**
 * @module A chat template comes with a checkpoint from elsewhere and is a program: it is run with limits on what it does, on the lengths
 * of its values and on its output, so that no template can hang or fill the memory.
 */
import * as library from "@huggingface/jinja";
import { ConfigError } from "../util/errors.js";

/** A value while a template runs: text, number, list (an array), object (a map), … */
interface Value {
  readonly value: unknown;
}
/** A node of a parsed template; what else it has depends on its type. */
interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}
interface Environment {
  set(name: string, value: unknown): Value;
}
/** A parsed template. */
export interface Template {
  readonly parsed: Node;
  render(variables: object): string;
}
interface Library {
  readonly Template: new (source: string) => Template;
  readonly Environment: new () => Environment;
  readonly Interpreter: new (environment: Environment) => {
    run(program: Node): Value;
    evaluate(node: Node | undefined, environment: Environment): Value;
  };
}
// With the types above: the library's own declarations name files without extensions, which Node's resolution does not find.
const { Template, Environment, Interpreter } = library as unknown as Library;

/** Characters of a template: real ones have up to some 10,000. */
const MAX_SOURCE = 2 ** 20;
/** Expressions evaluated and text and elements looked at, weighed by what they take: about a second. */
const MAX_STEPS = 1_000_000;
/** A scope is made for each turn of a loop. */
const STEPS_PER_TURN = 8;
/** Characters of any text, the output too. */
const MAX_TEXT = 2 ** 24;
/** Elements of any list, those of lists in it too. */
const MAX_ELEMENTS = 100_000;

/** Expressions that only look into an operand: everything else may write it out, with all that is in it. */
const LOOKED_INTO: ReadonlyMap<string, string> = new Map([
  ["MemberExpression", "object"],
  ["For", "iterable"],
  ["SelectExpression", "lhs"],
  ["TestExpression", "operand"],
  ["If", "test"],
  ["Set", "value"],
]);
/** Filters that look at no more than a list's own elements. */
const SHALLOW: ReadonlySet<string> = new Set(["length", "first", "last", "reverse", "selectattr", "rejectattr", "items", "list"]);

/** The operand that a node only looks into, if there is one. */
function lookedInto(node: Node): unknown {
  if (node.type !== "FilterExpression") return node[LOOKED_INTO.get(node.type) ?? ""];
  const filter = node["filter"] as { readonly value?: unknown } | undefined;
  return SHALLOW.has(String(filter?.value)) ? node["operand"] : undefined;
}

const refuse = (what: string): never => {
  throw new ConfigError(`expected a template within its limits, got ${what}`);
};

class BoundedInterpreter extends Interpreter {
  #steps = 0;
  readonly #shallow = new WeakSet<object>();
  readonly #looped = new WeakSet<object>();

  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) refuse(`one that takes more than ${MAX_STEPS} steps`);
  }

  /** Counts what a value holds, as often as it would be written: a list of twice the same list holds its elements twice. */
  #count(value: unknown, deep: boolean): void {
    const pending: unknown[] = [value];
    let elements = 0;
    while (pending.length > 0) {
      const held: unknown = (pending.pop() as Value | undefined)?.value;
      if (typeof held === "string") {
        if (held.length > MAX_TEXT) refuse(`a text of ${held.length} characters (at most ${MAX_TEXT})`);
        this.#spend(held.length / 64);
        continue;
      }
      if (!Array.isArray(held) && !(held instanceof Map)) continue;
      const [inner, size]: [Iterable<unknown>, number] = [held.values(), Array.isArray(held) ? held.length : held.size];
      elements += size;
      this.#spend(deep ? size : size / 256);
      if (elements > MAX_ELEMENTS) refuse(`a list of more than ${MAX_ELEMENTS} elements`);
      if (deep) for (const each of inner) pending.push(each);
    }
  }

  override evaluate(node: Node | undefined, environment: Environment): Value {
    this.#spend(1);
    if (node === undefined) return super.evaluate(node, environment);
    const operand = lookedInto(node);
    if (typeof operand === "object" && operand !== null) this.#shallow.add(operand);
    if (node.type === "For" && typeof node["iterable"] === "object") this.#looped.add(node["iterable"] as object);
    const value = super.evaluate(node, environment);
    this.#count(value, !this.#shallow.has(node));
    if (this.#looped.has(node) && Array.isArray(value.value)) this.#spend(STEPS_PER_TURN * value.value.length);
    return value;
  }
}

/** Python's range, with a bound on its length. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  if (step === 0) throw new Error("range() step must not be zero");
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!(count <= MAX_ELEMENTS)) refuse(`a range of ${count} numbers (at most ${MAX_ELEMENTS})`);
  return Array.from({ length: count }, (_, i) => start + i * step);
}

/** The library's own date, which it gives to templates only. */
const DATE = new Template("{{ strftime_now(format) }}");

/** Jinja's globals, as the library's own `Template.render` sets them. */
const GLOBALS: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  range,
  strftime_now: (format: string) => DATE.render({ format }),
  raise_exception: (message: string) => {
    throw new Error(message);
  },
};

/** Parses a template. Error, in the library's words, if it is none; ConfigError if it is too long. */
export function parseTemplate(source: string): Template {
  if (source.length > MAX_SOURCE) refuse(`one of ${source.length} characters (at most ${MAX_SOURCE})`);
  return new Template(source);
}

/** Runs a template. Error, in the library's words, if it fails; ConfigError if it goes over a limit. */
export function renderTemplate(template: Template, variables: Readonly<Record<string, unknown>>): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries(GLOBALS)) environment.set(name, value);
  for (const [name, value] of Object.entries(variables)) environment.set(name, value);
  return String(new BoundedInterpreter(environment).run(template.parsed).value);
}
