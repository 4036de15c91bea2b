/**
 * @module The features of a classifier that Descent trained, in which a Fréchet distance is measured: a run folder `features` within
 * the generator's run, given by the user or trained first on the same data's labels.
 */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { BatchFetcher, Dataset } from "../../../data/node.js";
import { WorkerFetcher } from "../../../data/node.js";
import type { TensorData } from "../../../graph/index.js";
import { toNumbers } from "../../../graph/index.js";
import type { Moments } from "../../../metrics/index.js";
import { MomentsGatherer } from "../../../metrics/index.js";
import { adamW, oneCycle } from "../../../optim/index.js";
import { trainingStep } from "../../../train/index.js";
import { peakMemoryMiB } from "../../../run/progress-node.js";
import { createRun, openRun, splitRunPath } from "../../../run/run-folder-node.js";
import { exists } from "../../../util/regular-file-node.js";
import { trainRun } from "../../../train/train-node.js";
import { makeFolders } from "../../../util/folders-node.js";
import { ConfigError } from "../../../util/errors.js";
import type { GenerationInfo } from "./image-generation.js";
import { IMAGE_MODELS } from "../image-models.js";
import type { ImageInfo } from "../images.js";
import { collateImages, normalizedPixels } from "../images.js";
import { classificationLoss, logitsOf } from "../../shared/classification.js";
import type { Watched } from "../../task-node.js";
import type { Prepared, TaskContext } from "../../task.js";
import type { OpenTrained, TrainedModel } from "../../trained-model.js";
import { descentVersion } from "../../../util/version-node.js";

/** The task and the model of the classifier. */
const TASK = "image-classification";
const MODEL = "conv-net";
const BATCH = 128;
/** Enough for features that tell classes apart; more would only cost time. */
const MOST_STEPS = 600;
const LEAST_STEPS = 200;

/** Returns the folder of the classifier in a generator's run. */
export const featuresOf = (run: string): string => join(splitRunPath(run).run, "features");

/** Makes sure that a run has its classifier. Undefined where there is none to have: data without classes. Errors: ConfigError. */
export async function prepareFeatures(watched: Watched): Promise<string | undefined> {
  const { writer, options, note } = watched;
  const prepared = watched.prepared as Prepared<GenerationInfo>;
  const path = featuresOf(writer.path);
  if (await exists(join(path, "config.json"))) return path;
  if (options.features !== undefined) {
    await copyClassifier(options.features, path, prepared.info);
    return path;
  }
  if (prepared.info.classes.length < 2) {
    note("no Fréchet distance: the data have no classes to train a classifier on; give one with --features RUN");
    return undefined;
  }
  const collate = collateImages(classifying(prepared.info), prepared.train);
  using fetcher = collate === undefined ? undefined : new WorkerFetcher(prepared.train, collate);
  if (await areEqual(prepared.train, fetcher)) {
    note(
      "no Fréchet distance: all training images are equal, so that a classifier learns no features; give one with --features RUN",
    );
    return undefined;
  }
  note(`Fréchet distance: first ${MODEL} learns the classes, for its features`);
  await trainClassifier(path, prepared, watched, fetcher);
  return path;
}

const classifying = (info: ImageInfo): TaskContext<ImageInfo> => ({ info, use: "train", options: {} });

/**
 * Whether all images are equal. Batch norm divides by what variance it saw, of which there is none then: features of other images
 * would be some 10⁶ times too large.
 */
async function areEqual(images: Dataset, fetcher: BatchFetcher | undefined): Promise<boolean> {
  let first: TensorData["data"] | undefined;
  for (let start = 0; start < images.length; start += BATCH) {
    const indices = Uint32Array.from({ length: Math.min(BATCH, images.length - start) }, (_, i) => start + i);
    const batch = (await fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: start })) ?? images.gather(indices);
    const { data } = batch["image"] as TensorData;
    first ??= data.slice(0, data.length / indices.length);
    for (let i = 0; i < data.length; i++) if (data[i] !== first[i % first.length]) return false;
  }
  return true;
}

/** Copies what a run needs to be used. ConfigError if it is not a classifier of images of this size. */
async function copyClassifier(run: string, path: string, info: GenerationInfo): Promise<void> {
  const folder = await openRun(splitRunPath(run).run);
  const config = await folder.config();
  if (config.task !== TASK) throw new ConfigError(`--features ${run}: expected a run of ${TASK}, got one of ${config.task}`);
  const { imageShape, maximum } = config["info"] as ImageInfo;
  if (imageShape.join() !== info.imageShape.join() || maximum !== info.maximum)
    throw new ConfigError(
      `--features ${run}: expected a classifier of images of ${info.imageShape.join("×")} up to ${info.maximum}, got ${imageShape.join("×")} up to ${maximum}`,
    );
  makeFolders(path);
  for (const name of ["checkpoints", "config.json"]) await cp(join(folder.path, name), join(path, name), { recursive: true });
}

async function trainClassifier(
  path: string,
  { info, train }: Prepared<GenerationInfo>,
  { seed, progress }: Watched,
  fetcher: BatchFetcher | undefined,
): Promise<void> {
  const context = classifying(info);
  const choice = IMAGE_MODELS.find(({ name }) => name === MODEL);
  if (choice === undefined) throw new ConfigError(`--features: expected the model ${MODEL}, got none of that name`);
  const model = choice.build(info);
  const batchSize = Math.min(BATCH, train.length);
  const totalSteps = Math.max(LEAST_STEPS, Math.min(MOST_STEPS, Math.floor((4 * train.length) / batchSize)));
  const step = trainingStep({
    model,
    optimizer: adamW({ learningRate: oneCycle({ peak: 5e-3 }), weightDecay: 0.02 }),
    loss: (batch) => classificationLoss(logitsOf(model, normalizedPixels(batch, context)), batch, context),
  });
  const config = {
    descent: await descentVersion(),
    task: TASK,
    options: { model: MODEL, seed, steps: totalSteps, batchSize },
    model: MODEL,
    info,
  };
  using writer = await createRun(path, { config, overwrite: true });
  const { state } = await trainRun({
    step,
    train: fetcher === undefined ? train.pick("image", "label") : train,
    batchSize,
    totalSteps,
    seed,
    evaluateEvery: totalSteps,
    progress: progress?.({ label: "features", total: totalSteps, unit: "examples", peakMemoryMiB }),
    writer,
    loader: { fetcher },
  });
  await state.dispose();
}

/** A classifier as a space in which images lie. Owned: dispose it. */
export class FeatureSpace implements AsyncDisposable {
  readonly classifier: TrainedModel;

  constructor(classifier: TrainedModel) {
    this.classifier = classifier;
  }

  static async open(path: string, open: OpenTrained): Promise<FeatureSpace> {
    return new FeatureSpace((await open(path)).model);
  }

  /** Mean and covariance of the features of images. */
  async moments(images: Dataset): Promise<Moments> {
    let gatherer: MomentsGatherer | undefined;
    await this.classifier.features(images, (features) => {
      gatherer ??= new MomentsGatherer(features.shape[1] as number);
      gatherer.update(toNumbers(features));
    });
    return (gatherer ?? new MomentsGatherer(0)).result();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.classifier.dispose();
  }
}
