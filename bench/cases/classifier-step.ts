/**
 * @module Descent's side of the cases that train a classifier of pictures: the public classes and one training step, as the README shows it.
 */
import type { Layer, Tensor, TensorData } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import type { Module } from "../../src/nn/index.js";
import type { Optimizer } from "../../src/optim/index.js";
import { trainingStep, TrainingState } from "../../src/train/index.js";
import { engineVersion } from "../engine-version.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import type { Contender, SetupOptions } from "./types.js";
import { timeSteps } from "./types.js";

interface ClassifierStep {
  readonly model: () => Module & Layer;
  readonly optimizer: (settings: SetupOptions["settings"]) => Optimizer;
  /** The name in the inputs file of the parameter at a path of the model; left out, the path. */
  readonly nameOf?: (path: string) => string;
}

/** Batches `images` and `labels` of the inputs file, one a step, again and again. */
export function classifierStep({ model: make, optimizer, nameOf = (path) => path }: ClassifierStep): Contender {
  let state: TrainingState;
  let next: () => Promise<number>;
  return {
    name: "descent",
    async setup({ inputsFile, threads, settings }) {
      const tensors = readTensors(inputsFile);
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
      state = await TrainingState.create(step, { threads, numbers });
      const images = rowsOf(tensorOf(tensors, "images"));
      const labels = rowsOf(tensorOf(tensors, "labels"));
      let at = 0;
      next = async () => {
        const i = at++ % images.length;
        const [image, label] = [images[i], labels[i]];
        if (image === undefined || label === undefined) throw new Error("classifier step: a batch is missing");
        const { loss } = await state.run({
          image: { dtype: "float32", shape: image.shape, data: image.values },
          label: { dtype: "int32", shape: label.shape, data: label.values },
        });
        return loss;
      };
      return { version: engineVersion(), notes: "" };
    },
    steps: (n) => timeSteps(n, next),
    close: () => state.dispose(),
  };
}
