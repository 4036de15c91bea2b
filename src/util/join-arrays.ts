/**
 * @module Typed arrays put together, and their bytes.
 */

/** All elements of some arrays, one after another, in the array that `make` makes. */
export function joinArrays<T extends Uint8Array | Int32Array | Float64Array>(
  parts: readonly T[],
  make: (length: number) => T,
): T {
  const whole = make(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The bytes of some arrays, one after another. */
export const joinBytes = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  joinArrays(parts, (length) => new Uint8Array(length)) as Uint8Array<ArrayBuffer>;

/** The bytes of an array, where they lie. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
