/**
 * @module The engine's C interface (`onnxruntime_c_api.h`), called with koffi: what `ort-direct-session-node.ts` needs of it,
 * and no more. Why it is used in place of the engine's own binding: docs/runtime.md.
 */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { DType, TensorData, TypedArray } from "../graph/index.js";
import { DTYPES, sizeOf } from "../graph/index.js";
import { SessionError } from "../util/errors.js";
import { hasThreads, loadKoffi } from "../util/koffi-node.js";
import { SharedArena } from "./ort-arena-node.js";
import type { SessionOptions } from "./runtime.js";

/** The interface's functions by their index in `struct OrtApi`, which only ever grows at its end, and their signatures. */
const FUNCTIONS = {
  getErrorMessage: [2, "str", "void *"],
  createEnv: [3, "void *", "int, const char *, void *"],
  createSession: [7, "void *", "void *, void *, void *, void *"],
  createSessionFromArray: [8, "void *", "void *, void *, size_t, void *, void *"],
  run: [9, "void *", "void *, void *, void *, void *, size_t, void *, size_t, void *"],
  createSessionOptions: [10, "void *", "void *"],
  enableProfiling: [14, "void *", "void *, void *"],
  disableMemoryPattern: [17, "void *", "void *"],
  enableArena: [18, "void *", "void *"],
  disableArena: [19, "void *", "void *"],
  setLogSeverity: [22, "void *", "void *, int"],
  setOptimizationLevel: [23, "void *", "void *, int"],
  setThreads: [24, "void *", "void *, int"],
  getInputCount: [30, "void *", "void *, void *"],
  getOutputCount: [31, "void *", "void *, void *"],
  getInputName: [36, "void *", "void *, size_t, void *, void *"],
  getOutputName: [37, "void *", "void *, size_t, void *, void *"],
  createRunOptions: [39, "void *", "void *"],
  setTerminate: [46, "void *", "void *"],
  unsetTerminate: [47, "void *", "void *"],
  createTensorWithData: [49, "void *", "void *, void *, size_t, void *, size_t, int, void *"],
  getTensorData: [51, "void *", "void *, void *"],
  getElementType: [60, "void *", "void *, void *"],
  getRank: [61, "void *", "void *, void *"],
  getDimensions: [62, "void *", "void *, void *, size_t"],
  getTypeAndShape: [65, "void *", "void *, void *"],
  createCpuMemoryInfo: [69, "void *", "int, int, void *"],
  free: [76, "void *", "void *, void *"],
  getAllocator: [78, "void *", "void *"],
  releaseStatus: [93, "void", "void *"],
  releaseSession: [95, "void", "void *"],
  releaseValue: [96, "void", "void *"],
  releaseTypeAndShape: [99, "void", "void *"],
  releaseSessionOptions: [100, "void", "void *"],
  addConfigEntry: [130, "void *", "void *, const char *, const char *"],
  registerAllocator: [144, "void *", "void *, void *, void *"],
  releaseArenaConfig: [157, "void", "void *"],
  createArenaConfig: [164, "void *", "void *, void *, size_t, void *"],
  addRunConfigEntry: [165, "void *", "void *, const char *, const char *"],
} as const satisfies Record<string, readonly [place: number, result: string, parameters: string]>;

type FunctionName = keyof typeof FUNCTIONS;
type Argument = bigint | number | string | TypedArray | ArrayBufferView | null;
/** An address in this process. */
export type Pointer = bigint;

