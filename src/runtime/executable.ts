/**
 * @module `Executable`: a compiled graph, which is a session of the engine whose feeds are checked.
 */
import type { Graph, StringData, TensorData, TensorType } from "../graph/index.js";
import { bindFromLength, checkData, formatShape, isStringData, sizeOf } from "../graph/index.js";
import type { IndexRange } from "../ops/index.js";
import { checkIndexRange, indexRanges, refuseEmpty } from "../ops/index.js";
import { DTypeError, SessionError, ShapeError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { nodesWithoutKernel } from "./kernels.js";
import type { Device, Runtime, Session, Value } from "./runtime.js";
import { own, setOwn } from "../util/record.js";
import { SpecializingSession } from "./specialize.js";

/** The parts of an executable. */
interface Compiled {
  /** The graph that the engine runs, after lowering and resolving. */
  readonly graph: Graph;
  /** The graph as it was described. */
  readonly traced: Graph;
  readonly runtime: Runtime;
  readonly session: Session;
  /** The types of the values to feed, by name. */
  readonly types: Iterable<readonly [string, TensorType]>;
  readonly release: () => Promise<void>;
  readonly inPlace?: Readonly<Record<string, string>> | undefined;
}

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
  readonly #traced: Graph;
  readonly #types: ReadonlyMap<string, TensorType>;
  readonly #ranges: ReadonlyMap<string, IndexRange>;
  #isDisposed = false;

  constructor({ graph, traced, runtime, session, types, release, inPlace = {} }: Compiled) {
    this.inPlace = inPlace;
    this.graph = graph;
    this.runtime = runtime;
    this.device = session.device;
    this.#session = session;
    this.#release = release;
    this.#traced = traced;
    this.fallbacks = nodesWithoutKernel(graph, session.device);
    this.#types = new Map(types);
    this.#ranges = indexRanges(traced);
  }

  /** Names of the inputs that a run reads; those on which no output depends are not among them. */
  get inputs(): readonly string[] {
    return this.#session.inputs;
  }

  get outputs(): readonly string[] {
    return this.#session.outputs;
  }

  /**
   * Runs on values that the engine holds, whose numbers are neither read nor copied, as training steps do. `meanwhile`: see `Session`.
   *
   * Errors: ShapeError, DTypeError for a value that is missing or is none of the graph's type.
   */
  async run(
    feeds: Readonly<Record<string, Value>>,
    into?: Readonly<Record<string, Value>>,
    meanwhile?: () => void,
  ): Promise<Record<string, Value>> {
    if (this.#isDisposed) throw new SessionError("run: expected an executable that is open, got one that was disposed");
    for (const name of this.inputs) {
      const value = own(feeds, name);
      if (value === undefined) throw new ShapeError(`run: expected a value for input "${name}", got none`);
      if (value.location === undefined)
        throw new DTypeError(`run: input "${name}": expected a value that the engine holds, got plain numbers; use call`);
      this.#checkType(name, value);
    }
    return this.#session.run(feeds, into, meanwhile);
  }

  /** Tells whether a value of that name may be given. */
  takes(name: string): boolean {
    return this.#types.has(name);
  }

  /** Refuses indices out of range among the given inputs. Errors: DataError, with the example and the value. */
  checkIndices(feeds: Readonly<Record<string, TensorData>>): void {
    for (const [name, range] of this.#ranges) {
      const given = own(feeds, name);
      if (given !== undefined) checkIndexRange(name, given, range);
    }
  }

  /** Runs on arrays, checked against the graph, and returns arrays. Errors: SessionError for string outputs, which `callWithTexts` returns. */
  async call(feeds: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
    const results = await this.callWithTexts(feeds);
    for (const [name, data] of Object.entries(results)) {
      if (isStringData(data)) throw new SessionError(`run: output "${name}": expected numbers, got texts; use callWithTexts`);
    }
    return results as Record<string, TensorData>;
  }

  /** Runs on arrays and strings, checked against the file, and returns arrays and strings: for files with string inputs or outputs. */
  async callWithTexts(
    feeds: Readonly<Record<string, TensorData | StringData>>,
  ): Promise<Record<string, TensorData | StringData>> {
    const values: Record<string, Value> = {};
    const wanted = new Set(this.inputs);
    const numbers: Record<string, TensorData> = {};
    try {
      for (const [name, data] of Object.entries(feeds)) {
        if (isStringData(data)) setOwn(values, name, this.#uploadTexts(name, data));
        else {
          const checked = this.#checked(name, data);
          setOwn(numbers, name, checked);
          if (wanted.has(name)) setOwn(values, name, this.runtime.upload(checked));
        }
      }
      for (const name of wanted) {
        if (own(values, name) === undefined) throw new ShapeError(`run: expected a value for input "${name}", got none`);
      }
      this.checkIndices(numbers);
      this.#refuseEmpty(numbers);
      const outputs = await this.run(values);
      const results: Record<string, TensorData | StringData> = {};
      for (const [name, value] of Object.entries(outputs)) {
        setOwn(results, name, value.dtype === "string" ? this.#readTexts(name, value) : await this.runtime.read(value));
        if (value.location === "device") value[Symbol.dispose]();
      }
      return results;
    } finally {
      for (const value of Object.values(values)) value[Symbol.dispose]();
    }
  }

  #uploadTexts(name: string, data: StringData): Value {
    const size = sizeOf(data.shape);
    if (data.data.length !== size)
      throw new ShapeError(
        `run: input "${name}": expected ${size} texts for ${formatShape(data.shape)}, got ${data.data.length}`,
      );
    this.#checkType(name, data);
    if (this.runtime.uploadTexts === undefined)
      throw new SessionError(`run: input "${name}": expected numbers, got texts, which an engine in a worker does not take`);
    return this.runtime.uploadTexts(data);
  }

  #readTexts(name: string, value: Value): StringData {
    if (this.runtime.readTexts === undefined)
      throw new SessionError(`run: output "${name}": expected numbers, got texts, which an engine in a worker does not give`);
    return this.runtime.readTexts(value);
  }

  /** Where dimensions stay free, a length of 0 reaches the engine's kernels. */
  #refuseEmpty(feeds: Readonly<Record<string, TensorData>>): void {
    if (this.#session instanceof SpecializingSession) return;
    if (!Object.values(feeds).some(({ shape }) => shape.includes(0))) return;
    const lengths = new Map<string, number>();
    for (const [name, { shape }] of Object.entries(feeds))
      this.#types.get(name)?.shape.forEach((d, axis) => void bindFromLength(d, shape[axis] as number, lengths));
    if (lengths.size > 0) refuseEmpty(this.#traced, lengths);
  }

  #checked(name: string, data: TensorData): TensorData {
    checkData(`run: input "${name}"`, data);
    this.#checkType(name, data);
    return data;
  }

  #checkType(name: string, data: Pick<Value, "dtype" | "shape">): void {
    const type = this.#types.get(name);
    if (type === undefined && this.inputs.includes(name)) return;
    if (type === undefined) throw new ShapeError(`run: ${unknownName("input", name, this.inputs)}`);
    if (type.dtype !== data.dtype) throw new DTypeError(`run: input "${name}": expected ${type.dtype}, got ${data.dtype}`);
    const fits =
      type.shape.length === data.shape.length && type.shape.every((d, i) => typeof d !== "number" || d === data.shape[i]);
    if (!fits) throw new ShapeError(`run: input "${name}": expected ${formatShape(type.shape)}, got ${formatShape(data.shape)}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    return this.#release();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}
