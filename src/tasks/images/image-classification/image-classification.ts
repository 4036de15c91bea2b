/**
 * @module Image classification: one label for an image.
 */
import { addAuxiliaryLosses, outputsWithAuxiliary } from "./auxiliary.js";
import { classAnswers, ClassificationMeasurement, classificationLoss, explainedClasses } from "../../shared/classification.js";
import { namedByClasses } from "../../shared/class-axes.js";
import { imageGraph } from "./graph.js";
import { FITTED_IMAGES } from "../fitted-models.js";
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
import { EVIDENCE } from "../../../data/index.js";
import type { Tensor } from "../../../graph/index.js";
import type { Task } from "../../task.js";
import { checkMasked, evidenceTypes, imageClassificationOptions } from "./options.js";

/** The threshold of a mask's 0…255: brighter pixels are evidence. */
const HALF = 128;

/** The task that sorts images into classes. */
export const imageClassification: Task<ImageInfo> = {
  name: "image-classification",
  label: { en: "Image classification", zh: "图像分类" },
  summary: "predict one label for an image",
  usage: [
    "--data fashion-mnist --model mlp --out runs/fashion",
    "--data photos/ --model mobilenet-v3-small --image-size 160 --out runs/photos",
  ],
  options: imageClassificationOptions,
  checksOneBatch: true,
  models: [...IMAGE_MODELS, ...FITTED_IMAGES],
  defaultModel: "mlp",
  namedParameters: namedByClasses<ImageInfo>(
    IMAGE_MODELS,
    ({ classes }) => classes,
    (info, name) => ({ ...info, classes: [...info.classes, name] }),
  ),
  reads: { boxTables: false },
  monitor: { metric: "accuracy", mode: "max" },

  prepare: prepareImages,
  graphs: imageGraph,
  inputs: imageTypes,
  targets: (context, batch) => ({ ...imageTargets(context, batch), ...evidenceTypes(context, batch) }),
  outsideEvidence: (batch) => (batch[EVIDENCE] as Tensor).less(HALF).cast("float32"),
  preprocessing: imagePreprocessing,
  loading: imageLoading,
  settle: (options, info, data) => checkMasked(settleAugment(options, info, data), info),
  collate: collateImages,
  features: normalizedPixels,
  outputs: outputsWithAuxiliary,
  loss: (outputs, batch, context) => addAuxiliaryLosses(outputs, (each) => classificationLoss(each, batch, context)),
  explained: explainedClasses("image"),
  measurement: (info) => new ClassificationMeasurement(info.classes.length, info),
  answers: (outputs, info) => classAnswers(outputs, info.classes),
  examples: labelledImages,
  targetColumn: () => undefined,
  encode: encodeImages,
};
