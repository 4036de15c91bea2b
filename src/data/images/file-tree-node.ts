/**
 * @module A folder or an archive as one thing: names of files, and what is in them.
 */
import { basename, dirname, join, relative, sep } from "node:path";
import { entriesBelow, readFileBytes, unwrapGzip } from "../files-node.js";
import { IMAGE_FILE } from "./manifest.js";
import { isOwn } from "../parts.js";
import type { TarFile } from "./tar.js";
import { DataError } from "../../util/errors.js";
import { checkEncoding, encodingName, guessEncoding, isUtf8, markedEncoding, streamDecoder } from "../csv/encoding.js";

export interface FileTree {
  /** The folder or archive. */
  readonly where: string;
  /** Names of the files below it, with slashes, sorted; hidden ones are left out. */
  readonly names: readonly string[];
  /** Names a file in messages. */
  locate(name: string): string;
  bytes(name: string): Promise<Uint8Array>;
  /** Returns an encoded image: the path of a file, or its bytes. */
  source(name: string): string | Uint8Array;
}

const isVisible = (name: string): boolean => isOwn(name.split("/"));

export async function folderTree(folder: string): Promise<FileTree> {
  const listed = await entriesBelow(folder);
  const names = listed
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter(isVisible)
    .sort();
  const path = (name: string): string => join(folder, name);
  return { where: folder, names, locate: path, bytes: (name) => readFileBytes(path(name)), source: path };
}

/** A file and the images in and below its folder: of other files there is nothing to be seen. */
export async function fileTree(path: string): Promise<FileTree> {
  const tree = await folderTree(dirname(path));
  const names = tree.names.filter((name) => name === basename(path) || IMAGE_FILE.test(name));
  return { ...tree, names };
}

/** The files of an archive as a tree. */
export function archiveTree(entries: readonly TarFile[], where: string): FileTree {
  const files = new Map(entries.map(({ name, bytes }) => [name, bytes]));
  const bytes = (name: string): Uint8Array => files.get(name) as Uint8Array;
  return {
    where,
    names: [...files.keys()].sort(),
    locate: (name) => `${where}: ${name}`,
    bytes: (name) => Promise.resolve(bytes(name)),
    source: bytes,
  };
}

/** The encoding that an XML file declares. */
const declaredEncoding = (bytes: Uint8Array): string | undefined =>
  /^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.-]+)["']/.exec(Buffer.from(bytes.subarray(0, 200)).toString("latin1"))?.[1];

/**
 * Reads the text of a file, without gzip: in the encoding that a byte order mark or an XML declaration names, otherwise UTF-8. One that is neither
 * is guessed, which `note` is told.
 *
 * Errors: DataError for bytes that are not of their encoding.
 */
export async function textOf(tree: FileTree, name: string, note?: (text: string) => void): Promise<string> {
  const bytes = await unwrapGzip(await tree.bytes(name), tree.locate(name));
  const declared = markedEncoding(bytes.subarray(0, 4096)) ?? declaredEncoding(bytes);
  if (declared === undefined && !isUtf8(bytes)) {
    const guessed = guessEncoding(bytes);
    if (note === undefined) throw new DataError(`${tree.locate(name)}: expected UTF-8, got other bytes; save it as UTF-8`);
    note(`annotations that are not UTF-8 are read as ${encodingName(guessed)}`);
    return new TextDecoder(guessed).decode(bytes);
  }
  const encoding = declared === undefined ? "utf-8" : checkEncoding(declared, tree.locate(name));
  try {
    return streamDecoder(encoding)(bytes, true);
  } catch (cause) {
    throw new DataError(`${tree.locate(name)}: expected ${encodingName(encoding)}, got other bytes`, { cause });
  }
}
