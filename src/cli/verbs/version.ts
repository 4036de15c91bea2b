/** @module `descent version`. */
import { createRequire } from "node:module";
import { descentVersion } from "../../util/version-node.js";
import { defineVerb } from "../verb.js";

/** The engine's version, without loading it; undefined where it is not installed. */
function engineVersion(): string | undefined {
  try {
    return (createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string }).version;
  } catch {
    return undefined;
  }
}

export const verb = defineVerb({
  positionals: [],
  options: {},
  async run({ print }) {
    const versions = {
      descent: await descentVersion(),
      node: process.versions.node,
      onnxruntime: engineVersion(),
      platform: `${process.platform} ${process.arch}`,
    };
    print(
      `descent ${versions.descent} (Node ${versions.node}, ONNX Runtime ${versions.onnxruntime ?? "missing"}, ${versions.platform})`,
    );
    return versions;
  },
});
