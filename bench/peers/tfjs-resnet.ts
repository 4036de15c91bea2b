/**
 * @module TensorFlow.js in the case resnet-18-cifar-step. Its wasm backend has no kernel for the gradient to the weights of a 2-D convolution, so
 * it could not train this network: here that gradient is one matrix product for each place of the kernel, and the gradient to the
 * input a convolution with the turned weights (with strides its own kernel), each the fastest of what it has.
 */
import type { Contender } from "../cases/types.js";
import { timeSteps } from "../cases/types.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import type { Tf, TfTensor, TfVariable } from "./tfjs.js";
import { startTf, toTf } from "./tfjs.js";

type Four = [number, number, number, number];

/** conv2d (NHWC, weights [k, k, C, M], padding k >> 1) with gradients that the backend can compute. */
function convolution(tf: Tf): (x: TfTensor, w: TfTensor, stride: number) => TfTensor {
  return (x, w, stride) => {
    const [k] = w.shape as Four;
    const pad = k >> 1;
    const apply = tf.customGrad((x: TfTensor, w: TfTensor, save: (saved: TfTensor[]) => void) => {
      save([x, w]);
      return {
        value: tf.conv2d(x, w, stride, pad),
        gradFunc: (dy: TfTensor, [x, w]: TfTensor[]) => [
          toInput(x as TfTensor, w as TfTensor, dy),
          toWeights(x as TfTensor, w as TfTensor, dy),
        ],
      };
    });
    const toInput = (x: TfTensor, w: TfTensor, dy: TfTensor): TfTensor =>
      stride === 1
        ? tf.conv2d(dy, tf.transpose(tf.reverse(w, [0, 1]), [0, 1, 3, 2]), 1, pad)
        : tf.conv2dTranspose(dy, w, x.shape as Four, stride, pad);
    const toWeights = (x: TfTensor, w: TfTensor, dy: TfTensor): TfTensor => {
      const [n, h, wide, c] = x.shape as Four;
      const [, yh, yw, m] = dy.shape as Four;
      const padded = tf.pad(x, [
        [0, 0],
        [pad, pad],
        [pad, pad],
        [0, 0],
      ]);
      const rows = tf.reshape(dy, [n * yh * yw, m]);
      const places: TfTensor[] = [];
      for (let i = 0; i < k; i++) {
        for (let j = 0; j < k; j++) {
          const seen =
            stride === 1
              ? tf.slice(padded, [0, i, j, 0], [n, h, wide, c])
              : tf.stridedSlice(padded, [0, i, j, 0], [n, i + stride * yh - 1, j + stride * yw - 1, c], [1, stride, stride, 1]);
          places.push(tf.matMul(tf.transpose(tf.reshape(seen, [n * yh * yw, c])), rows));
        }
      }
      return tf.reshape(tf.stack(places), w.shape);
    };
    return apply(x, w);
  };
}

/** ResNet-18 with a 3×3 stem: images [N, 32, 32, 3] → logits [N, 10]. `of` gives parameters by torchvision's paths. */
function network(tf: Tf, of: (path: string) => TfTensor, epsilon: number): (x: TfTensor) => TfTensor {
  const conv = convolution(tf);
  const norm = (x: TfTensor, path: string): TfTensor => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(x, mean, variance, of(`${path}.bias`), of(`${path}.weight`), epsilon);
  };
  const block = (x: TfTensor, path: string, stride: number, projects: boolean): TfTensor => {
    const first = tf.relu(norm(conv(x, of(`${path}.conv1.weight`), stride), `${path}.bn1`));
    const second = norm(conv(first, of(`${path}.conv2.weight`), 1), `${path}.bn2`);
    const short = projects ? norm(conv(x, of(`${path}.downsample.0.weight`), stride), `${path}.downsample.1`) : x;
    return tf.relu(tf.add(second, short));
  };
  return (x) => {
    let h = tf.relu(norm(conv(x, of("conv1.weight"), 1), "bn1"));
    for (let stage = 1; stage <= 4; stage++) {
      h = block(h, `layer${stage}.0`, stage > 1 ? 2 : 1, stage > 1);
      h = block(h, `layer${stage}.1`, 1, false);
    }
    return tf.add(tf.matMul(tf.mean(h, [1, 2]), of("fc.weight")), of("fc.bias"));
  };
}

export function createContender(variant: string | undefined): Contender {
  let step: () => Promise<number>;
  return {
    name: "tfjs-wasm",
    async setup({ inputsFile, threads, settings }) {
      const { tf, version, notes } = await startTf("wasm", variant, threads);
      const tensors = readTensors(inputsFile);
      const { learningRate = 0, momentum = 0, epsilon = 0 } = settings;
      const images = rowsOf(tensorOf(tensors, "images"));
      const labels = rowsOf(tensorOf(tensors, "labels"));
      const variables = new Map<string, TfVariable>();
      for (const [name, tensor] of tensors) {
        if (name === "images" || name === "labels") continue;
        const given = toTf(tf, tensor);
        const order = [[], [], [1, 0], [], [2, 3, 1, 0]][given.shape.length] as number[];
        variables.set(name, tf.variable(order.length === 0 ? given : tf.transpose(given, order)));
      }
      const forward = network(tf, (path) => variables.get(path) as TfVariable, epsilon);
      const optimizer = tf.train.momentum(learningRate, momentum);
      let at = 0;
      step = async () => {
        const batch = at++ % images.length;
        const x = tf.transpose(toTf(tf, images[batch] as (typeof images)[number]), [0, 2, 3, 1]);
        const y = toTf(tf, labels[batch] as (typeof labels)[number]);
        const cost = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(tf.oneHot(y, 10), forward(x)), true);
        const loss = (await cost.data())[0] as number;
        for (const tensor of [x, y, cost]) tensor.dispose();
        return loss;
      };
      return { version, notes: `${notes}; gradients to weights by matrix products, since it has no kernel for them` };
    },
    steps: (n) => timeSteps(n, step),
    close: async () => {},
  };
}
