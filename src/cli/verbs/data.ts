/** @module `descent data`: the verbs that prepare data. */
import type { VerbRow } from "../verbs.js";
import { defineVerb } from "../verb.js";
import { ConfigError } from "../../util/errors.js";

const DATA_VERBS: readonly VerbRow[] = [
  {
    name: "import",
    summary: "copy files, folders, archives or the result of a query into one folder with a data card",
    load: () => import("./data/import.js"),
  },
  {
    name: "inspect",
    summary: "describe data: columns, counts, classes, lengths, languages, images, with a page of pictures",
    load: () => import("./data/inspect.js"),
  },
  {
    name: "clean",
    summary: "find and leave out duplicates, leaks between parts, broken files; find personal data",
    load: () => import("./data/clean.js"),
  },
  {
    name: "labels",
    summary: "find labels that are probably wrong, by cross-validation with any model",
    load: () => import("./data/labels.js"),
  },
  {
    name: "split",
    summary: "split a table into training, validation and test parts: stratified, by groups, by time",
    load: () => import("./data/split.js"),
  },
  {
    name: "convert",
    summary: "convert labels between formats: Label Studio, CoNLL, doccano, VOC, COCO, YOLO, CVAT, CSV",
    load: () => import("./data/convert.js"),
  },
];

export const verb = defineVerb({
  positionals: [],
  options: {},
  verbs: DATA_VERBS,
  examples: [
    "descent data import reviews.xlsx --out reviews",
    "descent data inspect reviews --out reviews.html",
    "descent data clean reviews --out reviews-clean",
    "descent data labels reviews-clean --out labels.html",
    "descent data split reviews-clean --out reviews-split",
  ],
  run: () => Promise.reject(new ConfigError(`data: expected one of ${DATA_VERBS.map(({ name }) => name).join(", ")}`)),
});
