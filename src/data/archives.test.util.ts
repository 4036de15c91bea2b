/**
 * @module Archives for tests, written from their specifications: honest ones, and zips that say of themselves what is not so.
 */
import { crc32, deflateRawSync } from "node:zlib";

/** A tar archive (ustar) of files by name. */
export function tar(entries: Iterable<readonly [string, Uint8Array]>): Buffer {
  const blocks: Buffer[] = [];
  for (const [name, bytes] of entries)
    blocks.push(tarHeader(name, bytes.length.toString(8).padStart(11, "0")), Buffer.from(bytes), padding(bytes.length));
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const padding = (length: number): Buffer => Buffer.alloc((512 - (length % 512)) % 512);

/** A tar's header with this text as its size, and a right checksum; of a link (kind 1 or 2) with where it leads. */
export function tarHeader(name: string, size: string, kind = "0", target = ""): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write(`${size}\0`, 124);
  header.write(`        ${kind}`, 148);
  header.write(target, 157);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((a, b) => a + b);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** False claims of a zip's entry about itself. */
export interface ZipClaims {
  readonly sizeBytes?: number;
  readonly packedBytes?: number;
  readonly offset?: number;
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
}

/** A zip archive of files by name, deflated. */
export function zip(entries: Iterable<readonly [string, Uint8Array, ZipClaims?]>, comment = ""): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  const known = new Map<Uint8Array, Buffer>();
  for (const [name, bytes, claims = {}] of entries) {
    const packed = known.get(bytes) ?? deflateRawSync(bytes);
    known.set(bytes, packed);
    const nameBytes = Buffer.from(name);
    const { sizeBytes = bytes.length, packedBytes = packed.length, offset = at, method = 8, flags = 0 } = claims;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(flags, 2);
    fields.writeUInt16LE(method, 4);
    fields.writeUInt32LE(claims.crc ?? crc32(bytes), 10);
    fields.writeUInt32LE(packedBytes, 14);
    fields.writeUInt32LE(sizeBytes, 18);
    fields.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004", "latin1"), fields, nameBytes, packed]);
    const more = Buffer.alloc(14);
    more.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\u0001\u0002\u0014\0", "latin1"), fields, more, nameBytes]));
    locals.push(local);
    at += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", 0, "latin1");
  end.writeUInt16LE(directory.length % 65_536, 8);
  end.writeUInt16LE(directory.length % 65_536, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, listed, end, Buffer.from(comment)]);
}
