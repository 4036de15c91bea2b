/**
 * @module An imported graph as a tagger of tokens.
 */
import type { GraphInfo, GraphUse } from "../../graph-use.js";
import { ConfigError } from "../../../util/errors.js";
import { parseTag } from "../../../util/tags.js";
import { planTexts, TextGraph, textShapes } from "../text-graph.js";
import type { TagInfo } from "../tagging.js";
import type { SubwordInfo } from "./subword-rows.js";

/** The part of the info of somebody else's tagger that its tags say. ConfigError for names that are none. */
export function infoOfTags(names: readonly string[], maxLength: number): TagInfo & Pick<SubwordInfo, "stride"> {
  const odd = names.find((name) => parseTag(name) === undefined);
  if (odd !== undefined)
    throw new ConfigError(
      `token-classification: expected tags as names of the scores (O, B-PER, I-PER), got ${odd}; --labels FILE gives them, a name a line`,
    );
  const labels = names.flatMap((name) => (name === "O" ? [] : (parseTag(name)?.label ?? [])));
  return {
    tags: names,
    labels: [...new Set(labels)].sort(),
    unit: "words",
    usualMissCost: 0,
    stride: Math.floor(maxLength / 4),
  };
}

export const tokenGraph: GraphUse<SubwordInfo & { readonly graph?: GraphInfo }> = {
  plan: (file) => planTexts(file, "token-classification"),
  shapes: textShapes,
  axes: 3,
  outFeatures: ({ tags }) => tags.length,
  wrap: (module, { graph }) => new TextGraph(module, graph as GraphInfo, "token-classification"),
  named: (names, { maxLength }) => infoOfTags(names, maxLength),
};
