/**
 * @module The options of image classification, and what marked evidence asks of them.
 */
import { EVIDENCE } from "../../../data/index.js";
import type { Dim } from "../../../graph/index.js";
import { ConfigError } from "../../../util/errors.js";
import type { OptionTable } from "../../../util/option.js";
import { parseAugment } from "../../../vision/index.js";
import { checkEvidence, evidenceOptions } from "../../shared/evidence.js";
import { classWeightOption } from "../../shared/weighting.js";
import type { ColumnTypes, TaskContext, TaskOptions } from "../../task.js";
import type { ImageInfo } from "../images.js";
import { labelledImageOptions } from "../options.js";

export const imageClassificationOptions = {
  ...labelledImageOptions,
  ...evidenceOptions(
    "a folder of masks named after the images, white where an image's evidence lies (or an IDX file of them)",
    "MASKS",
  ),
  ...classWeightOption,
} satisfies OptionTable;

/** Changes of place, which a mask can follow. */
const MOVES = ["crop", "flip", "rotate"];

/** The column of masks that training reads. */
export const evidenceTypes = ({ info, options, use }: TaskContext<ImageInfo>, batch: Dim): ColumnTypes =>
  use === "train" && options.evidence !== undefined
    ? { [EVIDENCE]: { shape: [batch, 1, ...info.imageShape.slice(1)], dtype: "uint8" } }
    : {};

/** ConfigError for changes of images that their masks cannot follow. */
export function checkMasked(options: TaskOptions, { imageShape: [, height = 1, width = 1] }: ImageInfo): TaskOptions {
  checkEvidence(options);
  if (options.evidence === undefined) return options;
  const other = parseAugment(options.augment ?? "none", { height, width }).find(({ name }) => !MOVES.includes(name));
  if (other !== undefined)
    throw new ConfigError(
      `--augment: expected ${MOVES.join(", ")} or none beside --evidence, whose masks are moved with the images, got ${other.name}; give --augment crop,flip`,
    );
  return options;
}
