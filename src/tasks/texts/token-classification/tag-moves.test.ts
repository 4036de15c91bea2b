import assert from "node:assert/strict";
import { test } from "node:test";
import type { TagScheme } from "../../../util/tags.js";
import { findBrokenTag } from "../../../util/tags.js";
import { moveScores } from "./tag-moves.js";

/** All sequences of so many of the tags. */
const sequences = (tags: readonly string[], length: number): string[][] =>
  length === 0 ? [[]] : sequences(tags, length - 1).flatMap((before) => tags.map((tag) => [...before, tag]));

for (const [scheme, tags] of [
  ["BIO", ["O", "B-A", "I-A", "B-B", "I-B"]],
  ["BIOES", ["O", "B-A", "E-A", "I-A", "S-A", "S-B"]],
] as const satisfies readonly (readonly [TagScheme, readonly string[]])[]) {
  test(`${scheme}: what costs nothing is what the scheme allows, of all sequences of up to four tags`, () => {
    const { data, shape } = moveScores(tags);
    const count = tags.length;
    assert.deepEqual(shape, [count + 2, count]);
    const at = (from: number, to: number): number => Number(data[from * count + to]);
    for (const sequence of [1, 2, 3, 4].flatMap((length) => sequences(tags, length))) {
      const path = sequence.map((tag) => (tags as readonly string[]).indexOf(tag));
      const moves = path.slice(1).reduce((sum, tag, i) => sum + at(path[i] as number, tag), 0);
      const score = moves + at(count, path[0] as number) + at(count + 1, path.at(-1) as number);
      assert.equal(score === 0, findBrokenTag(sequence, scheme) === undefined, sequence.join(" "));
    }
  });
}
