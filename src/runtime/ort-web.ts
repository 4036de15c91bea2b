/**
 * @module ONNX Runtime in a browser (`onnxruntime-web/webgpu`): WebAssembly and WebGPU.
 */
import type { InferenceSession } from "onnxruntime-common";
import type * as OrtModule from "onnxruntime-web/webgpu";
import type { DType, StringData, TensorData } from "../graph/index.js";
import { checkData } from "../graph/index.js";
import { ConfigError, SessionError } from "../util/errors.js";
import { engineMessage, fromOrtData, fromOrtTexts, OrtSession, OrtValue, toOrtTensor, toOrtTexts, zeroed } from "./ort-common.js";
import type { Device, Runtime, Session, SessionOptions, Value } from "./runtime.js";

type Ort = typeof OrtModule;

/** The part of WebGPU's `GPUAdapter` that is read here. */
interface Adapter {
  readonly info?: { readonly isFallbackAdapter?: boolean; readonly [field: string]: unknown };
  readonly isFallbackAdapter?: boolean;
}

/** Whether the browser has a hardware GPU. */
async function hasGpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (adapter === null || adapter === undefined) return false;
  const { info, isFallbackAdapter } = adapter;
  const words = ["vendor", "architecture", "device", "description"].map((field) => String(info?.[field] ?? "")).join(" ");
  return !(isFallbackAdapter ?? info?.isFallbackAdapter) && !/swiftshader|llvmpipe|lavapipe|basic render/i.test(words);
}

/** The engine in WebAssembly and on WebGPU. */
export class WebRuntime implements Runtime {
  readonly name = "web";
  readonly writesInPlace = false;
  readonly opensFiles = false;
  readonly devices: readonly Device[];
  readonly #ort: Ort;
  /** The last call of the engine, which the next one waits for. */
  #last: Promise<unknown> = Promise.resolve();
  /** One call of the engine after another: a second one while the first is suspended (waiting for the GPU) never returns. */
  readonly #enter = <T>(call: () => Promise<T>): Promise<T> => {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  };

  constructor(ort: Ort, devices: readonly Device[]) {
    this.#ort = ort;
    this.devices = devices;
  }

  async createSession(model: Uint8Array | string, options: SessionOptions): Promise<Session> {
    if (typeof model === "string") throw new SessionError(`engine: expected a model's bytes in a browser, got the path ${model}`);
    const { device } = options;
    if (device !== "wasm" && device !== "webgpu")
      throw new ConfigError(`device: expected wasm or webgpu in a browser, got ${device}`);
    const settings: InferenceSession.SessionOptions = {
      executionProviders: device === "webgpu" ? ["webgpu", "wasm"] : ["wasm"],
      graphOptimizationLevel: "all",
      ...(device === "webgpu" && options.deviceOutputs !== undefined && options.deviceOutputs.length > 0
        ? { preferredOutputLocation: Object.fromEntries(options.deviceOutputs.map((name) => [name, "gpu-buffer" as const])) }
        : {}),
      logSeverityLevel: 4,
      extra: { session: options.requireDevice && device !== "wasm" ? { disable_cpu_ep_fallback: "1" } : {} },
    };
    // The pool is the page's, and is made with the first session.
    if (options.threads !== undefined) this.#ort.env.wasm.numThreads = options.threads;
    try {
      const session = await this.#enter(() => this.#ort.InferenceSession.create(model, settings));
      return new OrtSession(session, device, { fillsHostOutputs: false, enter: this.#enter });
    } catch (cause) {
      throw new SessionError(`engine on ${device}: ${engineMessage(cause)}`, { cause });
    }
  }

  upload(data: TensorData): Value {
    checkData("value", data);
    return new OrtValue(toOrtTensor(this.#ort.Tensor, data));
  }

  uploadTexts(data: StringData): Value {
    return toOrtTexts(this.#ort.Tensor, data);
  }

  readTexts(value: Value): StringData {
    return fromOrtTexts(value);
  }

  allocate(dtype: DType, shape: readonly number[]): Value {
    return this.upload(zeroed(dtype, shape));
  }

  async read(value: Value): Promise<TensorData> {
    const { dtype, shape } = value;
    const { tensor } = value as OrtValue;
    const data = value.location === "host" ? tensor.data : await this.#enter(() => tensor.getData());
    return { dtype, shape, data: fromOrtData(dtype, data) };
  }
}

/** Loads the engine in a page or in a web worker. */
export async function createWebRuntime(): Promise<Runtime> {
  const [ort, isOnGpu] = await Promise.all([import("onnxruntime-web/webgpu"), hasGpu()]);
  return new WebRuntime(ort, isOnGpu ? ["webgpu", "wasm"] : ["wasm"]);
}
