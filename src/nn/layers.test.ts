import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { vjpOf } from "../autodiff/index.js";
import type { Dim, DType, Tensor, TensorData } from "../graph/index.js";
import { constant, fromNumbers, input, isFloat, sizeOf, symbol } from "../graph/index.js";
import { concat, randomInputs, resolveMode, seedInput, stepInput } from "../ops/index.js";
import type { RefValue } from "../../test/reference/index.js";
import { evaluateReference } from "../../test/reference/index.js";
import { compile } from "../runtime/index.js";
import { ConfigError, DTypeError, ShapeError } from "../util/errors.js";
import { Random } from "../util/random.js";
import * as nn from "./index.js";

interface Stored {
  shape: number[];
  dtype: DType;
  data: (number | boolean)[];
}
interface Case {
  layer: string;
  args: unknown[];
  mode: "train" | "eval";
  state: Record<string, Stored>;
  inputs: Stored[];
  given?: { mask?: Stored; keyMask?: Stored; causal?: boolean; take?: "output" | "states" };
  output: Stored;
  gradients: Record<string, number[]>;
  buffersAfter?: Record<string, number[]>;
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/layers.json", import.meta.url), "utf8")) as {
  cases: Case[];
};

function assertClose(actual: ArrayLike<number | bigint>, expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, i) => {
    const error = Math.abs(Number(actual[i]) - value);
    assert.ok(error <= tolerance * Math.max(1, Math.abs(value)), `${what}[${i}]: expected ${value}, got ${actual[i]}`);
  });
}

/** float64 stands for the layers' own float32. */
const typeOf = (s: Stored): DType => (s.dtype === "float64" ? "float32" : s.dtype);
const dataOf = (s: Stored): TensorData => fromNumbers(typeOf(s), s.shape, s.data.map(Number));
const exact = (s: Stored): RefValue => ({ dtype: typeOf(s), shape: s.shape, data: Float64Array.from(s.data, Number) });

type Forward = (x: Tensor, second?: unknown) => Tensor | nn.RecurrentOutput;

/** The layer, its inputs, its output in the case's mode, and all gradients that the case knows, of Σ output·linspace(−1, 1). */
function traced(c: Case): {
  module: nn.Module;
  inputs: Tensor[];
  outputs: Map<string, Tensor>;
  expected: Map<string, readonly number[]>;
} {
  const Layer = (nn as unknown as Record<string, new (...args: readonly unknown[]) => nn.Module>)[c.layer];
  assert.ok(Layer !== undefined, c.layer);
  const module = new Layer(...c.args);
  const inputs = c.inputs.map((s, i) => input(`input${i}`, s.shape, typeOf(s)));
  const { mask, keyMask, causal, take } = c.given ?? {};
  const more = {
    ...(mask === undefined ? {} : { mask: constant(dataOf(mask)) }),
    ...(keyMask === undefined ? {} : { keyMask: constant(dataOf(keyMask)) }),
    ...(causal === undefined ? {} : { causal }),
    ...(inputs[1] === undefined ? {} : { key: inputs[1] }),
  };
  const layer = module as unknown as { readonly forward: Forward };
  const result = Object.keys(more).length > 0 ? layer.forward(inputs[0] as Tensor, more) : layer.forward(inputs[0] as Tensor);
  let y: Tensor;
  if ("output" in result) {
    const states = result.states.map((state) => state.unsqueeze(0)) as [Tensor, ...Tensor[]];
    y = take === "states" ? states.slice(1).reduce((a, b) => concat([a, b]), states[0]) : result.output;
  } else y = result;
  const resolved = resolveMode([y], c.mode, randomInputs());
  y = resolved.map(y);
  assert.deepEqual(y.shape, c.output.shape);

  const state = module.state();
  assert.deepEqual([...state.keys()].sort(), Object.keys(c.state).sort());
  for (const [path, p] of state) assert.deepEqual(p.dims, c.state[path]?.shape, path);
  const count = c.output.data.length;
  const dy = Array.from({ length: count }, (_, i) => (count === 1 ? -1 : -1 + (2 * i) / (count - 1)));
  const wanted = new Map<string, Tensor>([
    ...inputs.map((x, i) => [`input${i}`, x] as const).filter(([, x]) => isFloat(x.dtype)),
    ...module.parameters(),
  ]);
  const gradients = vjpOf([y], [constant(fromNumbers("float32", c.output.shape, dy))], [...wanted.values()]);
  const outputs = new Map([["output", y]]);
  const expected = new Map<string, readonly number[]>([["output", c.output.data.map(Number)]]);
  assert.deepEqual([...wanted.keys()].sort(), Object.keys(c.gradients).sort());
  for (const [i, path] of [...wanted.keys()].entries()) {
    outputs.set(`gradient of ${path}`, gradients[i] as Tensor);
    expected.set(`gradient of ${path}`, c.gradients[path] as number[]);
  }
  const after = c.buffersAfter ?? {};
  assert.equal(resolved.updates.size, Object.keys(after).length);
  for (const [path, p] of module.buffers()) {
    const moved = resolved.updates.get(p);
    if (moved === undefined) continue;
    outputs.set(`new ${path}`, moved);
    expected.set(`new ${path}`, after[path] as number[]);
  }
  return { module, inputs, outputs, expected };
}

