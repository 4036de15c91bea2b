/**
 * @module The 256 characters that byte-level tokenizers write bytes as (GPT-2): printable bytes as themselves, the rest from
 * U+0100 on.
 */

const isPrintable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;

/** The character of each byte. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let other = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : other++));
})();

/** The alphabet in code point order, as vocabularies list it. */
export const BYTE_ALPHABET: readonly string[] = [...BYTE_CHARACTERS].sort();

const encoder = new TextEncoder();

/** A text's bytes in UTF-8, as characters. */
export function toByteCharacters(text: string): string {
  let characters = "";
  for (const byte of encoder.encode(text)) characters += BYTE_CHARACTERS[byte] as string;
  return characters;
}

/** GPT-2's pattern of words: contractions, letters, numbers and other signs, each with one space before it. */
export const BYTE_LEVEL_WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
