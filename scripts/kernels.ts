/**
 * @module Builds the kernels from their source: `npm run kernels` writes the `wasm.ts` beside `update.wat` and `histogram.wat`. Tests hold one against the
 * other.
 */
import { readFile, writeFile } from "node:fs/promises";
import wabt from "wabt";
import { toBase64 } from "../src/util/base64.js";

/** Kernels by file: the constants of its `wasm.ts`, and whether their memory is one that threads share. */
export const KERNELS = [
  {
    source: "src/optim/kernels/update.wat",
    constants: [
      ["UPDATE_WASM", false],
      ["SHARED_UPDATE_WASM", true],
    ],
  },
  {
    source: "src/classical/kernels/histogram.wat",
    constants: [
      ["HISTOGRAM_WASM", false],
      ["SHARED_HISTOGRAM_WASM", true],
    ],
  },
] as const;

const root = new URL("../../", import.meta.url);

/** Where the assembled form of a source lies. */
export const kernelsPath = (source: string): URL => new URL("wasm.ts", new URL(source, root));

/** The file that holds the assembled kernels of a source. */
export async function kernelsFile({ source, constants }: (typeof KERNELS)[number]): Promise<string> {
  const tools = await wabt();
  const text = await readFile(new URL(source, root), "utf8");
  const name = source.slice(source.lastIndexOf("/") + 1);
  const parts = constants.map(([constant, isShared]) => {
    const wat = isShared ? text.replace("(memory 0)", "(memory 0 65536 shared)") : text;
    const assembled = tools.parseWat(name, wat, { simd: true, threads: isShared });
    try {
      const bytes = assembled.toBinary({}).buffer;
      if (!WebAssembly.validate(bytes as BufferSource)) throw new Error(`${name}: expected a valid module`);
      const lines = toBase64(bytes).match(/.{1,120}/g) ?? [];
      return `export const ${constant} =\n${lines.map((line) => `  "${line}"`).join(" +\n")};\n`;
    } finally {
      assembled.destroy();
    }
  });
  return `/**\n * @module The kernels of ${name}, assembled by \`npm run kernels\`.\n */\n${parts.join("\n")}`;
}

if (process.argv[1]?.endsWith("kernels.js") === true)
  for (const kernel of KERNELS) await writeFile(kernelsPath(kernel.source), await kernelsFile(kernel));
