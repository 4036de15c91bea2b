/**
 * @module ONNX Runtime in Node (`onnxruntime-node`): CPU, WebGPU and, where installed, CUDA. Why the engine is set as it is
 * here, with figures: docs/runtime.md.
 */
import { existsSync, readdirSync } from "node:fs";
import type { InferenceSession } from "onnxruntime-common";
import type * as OrtModule from "onnxruntime-node";
import type { TensorData } from "../graph/index.js";
import { ConfigError, SessionError } from "../util/errors.js";
import { tooOld } from "../util/node-version.js";
import { optionalPackage } from "../util/optional-package.js";
import { TaskQueue } from "../util/task-queue.js";
import { cachedSession } from "./cache.js";
import { withoutDriver } from "./drivers-node.js";
import { ENGINE_PLATFORMS } from "./engine-platforms.js";
import { withoutReports } from "./engine-environment-node.js";
import { identityModel } from "./identity.js";
import { saturationProbe } from "./integer-products.js";
import type { EngineTraits, EngineValue } from "./ort-common.js";
import { engineMessage, fromOrtData, onGpu, OrtSession, OrtValues } from "./ort-common.js";
import { SHARED_ARENA } from "./ort-arena-node.js";
import { DirectEngine } from "./ort-direct-node.js";
import { DirectSession, HostValue } from "./ort-direct-session-node.js";
import type { Device, Interruption, Runtime, Session, SessionOptions, Value } from "./runtime.js";

type Ort = typeof OrtModule;

const TRAITS: EngineTraits = { fillsHostOutputs: true, enter: (call) => call() };

/** Traits of a session whose runs wait for each other. */
function oneAtATime(): EngineTraits {
  const queue = new TaskQueue();
  return { ...TRAITS, enter: (call) => queue.run(call) };
}

/** The engine's exact products of 8-bit values, at half the speed: for processors whose own saturate. */
const EXACT_INTEGERS = { x64quantprecision: "1" };

/** Time that an idle thread of a pool spins before it sleeps. Steps follow each other faster than this. */
const SPIN_MICROSECONDS = 1000;

/** Whether the machine has a GPU at all, as far as Linux reports; on other systems the device has to be tried. */
function mayHaveGpu(): boolean {
  if (process.platform !== "linux") return true;
  const dri = existsSync("/dev/dri") && readdirSync("/dev/dri").some((name) => name.startsWith("renderD"));
  return dri || ["/dev/nvidiactl", "/dev/kfd", "/dev/dxg"].some((path) => existsSync(path));
}

class NodeRuntime extends OrtValues implements Runtime {
  readonly name = "node";
  readonly devices: readonly Device[] = mayHaveGpu() ? ["cuda", "webgpu", "cpu"] : ["cpu"];
  readonly writesInPlace: boolean;
  readonly opensFiles = true;
  protected readonly tensors: Ort["Tensor"];
  readonly #ort: Ort;
  readonly #direct: DirectEngine | undefined;
  #saturating: Promise<boolean> | undefined;

  constructor(ort: Ort, direct: DirectEngine | undefined) {
    super();
    this.#ort = ort;
    this.tensors = ort.Tensor;
    this.#direct = direct;
    this.writesInPlace = direct !== undefined;
  }

  async createSession(model: Uint8Array | string, options: SessionOptions): Promise<Session> {
    const { device } = options;
    if (device === "wasm") throw new ConfigError('device: expected cpu, webgpu or cuda in Node, got wasm; use "cpu"');
    const missing = withoutDriver(device);
    if (missing !== undefined) throw new ConfigError(`device ${device}: ${missing}; use --device cpu, or auto`);
    const spinning =
      options.spin === false ? { allow_spinning: "0" } : { allow_spinning: "1", spin_duration_us: String(SPIN_MICROSECONDS) };
    const exact = options.exactIntegers === true && (await this.#saturates()) ? EXACT_INTEGERS : {};
    if (device === "cpu" && this.#direct !== undefined && options.texts !== true) {
      const config = [
        ...Object.entries(spinning).map(([key, value]) => [`session.intra_op.${key}`, value]),
        ...Object.entries(exact).map(([key, value]) => [`session.${key}`, value]),
      ];
      return this.#openDirect(this.#direct, model, options, Object.fromEntries(config));
    }
    const settings: InferenceSession.SessionOptions = {
      executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
      graphOptimizationLevel: "all",
      // Small tensors were measured faster without the arena, and memory flatter; large ones the other way round.
      enableCpuMemArena: options.arena === true,
      ...(options.memoryPattern === false ? { enableMemPattern: false } : {}),
      logSeverityLevel: 4,
      ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
      ...(device === "cpu" ? {} : onGpu(options.deviceOutputs)),
      ...(options.profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profile }),
      extra: {
        session: {
          ...exact,
          ...(options.requireDevice && device !== "cpu" ? { disable_cpu_ep_fallback: "1" } : {}),
          intra_op: spinning,
        },
      },
    };
    try {
      // Two calls, since the binding's types have a form for each.
      const session =
        typeof model === "string"
          ? await this.#ort.InferenceSession.create(model, settings)
          : await this.#ort.InferenceSession.create(model, settings);
      return new OrtSession(session, device, options.aside === true ? oneAtATime() : TRAITS);
    } catch (cause) {
      throw new SessionError(`engine on ${device}: ${engineMessage(cause)}`, { cause });
    }
  }

