/**
 * @module The values of a training by name, where the engine keeps them: those of now, the second memory that a step writes into, and its scalar inputs.
 */
import type { DType, TensorData } from "../graph/index.js";
import type { Executable, Runtime, Value } from "../runtime/index.js";
import { ConfigError } from "../util/errors.js";
import { own, setOwn } from "../util/record.js";
import type { FlatState } from "./flat-state.js";
import type { BatchData } from "./step.js";

export class StateValues implements Disposable {
  readonly #runtime: Runtime;
  /** The memory of the kernel that updates in place, where there is one. */
  #flat: FlatState | undefined;
  readonly #current = new Map<string, Value>();
  readonly #spare = new Map<string, Value>();
  readonly #passValues = new Map<string, Value>();
  readonly #scalars = new Map<string, { readonly number: number; readonly made: Value }>();

  constructor(runtime: Runtime, flat: FlatState | undefined) {
    this.#runtime = runtime;
    this.#flat = flat;
  }

  get(name: string): Value | undefined {
    return this.#current.get(name);
  }

  /** The value before the last step, where it still lies in the other memory. */
  earlier(name: string): Value | undefined {
    return this.#spare.get(name);
  }

  read(name: string): Promise<TensorData> {
    return this.#runtime.read(this.#current.get(name) as Value);
  }

  async copyOf(names: Iterable<string>): Promise<Map<string, TensorData>> {
    const values = new Map<string, TensorData>();
    for (const name of names) {
      const { dtype, shape, data } = await this.read(name);
      values.set(name, { dtype, shape, data: data.slice() });
    }
    return values;
  }

  replace(name: string, value: Value): void {
    this.#current.get(name)?.[Symbol.dispose]();
    this.#current.set(name, value);
  }

  /** Puts numbers in place of a value; those that are `kept` by somebody are copied, since the engine writes into their memory at the second step. */
  restore(name: string, given: TensorData, kept: boolean): void {
    const place = this.#flat?.arrayOf(name);
    if (place === undefined)
      return this.replace(name, this.#runtime.upload(kept ? { ...given, data: given.data.slice() } : given));
    (place.data as Float32Array).set(given.data as Float32Array);
    if (!this.#current.has(name)) this.#current.set(name, this.#runtime.upload(place));
  }

  /** Takes what a step gave; the memory of the value before is the next step's, where it can be written into. */
  advance(name: string, next: Value, isReused: boolean): void {
    const old = this.#current.get(name) as Value;
    this.#current.set(name, next);
    if (isReused) this.#spare.set(name, old);
    else old[Symbol.dispose]();
  }

  /** A value of zeros: a sum to begin with. */
  zero(name: string, dtype: DType, shape: readonly number[]): void {
    const flat = this.#flat?.arrayOf(name);
    if (flat === undefined) return this.replace(name, this.#runtime.allocate(dtype, shape));
    this.#spare.get(name)?.[Symbol.dispose]();
    this.#spare.delete(name);
    (flat.data as Float32Array).fill(0);
    this.replace(name, this.#runtime.upload(flat));
  }

  /** The memory that a step writes an entry into. */
  spareFor(name: string): Value {
    return this.#madeOnce(this.#spare, name, ({ dtype, shape }) => {
      const second = this.#flat?.secondOf(name);
      return second === undefined ? this.#runtime.allocate(dtype, shape) : this.#runtime.upload(second);
    });
  }

  /** The memory that a pass writes an entry into: `data`, of which the sum over passes is made. */
  passValueFor(data: TensorData["data"], name: string): Value {
    return this.#madeOnce(this.#passValues, name, ({ dtype, shape }) => this.#runtime.upload({ dtype, shape, data }));
  }

  #madeOnce(made: Map<string, Value>, name: string, make: (like: Value) => Value): Value {
    const found = made.get(name) ?? make(this.#current.get(name) as Value);
    made.set(name, found);
    return found;
  }

  /** A scalar input, made anew where its number has changed. */
  scalar(name: string, value: number | undefined): Value {
    if (value === undefined) throw new ConfigError(`step: expected a value for input "${name}" in the batch, got none`);
    const last = this.#scalars.get(name);
    if (last?.number === value) return last.made;
    last?.made[Symbol.dispose]();
    const data = name === "seed" || name === "step" ? Uint32Array.of(value) : Float32Array.of(value);
    const made = this.#runtime.upload({ dtype: data instanceof Uint32Array ? "uint32" : "float32", shape: [], data });
    this.#scalars.set(name, { number: value, made });
    return made;
  }

  /** The inputs of a step: what is given, else a value of the training, else a scalar. */
  feeds(
    inputs: readonly string[],
    given: Readonly<Record<string, Value>>,
    scalars: Readonly<Record<string, number>>,
  ): Record<string, Value> {
    const feeds: Record<string, Value> = {};
    for (const name of inputs) setOwn(feeds, name, own(given, name) ?? this.get(name) ?? this.scalar(name, own(scalars, name)));
    return feeds;
  }

  /** Runs another graph on a batch and the values of now. */
  async run(executable: Executable, data: BatchData): Promise<Record<string, TensorData>> {
    executable.checkIndices(data);
    const feeds: Record<string, Value> = {};
    const uploaded: Value[] = [];
    for (const name of executable.inputs) {
      const given = own(data, name);
      const value = given === undefined ? this.get(name) : this.#runtime.upload(given);
      if (value === undefined) throw new ConfigError(`evaluate: expected a value for input "${name}" in the batch, got none`);
      if (given !== undefined) uploaded.push(value);
      setOwn(feeds, name, value);
    }
    const outputs = await executable.run(feeds);
    const results: Record<string, TensorData> = {};
    for (const [name, value] of Object.entries(outputs)) {
      setOwn(results, name, await this.#runtime.read(value));
      if (value.location === "device") value[Symbol.dispose]();
    }
    for (const value of uploaded) value[Symbol.dispose]();
    return results;
  }

  [Symbol.dispose](): void {
    const scalars = [...this.#scalars.values()].map(({ made }) => made);
    for (const value of [...this.#current.values(), ...this.#spare.values(), ...this.#passValues.values(), ...scalars])
      value[Symbol.dispose]();
    for (const values of [this.#current, this.#spare, this.#passValues]) values.clear();
    this.#flat = undefined;
  }
}
