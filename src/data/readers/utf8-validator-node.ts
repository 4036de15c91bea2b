/** @module A check whether bytes that come piece by piece are UTF-8. */
import { isUtf8 } from "node:buffer";

/** Tells piece by piece whether bytes are UTF-8, without making texts of them. */
export class Utf8Validator {
  #cut = new Uint8Array();

  /** False from the first piece on that is not UTF-8. */
  add(chunk: Uint8Array): boolean {
    const bytes = this.#cut.length === 0 ? chunk : Buffer.concat([this.#cut, chunk]);
    // A character may be cut at the end: its first byte is one of the last three.
    let end = bytes.length;
    for (let at = end - 1; at >= Math.max(0, end - 3); at--) {
      const byte = bytes[at] as number;
      if (byte < 0x80) break;
      if (byte < 0xc0) continue;
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      if (at + length > bytes.length) end = at;
      break;
    }
    this.#cut = bytes.slice(end);
    return isUtf8(bytes.subarray(0, end));
  }

  /** Whether no character is cut off at the end. */
  get ended(): boolean {
    return this.#cut.length === 0;
  }
}
