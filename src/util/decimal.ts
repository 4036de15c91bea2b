/** @module Numbers as people write them in files. */

/** Tells whether a text is a finite decimal number: not empty, no hexadecimal digits, no Infinity, no spaces. */
export const isDecimal = (text: string): boolean =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text));
