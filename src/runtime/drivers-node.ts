/**
 * @module Checks whether a device can start at all, without asking the engine: its libraries write their complaints past
 * us, straight to the terminal.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Device } from "./runtime.js";

/** The CUDA provider's library, which a plain install does not have. */
function hasCuda(): boolean {
  const folder = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  const file = process.platform === "win32" ? "onnxruntime_providers_cuda.dll" : "libonnxruntime_providers_cuda.so";
  return ["napi-v6", "napi-v3"].some((version) => existsSync(join(folder, "bin", version, process.platform, process.arch, file)));
}

const VULKAN = "libvulkan.so.1";

/** Linux's Vulkan loader: on the library path, in the system's cache of libraries, or loaded into this process already. */
function hasVulkan(): boolean {
  const folders = (process.env["LD_LIBRARY_PATH"] ?? "").split(":").filter((folder) => folder !== "");
  if (folders.some((folder) => existsSync(join(folder, VULKAN)))) return true;
  const reads = (path: string): boolean | undefined => {
    try {
      return readFileSync(path).includes(VULKAN);
    } catch {
      return undefined;
    }
  };
  const known = reads("/etc/ld.so.cache");
  // Without a cache (some small systems) only the engine can tell.
  return known !== false || reads("/proc/self/maps") === true;
}

/** Why a device cannot start here; undefined where it may. */
export function withoutDriver(device: Device): string | undefined {
  if (device === "cuda" && !hasCuda()) return "expected the engine's CUDA library, got an install without it";
  if (device === "webgpu" && process.platform === "linux" && !hasVulkan()) return `expected a Vulkan driver, got no ${VULKAN}`;
  return undefined;
}
