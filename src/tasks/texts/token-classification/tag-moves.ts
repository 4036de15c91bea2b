/**
 * @module Allowed transitions between tags: the scores of a CRF that forbids what BIO and BIOES do not allow, for models that score each token by itself.
 */
import type { TensorData } from "../../../graph/index.js";
import { fromNumbers } from "../../../graph/index.js";
import type { Tag } from "../../../util/tags.js";
import { parseTag, schemeOf } from "../../../util/tags.js";

/** Less than any sum of emissions. */
const NEVER = -1e4;

const OUTSIDE: Tag = { prefix: "O", label: "_" };

/** Tells whether a span may go on behind a tag; where ends are marked, it must. */
const isOpen = ({ prefix }: Tag): boolean => prefix === "B" || prefix === "I";

/** Tells whether `tag` may come after `before`. */
function follows(before: Tag, tag: Tag, marksEnds: boolean): boolean {
  const isInside = tag.prefix === "I" || tag.prefix === "E";
  if (isInside) return isOpen(before) && before.label === tag.label;
  return !(marksEnds && isOpen(before));
}

/** Scores [K + 2, K] of one tag after another; the last two rows are those of beginning and of ending with a tag. */
export function moveScores(names: readonly string[]): TensorData {
  const marksEnds = schemeOf(names) === "BIOES";
  const tags = names.map((name) => parseTag(name) ?? OUTSIDE);
  const score = (is: boolean): number => (is ? 0 : NEVER);
  return fromNumbers(
    "float32",
    [tags.length + 2, tags.length],
    [
      ...tags.flatMap((before) => tags.map((tag) => score(follows(before, tag, marksEnds)))),
      ...tags.map((tag) => score(follows(OUTSIDE, tag, marksEnds))),
      ...tags.map((tag) => score(follows(tag, OUTSIDE, marksEnds))),
    ],
  );
}
