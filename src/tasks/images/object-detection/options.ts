/**
 * @module The options of object detection.
 */
import type { OptionTable } from "../../../util/option.js";
import { integer } from "../../../util/option.js";
import { augmentOption, imageSizeOption } from "../options.js";

export const detectionOptions = {
  augment: augmentOption("a preset (none, auto) or NAME[:NUMBER],… of flip, vertical-flip, scale, translate, color"),
  imageSize: imageSizeOption,
} satisfies OptionTable;

/** Options of `descent explain`. */
export const detectionExplainOptions = {
  box: integer({
    help: "the detected object to explain, counted from 1 as descent predict lists them",
    minimum: 1,
    defaultText: "the one with the highest score, of the target's class if given",
  }),
} satisfies OptionTable;