export interface OpenSession {
  readonly session: Pointer;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Takes as much as is asked for (1), and cuts what is free where more than a MiB would be left over. */
const ARENA_SETTINGS = { arena_extend_strategy: 1, max_dead_bytes_per_chunk: 2 ** 20 } as const;

/** The version of the interface asked for, and of the engine whose table of functions was tried. */
const API_VERSION = 24;
const ENGINE_VERSION = /^1\.30\./;

const DTYPE_OF = new Map<number, DType>(Object.entries(DTYPES).map(([name, { onnx }]) => [onnx, name as DType]));

/** A library of functions; koffi unloads it once this is collected. */
interface KoffiLibrary {
  func(definition: string): (...args: readonly number[]) => bigint | number | null;
}

/** The part of koffi's interface that is used here. */
interface Koffi {
  load(path: string): KoffiLibrary;
  array(type: string, length: number): unknown;
  decode(pointer: bigint, type: unknown, length?: number): unknown;
  config(): { readonly async_stack_size?: number };
  proto(result: string, parameters: readonly string[]): unknown;
  call(pointer: bigint, type: unknown, ...args: readonly unknown[]): unknown;
  address(buffer: ArrayBufferLike | ArrayBufferView): bigint;
  view(pointer: bigint, bytes: number): ArrayBuffer;
}

/** Names and values of the inputs of a run, then of its outputs: arrays of addresses. */
type RunArguments = readonly [
  inputNames: BigUint64Array,
  inputs: BigUint64Array,
  outputNames: BigUint64Array,
  outputs: BigUint64Array,
];

/** A function that koffi calls in another thread, with its callback as the last argument. */
interface ThreadFunction {
  async(...args: readonly unknown[]): void;
}

/** The engine's library beside its binding, which is loaded once for both. */
function libraryPath(): string {
  const root = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  const folder = join(root, "bin", "napi-v6", process.platform, process.arch);
  const name = readdirSync(folder).find((file) => /^(lib)?onnxruntime\.(so\.1|1\.dylib|dll)$/.test(file));
  if (name === undefined) throw new SessionError(`engine: expected a library in ${folder}, found none`);
  return join(folder, name);
}

/** Has glibc give back what it keeps of freed memory: making a session leaves tens of MiB. Elsewhere nothing is to be done. */
function trimmer(koffi: Koffi): () => void {
  if (process.platform !== "linux") return () => undefined;
  try {
    const trim = koffi.load("libc.so.6").func("int malloc_trim(size_t)");
    return () => void trim(0);
  } catch {
    return () => undefined;
  }
}

/** The engine's functions, and what all its sessions share. */
export class DirectEngine {
  static #loaded: Promise<DirectEngine | undefined> | undefined;
  readonly #koffi: Koffi;
  /** Held, never read: were it collected, the functions would be gone from memory. */
  readonly library: KoffiLibrary;
  readonly #functions: ReadonlyMap<FunctionName, readonly [pointer: bigint, type: unknown]>;
  readonly #out = new BigUint64Array(1);
  readonly #environment: Pointer;
  readonly #memory: Pointer;
  readonly #allocator: Pointer;
  /** The run options of this thread, by which its runs are interrupted. Never freed: a few bytes that live as long as the thread. */
  #runOptions: Pointer | undefined;
  /** Options of runs that give the arena's free memory back. */
  #emptyingOptions: Pointer | undefined;
  #arena: SharedArena | undefined;
  #threadRun: ThreadFunction | undefined;
  readonly #trim: () => void;

  private constructor(koffi: Koffi, library: KoffiLibrary, table: readonly bigint[]) {
    this.#koffi = koffi;
    this.library = library;
    const functions = Object.entries(FUNCTIONS).map(([name, [place, result, parameters]]) => {
      return [name as FunctionName, [table[place] as bigint, koffi.proto(result, parameters.split(", "))]] as const;
    });
    this.#functions = new Map(functions);
    this.#trim = trimmer(koffi);
    const [fatal, deviceAllocator, defaultMemory] = [4, 0, 0];
    this.#environment = this.#made("createEnv", fatal, "descent");
    this.#memory = this.#made("createCpuMemoryInfo", deviceAllocator, defaultMemory);
    this.#allocator = this.#made("getAllocator");
  }

  /** Throws any error where koffi or this engine is not available. */
  static async #load(): Promise<DirectEngine> {
    const koffi = await loadKoffi<Koffi>();
    const library = koffi.load(libraryPath());
    const base = library.func("void *OrtGetApiBase()")();
    const [getApi, getVersion] = koffi.decode(base as bigint, koffi.array("void *", 2)) as [bigint, bigint];
    const version = koffi.call(getVersion, koffi.proto("str", [])) as string;
    const api = koffi.call(getApi, koffi.proto("void *", ["uint32_t"]), API_VERSION) as bigint | null;
    if (!ENGINE_VERSION.test(version) || api === null) throw new SessionError(`engine: expected version 1.30, got ${version}`);
    const size = Math.max(...Object.values(FUNCTIONS).map(([place]) => place)) + 1;
    return new DirectEngine(koffi, library, koffi.decode(api, koffi.array("void *", size)) as bigint[]);
  }

  /** The engine of this thread; undefined where its C interface cannot be called, so that the binding is used. */
  static load(): Promise<DirectEngine | undefined> {
    return (DirectEngine.#loaded ??= DirectEngine.#load().catch(() => undefined));
  }

  #call(name: FunctionName, ...args: readonly Argument[]): unknown {
    const [pointer, type] = this.#functions.get(name) as readonly [bigint, unknown];
    return this.#koffi.call(pointer, type, ...args);
  }

