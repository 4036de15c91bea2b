/**
 * @module Many low-rank adapters of one model at once: each row of a batch has its own, whose factors are gathered from stacks that are inputs of the graph.
 *
 * Source: Hu et al. 2021, arXiv:2106.09685; many in one batch: Chen et al. 2023, "Punica", arXiv:2310.18547.
 */
import type { Parameter, Tensor, TensorData } from "../graph/index.js";
import { fromNumbers, input, symbol, toNumbers } from "../graph/index.js";
import { gather } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";
import { setOwn } from "../util/record.js";
import { adaptersOf, removeAdapters } from "./adapters.js";
import type { StoredWeight } from "./linear.js";
import { affine, Linear } from "./linear.js";
import { LoraLinear } from "./lora-linear.js";
import { Module } from "./module.js";

/** The change of one layer: a [rank, in], b [out, rank], counting `scale`. */
interface Factors {
  readonly a: TensorData;
  readonly b: TensorData;
  readonly scale: number;
}

/** The changes of one adapter, by the paths of its layers. */
export type AdapterFactors = ReadonlyMap<string, Factors>;

/** Takes the adapters out of a model, in place, with their weights. ConfigError for adapters of graphs of others. */
export function takeAdapters(model: Module, weights: ReadonlyMap<string, TensorData>): AdapterFactors {
  const factors = new Map<string, Factors>();
  for (const [path, layer] of adaptersOf(model)) {
    const [a, b] = [weights.get(`${path}.lora_A.weight`), weights.get(`${path}.lora_B.weight`)];
    if (!(layer instanceof LoraLinear) || a === undefined || b === undefined)
      throw new ConfigError(`adapters: expected a linear layer with its weights at ${path}, got none`);
    factors.set(path, { a, b, scale: layer.scale });
  }
  removeAdapters(model);
  return factors;
}

/**
 * A linear layer and, for row n of a batch, the change of adapter number `which[n]`.
 *
 *     y[n] = x[n] · weightᵀ + bias + x[n] · down[which[n]] · up[which[n]]
 *
 * Shapes: x [N, T, in] → y [N, T, out]; which [N]; down [M, in, rank], up [M, rank, out].
 */
class MixedLoraLinear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #stored: StoredWeight;
  readonly #change: (x: Tensor) => Tensor;

  constructor({ weight, bias, stored }: Linear, which: Tensor, down: Tensor, up: Tensor) {
    super();
    this.weight = weight;
    this.bias = bias;
    this.#stored = stored;
    this.#change = (x) => x.matMul(gather(down, which)).matMul(gather(up, which));
  }

  override forward(x: Tensor): Tensor {
    return affine(x, this.weight, this.bias, this.#stored).add(this.#change(x));
  }
}

/** The inputs that say which adapter each row has, and hold all of them. */
export class MixedAdapters {
  /** The stacks. */
  readonly feeds: Readonly<Record<string, TensorData>>;

  private constructor(feeds: Readonly<Record<string, TensorData>>) {
    this.feeds = feeds;
  }

  /** Puts adapters into a model, in place: number 0 is none, the others follow in their order. Graphs that are traced from now on have the inputs of `rows`. */
  static into(model: Module, adapters: readonly AdapterFactors[]): MixedAdapters {
    const paths = new Set(adapters.flatMap((factors) => [...factors.keys()]));
    const which = input("adapter", [symbol("N")], "int32");
    const feeds: Record<string, TensorData> = {};
    model.replaceParts((module, path) => {
      if (!(module instanceof Linear) || !paths.has(path)) return undefined;
      const { down, up } = stacked(
        module,
        adapters.map((factors) => factors.get(path)),
      );
      const [downName, upName] = [`${path}.adapters.down`, `${path}.adapters.up`];
      setOwn(feeds, downName, down);
      setOwn(feeds, upName, up);
      return new MixedLoraLinear(module, which, input(downName, down.shape, "float32"), input(upName, up.shape, "float32"));
    });
    return new MixedAdapters(feeds);
  }

  /** The inputs for rows with these adapters. */
  rows(numbers: readonly number[]): Record<string, TensorData> {
    return { adapter: fromNumbers("int32", [numbers.length], numbers), ...this.feeds };
  }
}

/** The factors of one layer behind each other, those of lower ranks filled up with zeros, as is the first, which changes nothing. */
function stacked(
  { inFeatures, outFeatures }: Linear,
  all: readonly (Factors | undefined)[],
): { readonly down: TensorData; readonly up: TensorData } {
  const rank = all.reduce((most, factors) => Math.max(most, factors?.a.shape[0] ?? 1), 1);
  const count = all.length + 1;
  const down = new Float32Array(count * inFeatures * rank);
  const up = new Float32Array(count * rank * outFeatures);
  for (const [i, factors] of all.entries()) {
    if (factors === undefined) continue;
    const [a, b] = [toNumbers(factors.a), toNumbers(factors.b)];
    const own = factors.a.shape[0] as number;
    const [downAt, upAt] = [(i + 1) * inFeatures * rank, (i + 1) * rank * outFeatures];
    for (let k = 0; k < own; k++) {
      for (let n = 0; n < inFeatures; n++) down[downAt + n * rank + k] = a[k * inFeatures + n] as number;
      for (let o = 0; o < outFeatures; o++) up[upAt + k * outFeatures + o] = factors.scale * (b[o * own + k] as number);
    }
  }
  return {
    down: { dtype: "float32", shape: [count, inFeatures, rank], data: down },
    up: { dtype: "float32", shape: [count, rank, outFeatures], data: up },
  };
}
