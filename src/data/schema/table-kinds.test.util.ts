/**
 * @module Files of tables for tests, and what reading them should give.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TableOptions } from "../readers/table-file-node.js";
import { readTable } from "../readers/table-node.js";

const folder = mkdtempSync(join(tmpdir(), "descent-kinds-"));
after(() => rmSync(folder, { recursive: true }));

/** Writes a file of a table in an encoding of `Buffer`'s, or bytes as they are. */
export function file(name: string, content: string | Uint8Array, encoding: "utf8" | "utf16le" | "latin1" = "utf8"): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? Buffer.from(content, encoding) : content);
  return path;
}
export const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => `${line(i)}\n`).join("");

export interface Kind {
  readonly what: string;
  readonly content: string | Uint8Array;
  readonly name?: string;
  readonly encoding?: "utf8" | "utf16le" | "latin1";
  readonly options?: TableOptions;
  /** The data set's own account of its columns. */
  readonly columns: RegExp;
  /** The first row. */
  readonly first: Readonly<Record<string, unknown>>;
  /** The expected notes, in order. */
  readonly notes?: readonly RegExp[];
}

/** Reads each kind of file, and compares its columns, its first row and its notes. */
export function testKinds(kinds: readonly Kind[]): void {
  for (const [at, { what, content, name, encoding, options, columns, first, notes }] of kinds.entries())
    test(`read as it was meant: ${what}`, async () => {
      const read = await readTable(file(name ?? `kind-${at}.csv`, content, encoding), options);
      assert.match(String(read.data), columns);
      assert.deepEqual(read.data.row(0), first);
      if (notes === undefined) return;
      assert.equal(read.notes.length, notes.length, read.notes.join("\n"));
      for (const [i, note] of notes.entries()) assert.match(read.notes[i] ?? "", note);
    });
}
