/**
 * @module jax-js in the case gpt-nano-step: value, gradients and AdamW in one `jit`. Its optimizers (`@jax-js/optax`) are a package of their own that the
 * registry used here lacks; AdamW is written out, and fused by `jit` like theirs would be.
 */
import type { Contender, SetupOptions } from "../cases/types.js";
import { timeSteps } from "../cases/types.js";
import { readTensors, rowsOf, tensorOf } from "../tensor-file.js";
import { startJax, toJax, type Jax, type JaxArray } from "./jax-js.js";

type Parameters = Record<string, JaxArray>;

/** The loss of a batch: tokens and targets are [N, T] int32. Every array is used once, or by `.ref`. */
function lossFunction({ numpy: np, nn }: Jax, layers: number, heads: number) {
  return (p: Parameters, tokens: JaxArray, targets: JaxArray): JaxArray => {
    const get = (name: string): JaxArray => (p[name] as JaxArray).ref;
    const [n = 0, t = 0] = tokens.shape;
    const [vocabulary = 0, width = 0] = (p["transformer.wte.weight"] as JaxArray).shape;
    const linear = (x: JaxArray, name: string): JaxArray => np.matmul(x, get(`${name}.weight`)).add(get(`${name}.bias`));
    const layerNorm = (x: JaxArray, name: string): JaxArray =>
      nn
        .standardize(x, -1)
        .mul(get(`${name}.weight`))
        .add(get(`${name}.bias`));

    let x = np.matmul(nn.oneHot(tokens.reshape([n * t]), vocabulary), get("transformer.wte.weight")).reshape([n, t, width]);
    x = x.add(get("transformer.wpe.weight"));
    for (let i = 0; i < layers; i++) {
      const block = `transformer.h.${i}`;
      const qkv = linear(layerNorm(x.ref, `${block}.ln_1`), `${block}.attn.c_attn`).reshape([n, t, 3, heads, width / heads]);
      const [q, k] = [qkv.ref.slice([], [], 0), qkv.ref.slice([], [], 1)];
      const attended = nn.dotProductAttention(q, k, qkv.slice([], [], 2), { isCausal: true }).reshape([n, t, width]);
      x = x.add(linear(attended, `${block}.attn.c_proj`));
      const hidden = nn.gelu(linear(layerNorm(x.ref, `${block}.ln_2`), `${block}.mlp.c_fc`), { approximate: false });
      x = x.add(linear(hidden, `${block}.mlp.c_proj`));
    }
    const logits = np.matmul(layerNorm(x, "transformer.ln_f").reshape([n * t, width]), get("transformer.wte.weight").transpose());
    for (const parameter of Object.values(p)) parameter.dispose();
    return nn
      .logSoftmax(logits)
      .mul(nn.oneHot(targets.reshape([n * t]), vocabulary))
      .sum()
      .mul(-1 / (n * t));
  };
}

export function createContender(variant: string | undefined): Contender {
  let step: () => Promise<number>;
  return {
    name: "jax-js",
    async setup({ inputsFile, threads, settings }: SetupOptions) {
      const { jax, version, notes } = await startJax(variant, threads);
      const { numpy: np, tree } = jax;
      const setting = (name: string): number => settings[name] as number;
      const tensors = readTensors(inputsFile);
      const batches = rowsOf(tensorOf(tensors, "tokens"));
      let parameters: Parameters = {};
      let first: Parameters = {};
      let second: Parameters = {};
      for (const [name, tensor] of tensors) {
        if (name === "tokens") continue;
        const linear = /(attn|mlp)\.c_\w+\.weight$/.test(name); // [out, in] in the file, [in, out] here
        const shape = linear ? [...tensor.shape].reverse() : [...tensor.shape];
        const array = toJax(jax, tensor);
        parameters[name] = linear ? np.array(await array.transpose().data(), { shape }) : array;
        first[name] = np.array(new Float32Array(tensor.values.length), { shape });
        second[name] = np.array(new Float32Array(tensor.values.length), { shape });
      }

      const [b1, b2, rate] = [setting("beta1"), setting("beta2"), setting("learningRate")];
      const lossOf = lossFunction(jax, setting("layers"), setting("heads"));
      type State = [Parameters, Parameters, Parameters];
      const update = jax.jit(
        ([p, m, v]: State, tokens: JaxArray, targets: JaxArray, correct1: JaxArray, correct2: JaxArray): [JaxArray, State] => {
          const [loss, g] = jax.valueAndGrad(lossOf)(tree.ref(p), tokens, targets);
          const m1 = tree.map((m, g) => m.mul(b1).add(g.mul(1 - b1)), m, tree.ref(g));
          const v1 = tree.map((v, g) => v.mul(b2).add(np.square(g).mul(1 - b2)), v, g);
          const updated = tree.map(
            (w, m, v) => {
              const decay = w.shape.length > 1 ? 1 - rate * setting("weightDecay") : 1;
              const change = m.mul(correct1.ref).div(np.sqrt(v.mul(correct2.ref)).add(setting("epsilon")));
              return w.mul(decay).sub(change.mul(rate));
            },
            p,
            tree.ref(m1),
            tree.ref(v1),
          );
          for (const scalar of [correct1, correct2]) scalar.dispose();
          return [loss, [updated, m1, v1]];
        },
      );
      let at = 0;
      step = async () => {
        const { shape, values } = batches[at++ % batches.length] as (typeof batches)[number];
        const [n = 0, length = 0] = shape;
        const columns = (from: number): JaxArray => {
          const part = new Int32Array(n * (length - 1));
          for (let i = 0; i < n; i++)
            part.set(values.subarray(i * length + from, i * length + from + length - 1), i * (length - 1));
          return toJax(jax, { name: "tokens", shape: [n, length - 1], values: part });
        };
        const correction = (beta: number): JaxArray => np.array(Float32Array.of(1 / (1 - beta ** at)));
        const [loss, state] = update([parameters, first, second], columns(0), columns(1), correction(b1), correction(b2));
        [parameters, first, second] = state;
        await jax.blockUntilReady(state);
        return (await loss.data())[0] as number;
      };
      return { version, notes: `${notes}; AdamW written out` };
    },
    steps: (n) => timeSteps(n, step),
    close: async () => {},
  };
}
