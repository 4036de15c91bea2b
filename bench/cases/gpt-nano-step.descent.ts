/**
 * @module Descent in the case gpt-nano-step: nanoGPT from the public layers, one training step with AdamW.
 */
import type { Tensor } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { Embedding, LayerNorm, Linear, Module, scaledDotProductAttention } from "../../src/nn/index.js";
import { gelu, split } from "../../src/ops/index.js";
import { adamW } from "../../src/optim/index.js";
import { trainingStep, TrainingState } from "../../src/train/index.js";
import { engineVersion } from "../engine-version.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import type { Contender } from "./types.js";
import { timeSteps } from "./types.js";

const [LAYERS, HEADS, WIDTH, LENGTH, BATCH, VOCABULARY] = [4, 4, 128, 64, 12, 65];

class Attention extends Module {
  cAttn = new Linear(WIDTH, 3 * WIDTH);
  cProj = new Linear(WIDTH, WIDTH);

  override forward(x: Tensor): Tensor {
    const heads = (part: Tensor): Tensor => part.reshape([BATCH, LENGTH, HEADS, WIDTH / HEADS]).transpose([0, 2, 1, 3]); // [N, h, T, d]
    const [q, k, v] = split(this.cAttn.forward(x), [WIDTH, WIDTH, WIDTH], 2).map(heads) as [Tensor, Tensor, Tensor];
    const y = scaledDotProductAttention(q, k, v, { causal: true }); // [N, h, T, d]
    return this.cProj.forward(y.transpose([0, 2, 1, 3]).reshape([BATCH, LENGTH, WIDTH]));
  }
}

class Perceptron extends Module {
  cFc = new Linear(WIDTH, 4 * WIDTH);
  cProj = new Linear(4 * WIDTH, WIDTH);

  override forward(x: Tensor): Tensor {
    return x.pipe(this.cFc, gelu, this.cProj);
  }
}

class Block extends Module {
  static override readonly pathNames = { ln1: "ln_1", ln2: "ln_2" };
  ln1 = new LayerNorm(WIDTH);
  attn = new Attention();
  ln2 = new LayerNorm(WIDTH);
  mlp = new Perceptron();

  override forward(x: Tensor): Tensor {
    const h = x.add(x.pipe(this.ln1, this.attn));
    return h.add(h.pipe(this.ln2, this.mlp));
  }
}

class Transformer extends Module {
  wte = new Embedding(VOCABULARY, WIDTH);
  wpe = new Embedding(LENGTH, WIDTH);
  h = Array.from({ length: LAYERS }, () => new Block());
  lnF = new LayerNorm(WIDTH);

  override forward(tokens: Tensor): Tensor {
    const x = this.wte.forward(tokens).add(this.wpe.weight); // [N, T, D]
    return x.pipe(...this.h, this.lnF).matMul(this.wte.weight.transpose()); // [N, T, V]
  }
}

class Gpt extends Module {
  transformer = new Transformer();

  override forward(tokens: Tensor): Tensor {
    return this.transformer.forward(tokens);
  }
}

export function createContender(): Contender {
  let state: TrainingState;
  let next: () => Promise<number>;
  return {
    name: "descent",
    async setup({ inputsFile, threads, settings }) {
      const tensors = readTensors(inputsFile);
      const model = new Gpt();
      const { learningRate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weightDecay = 0 } = settings;
      const step = trainingStep({
        model,
        loss: ({ text }) => {
          const all = text as Tensor; // [N, T + 1]
          return crossEntropy(model.forward(all.slice(1, 0, LENGTH)), all.slice(1, 1));
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
      const numbers = new Map(
        [...model.state()].map(([path]) => {
          const { shape, values } = tensorOf(tensors, path);
          return [path, { dtype: "float32" as const, shape, data: values }] as const;
        }),
      );
      state = await TrainingState.create(step, { threads, numbers });
      const batches = rowsOf(tensorOf(tensors, "tokens"));
      let at = 0;
      next = async () => {
        const batch = batches[at++ % batches.length];
        if (batch === undefined) throw new Error("gpt-nano-step: a batch is missing");
        return (await state.run({ text: { dtype: "int32", shape: batch.shape, data: batch.values } })).loss;
      };
      const graph = await state.graphFor({ text: { dtype: "int32", shape: [BATCH, LENGTH + 1], data: new Int32Array(0) } });
      return { version: engineVersion(), notes: `${graph.nodes.filter((node) => node.inputs.length > 0).length} nodes` };
    },
    steps: (n) => timeSteps(n, next),
    close: () => state.dispose(),
  };
}
