/**
 * @module Features of a few slots as numbers: 0 is padding, then come a number for what is unknown in each slot, and those that were learned.
 */
import { ConfigError } from "../util/errors.js";
import type { TokenFeatures } from "./token-features.js";

/** A vocabulary as JSON keeps it: the known values of each slot. */
export type FeatureVocabularyJson = readonly (readonly string[])[];

/** Ids of the features of tokens, slot by slot, learned from texts; 0 is padding, and each slot has an id for unknown values. */
export class FeatureVocabulary {
  readonly #slots: readonly ReadonlyMap<string, number>[];
  /** Rows that a table of vectors for the features needs. */
  readonly size: number;

  private constructor(slots: readonly (readonly string[])[]) {
    let next = 1 + slots.length;
    this.#slots = slots.map((values) => new Map(values.map((value) => [value, next++])));
    this.size = next;
  }

  /**
   * Keeps values that occur in at least `minTexts` texts in their slot. What is rarer is unknown, so that a model learns what to think of such. Several
   * sequences may be of one text, which `textOf` says: those of a text are neighbours.
   */
  static learn(
    sequences: readonly (readonly TokenFeatures[])[],
    slots: number,
    minTexts: number,
    textOf: (sequence: number) => number = (sequence) => sequence,
  ): FeatureVocabulary {
    const counts = Array.from({ length: slots }, () => new Map<string, { texts: number; last: number }>());
    for (const [i, sequence] of sequences.entries()) {
      const text = textOf(i);
      for (const token of sequence)
        for (const [slot, value] of token.entries()) {
          const seen = counts[slot] as Map<string, { texts: number; last: number }>;
          const found = seen.get(value);
          if (found === undefined) seen.set(value, { texts: 1, last: text });
          else if (found.last !== text) {
            found.texts++;
            found.last = text;
          }
        }
    }
    return new FeatureVocabulary(
      counts.map((seen) => [...seen].filter(([, { texts }]) => texts >= minTexts).map(([value]) => value)),
    );
  }

  /** Errors: ConfigError for anything but a list of texts for each slot, as in a run that somebody has changed. */
  static fromJson(json: FeatureVocabularyJson): FeatureVocabulary {
    const isListOf = (value: unknown, isItem: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(isItem);
    if (!isListOf(json, (slot) => isListOf(slot, (value) => typeof value === "string")))
      throw new ConfigError("vocabulary: expected a list of texts for each slot, got something else");
    return new FeatureVocabulary(json);
  }

  toJson(): FeatureVocabularyJson {
    return this.#slots.map((values) => [...values.keys()]);
  }

  get slots(): number {
    return this.#slots.length;
  }

  /** Numbers of a text's features, token by token. */
  encode(text: readonly TokenFeatures[]): Int32Array {
    const ids = new Int32Array(text.length * this.slots);
    for (const [t, token] of text.entries())
      for (const [slot, value] of token.entries()) ids[t * this.slots + slot] = this.#slots[slot]?.get(value) ?? 1 + slot;
    return ids;
  }
}