  /** Calls a function that gives a status. Errors: Error with the engine's message. */
  #check(name: FunctionName, ...args: readonly Argument[]): void {
    this.#succeed(this.#call(name, ...args) as bigint | null);
  }

  #succeed(status: bigint | null): void {
    if (status === null) return;
    const message = this.#call("getErrorMessage", status) as string;
    this.#call("releaseStatus", status);
    throw new Error(message);
  }

  /** Calls a function whose last parameter is where its result goes. */
  #made(name: FunctionName, ...args: readonly Argument[]): Pointer {
    this.#check(name, ...args, this.#out);
    return this.#out[0] as bigint;
  }

  /** A session for the CPU; free it with `releaseSession`. Errors: Error with the engine's message. */
  open(model: Uint8Array | string, options: SessionOptions, config: Readonly<Record<string, string>>): OpenSession {
    const settings = this.#made("createSessionOptions");
    try {
      const [fatal, all] = [4, 99];
      this.#check("setLogSeverity", settings, fatal);
      this.#check("setOptimizationLevel", settings, all);
      this.#check(options.arena === true ? "enableArena" : "disableArena", settings);
      if (options.memoryPattern === false) this.#check("disableMemoryPattern", settings);
      if (options.profile !== undefined) this.#check("enableProfiling", settings, this.#path(options.profile));
      if (options.threads !== undefined) this.#check("setThreads", settings, options.threads);
      for (const [key, value] of Object.entries(config)) this.#check("addConfigEntry", settings, key, value);
      const session =
        typeof model === "string"
          ? this.#made("createSession", this.#environment, this.#path(model), settings)
          : this.#made("createSessionFromArray", this.#environment, model, model.byteLength, settings);
      const names = (count: FunctionName, nameAt: FunctionName): string[] =>
        Array.from({ length: Number(this.#made(count, session)) }, (_, i) => {
          const name = this.#made(nameAt, session, i, this.#allocator);
          const text = this.#koffi.decode(name, "char", -1) as string;
          this.#check("free", this.#allocator, name);
          return text;
        });
      return { session, inputs: names("getInputCount", "getInputName"), outputs: names("getOutputCount", "getOutputName") };
    } finally {
      this.#call("releaseSessionOptions", settings);
    }
  }

  /** A path as the system's functions take it: in Windows with two bytes for a letter. */
  #path(path: string): Uint8Array {
    return process.platform === "win32" ? Buffer.from(`${path}\0`, "utf16le") : Buffer.from(`${path}\0`, "utf8");
  }

  /** Zero-ended names and an array of their addresses. The addresses hold as long as the first array is kept. */
  names(names: readonly string[]): { readonly texts: readonly Uint8Array[]; readonly addresses: BigUint64Array } {
    const texts = names.map((name) => new TextEncoder().encode(`${name}\0`));
    return { texts, addresses: BigUint64Array.from(texts, (text) => this.#addressOf(text)) };
  }

  /** The address of an array's data. Reading `buffer` moves a small array's data out of the heap that collections move. */
  #addressOf(array: ArrayBufferView): Pointer {
    // koffi takes views of shared memory, not that memory itself.
    if (array.buffer instanceof SharedArrayBuffer) return this.#koffi.address(array);
    return this.#koffi.address(array.buffer) + BigInt(array.byteOffset);
  }

  /** A value of the engine over an array's memory, which must outlive it; free it with `releaseValue`. */
  wrap({ dtype, shape, data }: TensorData): Pointer {
    const dims = BigInt64Array.from(shape, BigInt);
    const bytes = data.byteLength;
    const address = bytes === 0 ? this.#addressOf(this.#out) : this.#addressOf(data);
    const rank = shape.length;
    return this.#made("createTensorWithData", this.#memory, address, bytes, dims, rank, DTYPES[dtype].onnx);
  }

  /** Copies the data of a value that the engine made, and releases the value. */
  take(value: Pointer): TensorData {
    const info = this.#made("getTypeAndShape", value);
    const code = Number(this.#made("getElementType", info) & 0xffffffffn);
    const dtype = DTYPE_OF.get(code);
    if (dtype === undefined)
      throw new SessionError(`session: expected an output of numbers, got the engine's element type ${code}`);
    const dims = new BigInt64Array(Number(this.#made("getRank", info)));
    this.#check("getDimensions", info, dims, dims.length);
    this.#call("releaseTypeAndShape", info);
    const shape = Array.from(dims, Number);
    const data = DTYPES[dtype].create(sizeOf(shape));
    if (data.length > 0) {
      const address = this.#made("getTensorData", value);
      new Uint8Array(data.buffer).set(new Uint8Array(this.#koffi.view(address, data.byteLength)));
    }
    this.#call("releaseValue", value);
    return { dtype, shape, data };
  }

  /** Runs; entries of `outputs` that are 0 come back filled. */
  run(session: Pointer, ...[inputNames, inputs, outputNames, outputs]: RunArguments): void {
    const options = this.#runOptions ?? null;
    this.#check("run", session, options, inputNames, inputs, inputs.length, outputNames, outputs.length, outputs);
  }

  /**
   * Runs in another thread, where koffi can call one, and calls `meanwhile`, if there is one, about once in a millisecond until that has ended. What it
   * throws is thrown then.
   */
  async runAside(
    meanwhile: (() => void) | undefined,
    session: Pointer,
    ...[inputNames, inputs, outputNames, outputs]: RunArguments
  ): Promise<void> {
    if (!hasThreads(this.#koffi)) return this.run(session, inputNames, inputs, outputNames, outputs);
    const options = this.#runOptions ?? null;
    let failure: unknown;
    const work = (): void => {
      try {
        if (failure === undefined) meanwhile?.();
      } catch (error) {
        failure = error;
      }
    };
    const timer = meanwhile === undefined ? undefined : setInterval(work, 1);
    const status = await new Promise<bigint | null>((resolve, reject) => {
      const ended = (error: Error | null, result: bigint | null): void => (error === null ? resolve(result) : reject(error));
      const given = [inputNames, inputs, inputs.length, outputNames, outputNames.length, outputs];
      this.#runInThread.async(session, options, ...given, ended);
    }).finally(() => clearInterval(timer));
    this.#succeed(status);
    if (failure !== undefined) throw failure;
  }

  /** The engine's `run` as a function that koffi calls in threads. */
  get #runInThread(): ThreadFunction {
    const [pointer, type] = this.#functions.get("run") as readonly [bigint, unknown];
    return (this.#threadRun ??= this.#koffi.decode(pointer, type) as ThreadFunction);
  }

  /** The arena that this engine's sessions share. */
  get arena(): SharedArena {
    return (this.#arena ??= new SharedArena(this));
  }

  /** Gives the system what the shared arena has free. */
  releaseUnused(): void {
    this.#arena?.empty();
  }

  /** Makes the arena that sessions with `SHARED_ARENA` share. */
  registerArena(): void {
    const keys = this.names(Object.keys(ARENA_SETTINGS));
    const values = BigUint64Array.from(Object.values(ARENA_SETTINGS), BigInt);
    const settings = this.#made("createArenaConfig", keys.addresses, values, values.length);
    const [arenaAllocator, defaultMemory] = [1, 0];
    const memory = this.#made("createCpuMemoryInfo", arenaAllocator, defaultMemory);
    this.#check("registerAllocator", this.#environment, memory, settings);
    this.#call("releaseArenaConfig", settings);
  }

  /** Runs a session of the shared arena with one input and one output, `x` and `y`; what the arena has free then goes back to the system. */
  runEmptying(session: Pointer, input: Pointer, output: Pointer): void {
    if (this.#emptyingOptions === undefined) {
      this.#emptyingOptions = this.#made("createRunOptions");
      this.#check("addRunConfigEntry", this.#emptyingOptions, "memory.enable_memory_arena_shrinkage", "cpu:0");
    }
    const [x, y] = [this.names(["x"]), this.names(["y"])];
    const [given, made] = [BigUint64Array.of(input), BigUint64Array.of(output)];
    this.#check("run", session, this.#emptyingOptions, x.addresses, given, 1, y.addresses, 1, made);
    this.#trim();
  }

  /** Makes this thread's runs interruptible from any thread of the process. Returns the handle that `stop` takes. */
  stoppable(): Pointer {
    return (this.#runOptions ??= this.#made("createRunOptions"));
  }

  /** Ends a thread's current run before its next node, and each further one at once, until `resume`. */
  stop(runs: Pointer): void {
    this.#check("setTerminate", runs);
  }

  resume(runs: Pointer): void {
    this.#check("unsetTerminate", runs);
  }

  /** Frees a session or a value; once, and with no run under way. */
  free(kind: "releaseSession" | "releaseValue", pointer: Pointer): void {
    this.#call(kind, pointer);
  }
}
