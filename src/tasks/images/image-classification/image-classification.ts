/**
 * @module Image classification: one label for an image.
 */
import { addAuxiliaryLosses, outputsWithAuxiliary } from "./auxiliary.js";
import { classAnswers, ClassificationMeasurement, classificationLoss, explainedClasses } from "../../shared/classification.js";
import { namedByClasses } from "../../shared/class-axes.js";
import { imageGraph } from "./graph.js";
import { IMAGE_MODELS } from "../image-models.js";
import type { ImageInfo } from "../images.js";
import {
  collateImages,
  encodeImages,
  imageLoading,
  imagePreprocessing,
  imageTargets,
  imageTypes,
  labelledImages,
  normalizedPixels,
  prepareImages,
  settleAugment,
} from "../images.js";
import type { Task } from "../../task.js";
import { labelledImageOptions } from "../options.js";

export const imageClassification: Task<ImageInfo> = {
  name: "image-classification",
  label: { en: "Image classification", zh: "图像分类" },
  summary: "predict one label for an image",
  usage: [
    "--data fashion-mnist --model mlp --out runs/fashion",
    "--data photos/ --model mobilenet-v3-small --image-size 160 --out runs/photos",
  ],
  options: labelledImageOptions,
  checksOneBatch: true,
  models: IMAGE_MODELS,
  defaultModel: "mlp",
  namedParameters: namedByClasses<ImageInfo>(
    IMAGE_MODELS,
    ({ classes }) => classes,
    (info, name) => ({ ...info, classes: [...info.classes, name] }),
  ),
  monitor: { metric: "accuracy", mode: "max" },

  prepare: prepareImages,
  graphs: imageGraph,
  inputs: imageTypes,
  targets: imageTargets,
  preprocessing: imagePreprocessing,
  loading: imageLoading,
  settle: settleAugment,
  collate: collateImages,
  features: normalizedPixels,
  outputs: outputsWithAuxiliary,
  loss: (outputs, batch, context) => addAuxiliaryLosses(outputs, (each) => classificationLoss(each, batch, context)),
  explained: explainedClasses("image"),
  measurement: (info) => new ClassificationMeasurement(info.classes.length),
  answers: (outputs, info) => classAnswers(outputs, info.classes),
  examples: labelledImages,
  targetColumn: () => undefined,
  encode: encodeImages,
};
