/**
 * @module Sentences about people and cities in CoNLL's columns, for tests of models that tag tokens.
 */
const PEOPLE = ["Ann", "Bob Lee", "Carla", "Dan", "Eve Moss"];
const CITIES = ["Bonn", "New York", "Rome", "Oslo"];
const VERBS = ["visits", "likes", "leaves"];

/** Who does what where. */
export interface Fact {
  readonly who: string;
  readonly verb: string;
  readonly where: string;
}

/** All combinations. */
export const facts: readonly Fact[] = PEOPLE.flatMap((who) =>
  CITIES.flatMap((where) => VERBS.map((verb) => ({ who, verb, where }))),
);

const tagged = (words: string, label: string): string =>
  words
    .split(" ")
    .map((word, i) => `${word} ${i === 0 ? "B" : "I"}-${label}`)
    .join("\n");

/** Every other sentence begins with something of two UTF-16 units. */
export const conll = (all: readonly Fact[]): string =>
  all
    .map(
      ({ who, verb, where }, i) =>
        `${i % 2 === 0 ? "😀 O\n" : ""}${tagged(who, "PER")}\n${verb} O\n${tagged(where, "LOC")}\n. O\n`,
    )
    .join("\n");
