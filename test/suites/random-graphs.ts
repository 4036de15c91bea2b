/**
 * @module Random graphs: 5 to 60 nodes drawn from the op table, differentiable at the drawn numbers, the same for a seed.
 */
import type { Tensor } from "../../src/graph/index.js";
import { constant, fromNumbers, input, reachableNodes, sizeOf } from "../../src/graph/index.js";
import {
  averagePool,
  concat,
  conv,
  cumSum,
  gather,
  gatherElements,
  gelu,
  layerNorm,
  logSoftmax,
  maximum,
  maxPool,
  mish,
  pad,
  scatterElements,
  sigmoid,
  silu,
  softmax,
  softmaxCrossEntropy,
  softplus,
  split,
  tanh,
  tile,
  topK,
  tril,
  where,
} from "../../src/ops/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference } from "../reference/index.js";
import { Random } from "../../src/util/random.js";

export interface RandomGraph {
  /** A scalar that all leaves reach. */
  readonly y: Tensor;
  readonly leaves: readonly Tensor[];
  readonly feeds: ReadonlyMap<Tensor, RefValue>;
  readonly nodes: number;
}

/** The context in which a rule draws. */
interface Draw {
  readonly random: Random;
  readonly dtype: "float32" | "float64";
  /** A tensor of the pool that passes the test, or undefined. */
  readonly pick: (test?: (t: Tensor) => boolean) => Tensor | undefined;
  readonly valueOf: (t: Tensor) => RefValue;
}

const dims = (t: Tensor): readonly number[] => t.shape as readonly number[];
const size = (t: Tensor): number => sizeOf(dims(t));
const choose = <T>(random: Random, list: readonly T[]): T => list[random.integer(list.length)] as T;

/** Fixed numbers. */
const fixed = ({ random, dtype }: Draw, shape: readonly number[]): Tensor =>
  constant(
    fromNumbers(
      dtype,
      shape,
      Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(random.normal())),
    ),
  );
const indices = ({ random }: Draw, shape: readonly number[], below: number): Tensor =>
  constant(
    fromNumbers(
      "int64",
      shape,
      Float64Array.from({ length: sizeOf(shape) }, () => random.integer(below)),
    ),
  );

/** Far enough from every kink that difference quotients stay on one side. */
const MARGIN = 0.1;
const clear = (values: Iterable<number>): boolean => [...values].every((v) => Math.abs(v) > MARGIN);
/** Tells whether neighbours in order are apart in every group, so that the order survives small steps. */
const apart = (values: readonly number[]): boolean => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.every((v, i) => i === 0 || v - (sorted[i - 1] as number) > MARGIN);
};

type Rule = (d: Draw) => Tensor | readonly Tensor[] | undefined;

/** A rule of one tensor with at least `rank` axes. */
const of =
  (f: (x: Tensor, d: Draw) => Tensor | readonly Tensor[] | undefined, rank = 0): Rule =>
  (d) => {
    const x = d.pick((t) => t.rank >= rank);
    return x === undefined ? undefined : f(x, d);
  };
/** A rule of two tensors of one shape, or of shapes that broadcast. */
const two =
  (f: (a: Tensor, b: Tensor, d: Draw) => Tensor | undefined): Rule =>
  (d) => {
    const a = d.pick();
    const b = d.pick((t) => {
      const [long, short] = t.rank >= (a?.rank ?? 0) ? [t, a] : [a, t];
      const tail = (long as Tensor).shape.slice((long as Tensor).rank - (short as Tensor).rank);
      return (short as Tensor).shape.every((x, i) => x === 1 || tail[i] === 1 || x === tail[i]);
    });
    return a === undefined || b === undefined ? undefined : f(a, b, d);
  };
const anyAxis = (x: Tensor, { random }: Draw): number => random.integer(x.rank);

