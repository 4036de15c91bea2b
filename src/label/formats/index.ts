/** @module The table of label formats. */
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import type { Kind } from "../scheme.js";
import { descentLines } from "./descent.js";
import { cvat } from "./cvat.js";
import type { LabelFormat } from "./format.js";
import { labelStudio } from "./label-studio.js";
import { coco, voc, yolo } from "./regions.js";
import { csv } from "./tables.js";
import { conll, conllu, doccano, spanLines } from "./texts.js";

export type { LabelFiles, LabelFormat, LabelledItem, ReadFormatOptions } from "./format.js";

/** All formats, in the order in which they are offered. */
export const LABEL_FORMATS: readonly LabelFormat[] = [
  descentLines,
  labelStudio,
  spanLines,
  doccano,
  conll,
  conllu,
  voc,
  coco,
  yolo,
  cvat,
  csv,
];

/** A format by its name. ConfigError, with the nearest, for another. */
export function labelFormat(name: string): LabelFormat {
  const found = LABEL_FORMATS.find((format) => format.name === name);
  if (found === undefined)
    throw new ConfigError(
      unknownName(
        "format",
        name,
        LABEL_FORMATS.map((format) => format.name),
      ),
    );
  return found;
}

/** A format that can say a kind of labels. ConfigError for another. */
export function formatFor(name: string, kind: Kind): LabelFormat {
  const format = labelFormat(name);
  if (!format.kinds.includes(kind))
    throw new ConfigError(`${format.name}: expected a kind of ${format.kinds.join(", ")}, got ${kind}`);
  return format;
}
