/** @module Checksums of 32 bits by cyclic redundancy. */

/** The checksum by a polynomial, given with its bits reversed. */
export function crc32By(polynomial: number): (data: Uint8Array) => number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    return crc;
  });
  return (data) => {
    let crc = 0xffffffff;
    for (const byte of data) crc = (table[(crc ^ byte) & 255] as number) ^ (crc >>> 8);
    return (crc ^ 0xffffffff) >>> 0;
  };
}
