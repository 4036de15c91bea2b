/** @module `descent data`: the verbs that prepare data. */
import type { VerbRow } from "../verbs.js";
import { defineVerb } from "../verb.js";
import { ConfigError } from "../../util/errors.js";

const DATA_VERBS: readonly VerbRow[] = [
  {
    name: "inspect",
    summary: "describe data: columns, counts, classes, lengths, languages, images, with a page of pictures",
    load: () => import("./data/inspect.js"),
  },
];

export const verb = defineVerb({
  positionals: [],
  options: {},
  verbs: DATA_VERBS,
  examples: ["descent data inspect reviews.csv"],
  run: () => Promise.reject(new ConfigError(`data: expected one of ${DATA_VERBS.map(({ name }) => name).join(", ")}`)),
});
