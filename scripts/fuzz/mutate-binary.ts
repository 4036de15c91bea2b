/**
 * @module Changes of binary formats that keep what is checked first: lengths, checksums and headers are made anew.
 */
import { crc32, deflateRawSync, gunzipSync, gzipSync } from "node:zlib";
import type { Random } from "../../src/util/random.js";
import type { Mutate } from "./mutate.js";
import { anyBytes, anyJson, bytesOf, NUMBERS, pick, textOf, TEXTS } from "./mutate.js";

const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** A gzip file with other content. */
export const inGzip =
  (inner: Mutate): Mutate =>
  (bytes, random) =>
    new Uint8Array(gzipSync(inner(new Uint8Array(gunzipSync(bytes)), random), { level: 1 }));

/** A safetensors file whose JSON is changed, with its length as it is then. */
export const anySafetensors: Mutate = (bytes, random) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const end = 8 + Number(view.getBigUint64(0, true));
  const json = anyJson(bytes.subarray(8, end), random);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return concat([length, json, bytes.subarray(end)]);
};

/** A PNG with a chunk changed, and its checksum right. */
export const anyPng: Mutate = (bytes, random) => {
  const view = Buffer.from(bytes);
  const chunks: { type: string; data: Uint8Array }[] = [];
  for (let at = 8; at + 12 <= view.length;) {
    const length = view.readUInt32BE(at);
    chunks.push({ type: view.toString("latin1", at + 4, at + 8), data: view.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  const at = random.integer(chunks.length);
  const chunk = chunks[at] as (typeof chunks)[number];
  if (random.integer(6) === 0) chunks.splice(at, random.integer(2), pick(chunks, random));
  else chunks[at] = { type: chunk.type, data: anyBytes()(chunk.data, random) };
  return concat([
    view.subarray(0, 8),
    ...chunks.map(({ type, data }) => {
      const out = Buffer.alloc(12 + data.length);
      out.writeUInt32BE(data.length, 0);
      out.write(type, 4, "latin1");
      out.set(data, 8);
      out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
      return out;
    }),
  ]);
};

/** A tar with a field of a header changed, and its checksum right. */
export const anyTar: Mutate = (bytes, random) => {
  const result = Buffer.from(bytes);
  const headers: number[] = [];
  for (let at = 0; at + 512 <= result.length && result[at] !== 0;) {
    headers.push(at);
    at += 512 + Math.ceil(Number.parseInt(result.toString("latin1", at + 124, at + 135), 8) / 512) * 512;
  }
  const header = pick(headers, random);
  const [start, length] = pick(
    [
      [0, 100],
      [124, 12],
      [156, 1],
      [257, 6],
      [345, 155],
    ] as const,
    random,
  );
  const text = pick([...TEXTS, ...NUMBERS.map((n) => Math.trunc(n).toString(8)), "L", "x", "5", "2"], random);
  result.fill(0, header + start, header + start + length).write(text.slice(0, length), header + start, length, "latin1");
  result.fill(32, header + 148, header + 156);
  const sum = result.subarray(header, header + 512).reduce((a, b) => a + b, 0);
  result.write(`${sum.toString(8).padStart(6, "0")}\0 `, header + 148, 8, "latin1");
  return new Uint8Array(result);
};

/** A file for `zipOf`. */
export type Packed = readonly [name: string, bytes: Uint8Array];

/** A zip of files, with a field of an entry or of the end record set by `random`. */
export function zipOf(files: readonly Packed[], random?: Random): Uint8Array {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  const odd = (): number => Math.trunc(Math.abs(pick(NUMBERS, random as Random))) % 2 ** 32;
  const spoilt = random === undefined ? -1 : random.integer(files.length * 2);
  files.forEach(([name, content], i) => {
    const method = i % 2 === 0 ? 8 : 0;
    const packed = method === 8 ? deflateRawSync(content) : Buffer.from(content);
    const encoded = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    [crc32(content), packed.length, content.length].forEach((n, k) => local.writeUInt32LE(n, 14 + 4 * k));
    local.writeUInt16LE(encoded.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    [crc32(content), packed.length, content.length].forEach((n, k) => entry.writeUInt32LE(n, 16 + 4 * k));
    entry.writeUInt16LE(encoded.length, 28);
    entry.writeUInt32LE(at, 42);
    if (i === spoilt) {
      const place = pick([10, 16, 20, 24, 42], random as Random);
      if (place === 10) entry.writeUInt16LE(odd() % 65536, place);
      else entry.writeUInt32LE(odd(), place);
    }
    locals.push(local, encoded, packed);
    directory.push(entry, encoded);
    at += 30 + encoded.length + packed.length;
  });
  const end = Buffer.alloc(22);
  const size = directory.reduce((sum, piece) => sum + piece.length, 0);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  if (spoilt >= files.length && random !== undefined && random.integer(2) === 0) end.writeUInt32LE(odd(), pick([12, 16], random));
  return concat([...locals, ...directory, end]);
}

/** Zips of the same files whose fields lie. */
export const anyZip =
  (files: readonly Packed[], inner: Mutate): Mutate =>
  (_, random) => {
    const at = random.integer(files.length);
    const changed = files.map(([name, bytes], i): Packed => {
      if (i !== at) return [name, bytes];
      return random.integer(2) === 0 ? [name, inner(bytes, random)] : [pick(TEXTS, random), bytes];
    });
    return zipOf(changed, random);
  };

const varint = (value: bigint): Uint8Array => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
};

interface Field {
  readonly key: bigint;
  readonly varint?: bigint;
  readonly bytes?: Uint8Array;
}

/** The fields of a protobuf message, or undefined where the bytes are none. */
function fieldsOf(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const number = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const key = number();
    if (key === undefined || key >> 3n === 0n || key >> 3n > 64n) return undefined;
    const type = Number(key & 7n);
    if (type === 0) {
      const value = number();
      if (value === undefined) return undefined;
      fields.push({ key, varint: value });
      continue;
    }
    const length = type === 1 ? 8 : type === 5 ? 4 : type === 2 ? Number(number() ?? -1n) : -1;
    if (length < 0 || at + length > bytes.length) return undefined;
    fields.push({ key, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

const writtenFields = (fields: readonly Field[]): Uint8Array =>
  concat(
    fields.flatMap(({ key, varint: value, bytes = new Uint8Array() }) => {
      if (value !== undefined) return [varint(key), varint(value)];
      return (key & 7n) === 2n ? [varint(key), varint(BigInt(bytes.length)), bytes] : [varint(key), bytes];
    }),
  );

/** A protobuf message with one field, at any depth, changed; the lengths of all around it are right. */
export const anyProtobuf: Mutate = (bytes, random) => {
  const fields = fieldsOf(bytes);
  if (fields === undefined || fields.length === 0) return bytesOf(pick(TEXTS, random));
  const at = random.integer(fields.length);
  const field = fields[at] as Field;
  switch (random.integer(10)) {
    case 0:
      fields.splice(at, 1);
      break;
    case 1:
      fields.splice(at, 0, pick(fields, random));
      break;
    case 2:
      // Another wire type, or another field.
      fields[at] = { ...field, key: field.key ^ BigInt(1 << random.integer(7)) };
      break;
    default:
      if (field.varint !== undefined) {
        const odd = [
          BigInt(Math.trunc(Math.max(-(2 ** 63), Math.min(2 ** 63, pick(NUMBERS, random))))),
          field.varint + 1n,
          field.varint - 1n,
        ];
        fields[at] = { key: field.key, varint: pick(odd, random) };
      } else fields[at] = { key: field.key, bytes: changedPiece(field, random) };
  }
  return writtenFields(fields);
};

function changedPiece({ key, bytes = new Uint8Array() }: Field, random: Random): Uint8Array {
  if ((key & 7n) !== 2n) return Uint8Array.from(bytes, () => random.integer(256));
  const isMessage = bytes.length > 0 && fieldsOf(bytes) !== undefined;
  if (isMessage && random.integer(8) > 0) return anyProtobuf(bytes, random);
  return random.integer(2) === 0 ? anyBytes()(bytes, random) : bytesOf(pick([...TEXTS, textOf(bytes.subarray(0, 40))], random));
}

/** A GGUF file with a number of its header changed: counts, lengths, types, axes and offsets, which stand among the first kilobytes. */
export const anyGguf: Mutate = (bytes, random) => {
  const result = new Uint8Array(bytes);
  const view = new DataView(result.buffer);
  const header = Math.min(result.length, 8192) - 12;
  for (let left = 1 + random.integer(3); left > 0; left--) {
    const at = 8 + random.integer(header);
    if (random.integer(2) === 0) view.setUint32(at, random.integer(64), true);
    else view.setBigUint64(at, BigInt(random.integer(1 << 30)) << BigInt(random.integer(34)), true);
  }
  return result;
};