  /** Whether this processor's products of 8-bit values saturate; it is asked once. */
  #saturates(): Promise<boolean> {
    return (this.#saturating ??= this.#askWhetherSaturates());
  }

  async #askWhetherSaturates(): Promise<boolean> {
    if (process.arch !== "x64") return false;
    const { model, feeds, isExact } = saturationProbe;
    const session = await this.#ort.InferenceSession.create(model(), { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const given = Object.entries(feeds).map(([name, { dtype, shape, data }]) => [
      name,
      new this.#ort.Tensor(dtype as "int8", data as Int8Array, shape),
    ]);
    const { y } = await session.run(Object.fromEntries(given));
    await session.release();
    return y === undefined || !isExact(y.data);
  }

  #openDirect(
    engine: DirectEngine,
    model: Uint8Array | string,
    options: SessionOptions,
    config: Readonly<Record<string, string>>,
  ): Session {
    try {
      const { arenaBytes, aside, inPlace } = options;
      const shared = arenaBytes === undefined ? undefined : { arena: engine.arena, bytes: arenaBytes };
      const open = engine.open(model, options, shared === undefined ? config : { ...config, ...SHARED_ARENA });
      return new DirectSession(engine, this.#ort.Tensor, open, { inPlace, shared, aside });
    } catch (cause) {
      throw new SessionError(`engine on cpu: ${engineMessage(cause)}`, { cause });
    }
  }

  upload(data: TensorData): Value {
    return new HostValue(this.#ort.Tensor, data);
  }

  async read(value: Value): Promise<TensorData> {
    const { dtype, shape } = value;
    if (value.location === "host") return { dtype, shape, data: fromOrtData(dtype, (value as EngineValue).data) };
    return this.#readFromDevice(value);
  }

  releaseUnused(): void {
    this.#direct?.releaseUnused();
  }

  interruptible(): Interruption | undefined {
    const engine = this.#direct;
    if (engine === undefined) return undefined;
    const handle = engine.stoppable();
    return { handle, resume: () => engine.resume(handle) };
  }

  /** getData() on a GPU tensor aborts the process (onnxruntime-node 1.30): copy it through a graph of one Identity. */
  async #readFromDevice(value: Value): Promise<TensorData> {
    const model = identityModel(value.dtype, value.shape.length);
    const { session, release } = await cachedSession(this, model, { device: "webgpu" });
    try {
      const { y } = await session.run({ x: value });
      return { dtype: value.dtype, shape: value.shape, data: fromOrtData(value.dtype, (y as EngineValue).data) };
    } finally {
      await release();
    }
  }
}

/**
 * Runs `body` as on a platform without Float16Array. The engine's binding (1.30) takes one for empty, which Node 24 has; which array
 * a type gets is decided once, at the first tensor.
 */
function withoutFloat16Array(body: () => void): void {
  const own = Object.getOwnPropertyDescriptor(globalThis, "Float16Array");
  if (own !== undefined) Reflect.deleteProperty(globalThis, "Float16Array");
  try {
    body();
  } finally {
    if (own !== undefined) Object.defineProperty(globalThis, "Float16Array", own);
  }
}

export interface NodeRuntimeOptions {
  /** Whether CPU sessions use the engine's C interface where it is available; left out, they do unless `DESCENT_ENGINE=binding` is set. */
  readonly direct?: boolean;
}

/** Loads the engine. SessionError, saying which platforms have one, where it has no binary; ConfigError for a Node that is too old. */
export async function createNodeRuntime(options: NodeRuntimeOptions = {}): Promise<Runtime> {
  const { direct = process.env["DESCENT_ENGINE"] !== "binding" } = options;
  const refusal = tooOld(process.versions.node);
  if (refusal !== undefined) throw new ConfigError(`engine: ${refusal}`);
  await withoutReports();
  try {
    const ort = await optionalPackage("onnxruntime-node", () => import("onnxruntime-node"));
    // What goes wrong is thrown, in one line; the engine need not print it as well (it reads this with its first session).
    ort.env.logLevel = "fatal";
    withoutFloat16Array(() => new ort.Tensor("float32", new Float32Array(1)).dispose());
    return new NodeRuntime(ort, direct ? await DirectEngine.load() : undefined);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const reason = (cause as Error).message.split("\n")[0] ?? "";
    if (process.platform === "linux" && /ld-linux|GLIBC|GLIBCXX|musl/.test(reason))
      throw new SessionError(
        `engine: expected a Linux with glibc 2.28 or later, which onnxruntime-node is built for, got one without (${reason}); in Docker use an image of Debian (node:22-slim), not of Alpine`,
        { cause },
      );
    const here = `${process.platform} ${process.arch}`;
    if (ENGINE_PLATFORMS.includes(here.replace(" ", "-"))) {
      // Taken away, by `descent trim` on another platform or by what builds containers; or not whole.
      const got = /Cannot find module .*onnxruntime_binding\.node/.test(reason) ? "none" : `one that does not load (${reason})`;
      throw new SessionError(
        `engine: onnxruntime-node: expected its binary for ${here}, got ${got}; remove node_modules/onnxruntime-node and install again (npm install --ignore-scripts)`,
        { cause },
      );
    }
    throw new SessionError(
      `engine: onnxruntime-node has no binary for ${here}; it has them for Linux x64 and arm64, Windows x64 and arm64, and macOS arm64`,
      { cause },
    );
  }
}
