/**
 * @module The models by name, as papers, the command line and run configurations call them: what each takes, and how it is made
 * from the shape of the data. Tasks choose from here and add how to train them.
 */
import { sizeOf } from "../graph/index.js";
import type { Module } from "../nn/index.js";
import { expectKnownOptions, nameIn } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { LeNet5 } from "./lenet.js";
import type { MlpOptions } from "./mlp.js";
import { Mlp } from "./mlp.js";
import * as resnet from "./resnet.js";

/** What the data ask of a model. */
export interface ModelRequest {
  /** Shape of one example, without the batch axis. */
  readonly inputShape: readonly number[];
  /** Classes, or numbers to predict. */
  readonly outFeatures: number;
  /** The model's own options, as a configuration gives them. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface ModelEntry {
  /** One line for `--help`. */
  readonly about: string;
  /** What it takes: anything, or images [C, H, W] of at least, or exactly, so many pixels a side. */
  readonly input: "any" | { readonly least: number } | { readonly exactly: number };
  /** Data as in its paper: what parameters and FLOPs are counted for. */
  readonly usual: ModelRequest;
  readonly options: readonly string[];
  readonly make: (request: ModelRequest) => Module;
}

const MNIST = { inputShape: [1, 28, 28], outFeatures: 10 };
const CIFAR = { inputShape: [3, 32, 32], outFeatures: 10 };
const IMAGENET = { inputShape: [3, 224, 224], outFeatures: 1000 };

interface ImageRequest {
  readonly inChannels: number;
  readonly numClasses: number;
}

/** Makers of models of images ask for channels and classes alone. */
const ofImages =
  (make: (request: ImageRequest) => Module): ModelEntry["make"] =>
  ({ inputShape, outFeatures, options }) =>
    make({ ...options, inChannels: inputShape[0] as number, numClasses: outFeatures });

function mlp({ inputShape, outFeatures, options = {} }: ModelRequest): Module {
  const { hidden = [256, 128], ...rest } = options as Partial<MlpOptions>;
  return new Mlp({ ...rest, hidden, inFeatures: sizeOf(inputShape), outFeatures });
}

/** A row of a model of images without options. */
const row = (
  about: string,
  input: ModelEntry["input"],
  usual: ModelRequest,
  make: (request: ImageRequest) => Module,
): ModelEntry => ({ about, input, usual, options: [], make: ofImages(make) });

/** Every model that can be made from the shape of its data. */
export const MODELS = {
  linear: {
    about: "one layer: softmax regression, the baseline",
    input: "any",
    usual: MNIST,
    options: [],
    make: ({ inputShape, outFeatures }) => new Mlp({ hidden: [], inFeatures: sizeOf(inputShape), outFeatures }),
  },
  mlp: {
    about: "multilayer perceptron: layers of units, by default 256 and 128",
    input: "any",
    usual: MNIST,
    options: ["hidden", "activation", "dropout"],
    make: mlp,
  },
  "lenet-5": row("LeCun et al. 1998, for digits", { exactly: 28 }, MNIST, (o) => new LeNet5(o)),
  "resnet-18": row("He et al. 2015, 18 layers, for large images", { least: 1 }, IMAGENET, resnet.resNet18),
  "resnet-34": row("He et al. 2015, 34 layers, for large images", { least: 1 }, IMAGENET, resnet.resNet34),
  "resnet-50": row("He et al. 2015, 50 layers, for large images", { least: 1 }, IMAGENET, resnet.resNet50),
  "resnet-18-cifar": row("ResNet-18 with a 3×3 stem, for small images", { least: 1 }, CIFAR, resnet.resNet18Cifar),
  "resnet-20-cifar": row("He et al. 2015, section 4.2, 20 layers, for small images", { least: 1 }, CIFAR, resnet.resNet20Cifar),
  "resnet-32-cifar": row("the same of 32 layers", { least: 1 }, CIFAR, resnet.resNet32Cifar),
  "resnet-44-cifar": row("the same of 44 layers", { least: 1 }, CIFAR, resnet.resNet44Cifar),
  "resnet-56-cifar": row("the same of 56 layers", { least: 1 }, CIFAR, resnet.resNet56Cifar),
} as const satisfies Readonly<Record<string, ModelEntry>>;

export type ModelName = keyof typeof MODELS;

/** ConfigError, with what would fit, unless a model takes examples of this shape. */
function expectInput(name: string, input: ModelEntry["input"], shape: readonly number[]): void {
  if (input === "any") return;
  const [expected, fits] =
    "exactly" in input
      ? [`${input.exactly}, ${input.exactly}`, (d: number) => d === input.exactly]
      : [`H ≥ ${input.least}, W ≥ ${input.least}`, (d: number) => d >= input.least];
  if (shape.length === 3 && shape.slice(1).every(fits)) return;
  throw new ConfigError(
    `${name}: expected images [C, ${expected}], got [${shape.join(", ")}]; resize them, or take another model`,
  );
}

/** The model of a name for data of a shape. ConfigError for an unknown name or option, or data that it cannot take. */
export function modelNamed(name: string, request: ModelRequest): Module {
  const found = nameIn("model", MODELS, name) as ModelName;
  const entry: ModelEntry = MODELS[found];
  expectKnownOptions(`model ${found}`, request.options ?? {}, entry.options);
  expectInput(found, entry.input, request.inputShape);
  return entry.make(request);
}