for (const c of golden.cases) {
  const shapes = c.inputs.map((s) => `[${s.shape.join(", ")}]`).join(" ");
  test(`${c.layer}(${JSON.stringify(c.args).slice(1, -1)}) of ${shapes}, ${c.mode}: as PyTorch's`, async () => {
    const { module, inputs, outputs, expected } = traced(c);
    const feeds = new Map<Tensor, RefValue>(inputs.map((x, i) => [x, exact(c.inputs[i] as Stored)]));
    for (const [path, p] of module.state()) feeds.set(p, exact(c.state[path] as Stored));
    const values = evaluateReference([...outputs.values()], feeds);
    for (const [i, name] of [...outputs.keys()].entries())
      assertClose(values[i]?.data ?? [], expected.get(name) as number[], 1e-6, name);

    // The engine, in float32.
    const state = module.state();
    const names = new Map<Tensor, string>([...state].map(([path, p]) => [p, path]));
    await using executable = await compile(Object.fromEntries(outputs), { names });
    const data = Object.fromEntries([
      ...inputs.map((_, i) => [`input${i}`, dataOf(c.inputs[i] as Stored)] as const),
      ...[...state.keys()].map((path) => [path, dataOf(c.state[path] as Stored)] as const),
    ]);
    const needed = Object.fromEntries(Object.entries(data).filter(([name]) => executable.inputs.includes(name)));
    const results = await executable.call(needed);
    for (const [name, numbers] of expected)
      assertClose(results[name]?.data as Float32Array, numbers, 2e-5, `${name} on the engine`);
  });
}

test("layers trace with a free batch size and length", () => {
  const [n, t] = [symbol("N"), symbol("T")];
  const shapeOf = (y: Tensor): string => y.shape.join(" ");
  assert.equal(shapeOf(new nn.Linear(3, 2).forward(input("x", [n, t, 3]))), "N T 2");
  assert.equal(shapeOf(new nn.Conv2d(1, 2, { kernelSize: 3 }).forward(input("x", [n, 1, 8, 8]))), "N 2 6 6");
  assert.equal(shapeOf(new nn.MultiheadAttention(4, 2).forward(input("x", [n, t, 4]), { causal: true })), "N T 4");
  assert.equal(shapeOf(new nn.BatchNorm2d(2).forward(input("x", [n, 2, 4, 4]))), "N 2 4 4");
  assert.equal(shapeOf(new nn.Embedding(9, 4).forward(input("x", [n, t], "int64"))), "N T 4");
});

test("over a free length LSTM and GRU are the engine's nodes, with the same outputs", async () => {
  const random = new Random(1, "recurrent");
  const draw = (shape: readonly number[]): TensorData =>
    fromNumbers(
      "float32",
      shape,
      Array.from({ length: sizeOf(shape) }, () => random.normal()),
    );
  for (const Layer of [nn.LSTM, nn.GRU]) {
    const layer = new Layer(3, 4, { numLayers: 2, bidirectional: true });
    const numbers = new Map([...layer.state()].map(([path, p]) => [path, draw(p.dims)]));
    const results = async (shape: readonly [Dim, Dim]): Promise<Record<string, TensorData>> => {
      const mask = input("mask", shape, "bool");
      const { output, states } = layer.forward(input("x", [...shape, 3]), { mask });
      const names = new Map<Tensor, string>([...layer.state()].map(([path, p]) => [p, path]));
      const traced = Object.fromEntries([["output", output] as const, ...states.map((s, i) => [`state${i}`, s] as const)]);
      await using executable = await compile(traced, { names });
      return executable.call({
        ...Object.fromEntries(numbers),
        x,
        mask: fromNumbers("bool", [2, 5], [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]),
      });
    };
    const x = draw([2, 5, 3]);
    const free = await results([symbol("N"), symbol("T")]);
    for (const [name, { shape, data }] of Object.entries(await results([2, 5]))) {
      assert.deepEqual(free[name]?.shape, shape);
      assertClose(free[name]?.data ?? [], Array.from(data as Float32Array), 1e-6, `${Layer.name} ${name}`);
    }
  }
});

