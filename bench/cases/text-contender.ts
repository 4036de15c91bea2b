/**
 * @module Descent in the cases that train a classifier of texts.
 */
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { adamW } from "../../src/optim/index.js";
import { trainingStep } from "../../src/train/index.js";
import { rowsOf, tensorOf } from "../tensor-file.js";
import type { TextStep } from "./text-steps.js";
import { trainingContender } from "./training-contender.js";
import type { Contender } from "./types.js";

/** A contender for such a classifier. */
export const textContender = ({ make }: TextStep): Contender =>
  trainingContender((tensors, { learningRate = 0, weightDecay = 0 }) => {
    const model = make();
    const step = trainingStep({
      model,
      loss: ({ tokens, labels }) => crossEntropy(model.forward(tokens as Tensor), labels as Tensor),
      optimizer: adamW({ learningRate, weightDecay }),
    });
    const numbers = new Map<string, TensorData>(
      [...model.state().keys()].map((path) => {
        const { shape, values } = tensorOf(tensors, path);
        return [path, { dtype: "float32", shape, data: values }];
      }),
    );
    const labels = rowsOf(tensorOf(tensors, "labels"));
    const batches = rowsOf(tensorOf(tensors, "tokens")).map(({ shape, values }, i) => ({
      tokens: { dtype: "int32", shape, data: values } as const,
      labels: { dtype: "int32", shape: labels[i]?.shape ?? [], data: labels[i]?.values ?? new Int32Array(0) } as const,
    }));
    return { step, numbers, batches };
  });
