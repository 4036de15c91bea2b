/**
 * @module jax-js in the case mlp-step: value, gradients and update in one `jit`, as its documentation recommends.
 */
import type { Contender, SetupOptions } from "../cases/types.js";
import { timeSteps } from "../cases/types.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import { startJax, toJax, type JaxArray } from "./jax-js.js";

type Parameters = { w1: JaxArray; b1: JaxArray; w2: JaxArray; b2: JaxArray; w3: JaxArray; b3: JaxArray };

export function createContender(variant: string | undefined): Contender {
  let step: () => Promise<number>;
  return {
    name: "jax-js",
    async setup({ inputsFile, threads, settings }: SetupOptions) {
      const { jax, version, notes } = await startJax(variant, threads);
      const { numpy: np, nn } = jax;
      const tensors = readTensors(inputsFile);
      const images = rowsOf(tensorOf(tensors, "images"));
      const labels = rowsOf(tensorOf(tensors, "labels"));
      const learningRate = settings["learningRate"] as number;

      const load = (name: string): JaxArray => toJax(jax, tensorOf(tensors, name));
      const weight = async (layer: string): Promise<JaxArray> => {
        const [out = 0, inner = 0] = tensorOf(tensors, `${layer}.weight`).shape;
        const values = await load(`${layer}.weight`).transpose().data(); // [in, out], laid out so
        return np.array(values, { shape: [inner, out] });
      };
      let parameters: Parameters = {
        w1: await weight("fc1"),
        b1: load("fc1.bias"),
        w2: await weight("fc2"),
        b2: load("fc2.bias"),
        w3: await weight("fc3"),
        b3: load("fc3.bias"),
      };

      const lossOf = (p: Parameters, x: JaxArray, y: JaxArray): JaxArray => {
        const h1 = nn.relu(np.dot(x, p.w1).add(p.b1));
        const h2 = nn.relu(np.dot(h1, p.w2).add(p.b2));
        const logits = np.dot(h2, p.w3).add(p.b3);
        const examples = y.shape[0] as number;
        return nn
          .logSoftmax(logits)
          .mul(nn.oneHot(y, 10))
          .sum()
          .mul(-1 / examples);
      };
      const update = jax.jit((p: Parameters, x: JaxArray, y: JaxArray): [JaxArray, Parameters] => {
        const [loss, gradients] = jax.valueAndGrad(lossOf)(jax.tree.ref(p), x, y);
        return [loss, jax.tree.map((w, g) => w.sub(g.mul(learningRate)), p, gradients)];
      });
      let at = 0;
      step = async () => {
        const batch = at++ % images.length;
        const x = toJax(jax, images[batch] as (typeof images)[number]);
        const y = toJax(jax, labels[batch] as (typeof labels)[number]);
        const [loss, next] = update(parameters, x, y);
        parameters = next;
        await jax.blockUntilReady(parameters);
        return (await loss.data())[0] as number;
      };
      return { version, notes };
    },
    steps: (n) => timeSteps(n, step),
    close: async () => {},
  };
}
