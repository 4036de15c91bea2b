/**
 * @module Descent in the case resnet-18-cifar-step: the model of the zoo.
 */
import { resNet18Cifar } from "../../src/models/index.js";
import { sgd } from "../../src/optim/index.js";
import { classifierStep } from "./classifier-step.js";
import type { Contender } from "./types.js";

export const createContender = (): Contender =>
  classifierStep({
    model: () => resNet18Cifar(),
    optimizer: ({ learningRate = 0, momentum = 0 }) => sgd({ learningRate, momentum }),
  });
