/**
 * @module The options of tasks that read images.
 */
import type { OptionTable, OptionValues } from "../../util/option.js";
import { text } from "../../util/option.js";

/** `--augment`; each task says which changes it knows. */
export const augmentOption = (changes: string) =>
  text({
    help: `random augmentations of training images: ${changes}`,
    metavar: "LIST",
    defaultText: "the model's own",
  });

export const imageSizeOption = text({
  help: "size to which all images are resized: SIDE or WIDTHxHEIGHT",
  metavar: "SIZE",
  defaultText: "their own, or one that suits most of them",
});

/** Options of tasks whose images have one label each. */
export const labelledImageOptions = {
  augment: augmentOption(
    "a preset (none, auto, flip-crop, strong) or NAME[:NUMBER],… of crop, resized-crop, flip, rotate, color, erase, rand-augment, mixup, cutmix",
  ),
  imageSize: imageSizeOption,
} satisfies OptionTable;

declare module "../task.js" {
  interface TaskOptions extends Partial<OptionValues<typeof labelledImageOptions>> {}
}