test("a causal mask of free lengths equals the one of numbers", () => {
  const fixed = nn.causalMask(2, 5);
  const [queries, keys] = [symbol("T"), symbol("T")];
  assert.deepEqual(
    evaluateReference([fixed], new Map()).map(({ data }) => [...data]),
    [[1, 1, 1, 1, 0, 1, 1, 1, 1, 1]],
  );
  const x = input("x", [queries]);
  const free = nn.causalMask(queries, keys).and(x.unsqueeze(0).greaterOrEqual(0));
  const feeds = new Map([[x, { dtype: "float32" as const, shape: [3], data: new Float64Array(3) }]]);
  const [values] = evaluateReference([free], feeds);
  assert.deepEqual([...(values?.data ?? [])], [1, 0, 0, 1, 1, 0, 1, 1, 1]);
});

test("dropout keeps the mean while training and is the identity in use", () => {
  const x = input("x", [200, 100]);
  const y = new nn.Dropout(0.3).forward(x);
  const [seed, step] = [seedInput(), stepInput()];
  const feeds = new Map<Tensor, RefValue>([
    [x, { dtype: "float32", shape: [200, 100], data: new Float64Array(20_000).fill(1) }],
    [seed, { dtype: "uint32", shape: [], data: Float64Array.of(5) }],
    [step, { dtype: "uint32", shape: [], data: Float64Array.of(1) }],
  ]);
  const run = (mode: "train" | "eval"): number[] => {
    const [value] = evaluateReference([resolveMode([y], mode, { seed, step }).map(y)], feeds);
    return [...(value?.data ?? [])];
  };
  assert.ok(run("eval").every((v) => v === 1));
  const dropped = run("train");
  const share = dropped.filter((v) => v === 0).length / dropped.length;
  assert.ok(Math.abs(share - 0.3) < 0.02, `dropped ${share}`);
  assert.ok(dropped.every((v) => v === 0 || Math.abs(v - 1 / 0.7) < 1e-6));
});

test("wrong shapes, types and options are refused in one line that names the layer", () => {
  const refused = (make: () => unknown, kind: new (message: string) => Error, message: RegExp): void =>
    assert.throws(make, (error: Error) => error instanceof kind && message.test(error.message) && !error.message.includes("\n"));
  const model = new nn.Sequential(new nn.Conv2d(3, 2, { kernelSize: 3 }), new nn.BatchNorm2d(4));
  refused(() => model.forward(input("x", [1, 1, 8, 8])), ShapeError, /^0: Conv2d: expected \[N, 3, H, W\], got \[1, 1, 8, 8\]$/);
  refused(
    () => model.forward(input("x", [1, 3, 8, 8])),
    ShapeError,
    /^1: BatchNorm2d: expected \[N, 4, H, W\], got \[1, 2, 6, 6\]$/,
  );
  refused(() => new nn.Embedding(3, 2).forward(input("x", [1])), DTypeError, /Embedding: expected integer tokens, got float32/);
  refused(
    () => new nn.LayerNorm([2, 3]).forward(input("x", [5, 3])),
    ShapeError,
    /LayerNorm: expected \[\.\., 2, 3\], got \[5, 3\]/,
  );
  refused(() => new nn.MultiheadAttention(5, 2), ConfigError, /expected a width divisible by 2 heads, got 5/);
  refused(() => new nn.Conv2d(3, 4, { kernelSize: 3, groups: 2 }), ConfigError, /channels divisible by 2 groups, got 3 and 4/);
  refused(() => new nn.Linear(0, 2), ConfigError, /Linear: inFeatures: expected an integer ≥ 1, got 0/);
  refused(() => new nn.Dropout(1), ConfigError, /0 ≤ p < 1, got 1/);
  refused(() => nn.activationNamed("relou" as "relu"), ConfigError, /did you mean "relu"/);
});
