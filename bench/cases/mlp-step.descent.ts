/**
 * @module Descent in the case mlp-step.
 */
import { Mlp } from "../../src/models/index.js";
import { sgd } from "../../src/optim/index.js";
import { classifierStep } from "./classifier-step.js";
import type { Contender } from "./types.js";

export const createContender = (): Contender =>
  classifierStep({
    model: () => new Mlp({ inFeatures: 784, hidden: [512, 512], outFeatures: 10 }),
    optimizer: ({ learningRate = 0 }) => sgd({ learningRate }),
    // layers.0.weight → fc1.weight
    nameOf: (path) => path.replace(/layers\.(\d+)/, (_, i) => `fc${Number(i) + 1}`),
  });
