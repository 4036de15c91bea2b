/**
 * @module Which device a graph runs on: what was asked for, or the best one that really starts.
 */
import { ConfigError, SessionError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { identityModel } from "./identity.js";
import type { Device, DeviceChoice, Runtime } from "./runtime.js";

const DEVICES: readonly DeviceChoice[] = ["auto", "cpu", "wasm", "webgpu", "cuda"];

/** A device name from outside; ConfigError with the nearest right one. */
export function parseDevice(name: string): DeviceChoice {
  if ((DEVICES as readonly string[]).includes(name)) return name as DeviceChoice;
  throw new ConfigError(`--device: ${unknownName("device", name, DEVICES)}`);
}

const found = new WeakMap<Runtime, Promise<Device>>();

/** Tries the home's devices, best first, with a graph of one node; a software GPU counts as none. */
async function findBest(runtime: Runtime): Promise<Device> {
  for (const device of runtime.devices) {
    if (await starts(runtime, device)) return device;
  }
  throw new SessionError(`device auto: none of ${runtime.devices.join(", ")} starts here`);
}

/** Whether a session on the device can be made and gives right numbers, without falling back to the CPU. */
export async function starts(runtime: Runtime, device: Device): Promise<boolean> {
  try {
    await using session = await runtime.createSession(identityModel("float32", 1), {
      device,
      requireDevice: device !== "cpu" && device !== "wasm",
    });
    using x = runtime.upload({ dtype: "float32", shape: [4], data: Float32Array.of(1, 2, 3, 4) });
    const { y } = await session.run({ x });
    if (y === undefined) return false;
    const { data } = await runtime.read(y);
    y[Symbol.dispose]();
    return data[3] === 4;
  } catch {
    // Whatever the engine says, the answer is the same: this device is not to be had.
    return false;
  }
}

/** The device that a choice means here; `auto` is found out once per engine. */
export async function resolveDevice(runtime: Runtime, choice: DeviceChoice): Promise<Device> {
  if (choice !== "auto") return choice;
  let best = found.get(runtime);
  if (best === undefined) {
    best = findBest(runtime);
    found.set(runtime, best);
  }
  return best;
}
