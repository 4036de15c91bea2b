/**
 * @module Messages between a runtime in a worker and the thread that uses it, over a port that `ort-worker-node.ts` and
 * `ort-worker-web.ts` make of their platform's workers.
 */
import type { DType, TensorData } from "../graph/index.js";
import type { Device, SessionOptions, Value } from "./runtime.js";

/** One end of a channel. Buffers in `transfer` are handed over without a copy. */
export interface Port {
  post(message: unknown, transfer: ArrayBuffer[]): void;
}

/** A port whose far end is a worker that runs `serveRuntime`. */
export interface WorkerPort extends Port {
  /** Called with every message, and once with an error if the worker ends by itself. */
  listen(onMessage: (message: unknown) => void, onEnd: (error: Error) => void): void;
  /** Whether an answer is awaited: only then may the worker keep the program alive. */
  busy(isBusy: boolean): void;
  /** Ends the far end's run under way, given the handle that it began with. */
  interrupt?(handle: bigint): Promise<void>;
  end(): Promise<void>;
}

export type Handles = Readonly<Record<string, number>>;

export type Request =
  | { readonly kind: "start" }
  | { readonly kind: "create"; readonly model: Uint8Array | string; readonly options: SessionOptions }
  | {
      readonly kind: "run";
      readonly session: number;
      readonly feeds: Handles;
      readonly into: Handles;
      /** Numbers for the outputs that are not in `into`. */
      readonly fresh: Handles;
    }
  | { readonly kind: "release"; readonly session: number }
  | { readonly kind: "read"; readonly value: number }
  /** Comes after an interruption. */
  | { readonly kind: "resume" }
  | { readonly kind: "close" };

/** Messages that need no reply. They are handled in order with the others. */
export type Notice =
  | { readonly kind: "upload"; readonly value: number; readonly data: TensorData }
  | { readonly kind: "allocate"; readonly value: number; readonly dtype: DType; readonly shape: readonly number[] }
  | { readonly kind: "dispose"; readonly value: number };

export interface Started {
  readonly devices: readonly Device[];
  readonly opensFiles: boolean;
  /** For `WorkerPort.interrupt`, where runs can be ended. */
  readonly handle?: bigint | undefined;
}

export interface Created {
  readonly session: number;
  readonly device: Device;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}
export type ValueType = Pick<Value, "dtype" | "shape">;

export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly config: boolean };
}

/** A copy of an array with a buffer of its own, which can be transferred; the original stays usable. */
export const detachable = ({ dtype, shape, data }: TensorData): TensorData => ({ dtype, shape: [...shape], data: data.slice() });
