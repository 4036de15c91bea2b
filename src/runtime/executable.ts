/**
 * @module What a graph becomes when it is compiled: a session of the engine whose feeds are checked.
 */
import type { Graph, TensorData, TensorType } from "../graph/index.js";
import { DTYPES, formatShape } from "../graph/index.js";
import { DTypeError, ShapeError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { nodesWithoutKernel } from "./kernels.js";
import type { Device, Runtime, Session, Value } from "./runtime.js";

/** A compiled graph. Owned: dispose it. */
export class Executable implements AsyncDisposable {
  readonly graph: Graph;
  readonly device: Device;
  readonly runtime: Runtime;
  /** By output name, the input whose memory a run may write it into. */
  readonly inPlace: Readonly<Record<string, string>>;
  /** Nodes that have no kernel on the device and run on the CPU, with copies both ways. */
  readonly fallbacks: readonly string[];
  readonly #session: Session;
  readonly #release: () => Promise<void>;
  readonly #types: ReadonlyMap<string, TensorType>;

  /** `types`: what is fed, by name. */
  constructor(
    graph: Graph,
    runtime: Runtime,
    session: Session,
    types: Iterable<readonly [string, TensorType]>,
    release: () => Promise<void>,
    inPlace: Readonly<Record<string, string>> = {},
  ) {
    this.inPlace = inPlace;
    this.graph = graph;
    this.runtime = runtime;
    this.device = session.device;
    this.#session = session;
    this.#release = release;
    this.fallbacks = nodesWithoutKernel(graph, session.device);
    this.#types = new Map(types);
  }

  get inputs(): readonly string[] {
    return this.#session.inputs;
  }

  get outputs(): readonly string[] {
    return this.#session.outputs;
  }

  /** Runs on values; nothing is checked or copied. What training steps use. */
  run(feeds: Readonly<Record<string, Value>>, into?: Readonly<Record<string, Value>>): Promise<Record<string, Value>> {
    return this.#session.run(feeds, into);
  }

  /** Runs on numbers, checked against the graph, and gives numbers back. */
  async call(feeds: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
    const values: Record<string, Value> = {};
    try {
      for (const [name, data] of Object.entries(feeds)) values[name] = this.runtime.upload(this.#checked(name, data));
      for (const name of this.inputs) {
        if (values[name] === undefined) throw new ShapeError(`run: expected a value for input "${name}", got none`);
      }
      const outputs = await this.run(values);
      const results: Record<string, TensorData> = {};
      for (const [name, value] of Object.entries(outputs)) {
        results[name] = await this.runtime.read(value);
        if (value.location === "device") value[Symbol.dispose]();
      }
      return results;
    } finally {
      for (const value of Object.values(values)) value[Symbol.dispose]();
    }
  }

  #checked(name: string, data: TensorData): TensorData {
    const type = this.#types.get(name);
    if (type === undefined && this.inputs.includes(name)) return data;
    if (type === undefined) throw new ShapeError(`run: ${unknownName("input", name, this.inputs)}`);
    if (type.dtype !== data.dtype) throw new DTypeError(`run: input "${name}": expected ${type.dtype}, got ${data.dtype}`);
    const fits =
      type.shape.length === data.shape.length && type.shape.every((d, i) => typeof d !== "number" || d === data.shape[i]);
    if (!fits) throw new ShapeError(`run: input "${name}": expected ${formatShape(type.shape)}, got ${formatShape(data.shape)}`);
    if (!(data.data instanceof DTYPES[data.dtype].create(0).constructor)) {
      throw new DTypeError(`run: input "${name}": expected an array for ${data.dtype}, got ${data.data.constructor.name}`);
    }
    return data;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#release();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this.#release();
  }
}