const RULES: readonly Rule[] = [
  ...[tanh, sigmoid, softplus, silu, mish, gelu, (x: Tensor) => x.sin(), (x: Tensor) => x.cos(), (x: Tensor) => x.square()].map(
    (f) => of((x) => f(x)),
  ),
  of((x) => x.erf()),
  of((x) => gelu(x, "tanh")),
  of((x) => x.tanh().exp()),
  of((x) => x.square().add(0.5).log()),
  of((x) => x.square().add(0.5).sqrt()),
  of((x) => x.square().add(1).reciprocal()),
  of((x) => x.square().add(0.5).pow(1.5)),
  of((x) => x.neg()),
  of((x, d) => (clear(d.valueOf(x).data) ? x.relu() : undefined)),
  of((x, d) => (clear(d.valueOf(x).data) ? x.abs() : undefined)),
  of((x, d) => (clear(d.valueOf(x).data.map((v) => v - 0.5)) ? x.clip(null, 0.5) : undefined)),
  two((a, b) => a.add(b)),
  two((a, b) => a.sub(b)),
  two((a, b) => a.mul(b)),
  two((a, b) => a.div(b.square().add(0.5))),
  two((a, b, d) => (clear(d.valueOf(a.sub(b)).data) ? maximum(a, b) : undefined)),
  two((a, b, d) => where(fixed(d, dims(a)).greater(0), a, b)),

  of((x, d) => x.sum(anyAxis(x, d), d.random.integer(2) === 0), 1),
  of((x, d) => x.mean(anyAxis(x, d), d.random.integer(2) === 0), 1),
  of((x, d) => x.logSumExp(anyAxis(x, d)), 1),
  of((x, d) => x.prod(anyAxis(x, d)), 1),
  of((x, d) => {
    const { data } = d.valueOf(x);
    return apart([...data]) ? x.reduceMax(anyAxis(x, d)) : undefined;
  }, 1),
  of((x, d) => softmax(x, anyAxis(x, d)), 1),
  of((x, d) => logSoftmax(x, anyAxis(x, d)), 1),
  of((x, d) => cumSum(x, anyAxis(x, d), { reverse: d.random.integer(2) === 0 }), 1),
  of((x, d) => (dims(x).at(-1) === 1 ? undefined : layerNorm(x, fixed(d, [dims(x).at(-1) as number]))), 1),
  of((x, d) => {
    const { data } = d.valueOf(x);
    return apart([...data]) ? topK(x, 1 + d.random.integer(dims(x).at(-1) as number)).values : undefined;
  }, 1),

  of((x, d) => x.matMul(fixed(d, [dims(x).at(-1) as number, 1 + d.random.integer(3)])), 2),
  of((x) => x.matMul(x.swapAxes(-1, -2)), 2),
  of((x, d) => {
    const other = d.pick((t) => t.rank === 2 && t.shape[0] === x.shape.at(-1));
    return other === undefined ? undefined : x.matMul(other);
  }, 2),

  of((x) => x.reshape([-1])),
  of((x, d) => {
    const length = choose(
      d.random,
      [1, 2, 3, 4].filter((k) => size(x) % k === 0),
    );
    return x.reshape([length, size(x) / length]);
  }),
  of((x, d) => x.transpose([...d.random.permutation(x.rank)]), 2),
  of((x, d) => x.unsqueeze(d.random.integer(x.rank + 1))),
  of((x, d) => x.expand([1 + d.random.integer(3), ...dims(x)])),
  of((x, d) => x.flip(anyAxis(x, d)), 1),
  of((x, d) => {
    const axis = anyAxis(x, d);
    const length = dims(x)[axis] as number;
    return x.slice(axis, d.random.integer(length), undefined, 1 + d.random.integer(2));
  }, 1),
  of((x, d) => {
    const axis = anyAxis(x, d);
    const length = dims(x)[axis] as number;
    return length < 2 ? undefined : split(x, [1, length - 1], axis);
  }, 1),
  of((x, d) => concat([x, x.mul(fixed(d, [])), fixed(d, dims(x))], anyAxis(x, d)), 1),
  of((x, d) => {
    const mode = choose(d.random, ["constant", "reflect", "edge", "wrap"] as const);
    const width = (): number[] => dims(x).map((length) => d.random.integer(Math.min(2, length)));
    return pad(x, width(), width(), mode);
  }, 1),
  of(
    (x, d) =>
      tile(
        x,
        dims(x).map(() => 1 + d.random.integer(2)),
      ),
    1,
  ),
  of((x) => tril(x), 2),
  of((x, d) => {
    const axis = anyAxis(x, d);
    return gather(x, indices(d, [1 + d.random.integer(4)], dims(x)[axis] as number), axis);
  }, 1),
  of((x, d) => gatherElements(x, indices(d, dims(x), dims(x)[0] as number), 0), 1),
  of((x, d) => scatterElements(fixed(d, dims(x)), indices(d, dims(x), dims(x)[0] as number), x, { reduction: "add" }), 1),
  of((x, d) => softmaxCrossEntropy(x, indices(d, dims(x).slice(0, -1), dims(x).at(-1) as number)), 2),
  // Pictures: what there is, as [1, 2, h, w] or [1, 1, h, w].
  of((x, d) => {
    if (size(x) % 6 !== 0) return undefined;
    const image = x.reshape([1, 2, 3, -1]);
    return conv(image, fixed(d, [2, 2, 2, 1]), { padding: d.random.integer(2), stride: 1 + d.random.integer(2) });
  }),
  of((x, d) => {
    if (size(x) % 8 !== 0) return undefined;
    const image = x.reshape([1, 2, 2, -1]);
    return averagePool(image, [2, 1], { stride: [1, 1 + d.random.integer(2)] });
  }),
  of((x, d) => {
    if (size(x) % 8 !== 0 || !apart([...d.valueOf(x).data])) return undefined;
    return maxPool(x.reshape([1, 1, 4, -1]), [2, 1], { stride: [1, 1] });
  }),
];

