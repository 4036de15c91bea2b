/**
 * @module The models by name, as papers, the command line and run configurations call them: what each takes, and how it is made
 * from the shape of the data. Tasks choose from here and add how to train them.
 */
import { sizeOf } from "../graph/index.js";
import type { Module } from "../nn/index.js";
import { expectKnownOptions, nameIn } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { AlexNet } from "./alexnet.js";
import { ConvNet } from "./conv-net.js";
import * as densenet from "./densenet.js";
import { GoogLeNet } from "./googlenet.js";
import { InceptionV3 } from "./inception-v3.js";
import { LeNet5 } from "./lenet.js";
import type { MlpOptions } from "./mlp.js";
import { Mlp } from "./mlp.js";
import * as mobilenet from "./mobilenet-v3.js";
import * as resnet from "./resnet.js";
import { Vgg } from "./vgg.js";
import * as vit from "./vit.js";

/** Requirements of the data on a model. */
export interface ModelRequest {
  /** Shape of one example, without the batch axis. */
  readonly inputShape: readonly number[];
  /** Number of classes, or of quantities to predict. */
  readonly outFeatures: number;
  /** The model's own options, as a configuration gives them. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A model that is known by name: its input, its options, and how it is made. */
export interface ModelEntry {
  /** One line for `--help`. */
  readonly about: string;
  /** Accepted inputs: anything, or images [C, H, W] whose sides are at least, or exactly, so long, or multiples of a number. */
  readonly input: "any" | { readonly least: number } | { readonly exactly: number } | { readonly multipleOf: number };
  /** Data as in its paper: what parameters and FLOPs are counted for. */
  readonly usual: ModelRequest;
  readonly options: readonly string[];
  readonly make: (request: ModelRequest) => Module;
}

const MNIST = { inputShape: [1, 28, 28], outFeatures: 10 };
const CIFAR = { inputShape: [3, 32, 32], outFeatures: 10 };
const IMAGENET = { inputShape: [3, 224, 224], outFeatures: 1000 };

/** The request for a model of images, beside options of its own. */
interface ImageRequest {
  readonly inChannels: number;
  readonly numClasses: number;
  readonly imageSize: readonly [height: number, width: number];
}

/** A row of a model of images [C, H, W]. */
const row = (
  about: string,
  input: ModelEntry["input"],
  usual: ModelRequest,
  make: (request: ImageRequest) => Module,
  options: readonly string[] = [],
): ModelEntry => ({
  about,
  input,
  usual,
  options,
  make: ({ inputShape: [inChannels, height, width], outFeatures, options: own }) =>
    make({
      ...own,
      inChannels: inChannels as number,
      numClasses: outFeatures,
      imageSize: [height as number, width as number],
    }),
});

const vgg = (layers: 11 | 13 | 16 | 19, batchNorm: boolean): ModelEntry =>
  row(
    `Simonyan and Zisserman 2014, ${layers} layers${batchNorm ? ", with batch norm" : ""}`,
    { least: 32 },
    IMAGENET,
    (request) => new Vgg(layers, { ...request, batchNorm }),
    ["width", "hidden", "dropout"],
  );

/** The auxiliary head sees a map that smaller images do not fill. */
const inceptionV3 = (request: ImageRequest): Module =>
  new InceptionV3({ auxiliary: request.imageSize.every((side) => side >= 299), ...request });

function mlp({ inputShape, outFeatures, options = {} }: ModelRequest): Module {
  const { hidden = [256, 128], ...rest } = options as Partial<MlpOptions>;
  return new Mlp({ ...rest, hidden, inFeatures: sizeOf(inputShape), outFeatures });
}

/** A perceptron of given widths, under the name that a paper made known. */
const perceptron = (about: string, hidden: readonly number[], dropout = 0): ModelEntry => ({
  about,
  input: "any",
  usual: MNIST,
  options: ["dropout"],
  make: (request) => mlp({ ...request, options: { hidden, dropout, ...request.options } }),
});

const anySize = { least: 1 };
const width = ["width"];
const mobile = ["width", "dropout"];

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
  "lenet-300-100": perceptron("LeCun et al. 1998, two layers of 300 and 100 units", [300, 100]),
  "mlp-800": perceptron("Hinton et al. 2015, two layers of 800 units: the student", [800, 800]),
  "mlp-1200": perceptron("Hinton et al. 2015, two layers of 1200 units with dropout: the teacher", [1200, 1200], 0.5),
  "lenet-5": row("LeCun et al. 1998, for digits", { exactly: 28 }, MNIST, (o) => new LeNet5(o)),
  "conv-net": {
    about: "plain 3×3 convolutions in miniature, for images of any size",
    input: { least: 8 },
    usual: MNIST,
    options: ["width"],
    make: ({ inputShape: [inChannels, height = 0, width = 0], outFeatures, options }) =>
      new ConvNet({ ...options, inChannels, numClasses: outFeatures, imageSize: Math.min(height, width) }),
  },
  alexnet: row("Krizhevsky et al. 2012", { least: 63 }, IMAGENET, (o) => new AlexNet(o), ["hidden", "dropout"]),
  "vgg-11": vgg(11, false),
  "vgg-13": vgg(13, false),
  "vgg-16": vgg(16, false),
  "vgg-19": vgg(19, false),
  "vgg-11-bn": vgg(11, true),
  "vgg-13-bn": vgg(13, true),
  "vgg-16-bn": vgg(16, true),
  "vgg-19-bn": vgg(19, true),
  googlenet: row(
    "Szegedy et al. 2014 (Inception v1); 6,624,904 without the auxiliary heads",
    { least: 31 },
    IMAGENET,
    (o) => new GoogLeNet(o),
    ["auxiliary", "dropout", "auxiliaryDropout"],
  ),
  "inception-v3": row(
    "Szegedy et al. 2015; 23,834,568 without the auxiliary head",
    { least: 75 },
    { inputShape: [3, 299, 299], outFeatures: 1000 },
    inceptionV3,
    ["auxiliary", "dropout"],
  ),
  "resnet-18": row("He et al. 2015, 18 layers", anySize, IMAGENET, resnet.resNet18, width),
  "resnet-34": row("He et al. 2015, 34 layers", anySize, IMAGENET, resnet.resNet34, width),
  "resnet-50": row("He et al. 2015, 50 layers", anySize, IMAGENET, resnet.resNet50, width),
  "resnet-18-cifar": row("ResNet-18 with a 3×3 stem, for small images", anySize, CIFAR, resnet.resNet18Cifar, width),
  "resnet-20-cifar": row("He et al. 2015, 20 layers, for small images", anySize, CIFAR, resnet.resNet20Cifar, width),
  "resnet-32-cifar": row("He et al. 2015, 32 layers, for small images", anySize, CIFAR, resnet.resNet32Cifar, width),
  "resnet-44-cifar": row("He et al. 2015, 44 layers, for small images", anySize, CIFAR, resnet.resNet44Cifar, width),
  "resnet-56-cifar": row("He et al. 2015, 56 layers, for small images", anySize, CIFAR, resnet.resNet56Cifar, width),
  "densenet-121": row("Huang et al. 2016, 121 layers", { least: 29 }, IMAGENET, densenet.denseNet121, ["dropout"]),
  "densenet-40-cifar": row(
    "Huang et al. 2016 (DenseNet-BC, k = 12), 40 layers, for small images",
    { least: 4 },
    CIFAR,
    densenet.denseNet40Cifar,
    ["dropout"],
  ),
  "densenet-100-cifar": row(
    "Huang et al. 2016 (DenseNet-BC, k = 12), 100 layers, for small images",
    { least: 4 },
    CIFAR,
    densenet.denseNet100Cifar,
    ["dropout"],
  ),
  "mobilenet-v3-small": row("Howard et al. 2019, for small devices", anySize, IMAGENET, mobilenet.mobileNetV3Small, mobile),
  "mobilenet-v3-large": row("Howard et al. 2019, the larger of the two", anySize, IMAGENET, mobilenet.mobileNetV3Large, mobile),
  "vit-b-16": row("Dosovitskiy et al. 2020, patches of 16×16", { multipleOf: 16 }, IMAGENET, vit.vitB16, ["dropout"]),
  "vit-tiny": row("Touvron et al. 2020, patches of 4×4, for small images", { multipleOf: 4 }, CIFAR, vit.vitTiny, ["dropout"]),
} as const satisfies Readonly<Record<string, ModelEntry>>;

/** Models by name. */
export type ModelName = keyof typeof MODELS;

/** ConfigError, with what would fit, unless a model takes examples of this shape. */
function expectInput(name: string, input: ModelEntry["input"], shape: readonly number[]): void {
  if (input === "any") return;
  const [expected, fits] =
    "exactly" in input
      ? [`of ${input.exactly} × ${input.exactly}`, (d: number) => d === input.exactly]
      : "least" in input
        ? [`of at least ${input.least} × ${input.least}`, (d: number) => d >= input.least]
        : [`whose sides are multiples of ${input.multipleOf}`, (d: number) => d % input.multipleOf === 0];
  if (shape.length === 3 && shape.slice(1).every(fits)) return;
  throw new ConfigError(
    `${name}: expected images [C, H, W] ${expected}, got [${shape.join(", ")}]; resize them (--image-size), or take another model`,
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
