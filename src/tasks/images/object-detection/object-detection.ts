/**
 * @module Object detection: where things are in an image, and what they are. A one-stage detector learns boxes and classes; its use,
 * and its ONNX file, end in non-maximum suppression, so that what comes out is a list of objects.
 */
import { KEPT_BYTES } from "../../../data/images/boxes.js";
import type { Batch, Dataset } from "../../../data/index.js";
import { BOX_COLUMNS, boxCollate } from "../../../data/index.js";
import type { LoadedData } from "../../../data/node.js";
import type { Dim, Tensor, TensorData } from "../../../graph/index.js";
import { constant, elementAt, fromNumbers, sizeOf } from "../../../graph/index.js";
import { taskAlignedLoss } from "../../../losses/index.js";
import type { DetectedBox, DetectionReport, TrueBox, Metrics } from "../../../metrics/index.js";
import { DetectionMetric } from "../../../metrics/index.js";
import { Detector, ResNetBackbone, resNet18 } from "../../../models/index.js";
import type { Module } from "../../../nn/index.js";
import { gatherElements, keptBoxes, mod, topK } from "../../../ops/index.js";
import { DataError } from "../../../util/errors.js";
import { BORDER, formatBoxAugment, parseBoxAugment } from "../../../vision/index.js";
import { namedByClasses } from "../../shared/class-axes.js";
import type { ImageInfo } from "../images.js";
import { channelStatistics, imageLoading, imagePreprocessing, imageTypes, normalizedPixels } from "../images.js";
import type { Answer, Measurement, BuiltChoice, Prepared, Task, Tensors, TrainingDefaults } from "../../task.js";
import { scoresAt } from "../../shared/scores-at.js";
import { detectionExplainOptions, detectionOptions } from "./options.js";
import { formatNames } from "../../../util/text.js";

/** The info of images with boxes. */
export interface DetectionInfo extends ImageInfo {
  /** Boxes of a training image, at most. */
  readonly mostBoxes: number;
}

/** Objects that an image is answered with, at most, all classes together. */
const MOST_OBJECTS = 100;
/** The overlap (IoU) above which only the better of two boxes of one class stays. */
const IOU_THRESHOLD = 0.6;
/** Below it nothing is listed; average precision needs the unsure ones too. */
const SCORE_THRESHOLD = 0.02;
/** From this score on an answer lists an object. */
export const ANSWER_THRESHOLD = 0.3;

const defaults = (examples: number): TrainingDefaults => ({
  // Small sets need as many updates as large ones.
  epochs: Math.min(300, Math.max(12, Math.round(8_200 / Math.max(1, examples)))),
  batchSize: 8,
  lr: 2e-3,
  optimizer: "adamw",
  schedule: "one-cycle",
  weightDecay: 0.02,
  clipNorm: 10,
  augment: "auto",
});

const MODELS: readonly BuiltChoice<DetectionInfo>[] = [
  {
    name: "fcos-small",
    summary: "one-stage, without anchors, on a backbone of 0.5 million parameters, for a CPU",
    build: ({ classes, imageShape }) => new Detector({ numClasses: classes.length, inChannels: imageShape[0] }),
    usual: { inputShape: [3, 240, 320], build: () => new Detector({ numClasses: 3 }) },
    defaults,
  },
  {
    name: "fcos-resnet-18",
    summary: "the same on a ResNet-18",
    build: ({ classes, imageShape }) =>
      new Detector({
        numClasses: classes.length,
        backbone: new ResNetBackbone(resNet18({ inChannels: imageShape[0] as number, numClasses: null })),
        width: 64,
      }),
    usual: {
      inputShape: [3, 240, 320],
      build: () => new Detector({ numClasses: 3, width: 64, backbone: new ResNetBackbone(resNet18({ numClasses: null })) }),
    },
    defaults,
  },
];

/**
 * The objects of each image: what non-maximum suppression keeps, best first, filled up with rows of score 0.
 *
 * Shapes: logits [N, A, K], boxes [N, A, 4] → boxes [N, D, 4] in pixels of the input and within it, scores [N, D], classes [N, D] (int32).
 */
