/**
 * @module An imported graph as a tagger of tokens.
 */
import type { GraphInfo, GraphUse } from "../../graph-use.js";
import { ConfigError } from "../../../util/errors.js";
import { parseTag } from "../../../util/tags.js";
import { planTexts, TextGraph, textShapes } from "../text-graph.js";
import type { SubwordInfo } from "./subword-rows.js";

export const tokenGraph: GraphUse<SubwordInfo & { readonly graph?: GraphInfo }> = {
  plan: (file) => planTexts(file, "token-classification"),
  shapes: textShapes,
  axes: 3,
  outFeatures: ({ tags }) => tags.length,
  wrap: (module, { graph }) => new TextGraph(module, graph as GraphInfo, "token-classification"),
  named: (names, { maxLength }) => {
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
  },
};
