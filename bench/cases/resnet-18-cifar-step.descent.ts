/**
 * @module Descent in the case resnet-18-cifar-step: the model of the zoo and one training step, as a user writes it.
 */
import { crossEntropy } from "../../src/losses/index.js";
import { resNet18Cifar } from "../../src/models/index.js";
import { sgd } from "../../src/optim/index.js";
import { trainingStep, TrainingState } from "../../src/train/index.js";
import { engineVersion } from "../engine-version.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import type { Contender } from "./types.js";
import { timeSteps } from "./types.js";

export function createContender(): Contender {
  let state: TrainingState;
  let next: () => Promise<number>;
  return {
    name: "descent",
    async setup({ inputsFile, threads, settings }) {
      const tensors = readTensors(inputsFile);
      const model = resNet18Cifar();
      const { learningRate = 0, momentum = 0 } = settings;
      const step = trainingStep({
        model,
        loss: ({ image, label }) => crossEntropy(model.forward(image as never), label as never),
        optimizer: sgd({ learningRate, momentum }),
      });
      const numbers = new Map(
        [...model.parameters().keys()].map((path) => {
          const { shape, values } = tensorOf(tensors, path);
          return [path, { dtype: "float32" as const, shape, data: values }] as const;
        }),
      );
      state = await TrainingState.create(step, { threads, numbers });
      const images = rowsOf(tensorOf(tensors, "images"));
      const labels = rowsOf(tensorOf(tensors, "labels"));
      let at = 0;
      next = async () => {
        const i = at++ % images.length;
        const [image, label] = [images[i], labels[i]];
        if (image === undefined || label === undefined) throw new Error("resnet-18-cifar-step: a batch is missing");
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
