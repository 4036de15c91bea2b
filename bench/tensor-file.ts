/**
 * @module The inputs of a case, on disk, for contenders in any language: the safetensors format (8 bytes of header length, a JSON header, raw
 * little-endian values), which takes a dozen lines to read anywhere.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { sizeOf } from "../src/graph/index.js";

/** A tensor with a name, as a case makes it and a contender reads it. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

const DTYPES = { F32: Float32Array, I32: Int32Array } as const;

/** Writes tensors as safetensors; every tensor begins at a multiple of 8 bytes. */
export function writeTensors(path: string, tensors: readonly NamedTensor[]): void {
  const header: Record<string, { dtype: keyof typeof DTYPES; shape: readonly number[]; data_offsets: [number, number] }> = {};
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    const size = sizeOf(shape);
    if (size !== values.length)
      throw new Error(`writeTensors: ${name}: expected ${size} values for shape [${shape}], got ${values.length}`);
    header[name] = {
      dtype: values instanceof Float32Array ? "F32" : "I32",
      shape,
      data_offsets: [offset, offset + values.byteLength],
    };
    offset += Math.ceil(values.byteLength / 8) * 8;
  }
  const json = JSON.stringify(header);
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerLength + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(new TextEncoder().encode(json.padEnd(headerLength)), 8);
  for (const { name, values } of tensors) {
    const begin = (header[name] as { data_offsets: [number, number] }).data_offsets[0];
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 8 + headerLength + begin);
  }
  writeFileSync(path, file);
}

/** The tensors of such a file, by name. */
export function readTensors(path: string): Map<string, NamedTensor> {
  const bytes = readFileSync(path);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerLength)) as Record<
    string,
    { dtype: keyof typeof DTYPES; shape: number[]; data_offsets: [number, number] }
  >;
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => {
        const copy = new Uint8Array(end - begin);
        copy.set(bytes.subarray(8 + headerLength + begin, 8 + headerLength + end));
        return [name, { name, shape, values: new DTYPES[dtype](copy.buffer) }];
      },
    ),
  );
}

/** The tensor of that name; raises where the file has none. */
export function tensorOf(tensors: ReadonlyMap<string, NamedTensor>, name: string): NamedTensor {
  const found = tensors.get(name);
  if (found === undefined) throw new Error(`inputs: no tensor ${name}; the file has ${[...tensors.keys()].join(", ")}`);
  return found;
}

/** Slices [count, …] into its `count` rows, as views: one batch each. */
export function rowsOf({ name, shape: [count = 0, ...rest], values }: NamedTensor): NamedTensor[] {
  const size = sizeOf(rest);
  return Array.from({ length: count }, (_, i) => ({ name, shape: rest, values: values.subarray(i * size, (i + 1) * size) }));
}
