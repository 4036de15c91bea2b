/** @module The platforms on which the engine runs: checked before it is loaded, because its own message where it has no binary helps nobody. */
import { ENGINE_PLATFORMS } from "../runtime/engine-platforms.js";
import { DescentError } from "../util/errors.js";
import { own } from "../util/record.js";

const NAMES: Readonly<Record<string, string>> = { darwin: "macOS", linux: "Linux", win32: "Windows" };

/** DescentError where ONNX Runtime has no binary for this platform. */
export function checkEnginePlatform(platform: string = process.platform, arch: string = process.arch): void {
  if (ENGINE_PLATFORMS.includes(`${platform}-${arch}`)) return;
  const intel =
    platform === "darwin" && arch === "x64"
      ? "; on a Mac with Apple silicon install Node for arm64, on an Intel Mac use Linux in a container"
      : "";
  throw new DescentError(
    `engine: expected a platform with an ONNX Runtime binary (Linux, Windows: x64 or arm64; macOS: arm64), ` +
      `got ${own(NAMES, platform) ?? platform} ${arch}${intel}, or run Descent in a browser`,
  );
}