function objects(
  raw: { readonly logits: Tensor; readonly boxes: Tensor },
  [, height = 1, width = 1]: readonly number[],
): Tensors {
  const { logits } = raw;
  const [n, anchors, classes] = logits.shape as [Dim, number, number];
  const corner = constant(fromNumbers("float32", [4], [width, height, width, height]));
  const boxes = raw.boxes.max(0).min(corner); // [N, A, 4]
  const scores = logits.sigmoid().transpose([0, 2, 1]); // [N, K, A]
  const options = { maxPerClass: MOST_OBJECTS, iouThreshold: IOU_THRESHOLD, scoreThreshold: SCORE_THRESHOLD };
  const kept = scores.mul(keptBoxes(boxes, scores, options)).reshape([n, classes * anchors]); // [N, K·A]
  const count = Math.min(MOST_OBJECTS, classes * anchors);
  const { values, indices } = topK(kept, count, { axis: 1 }); // [N, D]
  const anchor = mod(indices, anchors).unsqueeze(2).expand([n, count, 4]); // [N, D, 4]
  return {
    boxes: gatherElements(boxes, anchor, 1),
    scores: values,
    classes: indices.div(anchors).cast("int32"),
  };
}

/** The objects of image i above a threshold, in pixels of the input divided by `factor`. */
export function detectedIn(outputs: Readonly<Record<string, TensorData>>, i: number, factor: number, least = 0): DetectedBox[] {
  const { boxes, scores, classes } = outputs as { boxes: TensorData; scores: TensorData; classes: TensorData };
  const most = scores.shape[1] as number;
  const found: DetectedBox[] = [];
  for (let j = i * most; j < (i + 1) * most; j++) {
    const score = elementAt(scores, j);
    // Best first: from here on there is nothing.
    if (score <= least) break;
    const side = (k: number): number => elementAt(boxes, j * 4 + k) / factor;
    found.push({ box: [side(0), side(1), side(2), side(3)], class: elementAt(classes, j), score });
  }
  return found;
}

/** The truth of image i, in pixels of the input divided by `factor`. */
export function trueBoxesIn(boxes: TensorData, i: number, factor: number): TrueBox[] {
  const most = boxes.shape[1] as number;
  const found: TrueBox[] = [];
  for (let j = i * most; j < (i + 1) * most; j++) {
    const number = (k: number): number => elementAt(boxes, j * BOX_COLUMNS + k);
    if (number(4) < 0) continue;
    const side = (k: number): number => number(k) / factor;
    found.push({ box: [side(0), side(1), side(2), side(3)], class: number(4), ...(number(5) === 1 ? { crowd: true } : {}) });
  }
  return found;
}

/** Average precision over the images that were seen, in pixels of the images as they are. */
export class DetectionMeasurement implements Measurement {
  readonly metric: DetectionMetric;
  readonly #classes: readonly string[];

  constructor(classes: readonly string[]) {
    this.metric = new DetectionMetric(classes.length);
    this.#classes = classes;
  }

  update(outputs: Readonly<Record<string, TensorData>>, batch: Batch): void {
    const [boxes, factors] = [batch["boxes"], batch["factor"]] as [TensorData, TensorData];
    for (let i = 0; i < (factors.shape[0] as number); i++) {
      const factor = elementAt(factors, i);
      this.metric.update(detectedIn(outputs, i, factor), trueBoxesIn(boxes, i, factor));
    }
  }

  report(): DetectionReport {
    return this.metric.result();
  }

  result(): Metrics {
    const { map50, map, cocoMap75, recall, classes } = this.report();
    const each = classes.map(({ ap50 }, k) => [`ap50 ${this.#classes[k]}`, ap50] as const);
    return { map50, map, map75: cocoMap75, recall, ...Object.fromEntries(each.filter(([, ap]) => !Number.isNaN(ap))) };
  }
}

/** Rows whose classes are those of `info`, by name. */
function renumbered(part: Dataset, { classes }: DetectionInfo, where: string): Dataset {
  const boxes = part.tensor("boxes");
  const own = boxes.classes ?? [];
  const number = own.map((name) => classes.indexOf(name));
  const data = Float32Array.from(boxes.data as Float32Array);
  for (let at = 4; at < data.length; at += BOX_COLUMNS) {
    const k = data[at] as number;
    if (k < 0) continue;
    data[at] = number[k] as number;
    if ((number[k] as number) < 0) throw new DataError(`${where}: expected boxes of ${formatNames(classes)}, got "${own[k]}"`);
  }
  return part.with({ boxes: { ...boxes, data, classes } });
}

/** The sides of a box, in the order of its numbers. */
const SIDES = ["left", "top", "right", "bottom"] as const;

