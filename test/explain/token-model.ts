/**
 * @module A transformer of one layer on embeddings, with a class token: attention, layer normalization, a classifier.
 */
import type { Explainable } from "../../src/explain/index.js";
import { explainableOf } from "../../src/explain/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { constant, fromNumbers, input, sizeOf } from "../../src/graph/index.js";
import { layerNorm } from "../../src/ops/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { Random } from "../../src/util/random.js";

export interface TokenModel {
  readonly model: Explainable;
  /** Two texts [2, T, D]. */
  readonly x: TensorData;
  readonly width: number;
  /** By definition, of the first text: the class token's row of ½·A + ½·I. */
  readonly rollout: () => Promise<readonly number[]>;
}

const [T, D] = [5, 4];

export function tokenModel(): TokenModel {
  const random = new Random(3, "token model");
  const weight = (...shape: readonly number[]): Tensor =>
    constant(
      fromNumbers(
        "float32",
        shape,
        Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
      ),
    );
  const [q, k, v, head] = [weight(D, D), weight(D, D), weight(D, D), weight(D, 3)] as const;
  const [scale, bias] = [weight(D), weight(D)];
  const attention = (x: Tensor): Tensor => x.matMul(q).matMul(x.matMul(k).swapAxes(1, 2)).mul(0.3).unsqueeze(1).softmax(-1); // [N, 1, T, T]
  const model = explainableOf(
    (x) => {
      const mixed = attention(x).matMul(x.matMul(v).unsqueeze(1)).squeeze(1); // [N, T, D]
      return layerNorm(x.add(mixed), scale, bias).slice(1, 0, 1).squeeze(1).matMul(head); // [N, 3]
    },
    [T, D],
    3,
    { name: "tokens", kind: "tokens" },
  );
  const x: TensorData = {
    dtype: "float32",
    shape: [2, T, D],
    data: Float32Array.from({ length: 2 * T * D }, () => random.normal()),
  };
  return {
    model,
    x,
    width: D,
    rollout: async () => {
      const { weights } = await evaluate({ weights: attention(input("x", [2, T, D])) }, { x });
      return Array.from({ length: T }, (_, t) => 0.5 * Number(weights.data[t]) + (t === 0 ? 0.5 : 0));
    },
  };
}
