/**
 * @module Descent's side of the cases that train a classifier of pictures.
 */
import type { Layer, Tensor, TensorData } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import type { Module } from "../../src/nn/index.js";
import type { Optimizer } from "../../src/optim/index.js";
import { trainingStep } from "../../src/train/index.js";
import { rowsOf, tensorOf } from "../tensor-file.js";
import { trainingContender } from "./training-contender.js";
import type { Contender, SetupOptions } from "./types.js";

interface ClassifierStep {
  readonly model: () => Module & Layer;
  readonly optimizer: (settings: SetupOptions["settings"]) => Optimizer;
  /** The name in the inputs file of the parameter at a path of the model; left out, the path. */
  readonly nameOf?: (path: string) => string;
}

/** Batches are `images` and `labels` of the inputs file. */
export const classifierStep = ({ model: make, optimizer, nameOf = (path) => path }: ClassifierStep): Contender =>
  trainingContender((tensors, settings) => {
    const model = make();
    const step = trainingStep({
      model,
      loss: ({ image, label }) => crossEntropy(model.forward(image as Tensor), label as Tensor),
      optimizer: optimizer(settings),
    });
    const numbers = new Map<string, TensorData>(
      [...model.parameters().keys()].map((path) => {
        const { shape, values } = tensorOf(tensors, nameOf(path));
        return [path, { dtype: "float32", shape, data: values }];
      }),
    );
    const labels = rowsOf(tensorOf(tensors, "labels"));
    const batches = rowsOf(tensorOf(tensors, "images")).map((image, i) => {
      const label = labels[i];
      if (label === undefined) throw new Error("classifier step: labels are missing");
      return {
        image: { dtype: "float32", shape: image.shape, data: image.values },
        label: { dtype: "int32", shape: label.shape, data: label.values },
      } as const;
    });
    return { step, numbers, batches };
  });
