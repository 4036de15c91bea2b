/**
 * @module The models of image classification: which of the table's, and how each is trained unless somebody says otherwise.
 */
import type { ModelEntry, ModelName } from "../../models/index.js";
import { modelNamed, MODELS } from "../../models/index.js";
import type { Module } from "../../nn/index.js";
import type { BuiltChoice, TaskInfo, TrainingDefaults } from "../task.js";

/** The part of an image task's info that decides on the model. */
interface ImagesOfClasses extends TaskInfo {
  readonly classes: readonly string[];
  /** [C, H, W]. */
  readonly imageShape: readonly number[];
}

/** Passes over the data so that small sets get as many updates as they need: at least `updates` of `batchSize`. */
const epochsFor = (examples: number, batchSize: number, updates: number, least: number): number =>
  Math.max(least, Math.ceil((updates * batchSize) / Math.max(1, examples)));

interface Recipe {
  readonly defaults: (examples: number) => TrainingDefaults;
  /** The model's options where they differ from its own defaults. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** AdamW, as suits models without batch norm. */
const adamW =
  (
    schedule: TrainingDefaults["schedule"],
    updates: number,
    least: number,
    o: Partial<TrainingDefaults> = {},
  ): Recipe["defaults"] =>
  (examples) => {
    const { batchSize = examples < 10_000 ? 32 : 128 } = o;
    const epochs = epochsFor(examples, batchSize, updates, least);
    return { epochs, batchSize, lr: 2e-3, optimizer: "adamw", schedule, weightDecay: 0.02, augment: "auto", ...o };
  };

/** SGD with Nesterov momentum, as suits convolutions with batch norm. */
const sgd =
  (o: Partial<TrainingDefaults> = {}): Recipe["defaults"] =>
  (examples) => {
    const { batchSize = examples < 10_000 ? 32 : 128 } = o;
    const epochs = epochsFor(examples, batchSize, 2000, 15);
    return { epochs, batchSize, lr: 0.1, optimizer: "sgd", schedule: "one-cycle", weightDecay: 5e-4, augment: "auto", ...o };
  };

/** A model without a row here cannot be chosen for images. */
const RECIPES: Readonly<Record<ModelName, Recipe>> = {
  mlp: { defaults: adamW("one-cycle", 3000, 15, { augment: "none" }), options: { hidden: [256, 256], dropout: 0.2 } },
  linear: { defaults: adamW("cosine", 2000, 10, { weightDecay: 0.01, augment: "none" }) },
  "lenet-300-100": { defaults: adamW("one-cycle", 3000, 15, { augment: "none" }) },
  "mlp-800": { defaults: adamW("one-cycle", 3000, 15, { augment: "none" }) },
  "mlp-1200": { defaults: adamW("one-cycle", 3000, 20, { augment: "none" }) },
  "lenet-5": { defaults: adamW("one-cycle", 3000, 10, { batchSize: 128, lr: 3e-3, augment: "none" }) },
  "conv-net": { defaults: adamW("one-cycle", 3000, 8, { batchSize: 128, lr: 5e-3, augment: "none" }) },
  alexnet: { defaults: adamW("one-cycle", 3000, 20, { lr: 3e-4 }) },
  "vgg-11": { defaults: adamW("one-cycle", 3000, 20, { lr: 3e-4 }) },
  "vgg-13": { defaults: adamW("one-cycle", 3000, 20, { lr: 3e-4 }) },
  "vgg-16": { defaults: adamW("one-cycle", 3000, 20, { lr: 3e-4 }) },
  "vgg-19": { defaults: adamW("one-cycle", 3000, 20, { lr: 3e-4 }) },
  "vgg-11-bn": { defaults: sgd({ lr: 0.05 }) },
  "vgg-13-bn": { defaults: sgd({ lr: 0.05 }) },
  "vgg-16-bn": { defaults: sgd({ lr: 0.05 }) },
  "vgg-19-bn": { defaults: sgd({ lr: 0.05 }) },
  googlenet: { defaults: sgd({ lr: 0.05 }) },
  "inception-v3": { defaults: sgd({ lr: 0.05 }) },
  "resnet-18": { defaults: sgd() },
  "resnet-34": { defaults: sgd() },
  "resnet-50": { defaults: sgd() },
  "resnet-18-cifar": { defaults: sgd() },
  "resnet-20-cifar": { defaults: sgd() },
  "resnet-32-cifar": { defaults: sgd() },
  "resnet-44-cifar": { defaults: sgd() },
  "resnet-56-cifar": { defaults: sgd() },
  "densenet-121": { defaults: sgd() },
  "densenet-40-cifar": { defaults: sgd() },
  "densenet-100-cifar": { defaults: sgd() },
  "mobilenet-v3-small": { defaults: adamW("one-cycle", 3000, 20, { lr: 3e-3 }) },
  "mobilenet-v3-large": { defaults: adamW("one-cycle", 3000, 20, { lr: 3e-3 }) },
  "vit-b-16": { defaults: adamW("one-cycle", 3000, 30, { lr: 5e-4, clipNorm: 1 }) },
  "vit-tiny": { defaults: adamW("one-cycle", 3000, 30, { lr: 1e-3, weightDecay: 0.05, clipNorm: 1 }) },
};

/** A choice that other tasks take as their backbone. */
export interface ImageModelChoice extends BuiltChoice<ImagesOfClasses> {
  /** The same network with any number of outputs. */
  readonly make: (imageShape: readonly number[], outFeatures: number) => Module;
}

/** The choices of `--model`, simple ones first. */
export const IMAGE_MODELS: readonly ImageModelChoice[] = Object.entries(RECIPES).map(([name, { defaults, options }]) => {
  const { about: summary, usual }: ModelEntry = MODELS[name as ModelName];
  const build = (inputShape: readonly number[], outFeatures: number): Module =>
    modelNamed(name, { inputShape, outFeatures, options });
  return {
    name,
    summary,
    defaults,
    make: build,
    build: ({ imageShape, classes }) => build(imageShape, classes.length),
    usual: { inputShape: usual.inputShape, build: () => build(usual.inputShape, usual.outFeatures) },
  };
});
