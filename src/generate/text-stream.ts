/**
 * @module From tokens to text as they come: whole characters only, and nothing of what might become a stop string.
 */

/** Ids to text, as a tokenizer decodes them. */
export type Decode = (ids: readonly number[]) => Promise<string>;

/** The length of the longest end of `text` that a stop string begins with, and that is not all of it. */
function heldBack(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}

/**
 * Turns tokens into pieces of text that can be shown at once. A token that ends within a character waits for the next; the text ends before the
 * first stop string.
 */
export class TextStream {
  readonly #decode: Decode;
  readonly #stops: readonly string[];
  readonly #ids: number[] = [];
  #text = "";
  #given = 0;
  #stopped = false;

  constructor(decode: Decode, stopStrings: readonly string[] = []) {
    this.#decode = decode;
    this.#stops = stopStrings.filter((stop) => stop !== "");
  }

  /** Tells whether a stop string was found. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** All text so far, to the stop string. */
  get text(): string {
    return this.#text;
  }

  /** The text that a further token makes certain; "" while nothing is. */
  async push(id: number): Promise<string> {
    if (this.#stopped) return "";
    this.#ids.push(id);
    // All is decoded again: what a token means may depend on those before, and a text is short beside a model.
    return this.#advance(await this.#decode(this.#ids), false);
  }

  /** Returns the text that was held back, at the end. */
  async finish(): Promise<string> {
    return this.#stopped ? "" : this.#advance(await this.#decode(this.#ids), true);
  }

  #advance(text: string, atEnd: boolean): string {
    const stop = Math.min(...this.#stops.map((s) => text.indexOf(s)).filter((at) => at >= 0));
    this.#stopped = Number.isFinite(stop);
    this.#text = this.#stopped ? text.slice(0, stop) : text;
    // An unfinished character decodes as a replacement mark.
    const whole = this.#stopped || atEnd ? this.#text : this.#text.replace(/\uFFFD+$/, "");
    const certain = this.#stopped || atEnd ? whole.length : whole.length - heldBack(whole, this.#stops);
    const piece = this.#text.slice(this.#given, Math.max(this.#given, certain));
    this.#given = Math.max(this.#given, certain);
    return piece;
  }
}
