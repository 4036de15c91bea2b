/**
 * @module Files inside a zip archive, as data sets are handed out: stored or deflated, without encryption.
 *
 * Source: PKWARE, APPNOTE 6.3.10, sections 4.3 to 4.5. What an archive says of itself is checked before it is followed: places and
 * lengths lie inside the file, a file is inflated to the size that it claims and no further, and all of them together are bounded.
 */
import { promisify } from "node:util";
import zlib from "node:zlib";
import { DataError } from "../util/errors.js";
import { checkEntries } from "./archive-entries.js";
import { mostUnpackedBytes, unpacksTooMuch } from "./files-node.js";

// `crc32` is not named by the import: a Node that is too old would fail on that before it is told so.
const inflate = promisify(zlib.inflateRaw);

const LOCAL_ENTRY = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_64 = 0x06064b50;
const IN_64_BITS = 0xffffffff;
const [UNIX, KIND, LINK] = [3, 0o170000, 0o120000];

export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;

/** Tells whether an archive is its end alone, as one without files is. */
export const isEmptyZip = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 5 && bytes[3] === 6;

/** A file of an archive, with its content. */
export interface ZippedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly isLink: boolean;
  readonly crc: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  readonly offset: number;
}

const decoder = new TextDecoder();

const broken = (where: string, what: string): DataError =>
  new DataError(`${where}: expected a whole zip file, got a truncated or altered one (${what})`);

/** Finds the start of the directory, and the offset at which it must have ended. */
function directoryOf(bytes: Uint8Array, view: DataView, where: string): { start: number; end: number } {
  // The end record has a comment of up to 65,535 bytes behind it.
  const lowest = Math.max(0, bytes.length - 22 - 65_535);
  let end = bytes.length - 22;
  while (end >= lowest && view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < lowest) throw broken(where, "no directory");
  const start = view.getUint32(end + 16, true);
  if (start !== IN_64_BITS) return { start, end };
  // A 64-bit end record, which a locator of 20 bytes right before this one leads to.
  const place = end >= 20 ? Number(view.getBigUint64(end - 12, true)) : Infinity;
  if (place + 56 > bytes.length || view.getUint32(place, true) !== END_OF_DIRECTORY_64) throw broken(where, "no directory");
  return { start: Number(view.getBigUint64(place + 48, true)), end: place };
}

/** The archive's directory: files alone, each inside the archive. */
function entriesOf(bytes: Uint8Array, where: string): Entry[] {
  if (bytes.length < 22) throw broken(where, `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { start, end } = directoryOf(bytes, view, where);
  const entries: Entry[] = [];
  // By its place and not by its count, which has 16 bits and overflows.
  let count = 0;
  for (let at = start; at < end;) {
    checkEntries(++count, where);
    if (at + 46 > bytes.length || view.getUint32(at, true) !== DIRECTORY_ENTRY) {
      // What stands between the last entry and the end is somebody's signature, unless there is no entry at all.
      if (entries.length > 0) break;
      throw broken(where, "no directory where its end says");
    }
    const [nameBytes = 0, extraBytes = 0, commentBytes = 0] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const name = decoder.decode(bytes.subarray(at + 46, at + 46 + nameBytes));
    const entry = {
      name,
      method: view.getUint16(at + 10, true),
      isEncrypted: (view.getUint16(at + 8, true) & 1) === 1,
      // A writer of Unix keeps the kind of a file in the upper half; a link's content is the path that it leads to.
      isLink: bytes[at + 5] === UNIX && (view.getUint16(at + 40, true) & KIND) === LINK,
      crc: view.getUint32(at + 16, true),
      packedBytes: view.getUint32(at + 20, true),
      sizeBytes: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    if (entry.offset + 30 + entry.packedBytes > start)
      throw broken(where, `${name} lies at bytes ${entry.offset} … ${entry.offset + 30 + entry.packedBytes} of ${start}`);
    if (!name.endsWith("/")) entries.push(entry);
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  const total = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (total > mostUnpackedBytes(bytes.length)) throw unpacksTooMuch(where, bytes.length);
  return entries;
}

async function contentOf(bytes: Uint8Array, entry: Entry, where: string): Promise<Uint8Array> {
  const { name, method, sizeBytes, packedBytes, offset } = entry;
  if (entry.isEncrypted) throw new DataError(`${where}: expected ${name} to be readable by anybody, got an encrypted file`);
  if (method !== 0 && method !== 8)
    throw new DataError(`${where}: expected ${name} to be stored or deflated, got method ${method}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(offset, true) !== LOCAL_ENTRY) throw broken(where, `no ${name} at byte ${offset}`);
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  const packed = bytes.subarray(start, start + packedBytes);
  let content: Uint8Array;
  try {
    content = method === 0 ? packed : await inflate(packed, { maxOutputLength: Math.max(1, sizeBytes) });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw broken(where, code === "ERR_BUFFER_TOO_LARGE" ? `${name}: more than its ${sizeBytes} bytes` : `${name}: ${message}`);
  }
  if (content.length !== sizeBytes) throw broken(where, `${name}: ${content.length} bytes in place of ${sizeBytes}`);
  // A writer that left it out wrote 0.
  if (entry.crc !== 0 && zlib.crc32(content) !== entry.crc) throw broken(where, `${name}: its checksum is wrong`);
  return content;
}

/**
 * The content of a file in a zip archive: the one of this name, or the only one.
 *
 * Errors: DataError if the archive is broken, has no such file, or packs it in a way that is not deflate.
 */
export async function unzip(bytes: Uint8Array, where: string, name?: string): Promise<Uint8Array> {
  const files = entriesOf(bytes, where);
  const entry = name === undefined ? files[0] : files.find((file) => file.name === name);
  if (entry === undefined || (name === undefined && files.length > 1))
    throw new DataError(
      `${where}: expected ${name ?? "one file"} in the archive, got ${files.map((file) => file.name).join(", ") || "none"}`,
    );
  return contentOf(bytes, entry, where);
}

/** The files of a zip archive, in the order of its directory, those that `isRequested` chooses; the names of links go to `left`. Errors: those of `unzip`. */
export async function zipFiles(
  bytes: Uint8Array,
  where: string,
  isRequested: (name: string) => boolean = () => true,
  left: string[] = [],
): Promise<ZippedFile[]> {
  const files: ZippedFile[] = [];
  for (const entry of entriesOf(bytes, where)) {
    if (!isRequested(entry.name)) continue;
    if (entry.isLink) left.push(entry.name);
    else files.push({ name: entry.name, bytes: await contentOf(bytes, entry, where) });
  }
  return files;
}
