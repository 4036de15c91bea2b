/** @module The table of label formats. */
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
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
