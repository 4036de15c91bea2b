/**
 * @module `Module`: a class with a `forward`, whose parameters are found by the names of its fields. It holds no values and
 * has no mode: values appear when a seed and a device are given, and `resolveMode` makes a trace one for training or for use.
 */
import { currentScope, Parameter, withScope } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import type { Summary, SummaryInput } from "./summary.js";
import { summarize } from "./summary.js";

/** `selfAttention` → `self_attention`: fields are camelCase, paths are snake_case as in PyTorch. */
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A path and a further segment, either of which may be empty. */
export const joinPath = (path: string, segment: string): string =>
  path === "" ? segment : segment === "" ? path : `${path}.${segment}`;

/** A record of one call of a module, for summaries. */
export interface Call {
  readonly path: string;
  readonly module: Module;
  readonly result: unknown;
}

/** One outermost module whose `forward` is running: the paths below it. */
interface Frame {
  readonly paths: ReadonlyMap<Module, string>;
}

const frames: Frame[] = [];
let onCall: ((call: Call) => void) | undefined;

/** Runs `body` and tells `listener` of each module call in it, inner ones first. */
export function withCalls<T>(listener: (call: Call) => void, body: () => T): T {
  const outer = onCall;
  onCall = listener;
  try {
    return body();
  } finally {
    onCall = outer;
  }
}

/**
 * Runs a method other than `forward` as `forward` runs: nodes that it makes carry the module's path. Summaries do not see it.
 */
export const scoped = <T>(module: Module, body: () => T): T => enter(module, body);

/** Runs a body in the scope of the module's path: below the outermost running module, or as a new outermost one. */
function enter<T>(module: Module, body: (path: string) => T): T {
  const known = frames.at(-1)?.paths.get(module);
  const path = known ?? currentScope();
  if (known === undefined) {
    frames.push({ paths: new Map([...module.modules()].map(([below, inner]) => [inner, joinPath(path, below)])) });
  }
  try {
    return withScope(path, () => body(path));
  } finally {
    if (known === undefined) frames.pop();
  }
}

const isPlain = (value: object): boolean => Object.getPrototypeOf(value) === Object.prototype;

type Member = readonly [path: string, value: Module | Parameter];

/** Modules and parameters in a field: the value itself, the items of a list by their index, those of a plain object or a map by key. */
function* membersOf(value: unknown, path: string): Generator<Member> {
  if (value instanceof Module || value instanceof Parameter) yield [path, value];
  else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* membersOf(item, joinPath(path, String(i)));
  } else if (value instanceof Map) {
    // Keys of a map are names as they stand: those of an imported file.
    for (const [key, item] of value as ReadonlyMap<unknown, unknown>) yield* membersOf(item, joinPath(path, String(key)));
  } else if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    for (const [key, item] of Object.entries(value)) yield* membersOf(item, joinPath(path, snakeCase(key)));
  }
}

/** Puts modules in the places of others, in the fields of a module and in the lists and plain objects in them. */
function replaceIn(holder: object, replacements: ReadonlyMap<Module, Module>): void {
  for (const [key, value] of Object.entries(holder) as [string, unknown][]) {
    if (value instanceof Module) {
      const other = replacements.get(value);
      // Fields are read-only for those who use a model; whoever adapts one is its maker once more.
      if (other !== undefined) (holder as Record<string, unknown>)[key] = other;
    } else if (Array.isArray(value) || (typeof value === "object" && value !== null && isPlain(value)))
      replaceIn(value, replacements);
  }
}

/**
 * The base of every layer and model.
 *
 * A field that holds a Module, a Parameter, or a list or plain object of them is a part; its path is the field's name in snake_case. Nodes that
 * `forward` makes carry the module's path, so that a ShapeError names the layer.
 *
 * @example
 * import type { Tensor } from "descentjs";
 * import { Linear, Module, relu } from "descentjs/nn";
 * class Net extends Module {
 *   hidden = new Linear(4, 8);
 *   output = new Linear(8, 2);
 *   override forward(x: Tensor): Tensor {
 *     return x.pipe(this.hidden, relu, this.output); // [N, 4] → [N, 2]
 *   }
 * }
 * console.log([...new Net().parameters().keys()].join(" ")); // hidden.weight hidden.bias output.weight output.bias
 */
