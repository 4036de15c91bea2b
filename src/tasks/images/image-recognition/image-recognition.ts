/**
 * @module Image recognition: which of the things enrolled so far an image shows, or none of them. A network learns
 * embeddings by metric learning; a gallery of embeddings with names (`gallery-node.ts`) does the rest. Some classes are held out of
 * training, so that what is measured is recognition of things never trained on.
 */
import type { Dataset } from "../../../data/index.js";
import type { LoadedData } from "../../../data/node.js";
import type { Layer, Tensor, TensorData } from "../../../graph/index.js";
import { constant, fromNumbers } from "../../../graph/index.js";
import type { Loss } from "../../../losses/index.js";
import { arcFace, batchHardTriplet, cosFace, supervisedContrastive } from "../../../losses/index.js";
import { Embedder } from "../../../models/index.js";
import { mixes, parseAugment } from "../../../vision/index.js";
import type { Module } from "../../../nn/index.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import { nameIn } from "../../../util/described.js";
import { unknownName } from "../../../util/nearest.js";
import { Random } from "../../../util/random.js";
import { rowsOf } from "../../shared/softmax.js";
import { namedByClasses } from "../../shared/class-axes.js";
import type { ImageInfo } from "../images.js";
import {
  collateImages,
  encodeImages,
  imageLoading,
  imageTargets,
  imageTypes,
  labelledImages,
  normalizedPixels,
  prepareImages,
  settleAugment,
} from "../images.js";
import { IMAGE_MODELS } from "../image-models.js";
import { RecognitionMeasurement } from "./measurement.js";
import type { BuiltChoice, Prepared, Task, Tensors } from "../../task.js";
import { recognitionExplainOptions, recognitionOptions, recognitionPredictOptions } from "./options.js";

export interface RecognitionInfo extends ImageInfo {
  /** So many of `classes`, the first ones, are trained on; the others are held out. */
  readonly trainedClasses: number;
  /** The held-out classes that validation saw; the test is on the others. */
  readonly validationClasses: readonly string[];
  readonly embeddingSize: number;
}

const EMBEDDING_SIZE = 64;
/** Share of the classes that is held out unless somebody says which: half for validation, half for the test. */
const HELD_OUT = 0.4;
/** With fewer classes all are trained on. */
const LEAST_CLASSES = 6;

interface RecognitionLoss {
  readonly of: "cosines" | "embedding";
  readonly loss: Loss;
}

/** Losses by the command line's name: of the cosines to the classes' centres, or of the embeddings themselves. */
const RECOGNITION_LOSSES: Readonly<Record<string, RecognitionLoss>> = {
  arcface: { of: "cosines", loss: arcFace({ scale: 16, margin: 0.3 }) },
  cosface: { of: "cosines", loss: cosFace({ scale: 16, margin: 0.2 }) },
  contrastive: { of: "embedding", loss: supervisedContrastive() },
  triplet: { of: "embedding", loss: batchHardTriplet() },
};

/** Classes that are not trained on: the first half for validation, the second for the test. */
function heldOutClasses(classes: readonly string[], asked: readonly string[] | undefined, seed: number): string[] {
  const wrong = asked?.find((name) => !classes.includes(name));
  if (wrong !== undefined) throw new ConfigError(`--hold-out: ${unknownName("class", wrong, classes)}`);
  if (asked !== undefined && asked.length > 0) return [...new Set(asked)];
  const count = classes.length < LEAST_CLASSES ? 0 : 2 * Math.max(1, Math.floor((classes.length * HELD_OUT) / 2));
  return Array.from(
    new Random(seed, "held-out classes").permutation(classes.length).subarray(0, count),
    (k) => classes[k] as string,
  );
}

/** Rows of some classes, their labels numbered by `classes`; in a random order, the same each time, since files are often sorted. */
function ofClasses(part: Dataset, target: string, kept: readonly string[], classes: readonly string[]): Dataset {
  const column = part.tensor(target);
  const number = (column.classes ?? []).map((name) => (kept.includes(name) ? classes.indexOf(name) : -1));
  const labelOf = (row: number): number => number[Number(column.data[row])] ?? -1;
  const rows = new Random(0, "rows", part.length).permutation(part.length).filter((row) => labelOf(row) >= 0);
  const data = Int32Array.from(rows, labelOf);
  return part.select(rows).with({ [target]: { dtype: "int32", shape: [rows.length], data, classes } });
}

const MODELS: readonly BuiltChoice<RecognitionInfo>[] = IMAGE_MODELS.map(({ name, summary, defaults, make }) => ({
  name,
  summary,
  defaults,
  build: ({ imageShape, embeddingSize, trainedClasses }) =>
    new Embedder(make(imageShape, embeddingSize) as Module & Layer, { embeddingSize, numClasses: trainedClasses }),
}));

