/**
 * @module A runtime inside a worker: sessions and values live there, and the thread that asks stays free. This is the asking end;
 * `ort-worker-serve.ts` is the other.
 */
import type { DType, TensorData } from "../graph/index.js";
import { checkData } from "../graph/index.js";
import { ConfigError, SessionError } from "../util/errors.js";
import type { Device, Runtime, Session, SessionOptions, Value } from "./runtime.js";
import type { Answer, Created, Notice, Request, Started, ValueType, WorkerPort } from "./ort-worker-protocol.js";
import { detachable } from "./ort-worker-protocol.js";
import { own, setOwn } from "../util/record.js";

/** A handle into the worker's table of values. */
class WorkerValue implements Value {
  readonly location = "device";
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly handle: number;
  readonly #free: () => void;

  constructor(handle: number, { dtype, shape }: ValueType, free: () => void) {
    this.handle = handle;
    this.dtype = dtype;
    this.shape = shape;
    this.#free = free;
  }

  [Symbol.dispose](): void {
    this.#free();
  }
}

class WorkerSession implements Session {
  readonly device: Device;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #run: (
    feeds: Readonly<Record<string, Value>>,
    into: Readonly<Record<string, Value>>,
  ) => Promise<Record<string, Value>>;
  readonly #release: () => Promise<void>;

  constructor(created: Created, run: WorkerSession["run"], release: () => Promise<void>) {
    this.device = created.device;
    this.inputs = created.inputs;
    this.outputs = created.outputs;
    this.#run = run;
    this.#release = release;
  }

  run(feeds: Readonly<Record<string, Value>>, into: Readonly<Record<string, Value>> = {}): Promise<Record<string, Value>> {
    return this.#run(feeds, into);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#release();
  }
}

const namedHandles = (names: readonly string[], record: Readonly<Record<string, Value>>): Record<string, number> => {
  const result: Record<string, number> = {};
  for (const name of names) {
    const value = own(record, name);
    if (value !== undefined && !(value instanceof WorkerValue)) {
      throw new SessionError(`session: expected values of this worker, got "${name}" from another runtime; upload it here`);
    }
    if (value !== undefined) setOwn(result, name, value.handle);
  }
  return result;
};

/**
 * Sessions and values in a worker. Numbers cross when they are uploaded (copied, then handed over) and read; what a run
 * leaves stays there. Owns the worker: dispose it, which releases every session and value first.
 */
