/** @module Names of label formats, apart from the formats, so that a help page loads none. */
export const LABEL_FORMAT_NAMES = [
  "descent",
  "label-studio",
  "spans-jsonl",
  "doccano",
  "conll",
  "conllu",
  "voc",
  "coco",
  "yolo",
  "cvat",
  "csv",
] as const;
