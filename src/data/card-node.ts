/**
 * @module Reading data cards, and the hashes that they hold.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parseJsonWith } from "../util/schema.js";
import { readRegularFile } from "../util/regular-file-node.js";
import type { CardContent, CardFile, DataCard } from "./card.js";
import { CARD_FILES, cardSchema } from "./card.js";
import { unreadable } from "./files-node.js";
import type { TableProfile } from "./inspect/profile.js";
import { tablesIn } from "./inspect/source-node.js";
import { defined } from "../util/record.js";
import { descentVersion } from "../util/version-node.js";

/** Files that are listed one by one. */
const MOST_LISTED = 20;

/** The card of a folder; undefined where it has none. Errors: DataError for one that is not as `card.ts` says. */
export async function readCard(folder: string): Promise<DataCard | undefined> {
  const path = join(folder, CARD_FILES.json);
  if ((await stat(path).catch(() => undefined))?.isFile() !== true) return undefined;
  return parseJsonWith(cardSchema, (await readRegularFile(path)).toString("utf8"), path);
}

/** The profile that a card keeps of the table in `file` of its folder; undefined where JSON cannot say it (infinite numbers). */
export async function contentOf(
  folder: string,
  name: string,
  { rows, columns, label, notes }: TableProfile,
): Promise<CardContent | undefined> {
  const { size, mtimeMs } = await stat(join(folder, name));
  const file = { name, bytes: size, modifiedMs: mtimeMs };
  const content = { file, rows, columns: [...columns], notes: [...notes], ...defined({ label }) };
  return isDeepStrictEqual(JSON.parse(JSON.stringify(content)), content) ? content : undefined;
}

/** The description of a folder's one table in its card, if this version wrote it and the file has not been touched since. */
export async function describedTable(folder: string): Promise<TableProfile | undefined> {
  const card = await readCard(folder);
  if (card?.content === undefined || card.steps.at(-1)?.descent !== (await descentVersion())) return undefined;
  const { file, ...content } = card.content;
  const [table, more] = (await tablesIn(folder)) ?? [];
  const path = join(folder, file.name);
  if (more !== undefined || table?.[1] !== path) return undefined;
  const { size, mtimeMs } = await stat(path);
  if (size !== file.bytes || mtimeMs !== file.modifiedMs) return undefined;
  return { kind: "table", name: basename(resolve(folder)), parts: [], ...content };
}

/** Size and SHA-256 of a file; `see` gets its bytes, piece by piece. */
export async function hashFile(path: string, name: string, see?: (bytes: Uint8Array) => void): Promise<CardFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      see?.(chunk);
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
