/**
 * @module The models by name, as papers, the command line and run configurations call them.
 */
import { sizeOf } from "../graph/index.js";
import type { Module } from "../nn/index.js";
import { expectKnownOptions, nameIn } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { LeNet5 } from "./lenet.js";
import type { MlpOptions } from "./mlp.js";
import { Mlp } from "./mlp.js";

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
  /** What it takes. */
  readonly input: "any" | "image";
  readonly options: readonly string[];
  readonly make: (request: ModelRequest) => Module;
}

function mlp({ inputShape, outFeatures, options = {} }: ModelRequest): Module {
  const { hidden = [256, 128], ...rest } = options as Partial<MlpOptions>;
  return new Mlp({ ...rest, hidden, inFeatures: sizeOf(inputShape), outFeatures });
}

function lenet5({ inputShape, outFeatures }: ModelRequest): Module {
  const [channels, height, width] = inputShape;
  if (inputShape.length !== 3 || height !== 28 || width !== 28)
    throw new ConfigError(
      `lenet-5: expected images [C, 28, 28], got [${inputShape.join(", ")}]; resize them, or take another model`,
    );
  return new LeNet5({ inChannels: channels as number, numClasses: outFeatures });
}

/** Every model that can be made from the shape of its data. */
export const MODELS = {
  mlp: {
    about: "a multilayer perceptron",
    input: "any",
    options: ["hidden", "activation", "dropout"],
    make: mlp,
  },
  "lenet-5": { about: "LeCun's convolutional network for digits, 28 × 28", input: "image", options: [], make: lenet5 },
} as const satisfies Readonly<Record<string, ModelEntry>>;

export type ModelName = keyof typeof MODELS;

/** The model of a name for data of a shape. ConfigError for an unknown name or option, or data that it cannot take. */
export function modelNamed(name: string, request: ModelRequest): Module {
  const found = nameIn("model", MODELS, name) as ModelName;
  const entry: ModelEntry = MODELS[found];
  expectKnownOptions(`model ${found}`, request.options ?? {}, entry.options);
  return entry.make(request);
}
