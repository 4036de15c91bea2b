/**
 * @module TensorFlow.js in the case mlp-step: `optimizer.minimize`, with the tensors of each step freed.
 */
import type { Contender } from "../cases/types.js";
import { timeSteps } from "../cases/types.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import { startTf, toTf } from "./tfjs.js";

export function createContender(variant: string | undefined): Contender {
  let step: () => Promise<number>;
  const backend = variant === undefined ? "cpu" : "wasm";
  return {
    name: `tfjs-${backend}`,
    async setup({ inputsFile, threads, settings }) {
      const { tf, version, notes } = await startTf(backend, variant, threads);
      const tensors = readTensors(inputsFile);
      const images = rowsOf(tensorOf(tensors, "images"));
      const labels = rowsOf(tensorOf(tensors, "labels"));
      const layers = ["fc1", "fc2", "fc3"].map((name) => ({
        weight: tf.variable(tf.transpose(toTf(tf, tensorOf(tensors, `${name}.weight`)))),
        bias: tf.variable(toTf(tf, tensorOf(tensors, `${name}.bias`))),
      }));
      const optimizer = tf.train.sgd(settings["learningRate"] as number);
      let at = 0;
      step = async () => {
        const batch = at++ % images.length;
        const x = toTf(tf, images[batch] as (typeof images)[number]);
        const y = toTf(tf, labels[batch] as (typeof labels)[number]);
        const cost = optimizer.minimize(() => {
          let h = x;
          for (const [i, { weight, bias }] of layers.entries()) {
            h = tf.fused.matMul({ a: h, b: weight, bias });
            if (i < layers.length - 1) h = tf.relu(h);
          }
          return tf.losses.softmaxCrossEntropy(tf.oneHot(y, 10), h);
        }, true);
        const loss = (await cost.data())[0] as number;
        for (const tensor of [x, y, cost]) tensor.dispose();
        return loss;
      };
      return { version, notes };
    },
    steps: (n) => timeSteps(n, step),
    close: async () => {},
  };
}