const LEAF_SHAPES: readonly (readonly number[])[] = [[], [3], [2, 3], [4, 2], [3, 1], [2, 3, 2], [1, 2, 2, 3]];
/** Larger numbers go through tanh; larger tensors are summed. */
const [LARGEST_NUMBER, LARGEST_TENSOR] = [8, 72];

const graphs = new Map<string, RandomGraph>();

/** The graph of a seed, made once. */
export function randomGraph(seed: number, dtype: "float32" | "float64"): RandomGraph {
  const key = `${dtype} ${seed}`;
  const graph = graphs.get(key) ?? makeGraph(seed, dtype);
  graphs.set(key, graph);
  return graph;
}

function makeGraph(seed: number, dtype: "float32" | "float64"): RandomGraph {
  const random = new Random("random graph", seed);
  const wanted = 5 + random.integer(56);
  const feeds = new Map<Tensor, RefValue>();
  const values = new Map<Tensor, RefValue>();
  const pool: Tensor[] = [];
  const unused = new Set<Tensor>();
  const leaves = Array.from({ length: 2 + random.integer(3) }, (_, i) => {
    const shape = choose(random, LEAF_SHAPES);
    const leaf = input(`x${i}`, shape, dtype);
    const data = Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(random.normal()));
    feeds.set(leaf, { dtype, shape, data });
    return leaf;
  });
  const valueOf = (t: Tensor): RefValue => {
    let value = values.get(t);
    if (value === undefined) values.set(t, (value = evaluateReference([t], feeds)[0] as RefValue));
    return value;
  };
  const keep = (t: Tensor): void => {
    const { data } = valueOf(t);
    if (t.dtype !== dtype || data.length === 0 || !data.every(Number.isFinite)) return;
    let kept = size(t) > LARGEST_TENSOR ? t.mean([0]) : t;
    if (data.some((v) => Math.abs(v) > LARGEST_NUMBER)) kept = kept.mul(0.1).tanh();
    pool.push(kept);
    unused.add(kept);
    for (const node of reachableNodes([kept])) for (const used of node.inputs) if (used !== null) unused.delete(used);
  };
  for (const leaf of leaves) keep(leaf);
  const pick: Draw["pick"] = (test) => {
    // Recent tensors and unused ones more often, so that graphs grow deep.
    const candidates = [...pool, ...pool.slice(-4), ...unused].filter((t) => test === undefined || test(t));
    return candidates.length === 0 ? undefined : choose(random, candidates);
  };
  const draw: Draw = { random, dtype, pick, valueOf };
  let nodes = 0;
  const count = (): number => reachableNodes(unused).filter((node) => node.op !== "Constant" && node.op !== "Input").length;
  for (let tries = 0; nodes < wanted && tries < 400; tries++) {
    const made = choose(random, RULES)(draw);
    if (made === undefined) continue;
    for (const t of Array.isArray(made) ? (made as readonly Tensor[]) : [made as Tensor]) keep(t);
    nodes = count();
  }
  const y = [...unused].map((t) => t.mul(fixed(draw, dims(t))).mean()).reduce((a, b) => a.add(b));
  return { y, leaves, feeds, nodes };
}
