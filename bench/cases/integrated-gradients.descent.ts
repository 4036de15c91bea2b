/**
 * @module Descent in the case integrated-gradients: the public class, as the documents show it.
 */
import { Explainer, explainableOf } from "../../src/explain/index.js";
import type { Parameter, TensorData } from "../../src/graph/index.js";
import { resNet18 } from "../../src/models/index.js";
import { engineVersion } from "../engine-version.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import type { Contender } from "./types.js";
import { timeSteps } from "./types.js";

export function createContender(): Contender {
  let explainer: Explainer;
  let next: () => Promise<number>;
  return {
    name: "descent",
    setup({ inputsFile, threads, settings }) {
      const tensors = readTensors(inputsFile);
      const model = resNet18();
      const values = new Map(
        [...model.state()].map(([path, p]): [Parameter, TensorData] => {
          const { shape, values: data } = tensorOf(tensors, path);
          return [p, { dtype: "float32", shape, data }];
        }),
      );
      explainer = new Explainer(
        explainableOf((x) => model.forward(x), [3, 224, 224], 1000, { values }),
        { threads },
      );
      const images = rowsOf(tensorOf(tensors, "images"));
      const { steps = 50, target = 0 } = settings;
      let at = 0;
      next = async () => {
        const image = images[at++ % images.length];
        if (image === undefined) throw new Error("integrated-gradients: an image is missing");
        const features: TensorData = { dtype: "float32", shape: image.shape, data: image.values };
        // As many gradients as Captum takes, whatever the gap.
        const { values: found } = await explainer.explain(features, {
          method: "integrated-gradients",
          target,
          steps,
          maxSteps: steps,
        });
        return (found.data as Float32Array).reduce((sum, v) => sum + Math.abs(v), 0);
      };
      return Promise.resolve({ version: engineVersion(), notes: "" });
    },
    steps: (n) => timeSteps(n, next),
    close: () => explainer.dispose(),
  };
}
