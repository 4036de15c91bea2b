/**
 * @module Descent in the case kernel-shap: a model that only answers, through the public class.
 */
import { Explainer } from "../../src/explain/index.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import type { Contender } from "./types.js";
import { timeSteps } from "./types.js";

export function createContender(): Contender {
  let explainer: Explainer;
  let next: () => Promise<number>;
  return {
    name: "descent",
    setup({ inputsFile, settings }) {
      const tensors = readTensors(inputsFile);
      const weights = tensorOf(tensors, "weights").values;
      const rows = rowsOf(tensorOf(tensors, "rows"));
      const count = weights.length;
      explainer = new Explainer({
        name: "product",
        features: { name: "row", shape: [count], kind: "table" },
        scoreCount: 1,
        answer: ({ features: { shape, data } }) => {
          const scores = new Float32Array(shape[0] ?? 0);
          for (let r = 0; r < scores.length; r++) {
            let sum = 0;
            for (let i = 0; i < count; i++) sum += (weights[i] as number) * Number(data[r * count + i]);
            scores[r] = sum;
          }
          return Promise.resolve({ dtype: "float32", shape: [scores.length, 1], data: scores });
        },
      });
      let at = 0;
      next = async () => {
        const row = rows[at++ % rows.length];
        if (row === undefined) throw new Error("kernel-shap: a row is missing");
        const features = { dtype: "float32", shape: [1, count], data: row.values } as const;
        const { values } = await explainer.explain(features, { method: "kernel-shap", samples: settings["samples"] ?? 2048 });
        return (values.data as Float32Array).reduce((sum, v) => sum + Math.abs(v), 0);
      };
      return Promise.resolve({ version: process.version, notes: "answers in JavaScript" });
    },
    steps: (n) => timeSteps(n, next),
    close: () => explainer.dispose(),
  };
}
