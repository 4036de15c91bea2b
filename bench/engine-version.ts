/**
 * @module The versions of Descent and its engine.
 */
import { createRequire } from "node:module";

/** `0.1.0 (onnxruntime-node 1.30.0)`. */
export function engineVersion(): string {
  const require = createRequire(import.meta.url);
  const own = (require("descentjs/package.json") as { version: string }).version;
  const engine = (require("onnxruntime-node/package.json") as { version: string }).version;
  return `${own} (onnxruntime-node ${engine})`;
}
