/**
 * @module Builds the kernels from their source: `npm run kernels` writes `src/optim/kernels/wasm.ts` from `update.wat`. A test holds one against the other.
 */
import { readFile, writeFile } from "node:fs/promises";
import wabt from "wabt";
import { toBase64 } from "../src/util/base64.js";

const folder = new URL("../../src/optim/kernels/", import.meta.url);

/** The bytes that the source assembles to. */
export async function builtKernels(): Promise<Uint8Array> {
  const tools = await wabt();
  const assembled = tools.parseWat("update.wat", await readFile(new URL("update.wat", folder), "utf8"), { simd: true });
  try {
    assembled.validate();
    return assembled.toBinary({}).buffer;
  } finally {
    assembled.destroy();
  }
}

/** The file that holds them. */
export const kernelsFile = (bytes: Uint8Array): string => `/**
 * @module The kernels of update.wat, assembled by \`npm run kernels\`.
 */
export const UPDATE_WASM =
${(toBase64(bytes).match(/.{1,120}/g) ?? []).map((line) => `  "${line}"`).join(" +\n")};
`;

export const KERNELS_PATH = new URL("wasm.ts", folder);

if (process.argv[1]?.endsWith("kernels.js") === true) await writeFile(KERNELS_PATH, kernelsFile(await builtKernels()));
