/**
 * @module The bytes that each token of a vocabulary writes.
 */
import { BYTE_CHARACTERS } from "../../text/byte-level.js";
import type { Tokenizer } from "../../text/index.js";

const BYTE_OF: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));
const encoder = new TextEncoder();

/** Whether a tokenizer writes bytes as characters of its own. */
const isByteLevel = (json: string): boolean => /"type"\s*:\s*"ByteLevel"/.test(json);

const bytesOfCharacters = (token: string): Uint8Array => {
  const bytes = Array.from(token, (character) => BYTE_OF.get(character));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : encoder.encode(token);
};

/** A token of SentencePiece: ▁ is a space, <0x0A> a byte. */
function bytesOfPiece(token: string): Uint8Array {
  const byte = /^<0x([0-9A-F]{2})>$/i.exec(token)?.[1];
  return byte === undefined ? encoder.encode(token.replaceAll("▁", " ")) : Uint8Array.of(Number.parseInt(byte, 16));
}

/** By id; undefined for special tokens, which write nothing. */
export function tokenBytes(tokenizer: Tokenizer): (Uint8Array | undefined)[] {
  const ofToken = isByteLevel(tokenizer.toJson()) ? bytesOfCharacters : bytesOfPiece;
  return Array.from({ length: tokenizer.size }, (_, id) => {
    const token = tokenizer.idToToken(id);
    return token === undefined || tokenizer.specialIds.has(id) ? undefined : ofToken(token);
  });
}