export const imageRecognition: Task<RecognitionInfo> = {
  name: "image-recognition",
  label: { en: "Image recognition", zh: "图像识别" },
  summary: "recognize people or things that were enrolled at any time, or none of them",
  usage: ["--data people/ --out runs/people"],
  options: recognitionOptions,
  predictOptions: recognitionPredictOptions,
  checksOneBatch: true,
  models: MODELS,
  defaultModel: "conv-net",
  namedParameters: namedByClasses(
    MODELS,
    ({ classes, trainedClasses }) => classes.slice(0, trainedClasses),
    (info) => ({ ...info, trainedClasses: info.trainedClasses + 1 }),
  ),
  reads: { boxTables: false },
  monitor: { metric: "recallAt1", mode: "max" },

  prepare(data: LoadedData, options): Prepared<RecognitionInfo> {
    const { seed } = options;
    const target = data.roles.target as string;
    const classes = data.train.tensor(target).classes ?? [];
    const heldOut = heldOutClasses(classes, options.holdOut, seed);
    const trained = classes.filter((name) => !heldOut.includes(name));
    if (trained.length < 2)
      throw new DataError(
        `${data.name}: expected images of at least 2 classes to train on, got ${trained.length} of ${classes.length}${heldOut.length > 0 ? ` and ${heldOut.length} held out` : ""}`,
      );
    const half = Math.floor(heldOut.length / 2);
    const [first, second] = [heldOut.slice(0, half), heldOut.slice(half)];
    const order = [...trained, ...heldOut];
    const prepared = prepareImages({
      ...data,
      train: ofClasses(data.train, target, trained, order),
      validation: ofClasses(data.validation, target, [...trained, ...first], order),
      test: ofClasses(data.test, target, [...trained, ...second], order),
    });
    const note =
      heldOut.length === 0
        ? "no class is held out: unknown things are not measured"
        : `held out of training: ${first.join(", ") || "none"} for validation, ${second.join(", ")} for the test`;
    const own = { classes: order, trainedClasses: trained.length, validationClasses: first, embeddingSize: EMBEDDING_SIZE };
    return { ...prepared, info: { ...prepared.info, ...own }, notes: [...prepared.notes, note] };
  },

  inputs: imageTypes,
  targets: imageTargets,
  collate: collateImages,
  loading: imageLoading,

  settle(options, info, data) {
    const settled = settleAugment(options, info, data);
    const { augment = "none" } = settled;
    const [, height = 1, width = 1] = info.imageShape;
    // A mixed image is of nobody.
    if (mixes(parseAugment(augment, { height, width })))
      throw new ConfigError(`--augment: expected augmentations that do not mix images, got ${augment}`);
    return settled;
  },

  features: normalizedPixels,

  outputs(model, features, _batch, { use }): Tensors {
    const embedder = model as Embedder;
    const embedding = embedder.forward(features);
    return use === "train" ? { embedding, cosines: embedder.cosines(embedding) } : { embedding };
  },

  loss(outputs, batch, { options }) {
    const { of, loss } = RECOGNITION_LOSSES[nameIn("loss", RECOGNITION_LOSSES, options.loss ?? "cosface")] as RecognitionLoss;
    return loss(outputs[of] as Tensor, batch["label"] as Tensor);
  },

  explained: {
    kind: "image",
    inParts: true,
    options: recognitionExplainOptions,
    scores: ({ embedding }, { embeddingSize }, { like }) =>
      (embedding as Tensor)
        .mul(constant(fromNumbers("float32", [1, embeddingSize], like?.embedding ?? new Float32Array(embeddingSize))))
        .sum(1)
        .unsqueeze(1),
    labels: (_info, { like }) => [`like ${like?.name ?? ""}`],
  },
  measurement: (info) => new RecognitionMeasurement(info),
  answers: (outputs) => rowsOf(outputs["embedding"] as TensorData).map((row) => ({ embedding: [...row] })),

  /** Classes that training had none of are welcome: they are unknown. What validation saw is left out, as in the test of the run. */
  examples(data, part, info) {
    const target = data.roles.target ?? "label";
    const here = part.tensor(target).classes ?? [];
    const classes = [...info.classes, ...here.filter((name) => !info.classes.includes(name))];
    const kept = classes.filter((name) => !info.validationClasses.includes(name));
    return labelledImages(data, ofClasses(part, target, kept, classes), { ...info, classes });
  },

  targetColumn: () => undefined,
  encode: encodeImages,
};
