/**
 * @module ONNX Runtime in a browser: WebAssembly and WebGPU. The build for WebGPU (26 MB, suspended calls) is loaded where there is a GPU, or is asked for
 * by name; elsewhere that of WebAssembly alone, of half the size.
 */
import type { InferenceSession } from "onnxruntime-common";
import type * as OrtModule from "onnxruntime-web/webgpu";
import type { TensorData } from "../graph/index.js";
import { checkData } from "../graph/index.js";
import { ConfigError, SessionError } from "../util/errors.js";
import { engineMessage, fromOrtData, onGpu, OrtSession, OrtValue, OrtValues, toOrtTensor } from "./ort-common.js";
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
export class WebRuntime extends OrtValues implements Runtime {
  readonly name = "web";
  readonly writesInPlace = false;
  readonly opensFiles = false;
  readonly devices: readonly Device[];
  protected readonly tensors: Ort["Tensor"];
  readonly #ort: Ort;
  /** Loads the build that has WebGPU. */
  readonly #gpu: () => Promise<Ort>;
  /** The last call of the engine, which the next one waits for. */
  #last: Promise<unknown> = Promise.resolve();
  /** One call of the engine after another: a second one while the first is suspended (waiting for the GPU) never returns. */
  readonly #enter = <T>(call: () => Promise<T>): Promise<T> => {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  };

  constructor(ort: Ort, devices: readonly Device[], gpu: () => Promise<Ort> = () => Promise.resolve(ort)) {
    super();
    this.#ort = ort;
    this.tensors = ort.Tensor;
    this.#gpu = gpu;
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
      ...(device === "webgpu" ? onGpu(options.deviceOutputs) : {}),
      logSeverityLevel: 4,
      extra: { session: options.requireDevice && device !== "wasm" ? { disable_cpu_ep_fallback: "1" } : {} },
    };
    try {
      const ort = device === "webgpu" ? await this.#gpu() : this.#ort;
      // The pool is the page's, and is made with the first session.
      if (options.threads !== undefined) ort.env.wasm.numThreads = options.threads;
      const session = await this.#enter(() => ort.InferenceSession.create(model, settings));
      return new OrtSession(session, device, { fillsHostOutputs: false, enter: this.#enter });
    } catch (cause) {
      throw loadingError(device, cause) ?? new SessionError(`engine on ${device}: ${engineMessage(cause)}`, { cause });
    }
  }

  upload(data: TensorData): Value {
    checkData("value", data);
    return new OrtValue(toOrtTensor(this.#ort.Tensor, data));
  }

  async read(value: Value): Promise<TensorData> {
    const { dtype, shape } = value;
    const { tensor } = value as OrtValue;
    const data = value.location === "host" ? tensor.data : await this.#enter(() => tensor.getData());
    return { dtype, shape, data: fromOrtData(dtype, data) };
  }
}

/** The error for an engine that a page could not load; undefined for any other. */
export function loadingError(device: Device, cause: unknown): SessionError | undefined {
  const message = String((cause as Error | undefined)?.message);
  if (/content.security.policy|by CSP|wasm-unsafe-eval/i.test(message))
    return new SessionError(
      `engine on ${device}: expected a page that allows WebAssembly, got a Content-Security-Policy that forbids it; add 'wasm-unsafe-eval' to its script-src (docs/browser.md)`,
      { cause },
    );
  const isUnreachable =
    /fetching of the wasm failed|prepare wasm|dynamically imported module|Importing a module script failed|no available backend/i;
  return isUnreachable.test(message) ? withoutFiles(device, cause) : undefined;
}

/** The error for files that a bundler has left out, with the line that copies them to the name that the page asked for. */
function withoutFiles(device: Device, cause: unknown): SessionError {
  const file = device === "webgpu" ? "ort-wasm-simd-threaded.asyncify" : "ort-wasm-simd-threaded";
  const asked = globalThis.performance
    ?.getEntriesByType("resource")
    .findLast(({ name }) => new URL(name).pathname.endsWith(".wasm"))?.name;
  const from = `cp node_modules/onnxruntime-web/dist/${file}`;
  const to = asked === undefined ? "dist/assets/" : `dist${new URL(asked).pathname}`;
  return new SessionError(
    `engine on ${device}: expected ${file}.wasm beside the page's script, got none; copy it to where the script is served: ` +
      `${from}.wasm ${to} (docs/browser.md)`,
    { cause },
  );
}

/** A function that adds vectors of 128 bits: what a browser without SIMD does not take. */
const SIMD_MODULE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
); // prettier-ignore

/** Refuses a browser that cannot run the engine. SessionError that says what is missing. */
export function checkBrowser({
  WebAssembly: wasm,
}: { readonly WebAssembly?: Pick<typeof WebAssembly, "validate" | "Memory"> } = globalThis): void {
  const needs = "Chrome 91, Firefox 89, Safari 16.4 or later";
  if (wasm === undefined)
    throw new SessionError(`engine: expected a browser with WebAssembly (${needs}), got one without, or a page that forbids it`);
  if (!wasm.validate(SIMD_MODULE))
    throw new SessionError(`engine: expected a browser whose WebAssembly has SIMD (${needs}), got one without`);
  let cause: unknown;
  try {
    // The engine keeps its memory so, with one thread as well; an isolated page is not needed for it.
    if (new wasm.Memory({ initial: 1, maximum: 1, shared: true }).buffer.byteLength > 0) return;
  } catch (error) {
    cause = error;
  }
  throw new SessionError(
    `engine: expected a browser whose WebAssembly has shared memory, as for threads (${needs}), got one without`,
    {
      cause,
    },
  );
}

const loadGpu = (): Promise<Ort> => import("onnxruntime-web/webgpu");

/** Loads the engine in a page or in a web worker. */
export async function createWebRuntime(): Promise<Runtime> {
  checkBrowser();
  if (await hasGpu()) return new WebRuntime(await loadGpu(), ["webgpu", "wasm"]);
  // The two builds have one interface, and take each other's tensors.
  const ort = (await import("onnxruntime-web/wasm").catch((cause: unknown) => {
    throw loadingError("wasm", cause) ?? withoutFiles("wasm", cause);
  })) as unknown as Ort;
  return new WebRuntime(ort, ["wasm"], loadGpu);
}
