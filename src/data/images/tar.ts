/**
 * @module The files in a tar archive (POSIX ustar, with the long names of pax and GNU), in their order. A hard link is another name of a file that came before.
 *
 * Source: IEEE Std 1003.1-2017, pax, "ustar Interchange Format".
 */
import { DataError } from "../../util/errors.js";
import { checkEntries } from "../archive-entries.js";

export interface TarFile {
  readonly name: string;
  /** Shares the archive's memory. */
  readonly bytes: Uint8Array;
}

const BLOCK = 512;
/** Kinds of entries that are files: today's, the oldest writers', and one that means the same. */
const FILES: readonly string[] = ["0", "", "7"];

/** The checksum of a header, which is taken with spaces in its own place. */
const checksumOf = (header: Uint8Array): number => header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);

/** Tells whether bytes begin as a tar archive does. */
export function isTar(bytes: Uint8Array): boolean {
  const header = bytes.subarray(0, BLOCK);
  if (header.length < BLOCK) return false;
  const digits = new TextDecoder().decode(header.subarray(148, 156)).replace(/\0.*$/s, "").trim();
  return /^[0-7]+$/.test(digits) && Number.parseInt(digits, 8) === checksumOf(header);
}

/**
 * The files of a tar archive; the names of symbolic links, devices and the like go to `left`.
 *
 * Errors: DataError, naming `where`, if a header's checksum is wrong, the archive ends within a file, or it has too many entries.
 */
export function* tarFiles(archive: Uint8Array, where: string, left: string[] = []): Generator<TarFile> {
  const decoder = new TextDecoder();
  const files = new Map<string, Uint8Array>();
  let longName: string | undefined;
  let longTarget: string | undefined;
  let [at, count] = [0, 0];
  while (at < archive.length) {
    checkEntries(++count, where);
    const header = archive.subarray(at, at + BLOCK);
    if (header.length < BLOCK) throw new DataError(`${where}: expected a header at byte ${at}, got the end; it is truncated`);
    if (header.every((byte) => byte === 0)) return;
    const text = (start: number, length: number): string => {
      const field = header.subarray(start, start + length);
      const end = field.indexOf(0);
      return decoder.decode(end < 0 ? field : field.subarray(0, end));
    };
    const octal = (start: number, length: number): number => {
      const digits = text(start, length).trim();
      return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : Number.NaN;
    };
    if (octal(148, 8) !== checksumOf(header))
      throw new DataError(`${where}: expected a tar archive, got a header at byte ${at} whose checksum is wrong`);
    const size = octal(124, 12);
    if (Number.isNaN(size))
      throw new DataError(`${where}: expected the size of a file at byte ${at}, got "${text(124, 12)}" in place of octal digits`);
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (bytes.length < size)
      throw new DataError(`${where}: expected ${size} bytes of a file, got ${bytes.length}; it is truncated`);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const kind = text(156, 1);
    if (kind === "L") longName = decoder.decode(bytes).replace(/\0.*$/s, "");
    else if (kind === "K") longTarget = decoder.decode(bytes).replace(/\0.*$/s, "");
    else if (kind === "x") {
      const named = (key: string): string | undefined =>
        new RegExp(`(?:^|\\n)\\d+ ${key}=([^\\n]*)\\n`).exec(decoder.decode(bytes))?.[1];
      longName = named("path") ?? longName;
      longTarget = named("linkpath") ?? longTarget;
    } else if (kind !== "g") {
      const prefix = text(257, 5) === "ustar" ? text(345, 155) : "";
      const name = longName ?? (prefix === "" ? text(0, 100) : `${prefix}/${text(0, 100)}`);
      const target = longTarget ?? text(157, 100);
      [longName, longTarget] = [undefined, undefined];
      const content = FILES.includes(kind) ? bytes : kind === "1" ? files.get(target) : undefined;
      if (content === undefined) {
        if (kind !== "5") left.push(name);
        continue;
      }
      files.set(name, content);
      yield { name, bytes: content };
    }
  }
}
