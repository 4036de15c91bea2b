/**
 * @module Readers of labels in the formats of other tools, and of files that people write for a command: data cards, recipes of sweeps, hardware for plans.
 */
import { readCard } from "../../src/data/card-node.js";
import { CARD_FILES } from "../../src/data/card.js";
import { withHardwareFile } from "../../src/cost/plan/index.js";
import { labelFormat } from "../../src/label/formats/index.js";
import type { LabelledItem } from "../../src/label/formats/index.js";
import { LABEL_FORMAT_NAMES } from "../../src/label/formats/names.js";
import { parseRecipe } from "../../src/sweep/recipe.js";
import { parseJsonWith } from "../../src/util/schema.js";
import * as z from "zod";
import type { Mutate } from "./mutate.js";
import { anyJson, anyJsonLines, anyLines, anyTokens, bytesOf, textOf } from "./mutate.js";
import type { FuzzReader } from "./reader.js";
import { QUICK, SLOW } from "./reader.js";

const IMAGE = { image: { file: "a.jpg", width: 100, height: 80 } } as const;
const SIZES = new Map([["a.jpg", { width: 100, height: 80 }]]);
const SPANS: readonly LabelledItem[] = [
  { payload: { text: "Anna lives in Bad Homburg" }, value: { spans: [{ start: 0, end: 4, label: "PER" }] } },
  { payload: { text: "👍 no one" }, value: { spans: [] } },
];
const BOXES: readonly LabelledItem[] = [
  { payload: IMAGE, value: { boxes: [{ x: 10.5, y: 3, width: 20, height: 7, label: "a & b" }] } },
];
const CLASSES: readonly LabelledItem[] = [
  { payload: { text: 'said "no", twice' }, value: { classes: ["good", "bad"] } },
  { payload: { text: "=1+1" }, value: { classes: [] } },
];
const ITEMS = [["spans", SPANS] as const, ["boxes", BOXES] as const, ["text-classes", CLASSES] as const];

const XML = anyTokens(/<[^<>]*>|[^<>]+/g, ["<!DOCTYPE a>", "&x;", "&#0;", "]]>", "<!--", "<a", "</image>", "<box/>", "<points>"]);
const MUTATIONS: Readonly<Record<(typeof LABEL_FORMAT_NAMES)[number], Mutate>> = {
  descent: anyJsonLines,
  "label-studio": anyJson,
  "spans-jsonl": anyJsonLines,
  doccano: anyJsonLines,
  conll: anyLines(/[ \t-]/),
  conllu: anyLines(/[\t|=]/),
  voc: XML,
  coco: anyJson,
  yolo: anyLines(/ /),
  cvat: XML,
  csv: anyLines(/,/, 1),
};

/** A format's reader over each of the files that it writes; the first byte of an input says which of them is changed. */
function labelReader(name: (typeof LABEL_FORMAT_NAMES)[number]): FuzzReader {
  const format = labelFormat(name);
  const written = ITEMS.filter(([kind]) => format.kinds.includes(kind)).flatMap(([kind, items]) => {
    const files = format.write(items, ["a & b", "PER", "good", "bad"]);
    return [...files.keys()].map((file) => ({ kind, files, file }));
  });
  return {
    name: `labels-${name}`,
    ...QUICK,
    short: 200,
    valid: () => written.map(({ files, file }, at) => new Uint8Array([at, ...bytesOf(files.get(file) ?? "")])),
    structured: (bytes, random) => new Uint8Array([bytes[0] ?? 0, ...MUTATIONS[name](bytes.subarray(1), random)]),
    kept: 1,
    read: (bytes) => {
      const { kind, files, file } = written[(bytes[0] ?? 0) % written.length] as (typeof written)[number];
      format.read(new Map([...files, [file, textOf(bytes.subarray(1))]]), { kind, sizes: SIZES });
    },
  };
}

const CARD = bytesOf(
  JSON.stringify({
    format: "descent-data-card",
    version: 1,
    name: "reviews",
    licence: "CC0",
    steps: [
      { verb: "import", command: "descent data import a.csv", at: "2026-01-01T00:00:00Z", descent: "0.1.0", inputs: [], outputs: [{ name: "a.csv", bytes: 7, sha256: "0".repeat(64) }], decisions: ["x"], counts: { rows: 3 } }, // prettier-ignore
    ],
  }),
);
const RECIPES = [
  "task: tabular-classification\noptions:\n  data: a.csv\n  epochs: 3\nsearch:\n  lr: { from: 1e-4, to: 1e-1, scale: log }\n  batch-size: [16, 32]\nmethod: sobol\ntrials: 8\nseeds: [1, 2]\n",
  "task: text-classification\noptions: &o { data: b.csv }\nsearch: { weight-decay: [0, 0.5], model: [text-cnn, bilstm] }\nmethod: asha\nhalving: { from: 1, to: 9, factor: 3 }\nmetric: accuracy\nmode: max\n",
].map(bytesOf);
const HARDWARE = bytesOf(
  JSON.stringify([
    { name: "x1", peakFlops: { float32: 1e13, bfloat16: 2e13 }, memoryBytes: 8e9, memoryBandwidth: 3e11, watts: 200, dollarsPerHour: 1, sources: { specification: { text: "a", date: "2026-01-01" } } },
    { name: "v100-sxm2-32gb", dollarsPerHour: 2 },
  ]), // prettier-ignore
);

export const LABEL_READERS: readonly FuzzReader[] = [
  ...LABEL_FORMAT_NAMES.map(labelReader),
  {
    name: "data-card",
    ...SLOW,
    valid: () => [CARD],
    structured: anyJson,
    read: (b, s) => (s.write(CARD_FILES.json, b), readCard(s.folder)),
  },
  {
    name: "sweep-recipe",
    ...QUICK,
    valid: () => RECIPES,
    structured: anyTokens(/[\w.-]+|\s+|[^\w\s]/g, [
      "&a ",
      "*o",
      "!!js/function ",
      "<<: *o",
      "? ",
      "- ",
      "|\n",
      "{",
      "[",
      "1000000000",
      "-1",
      "__proto__",
    ]),
    read: (b) => parseRecipe(textOf(b), "f"),
  },
  {
    name: "hardware",
    ...QUICK,
    valid: () => [HARDWARE],
    structured: anyJson,
    read: (b) => withHardwareFile(parseJsonWith(z.unknown(), textOf(b), "f"), "f"),
  },
];
