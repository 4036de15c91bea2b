/**
 * @module Bytes that this process holds, exactly: V8's heap after a collection, and what the C library has given out (array buffers, the
 * engine's values, sessions and pools). Resident memory would not do: it keeps what was freed, and moves by tens of MiB by itself.
 */
import koffi from "koffi";

const FIELDS = ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"];

/** `mallinfo2` of glibc (2.33 or later), over all arenas; undefined elsewhere. */
function allocatedBytes(): (() => number) | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const info = koffi.struct(Object.fromEntries(FIELDS.map((name) => [name, "size_t"])));
    const read = koffi.load("libc.so.6").func("mallinfo2", info, []) as () => { uordblks: number; hblkhd: number };
    return () => {
      const { uordblks, hblkhd } = read();
      return uordblks + hblkhd;
    };
  } catch {
    return undefined;
  }
}

const allocated = allocatedBytes();

/** Whether the C library tells what it has given out; elsewhere resident memory has to do. */
export const isExact = allocated !== undefined;

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** MiB held now, after two collections and the finalizers between them. Needs `--expose-gc`. */
export async function heldMiB(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await turn();
  }
  const { heapUsed, rss } = process.memoryUsage();
  return (allocated === undefined ? rss : heapUsed + allocated()) / 2 ** 20;
}