export const objectDetection: Task<DetectionInfo> = {
  name: "object-detection",
  label: { en: "Object detection", zh: "目标检测" },
  summary: "find the boxes and classes of objects in an image",
  usage: ["--data bccd --out runs/cells"],
  options: detectionOptions,
  checksOneBatch: true,
  models: MODELS,
  defaultModel: "fcos-small",
  namedParameters: namedByClasses(
    MODELS,
    ({ classes }) => classes,
    (info, name) => ({ ...info, classes: [...info.classes, name] }),
  ),
  monitor: { metric: "map50", mode: "max" },
  mostAtOnce: 16,

  prepare(data: LoadedData): Prepared<DetectionInfo> {
    const { train, validation, test, roles, images } = data;
    if (roles.target !== "boxes" || images?.sample === undefined)
      throw new DataError(
        `${data.name}: expected images with boxes (Pascal VOC, COCO or YOLO annotations), got none; see docs/detection.md`,
      );
    const { classes = [], shape } = train.tensor("boxes");
    const maximum = 255;
    const info: DetectionInfo = {
      classes,
      imageShape: images.shape,
      maximum,
      ...channelStatistics(images.sample, images.shape, maximum),
      mostBoxes: shape[1] as number,
    };
    return { info, train, validation, test, notes: [] };
  },

  inputs: imageTypes,
  targets: ({ info }, batch) => ({
    boxes: { shape: [batch, info.mostBoxes, BOX_COLUMNS], dtype: "float32" },
    factor: { shape: [batch], dtype: "float32" },
  }),
  loading: imageLoading,
  keptBytes: ({ imageShape }, rows) => Math.min(KEPT_BYTES, rows * sizeOf(imageShape)),
  preprocessing: (info) => ({
    ...imagePreprocessing(info),
    resize: "fit: the whole image in the upper left corner, its proportions kept",
    border: BORDER,
    outputs: "boxes (x1, y1, x2, y2) in pixels of the input, best first; rows of score 0 are none",
  }),

  settle: (options, _info, { known }) => {
    const hints = { mirrors: known?.mirrors ?? true, flipsVertically: known?.flipsVertically ?? false };
    return { ...options, augment: formatBoxAugment(parseBoxAugment(options.augment ?? "auto", hints)) };
  },

  collate: ({ info, use, options }) =>
    boxCollate({
      shape: info.imageShape,
      ...(use === "train" ? { mostBoxes: info.mostBoxes, augmentation: parseBoxAugment(options.augment ?? "none") } : {}),
    }),

  features: normalizedPixels,

  outputs(model: Module, features: Tensor, _batch, { use, info }): Tensors {
    const raw = (model as Detector).forward(features);
    return use === "train" ? { ...raw } : objects(raw, info.imageShape);
  },

  loss(outputs, batch, { info }) {
    const [, height = 1, width = 1] = info.imageShape;
    const { loss, classLoss, boxLoss } = taskAlignedLoss({
      logits: outputs["logits"] as Tensor,
      boxes: outputs["boxes"] as Tensor,
      points: Detector.points(height, width),
      truth: (batch["boxes"] as Tensor).slice(2, 0, 5),
    });
    return { loss, metrics: { classLoss, boxLoss } };
  },

  explained: {
    kind: "image",
    inParts: true,
    // A box is of one place: Grad-CAM's mean over all places would not see it.
    method: "integrated-gradients",
    options: detectionExplainOptions,
    outputs: (model, features) => ({ ...(model as Detector).forward(features) }),
    scores: ({ logits, boxes }, _info, asked) => scoresAt((asked.sides === true ? boxes : logits) as Tensor, asked),
    labels: ({ classes }, { sides }) => (sides === true ? SIDES : classes),
  },
  measurement: ({ classes }) => new DetectionMeasurement(classes),

  answers(outputs, { classes }, batch): Answer[] {
    const factors = batch["factor"] as TensorData;
    return Array.from({ length: factors.shape[0] as number }, (_, i) => ({
      objects: detectedIn(outputs, i, elementAt(factors, i), ANSWER_THRESHOLD).map(({ box, class: k, score }) => ({
        label: classes[k] as string,
        score,
        box: box.map((side) => Math.round(side * 100) / 100),
      })),
    }));
  },

  examples: (data, part, info) => renumbered(part, info, data.name),
  targetColumn: () => undefined,
  encode: (rows) => rows,
};
