/**
 * @module Text from files on its way to a terminal: names of files and classes may hold bytes that move the cursor, change titles,
 * break lines or turn the direction of writing. They are shown, not sent.
 */

// Control characters (C0, DEL, C1), the other ends of lines, and marks that turn the direction of writing.
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const UNPRINTABLE = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

const NAMED: ReadonlyMap<string, string> = new Map([
  ["\n", String.raw`\n`],
  ["\r", String.raw`\r`],
  ["\t", String.raw`\t`],
]);

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const digits = code.toString(16).padStart(code > 0xff ? 4 : 2, "0");
  return NAMED.get(character) ?? (code > 0xff ? `\\u${digits}` : `\\x${digits}`);
}

/** One line: whatever else is in the text is written as an escape. */
export const printableLine = (text: string): string => text.replaceAll(UNPRINTABLE, escaped);

/** Lines and tabs of ours as they are; all other control characters as escapes. */
export const printable = (text: string): string =>
  text.replaceAll(UNPRINTABLE, (character) => (character === "\n" || character === "\t" ? character : escaped(character)));

/** JSON with every such character escaped, which means the same to a program. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replaceAll(UNPRINTABLE, (character) =>
    // Between values only: in texts they are escaped already.
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