export class WorkerRuntime implements Runtime, AsyncDisposable {
  readonly name = "worker";
  readonly writesInPlace = false;
  #opensFiles = false;
  readonly devices: readonly Device[];
  readonly #port: WorkerPort;
  /** Answers that are awaited. `keep` holds the values of a run, so that none is collected before it is over. */
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void; keep: unknown }>();
  /** Frees values in the worker that were collected here without being disposed. */
  readonly #dropped: FinalizationRegistry<number>;
  /** The engine's handle for interrupting the worker's runs; undefined where it has none. */
  #interruption: bigint | undefined;
  #count = 0;
  #failure: Error | undefined;
  #closed: Promise<void> | undefined;

  private constructor(port: WorkerPort, devices: Device[]) {
    this.#port = port;
    this.devices = devices;
    this.#dropped = new FinalizationRegistry((handle) => this.#tell({ kind: "dispose", value: handle }));
    port.listen(
      (message) => this.#receive(message as Answer),
      (error) => this.#fail(error),
    );
  }

  /** Waits until the worker's engine is loaded. Errors: SessionError where it is not to be had. */
  static async start(port: WorkerPort): Promise<WorkerRuntime> {
    const devices: Device[] = [];
    const runtime = new WorkerRuntime(port, devices);
    try {
      const started = (await runtime.#ask({ kind: "start" })) as Started;
      devices.push(...started.devices);
      runtime.#opensFiles = started.opensFiles;
      runtime.#interruption = started.handle;
    } catch (error) {
      await port.end();
      throw error;
    }
    return runtime;
  }

  get opensFiles(): boolean {
    return this.#opensFiles;
  }

  async createSession(model: Uint8Array | string, options: SessionOptions): Promise<Session> {
    const copy = typeof model === "string" ? model : model.slice();
    const moved = typeof copy === "string" ? [] : [copy.buffer];
    const created = (await this.#ask({ kind: "create", model: copy, options }, moved)) as Created;
    let released: Promise<void> | undefined;
    return new WorkerSession(
      created,
      (feeds, into) => this.#run(created, feeds, into ?? {}),
      () => (released ??= this.#failure === undefined ? this.#release(created.session) : Promise.resolve()),
    );
  }

  upload(data: TensorData): Value {
    checkData("value", data);
    const copy = detachable(data);
    const value = this.#value(copy);
    this.#tell({ kind: "upload", value: value.handle, data: copy }, [copy.data.buffer as ArrayBuffer]);
    return value;
  }

  allocate(dtype: DType, shape: readonly number[]): Value {
    const value = this.#value({ dtype, shape: [...shape] });
    this.#tell({ kind: "allocate", value: value.handle, dtype, shape: value.shape });
    return value;
  }

  async read(value: Value): Promise<TensorData> {
    const { x } = namedHandles(["x"], { x: value });
    return (await this.#ask({ kind: "read", value: x as number }, [], value)) as TensorData;
  }

  /**
   * Ends the run under way, before its next node, and those that wait: each is rejected with a SessionError. Sessions and values stay, and memory that a run
   * was to write into holds whatever came to be there. Resolves once the next run can begin. Where the engine has no way to end a run (a GPU's, the
   * browser's, the binding's), it waits for the one under way.
   */
  async stop(): Promise<void> {
    if (this.#failure !== undefined) return;
    if (this.#interruption !== undefined) await this.#port.interrupt?.(this.#interruption);
    await this.#ask({ kind: "resume" });
  }

  /** Waits for the run under way; `stop` before it, where it shall not be waited for. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  async #close(): Promise<void> {
    if (this.#failure === undefined) await this.#ask({ kind: "close" });
    this.#fail(new SessionError("worker: expected a running worker, got one that was disposed"));
    await this.#port.end();
  }

  async #release(session: number): Promise<void> {
    await this.#ask({ kind: "release", session });
  }

  async #run(
    { session, inputs, outputs }: Created,
    feeds: Readonly<Record<string, Value>>,
    into: Readonly<Record<string, Value>>,
  ): Promise<Record<string, Value>> {
    const destinations = namedHandles(outputs, into);
    const fresh: Record<string, number> = {};
    for (const name of outputs) if (destinations[name] === undefined) setOwn(fresh, name, ++this.#count);
    const request: Request = { kind: "run", session, feeds: namedHandles(inputs, feeds), into: destinations, fresh };
    const types = (await this.#ask(request, [], [feeds, into])) as Record<string, ValueType>;
    const values: Record<string, Value> = {};
    for (const name of outputs) {
      setOwn(values, name, own(into, name) ?? this.#value(types[name] as ValueType, own(fresh, name)));
    }
    return values;
  }

  #value(type: ValueType, handle: number = ++this.#count): WorkerValue {
    const token = {};
    const value = new WorkerValue(handle, type, () => {
      if (this.#dropped.unregister(token)) this.#tell({ kind: "dispose", value: handle });
    });
    this.#dropped.register(value, handle, token);
    return value;
  }

  #tell(request: Notice, transfer: ArrayBuffer[] = []): void {
    if (this.#failure === undefined) this.#port.post({ request }, transfer);
  }

  #ask(request: Request, transfer: ArrayBuffer[] = [], keep?: unknown): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#count;
    if (this.#waiting.size === 0) this.#port.busy(true);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, keep });
      this.#port.post({ id, request }, transfer);
    });
  }

  #receive({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#port.busy(false);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(error.config ? new ConfigError(error.message) : new SessionError(error.message));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
