/**
 * @module Choice of the device that a graph runs on: the one asked for, or the best one that starts and is faster than the CPU.
 */
import { Graph, input } from "../graph/index.js";
import { exportGraph } from "../onnx/index.js";
import { SessionError } from "../util/errors.js";
import { identityModel } from "./identity.js";
import type { Device, DeviceChoice, Runtime, Value } from "./runtime.js";

const found = new WeakMap<Runtime, Promise<Device>>();

/** Tries the runtime's devices, best first; a GPU that is slower than the processor is passed over. */
async function findBest(runtime: Runtime): Promise<Device> {
  const host = hostDevice(runtime);
  let failure: unknown;
  for (const device of runtime.devices) {
    failure = await failureOf(runtime, device);
    if (failure === undefined && (device === host || (await isFaster(runtime, device, host)))) return device;
  }
  if (failure instanceof SessionError) throw failure;
  throw new SessionError(`device auto: none of ${runtime.devices.join(", ")} starts here`);
}

/** Side lengths of the matrix products that a GPU is timed with. A software driver already loses at the small one, which costs little. */
const PRODUCT_SIZES = [128, 512];
/** Factor by which a GPU may be slower than the host on them: it waits for its answer, and gains on larger ones. */
const SLACK = { factor: 5, milliseconds: 5 };

/**
 * Tells if a GPU is real hardware: software drivers (SwiftShader, llvmpipe, WARP) start like any other and give correct results, 10 to
 * 1,000 times later than the processor itself.
 */
export async function isFaster(runtime: Runtime, device: Device, host: Device): Promise<boolean> {
  for (const size of PRODUCT_SIZES) {
    const limit = SLACK.factor * (await timeProduct(runtime, host, size)) + SLACK.milliseconds;
    if ((await timeProduct(runtime, device, size)) > limit) return false;
  }
  return true;
}

/** Milliseconds that a product of two square matrices takes, its sum read back: the best of three, after one. */
async function timeProduct(runtime: Runtime, device: Device, size: number): Promise<number> {
  const x = input("x", [size, size]);
  const model = exportGraph(new Graph({ y: x.matMul(x).sum() }));
  await using session = await runtime.createSession(model, { device });
  using value = runtime.upload({ dtype: "float32", shape: [size, size], data: new Float32Array(size * size).fill(0.5) });
  let best = Infinity;
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    const { y } = await session.run({ x: value });
    await runtime.read(y as Value);
    y?.[Symbol.dispose]();
    if (i > 0) best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** Tells if a session on the device can be made and gives correct results, without falling back to the CPU. */
export const starts = async (runtime: Runtime, device: Device): Promise<boolean> =>
  (await failureOf(runtime, device)) === undefined;

/** Why a device does not start; undefined where it does. */
async function failureOf(runtime: Runtime, device: Device): Promise<unknown> {
  try {
    await using session = await runtime.createSession(identityModel("float32", 1), {
      device,
      requireDevice: device !== "cpu" && device !== "wasm",
    });
    using x = runtime.upload({ dtype: "float32", shape: [4], data: Float32Array.of(1, 2, 3, 4) });
    const { y } = await session.run({ x });
    const { data } = await runtime.read(y as Value);
    y?.[Symbol.dispose]();
    return data[3] === 4 ? undefined : new SessionError(`device ${device}: gives wrong numbers here`);
  } catch (error) {
    // Whatever the engine says, this device cannot be used.
    return error;
  }
}

/** The device of an engine that always starts: the processor, `cpu` in Node and `wasm` in a browser. */
export const hostDevice = (runtime: Runtime): Device => runtime.devices.at(-1) as Device;

/** The device that a choice stands for here; `auto` is resolved once per engine; none is the processor. */
export async function resolveDevice(runtime: Runtime, choice: DeviceChoice | undefined): Promise<Device> {
  if (choice === undefined) return hostDevice(runtime);
  if (choice !== "auto") return choice;
  let best = found.get(runtime);
  if (best === undefined) {
    best = findBest(runtime);
    found.set(runtime, best);
  }
  return best;
}
