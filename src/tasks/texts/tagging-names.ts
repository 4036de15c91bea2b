/**
 * @module The parameters of taggers that follow their data: rows of features and positions of tags, each with its name.
 */
import type { Module } from "../../nn/index.js";
import { Tagger } from "../../models/index.js";
import type { NamedAxis, NamedParameter } from "../task.js";
import type { TaggingInfo, TagInfo } from "./tagging.js";

/** Names of the rows of a table of features, as `FeatureVocabulary` numbers them. Of how many slots keeps words and characters apart. */
function featureNames({ vocabulary }: TaggingInfo): readonly string[] {
  const slot = (i: number): string => `slot ${i + 1} of ${vocabulary.length}`;
  return [
    "(padding)",
    ...vocabulary.map((_, i) => `(unknown) in ${slot(i)}`),
    ...vocabulary.flatMap((values, i) => values.map((value) => `${value} in ${slot(i)}`)),
  ];
}

/** Names of direct scores: those of the tags for each position of the window, from the left. */
function scoreNames(tags: readonly string[], window: number): readonly string[] {
  const positions = Array.from({ length: 2 * window + 1 }, (_, i) => i - window);
  return positions.flatMap((position) => tags.map((tag) => (position === 0 ? tag : `${tag} at ${position}`)));
}

function ofTagger(info: TaggingInfo, { config }: Tagger): ReadonlyMap<string, NamedParameter> {
  const { hiddenSize = 128, window = 1 } = config;
  const tags: NamedAxis = { of: "tag", names: info.tags };
  const features: NamedAxis = { of: "feature", names: featureNames(info) };
  return new Map<string, NamedParameter>([
    ...(hiddenSize === 0
      ? []
      : ([
          ["embedding.weight", { axes: [features, undefined] }],
          ["classifier.weight", { axes: [tags, undefined] }],
          ["classifier.bias", { axes: [tags] }],
        ] as const)),
    ...(window < 0
      ? []
      : [["scores.weight", { axes: [features, { of: "tag", names: scoreNames(info.tags, window) }] }] as const]),
    ["crf.start_transitions", { axes: [tags] }],
    ["crf.end_transitions", { axes: [tags] }],
    ["crf.transitions", { axes: [tags, tags] }],
  ]);
}

/** `Task.namedParameters` of taggers: those of features by features and tags, those of subwords by the tags of their classifier. */
export function namedByTags(info: TagInfo, model: Module): ReadonlyMap<string, NamedParameter> {
  if (model instanceof Tagger) return ofTagger(info as TaggingInfo, model);
  const tags: NamedAxis = { of: "tag", names: info.tags };
  const head = [...model.state()].filter(([path]) => /^classifier\.(weight|bias)$/.test(path));
  return new Map(head.map(([path, { dims }]) => [path, { axes: [tags, undefined].slice(0, dims.length) }]));
}
