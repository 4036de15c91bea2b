/**
 * @module Descent in the cases that train a GPT: the library's `Gpt2`, one training step with AdamW.
 */
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { Gpt2 } from "../../src/models/index.js";
import { adamW } from "../../src/optim/index.js";
import { trainingStep } from "../../src/train/index.js";
import type { NamedTensor } from "../tensor-file.js";
import { rowsOf, tensorOf } from "../tensor-file.js";
import { trainingContender } from "./training-contender.js";
import type { GptSizes } from "./gpt-inputs.js";
import type { Contender } from "./types.js";

/** The file's linear weights are [out, in]; GPT-2 stores them [in, out]. */
function asStored(path: string, { shape, values }: NamedTensor): TensorData {
  if (!/\.(c_attn|c_proj|c_fc)\.weight$/.test(path)) return { dtype: "float32", shape, data: values };
  const [out, from] = shape as [number, number];
  const turned = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) turned[(i % from) * out + Math.floor(i / from)] = values[i] as number;
  return { dtype: "float32", shape: [from, out], data: turned };
}

/** A contender for a GPT of these sizes. */
export const gptContender = ({ layers, heads, width, length, batch, vocabulary }: GptSizes): Contender =>
  trainingContender(
    (tensors, settings) => {
      const model = new Gpt2({
        vocabSize: vocabulary,
        maxPositions: length,
        hiddenSize: width,
        numLayers: layers,
        numHeads: heads,
        activation: "gelu",
        dropout: 0,
        attentionDropout: 0,
      });
      const { learningRate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weightDecay = 0 } = settings;
      const step = trainingStep({
        model,
        loss: ({ text }) => {
          const all = text as Tensor; // [N, T + 1]
          return crossEntropy(model.forward(all.slice(1, 0, length)), all.slice(1, 1));
        },
        optimizer: adamW({
          learningRate,
          beta1,
          beta2,
          epsilon,
          weightDecay,
          groups: [{ match: ["*.bias", "*.ln_1.*", "*.ln_2.*", "*.ln_f.*"], weightDecay: 0 }],
        }),
      });
      const numbers = new Map([...model.state()].map(([path]) => [path, asStored(path, tensorOf(tensors, path))] as const));
      const batches = rowsOf(tensorOf(tensors, "tokens")).map(({ shape, values }) => ({
        text: { dtype: "int32", shape, data: values } as const,
      }));
      return { step, numbers, batches };
    },
    async (state) => {
      const graph = await state.graphFor({ text: { dtype: "int32", shape: [batch, length + 1], data: new Int32Array(0) } });
      return `${graph.nodes.filter((node) => node.inputs.length > 0).length} nodes`;
    },
  );
