/**
 * @module A GPU in software, for tests of WebGPU on machines without one: SwiftShader's Vulkan driver, as Debian's `chromium`
 * brings it. Import this before anything that starts the engine.
 */
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";

const FOLDERS = ["/usr/lib/chromium", "/usr/lib/chromium-browser", "/usr/lib64/chromium-browser", "/opt/google/chrome"];

/** The driver's description, or undefined where there is none. `VK_DRIVER_FILES` decides if it is set. */
function findDriver(): string | undefined {
  const given = process.env["VK_DRIVER_FILES"];
  if (given !== undefined) return given;
  const files = ["libvk_swiftshader.so", "vk_swiftshader_icd.json"];
  const folder = FOLDERS.find((path) => files.every((file) => existsSync(join(path, file))));
  return folder === undefined ? undefined : join(folder, "vk_swiftshader_icd.json");
}

/**
 * The engine asks the system for libvulkan.so.1; where only Chromium has one, it is loaded here and stays, so that the
 * engine's request finds it. (Node then refuses it, as it is no addon.)
 */
function keepVulkanLoader(path: string): void {
  const RTLD_NODELETE = 0x1000;
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_LAZY | RTLD_NODELETE);
  } catch {
    // Expected: "Module did not self-register".
  }
}

const driver = findDriver();
if (driver !== undefined) {
  process.env["VK_DRIVER_FILES"] = driver;
  const loader = join(dirname(driver), "libvulkan.so.1");
  if (existsSync(loader)) keepVulkanLoader(loader);
}

/** Why tests on WebGPU in Node are skipped, or undefined where they run. */
export const withoutGpu =
  driver === undefined
    ? "no Vulkan driver: install Debian's chromium (apt-get install chromium), or set VK_DRIVER_FILES"
    : undefined;
