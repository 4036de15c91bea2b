/**
 * @module The browser's WebAssembly engine in Node, with one thread: for finding out what a file gives in a page. Models run on `ort-node.ts`.
 */
import type * as OrtModule from "onnxruntime-web/webgpu";
import { optionalPackage } from "../util/optional-package.js";
import { WebRuntime } from "./ort-web.js";
import type { Runtime } from "./runtime.js";

let runtime: Promise<Runtime> | undefined;

/** The engine of a page, loaded once. */
export const wasmRuntime = (): Promise<Runtime> =>
  (runtime ??= optionalPackage("onnxruntime-web", () => import("onnxruntime-web")).then(
    (ort) => new WebRuntime(ort as unknown as typeof OrtModule, ["wasm"]),
  ));
