/**
 * @module Quotes in an answer of what a sender wrote: short, whatever its length.
 */

/** Characters of a quotation. */
const MOST = 60;

/** A text in quotes, cut. */
export const shown = (text: string): string => JSON.stringify(text.length > MOST ? `${text.slice(0, MOST)}…` : text);
