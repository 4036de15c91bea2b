/**
 * @module Reading data cards, and the hashes that they hold.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { parseJsonWith } from "../util/schema.js";
import { readRegularFile } from "../util/regular-file-node.js";
import type { CardFile, DataCard } from "./card.js";
import { CARD_FILES, cardSchema } from "./card.js";
import { unreadable } from "./files-node.js";

/** Files that are listed one by one. */
const MOST_LISTED = 20;

/** The card of a folder; undefined where it has none. Errors: DataError for one that is not as `card.ts` says. */
export async function readCard(folder: string): Promise<DataCard | undefined> {
  const path = join(folder, CARD_FILES.json);
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return undefined;
  return parseJsonWith(cardSchema, (await readRegularFile(path)).toString("utf8"), path);
}

/** Size and SHA-256 of a file. */
export async function hashFile(path: string, name: string): Promise<CardFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return { name, bytes, sha256: hash.digest("hex") };
}

/** A file, or all files of a folder: one by one where they are few, else as one, by the hash of their names and hashes. Cards are left out. */
export async function hashAll(path: string, name: string): Promise<CardFile[]> {
  const info = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!info.isDirectory()) return [await hashFile(path, name)];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((file) => file !== CARD_FILES.json && file !== CARD_FILES.page)
    .sort();
  const hashed: CardFile[] = [];
  for (const file of files) hashed.push(await hashFile(join(path, file), file));
  if (hashed.length <= MOST_LISTED) return hashed;
  const all = createHash("sha256");
  for (const { name: file, sha256 } of hashed) all.update(`${sha256}  ${file}\n`);
  const bytes = hashed.reduce((sum, file) => sum + file.bytes, 0);
  return [{ name: `${name}: ${hashed.length} files`, bytes, sha256: all.digest("hex") }];
}
