/** @module Platforms that ONNX Runtime has a binary for. */

/** Platforms for which `onnxruntime-node` brings a binary: `process.platform`-`process.arch`. */
export const ENGINE_PLATFORMS: readonly string[] = ["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64", "win32-arm64"];
