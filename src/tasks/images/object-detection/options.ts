/**
 * @module The options of object detection.
 */
import type { OptionTable } from "../../../util/option.js";
import { choice, integer } from "../../../util/option.js";
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
  side: choice(["left", "top", "right", "bottom"], {
    help: "explain where a side of the object is, in pixels of the model's input",
    defaultText: "the object's score",
  }),
} satisfies OptionTable;