export abstract class Module {
  /** Path segments that differ from the field's name, by field: `{ layers: "" }` leaves a segment out. */
  static readonly pathNames: Readonly<Record<string, string>> = {};

  constructor() {
    // oxlint-disable-next-line typescript/unbound-method -- bound by apply below
    const forward = this.forward as (...inputs: readonly unknown[]) => unknown;
    Object.defineProperty(this, "forward", {
      value: (...inputs: readonly unknown[]) =>
        enter(this, (path) => {
          const result = forward.apply(this, [...inputs]);
          onCall?.({ path, module: this, result });
          return result;
        }),
      enumerable: false,
      configurable: true,
      writable: true,
    });
  }

  /** From symbolic inputs to symbolic outputs; runs once for each trace. */
  abstract forward(...inputs: readonly never[]): unknown;

  // Fields are read when asked for: this constructor runs before those of subclasses exist.
  *#members(): Generator<Member> {
    const names = (this.constructor as typeof Module).pathNames;
    const taken = new Set<string>();
    for (const [field, value] of Object.entries(this)) {
      for (const member of membersOf(value, names[field] ?? snakeCase(field))) {
        if (taken.has(member[0]))
          throw new ConfigError(`${this.constructor.name}: expected one part per path, got two named "${member[0]}"`);
        taken.add(member[0]);
        yield member;
      }
    }
  }

  /** The modules that are fields of this one, by path segment. */
  children(): Map<string, Module> {
    return new Map([...this.#members()].filter((member): member is [string, Module] => member[1] instanceof Module));
  }

  /** This module (path "") and every module below it, in the order of their fields; a shared one appears once. */
  modules(): Map<string, Module> {
    const result = new Map<string, Module>();
    const seen = new Set<Module>();
    const visit = (module: Module, path: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      result.set(path, module);
      for (const [segment, child] of module.children()) visit(child, joinPath(path, segment));
    };
    visit(this, "");
    return result;
  }

  /**
   * Puts other modules in the places of parts, wherever `choose`, asked for each module below this one, gives one. It must take and give what the
   * one before did. Graphs that were traced already stay as they are.
   */
  replaceParts(choose: (module: Module, path: string) => Module | undefined): void {
    const modules = this.modules();
    const replacements = new Map<Module, Module>();
    for (const [path, module] of modules) {
      const other = module === this ? undefined : choose(module, path);
      if (other !== undefined) replacements.set(module, other);
    }
    for (const module of modules.values()) replaceIn(module, replacements);
  }

  /** Parameters that are fields of this very module, by path segment: trained ones and buffers. */
  ownState(): Map<string, Parameter> {
    return new Map([...this.#members()].filter((member): member is [string, Parameter] => member[1] instanceof Parameter));
  }

  /**
   * Everything that the model owns, trainable or not, by dotted path. Tied parameters appear once, under their first path.
   *
   * Errors: ConfigError if two parts have one path.
   */
  state(): Map<string, Parameter> {
    const result = new Map<string, Parameter>();
    const seen = new Set<Parameter>();
    for (const [path, module] of this.modules()) {
      for (const [segment, parameter] of module.ownState()) {
        if (seen.has(parameter)) continue;
        seen.add(parameter);
        result.set(joinPath(path, segment), parameter);
      }
    }
    return result;
  }

  /** Lists the trainable parameters by dotted path. */
  parameters(): Map<string, Parameter> {
    return new Map([...this.state()].filter(([, parameter]) => parameter.trainable));
  }

  /** Values that are kept but not trained, such as running statistics, by dotted path. */
  buffers(): Map<string, Parameter> {
    return new Map([...this.state()].filter(([, parameter]) => !parameter.trainable));
  }

  /** Number of trainable elements. */
  get parameterCount(): number {
    let count = 0;
    for (const parameter of this.parameters().values()) count += parameter.size;
    return count;
  }

  /**
   * Output shapes, parameters and FLOPs of each layer, for inputs given as shapes or as symbolic tensors:
   * `String(model.summary([1, 1, 28, 28]))` is a table.
   */
  summary(...inputs: readonly SummaryInput[]): Summary {
    return summarize(this, inputs, withCalls);
  }
}
