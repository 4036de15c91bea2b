/**
 * @module Files inside a zip archive, as data sets are handed out: stored or deflated, without encryption or 64-bit sizes.
 */
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { DataError } from "../util/errors.js";

const inflate = promisify(inflateRaw);

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;

export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  readonly offset: number;
}

const decoder = new TextDecoder();

/** The archive's directory. APPNOTE 6.3.10, sections 4.3.12 and 4.3.16. */
function entriesOf(bytes: Uint8Array, where: string): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const broken = (): DataError => new DataError(`${where}: expected a whole zip file, got a truncated or altered one`);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw broken();
  const entries: Entry[] = [];
  let at = view.getUint32(end + 16, true);
  for (let count = view.getUint16(end + 10, true); count > 0; count--) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== DIRECTORY_ENTRY) throw broken();
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [
      number,
      number,
      number,
    ];
    entries.push({
      name: decoder.decode(bytes.subarray(at + 46, at + 46 + nameBytes)),
      method: view.getUint16(at + 10, true),
      packedBytes: view.getUint32(at + 20, true),
      sizeBytes: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  return entries;
}

/**
 * The content of a file in a zip archive: the one of this name, or the only one.
 *
 * Errors: DataError if the archive is broken, has no such file, or packs it in a way that is not deflate.
 */
export async function unzip(bytes: Uint8Array, where: string, name?: string): Promise<Uint8Array> {
  const files = entriesOf(bytes, where).filter((entry) => !entry.name.endsWith("/"));
  const entry = name === undefined ? files[0] : files.find((file) => file.name === name);
  if (entry === undefined || (name === undefined && files.length > 1))
    throw new DataError(
      `${where}: expected ${name ?? "one file"} in the archive, got ${files.map((file) => file.name).join(", ")}`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = entry.offset + 30 + view.getUint16(entry.offset + 26, true) + view.getUint16(entry.offset + 28, true);
  const packed = bytes.subarray(start, start + entry.packedBytes);
  if (entry.method !== 0 && entry.method !== 8)
    throw new DataError(`${where}: expected ${entry.name} to be stored or deflated, got method ${entry.method}`);
  try {
    const content = entry.method === 0 ? packed : await inflate(packed);
    if (content.length === entry.sizeBytes) return content;
    throw new Error(`${content.length} bytes in place of ${entry.sizeBytes}`);
  } catch (cause) {
    throw new DataError(`${where}: expected a whole zip file, got a truncated or altered one (${(cause as Error).message})`, {
      cause,
    });
  }
}
