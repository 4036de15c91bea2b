/**
 * @module A reader that is tried with changed inputs: valid ones to begin with, how they are changed, and what reads them.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Mutate } from "./mutate.js";

/** A folder of its own for a reader that reads files. */
export class Scratch {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Writes a file, and gives its path. */
  write(name: string, bytes: Uint8Array | string): string {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    return path;
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface FuzzReader {
  readonly name: string;
  /** Inputs of a whole run, and of the short one of the tests. */
  readonly inputs: number;
  readonly short: number;
  readonly valid: () => Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** Changes what the format is made of: such inputs pass the header. */
  readonly structured: Mutate;
  /** Leading bytes that changes of any bytes leave alone. */
  readonly kept?: number;
  readonly read: (bytes: Uint8Array, scratch: Scratch) => unknown;
}

/** Limits of most readers. */
export const QUICK = { inputs: 20_000, short: 600 } as const;
/** Limits of readers that take a millisecond and more. */
export const SLOW = { inputs: 20_000, short: 100 } as const;
