/**
 * @module The options of object detection.
 */
import type { OptionTable } from "../../../util/option.js";
import { augmentOption, imageSizeOption } from "../options.js";

export const detectionOptions = {
  augment: augmentOption("a preset (none, auto) or NAME[:NUMBER],… of flip, vertical-flip, scale, translate, color"),
  imageSize: imageSizeOption,
} satisfies OptionTable;
