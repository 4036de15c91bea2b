/**
 * @module Graphs whose nodes need to know dimensions that are free: they are compiled for the lengths of a run, once for each set of them.
 */
import { bindFromLength, formatShape, type Graph } from "../graph/index.js";
import { ShapeError } from "../util/errors.js";
import type { Device, Session, Value } from "./runtime.js";
import { own } from "../util/record.js";

/** Sets of lengths that stay compiled; the one not used longest goes first. */
const KEPT = 8;

interface Compiled extends AsyncDisposable {
  run(feeds: Readonly<Record<string, Value>>, into?: Readonly<Record<string, Value>>): Promise<Record<string, Value>>;
}

/** A session that compiles a session for each set of lengths, and keeps the latest few. */
export class SpecializingSession implements Session {
  readonly device: Device;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #graph: Graph;
  readonly #compile: (lengths: ReadonlyMap<string, number>) => Promise<Compiled>;
  /** By the lengths, the one used last at the end. */
  readonly #compiled = new Map<string, Promise<Compiled>>();

  constructor(
    graph: Graph,
    device: Device,
    inputs: readonly string[],
    compile: (lengths: ReadonlyMap<string, number>) => Promise<Compiled>,
  ) {
    this.#graph = graph;
    this.device = device;
    this.inputs = inputs;
    this.outputs = [...graph.outputs.keys()];
    this.#compile = compile;
  }

  async run(feeds: Readonly<Record<string, Value>>, into?: Readonly<Record<string, Value>>): Promise<Record<string, Value>> {
    const executable = await this.#for(this.#lengthsOf(feeds));
    return executable.run(feeds, into);
  }

  /** The lengths of all free dimensions. Errors: ShapeError where two inputs contradict each other. */
  #lengthsOf(feeds: Readonly<Record<string, Value>>): ReadonlyMap<string, number> {
    const lengths = new Map<string, number>();
    for (const t of this.#graph.inputs) {
      const name = String(t.node.attributes["name"]);
      const shape = own(feeds, name)?.shape ?? [];
      if (shape.length !== t.rank || !t.shape.every((d, axis) => bindFromLength(d, shape[axis] as number, lengths))) {
        const known = [...lengths].map(([symbol, length]) => `${symbol} = ${length}`).join(", ");
        const where = known === "" ? "" : ` where ${known}`;
        throw new ShapeError(`run: input "${name}": expected ${formatShape(t.shape)}${where}, got ${formatShape(shape)}`);
      }
    }
    return lengths;
  }

  async #for(lengths: ReadonlyMap<string, number>): Promise<Compiled> {
    const key = [...lengths].map(([name, length]) => `${name}=${length}`).join(" ");
    const known = this.#compiled.get(key);
    const executable = known ?? this.#compile(lengths);
    this.#compiled.delete(key);
    this.#compiled.set(key, executable);
    try {
      return await executable;
    } catch (error) {
      this.#compiled.delete(key);
      throw error;
    } finally {
      const oldest = [...this.#compiled.keys()].slice(0, Math.max(0, this.#compiled.size - KEPT));
      for (const old of oldest) {
        const dropped = this.#compiled.get(old);
        this.#compiled.delete(old);
        await (await dropped)?.[Symbol.asyncDispose]();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#compiled.values()];
    this.#compiled.clear();
    for (const executable of all) await (await executable)[Symbol.asyncDispose]();
  }
}
