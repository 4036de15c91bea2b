/**
 * @module Outputs that share a name with an input: a file cannot express that, so the engine knows them by other names.
 */
import type { Device, Session, Value } from "./runtime.js";

type Values = Readonly<Record<string, Value>>;

/** A fresh name for each output that shares its name with a fed value. */
export function clashing(outputs: Iterable<string>, fed: ReadonlySet<string>): ReadonlyMap<string, string> {
  const names = [...outputs];
  const taken = new Set([...names, ...fed]);
  const renamed = new Map<string, string>();
  for (const name of names) {
    if (!fed.has(name)) continue;
    let other = `${name}.output`;
    while (taken.has(other)) other += "_";
    taken.add(other);
    renamed.set(name, other);
  }
  return renamed;
}

/** Wraps a session so that its outputs have the names asked for. Outputs that are written in place belong to a training step and are not renamed. */
export class RenamingSession implements Session {
  readonly device: Device;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #session: Session;
  readonly #renamed: ReadonlyMap<string, string>;
  readonly #back: ReadonlyMap<string, string>;

  /** `renamed`: the engine's name by the one that was asked for. */
  constructor(session: Session, renamed: ReadonlyMap<string, string>) {
    this.#session = session;
    this.#renamed = renamed;
    this.#back = new Map([...renamed].map(([name, other]) => [other, name]));
    this.device = session.device;
    this.inputs = session.inputs;
    this.outputs = session.outputs.map((name) => this.#back.get(name) ?? name);
  }

  async run(feeds: Values, into?: Values, meanwhile?: () => void): Promise<Record<string, Value>> {
    const destinations = into === undefined ? undefined : inNames(into, this.#renamed);
    return inNames(await this.#session.run(feeds, destinations, meanwhile), this.#back);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#session[Symbol.asyncDispose]();
  }
}

const inNames = (values: Values, names: ReadonlyMap<string, string>): Record<string, Value> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [names.get(name) ?? name, value]));
