/**
 * @module One reader tried in a process of its own, whose death the parent survives: `child.js READER SEED FROM TO PROGRESS-FILE SCRATCH`.
 * Before each input its number is written where the parent looks; what is wrong is sent to it.
 */
import { openSync, writeSync } from "node:fs";
import { DescentError } from "../../src/util/errors.js";
import { Random } from "../../src/util/random.js";
import { anyBytes } from "./mutate.js";
import { Scratch } from "./reader.js";
import type { FuzzReader } from "./reader.js";
import { readerNamed } from "./readers.js";

/** Bytes of memory that no input may take a process to. */
export const MOST_BYTES = 2 ** 30;

/** The input of a number: a valid one changed, two of three times in what the format is made of. */
export function inputOf(reader: FuzzReader, valid: readonly Uint8Array[], seed: number, number: number): Uint8Array {
  const random = new Random(seed, reader.name, number);
  const bytes = valid[random.integer(valid.length)] as Uint8Array;
  return number % 3 === 0 ? anyBytes(reader.kept)(bytes, random) : reader.structured(bytes, random);
}

/** Explains what is wrong with an error: undefined for one line of the library's own. */
export function whyRaw(error: unknown): string | undefined {
  if (error instanceof DescentError && !error.message.includes("\n")) return undefined;
  if (error instanceof Error)
    return `${error.constructor.name}: ${error.message}\n${(error.stack ?? "").split("\n").slice(1, 6).join("\n")}`;
  return `thrown: ${String(error)}`;
}

async function main([name = "", seed = "", from = "", to = "", progress = "", folder = ""]: readonly string[]): Promise<void> {
  const reader = readerNamed(name);
  const scratch = new Scratch(folder);
  const valid = await reader.valid();
  const file = openSync(progress, "r+");
  const place = Buffer.alloc(8);
  let read = 0;
  for (let number = Number(from); number < Number(to); number++) {
    place.writeBigUInt64LE(BigInt(number));
    writeSync(file, place, 0, 8, 0);
    const bytes = inputOf(reader, valid, Number(seed), number);
    try {
      await reader.read(bytes, scratch);
      read++;
    } catch (error) {
      const raw = whyRaw(error);
      if (raw !== undefined) process.send?.({ kind: "raw", number, what: raw });
    }
    if (process.memoryUsage.rss() > MOST_BYTES) {
      process.send?.({ kind: "memory", number, what: `${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB` });
      break;
    }
  }
  process.send?.({ kind: "read", count: read });
}

if (process.argv[1]?.endsWith("child.js") === true) {
  await main(process.argv.slice(2));
  process.disconnect?.();
}
