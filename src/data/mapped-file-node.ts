/**
 * @module Bytes of a file that the system pages in as they are read, and out where memory is short: for weights larger than memory.
 */
import { openSync } from "node:fs";
import type koffiModule from "koffi";
import { loadKoffi } from "../util/koffi-node.js";

/** Offsets of mappings are multiples of the pages of every system that Node runs on. */
const PAGE_BYTES = 2 ** 16;
const [PROT_READ_WRITE, MAP_PRIVATE] = [3, 2];

/** Maps bytes of a file from an offset on; undefined where the system refuses. */
export type MappedFile = (begin: number, length: number) => Uint8Array | undefined;

/** Opens files for mapping; undefined where koffi or `mmap` is not to be had, as on Windows. What is mapped stays so until the process ends. */
export async function fileMapper(): Promise<((path: string) => MappedFile) | undefined> {
  if (process.platform !== "linux" && process.platform !== "darwin") return undefined;
  try {
    const koffi = await loadKoffi<typeof koffiModule>();
    const mmap = koffi.load(null).func("void *mmap(void *, size_t, int, int, int, int64_t)");
    return (path) => {
      const file = openSync(path, "r");
      return (begin, length) => {
        const inPage = begin % PAGE_BYTES;
        // Private: whoever writes into it changes memory, not the file.
        const pointer = mmap(null, inPage + length, PROT_READ_WRITE, MAP_PRIVATE, file, begin - inPage) as bigint | null;
        if (pointer === null || BigInt.asIntN(64, pointer) === -1n) return undefined;
        return new Uint8Array(koffi.view(pointer, inPage + length), inPage, length);
      };
    };
  } catch {
    return undefined;
  }
}
