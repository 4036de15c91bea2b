/**
 * @module The engine behind an interface: sessions that run ONNX files, and values that live where the engine keeps them.
 * Three files implement it: `ort-node.ts`, `ort-web.ts`, and either of them inside a worker (`ort-worker.ts`).
 */
import type { DType, StringData, TensorData } from "../graph/index.js";

/** Where a graph runs. `wasm` is the browser's CPU. */
export type Device = "cpu" | "wasm" | "webgpu" | "cuda";

/** A device, or `auto`: the best one that really starts. */
export type DeviceChoice = Device | "auto";
/** Devices by name; `auto` takes the fastest that there is. */
export const DEVICES = ["auto", "cpu", "cuda", "webgpu", "wasm"] as const satisfies readonly DeviceChoice[];

/** Numbers that a session reads or writes. Owned: dispose it, unless it is in a record that says otherwise. */
export interface Value extends Disposable {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** `host` is memory that JavaScript sees; `device` is a GPU buffer or a worker's memory. */
  readonly location: "host" | "device";
}

/** Options of a session: device, threads, outputs that stay on the device, memory. */
export interface SessionOptions {
  readonly device: Device;
  /** Threads of the session's own pool; left out, one per core. */
  readonly threads?: number;
  /** Names of outputs that stay on the device (those of a training step's state). CPU sessions ignore it. */
  readonly deviceOutputs?: readonly string[];
  /** Fail instead of copying to the CPU for nodes without a kernel on the device. */
  readonly requireDevice?: boolean;
  /** Whether idle threads spin: faster for one busy session, slower for several at once. */
  readonly spin?: boolean;
  /** Whether the CPU keeps the memory of one run for the next, instead of asking the system for it each time. */
  readonly arena?: boolean;
  /** Bytes of all results of a run, where they are known: such sessions share one arena where the runtime has one for all. Only with `arena`. */
  readonly arenaBytes?: number | undefined;
  /** Whether the engine lays out all results in one block before a run; left out, it does. */
  readonly memoryPattern?: boolean;
  /** By output name, the input whose memory a run may write it into: for kernels that are made for it, in a runtime that `writesInPlace`. */
  readonly inPlace?: Readonly<Record<string, string>> | undefined;
  /** Whether runs leave this thread to others: each computes in another one, where the engine can, and those that are asked for meanwhile wait. */
  readonly aside?: boolean | undefined;
  /** Whether products of 8-bit values have to be exact where the processor's fast ones saturate. */
  readonly exactIntegers?: boolean | undefined;
  /** Whether inputs or outputs hold texts. */
  readonly texts?: boolean;
  /** Where the engine writes its profile (Node only). */
  readonly profile?: string;
}

/** A compiled model. One `run` at a time. */
export interface Session extends AsyncDisposable {
  readonly device: Device;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /**
   * Runs once. Outputs named in `into` are written there, without allocating; they must not share memory with a feed
   * (the engine would silently compute wrong results, so this is checked), but for pairs of `inPlace`. The others come back as new values.
   * Where the engine can compute in another thread, `meanwhile` is called about once in a millisecond until it has; elsewhere never.
   */
  run(
    feeds: Readonly<Record<string, Value>>,
    into?: Readonly<Record<string, Value>>,
    meanwhile?: () => void,
  ): Promise<Record<string, Value>>;
}

/** Lets another thread of the process end this one's runs. */
export interface Interruption {
  /** The handle to pass to `interrupt` on the thread that asks. */
  readonly handle: bigint;
  /** Lets runs go on after an interruption, which refuses them all. */
  resume(): void;
}

/** An engine that opens models and holds their values: Node's, a page's, or one in a worker. */
export interface Runtime {
  readonly name: "node" | "web" | "worker";
  /** Devices that `auto` tries here, best first, ending with the one that always starts. Others may be asked for by name. */
  readonly devices: readonly Device[];
  /** Whether CPU sessions take `inPlace`. */
  readonly writesInPlace: boolean;
  /** Whether sessions are made from paths too. */
  readonly opensFiles: boolean;
  /** Opens a model from its bytes, or from its path in a runtime that `opensFiles`: weights then never enter JavaScript's memory. */
  createSession(model: Uint8Array | string, options: SessionOptions): Promise<Session>;
  /** A value that shares the array's memory where the engine allows it, and copies it otherwise. */
  upload(data: TensorData): Value;
  /** A value of strings, for a session whose options allow it; undefined in workers. */
  uploadTexts?(data: StringData): Value;
  /** Memory for an output, zeroed. */
  allocate(dtype: DType, shape: readonly number[]): Value;
  /** Reads the data: for host values a view without copying, for device values a copy. */
  read(value: Value): Promise<TensorData>;
  /** The texts of a value whose type is `string`. */
  readTexts?(value: Value): StringData;
  /** Gives the system the memory that is kept for runs on the CPU to come. */
  releaseUnused?(): void;
  /** Makes runs on the CPU interruptible by another thread, where the engine has a way. */
  interruptible?(): Interruption | undefined;
}
