/**
 * Graphs of convolutions in blocks of channels, on the engine, against the reference interpreter of the graph as it was traced.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../../src/autodiff/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { constant, fromNumbers, Graph, input, Parameter, sizeOf } from "../../src/graph/index.js";
import type { Mode } from "../../src/ops/index.js";
import * as ops from "../../src/ops/index.js";
import { emitOne } from "../../src/ops/index.js";
import { channelBlock } from "../../src/runtime/channel-block.js";
import { compile, platformRuntime, prepareGraph } from "../../src/runtime/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference } from "../reference/index.js";
import { Random } from "../../src/util/random.js";
import { TOLERANCES } from "../tolerances.js";
import { assertClose } from "../suites/harness.js";

const block = await channelBlock(await platformRuntime());
const withoutBlocks = block > 1 ? {} : { skip: "the engine has no kernels for blocks of channels on this processor" };

type Leaves = Readonly<Record<string, Tensor>>;

/** Runs y and its gradients to all leaves on the engine and by the interpreter. `blocks`: how many nodes must be in blocks. */
async function check(
  shapes: Readonly<Record<string, readonly number[]>>,
  build: (leaves: Leaves) => Tensor,
  { blocks, mode = "train", gradients: wanted = mode === "train" }: { blocks: number; mode?: Mode; gradients?: boolean },
): Promise<void> {
  const leaves = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, input(name, shape)]));
  const traced = build(leaves);
  const { map } = ops.resolveMode([traced], mode, { seed: constant(1, "uint32"), step: constant(2, "uint32") });
  const y = map(traced);
  const u = input("u", y.shape);
  const all = Object.values(leaves);
  const gradients = wanted ? grad(y.mul(u).sum(), all) : [];
  const outputs = new Map([["y", y], ...gradients.map((g, i) => [`d${Object.keys(leaves)[i]}`, g] as const)]);
  const values = new Map(
    [...all, u].map((leaf) => {
      const shape = leaf.shape as readonly number[];
      const random = new Random(7, String(leaf.node.attributes["name"]));
      return [
        leaf,
        fromNumbers(
          "float32",
          shape,
          Array.from({ length: sizeOf(shape) }, () => random.normal()),
        ),
      ] as const;
    }),
  );
  const graph = new Graph(outputs);
  const used = prepareGraph(graph, "cpu", new Map(), block).nodes.filter((node) => node.op === "BlockedConv").length;
  assert.ok(used >= blocks, `expected at least ${blocks} convolutions in blocks, got ${used}`);
  await using executable = await compile(graph, { threads: 2 });
  const feeds = Object.fromEntries([...values].map(([leaf, data]) => [String(leaf.node.attributes["name"]), data]));
  const got = await executable.call(Object.fromEntries(executable.inputs.map((name) => [name, feeds[name] as TensorData])));
  const wide = new Map([...values].map(([leaf, v]) => [leaf, { ...v, data: Float64Array.from(v.data as Float32Array) }]));
  const expected = evaluateReference([...outputs.values()], wide);
  [...outputs.keys()].forEach((name, i) => {
    const { dtype, shape, data } = got[name] as { dtype: "float32"; shape: readonly number[]; data: Float32Array };
    const value = { dtype, shape, data: Float64Array.from(data) };
    assertClose(value, expected[i] as RefValue, TOLERANCES.engineGraph, name);
  });
}

const at = (leaves: Leaves, name: string): Tensor => leaves[name] as Tensor;
const convolution =
  (options: ops.ConvOptions = {}) =>
  (i: Leaves): Tensor =>
    ops.conv(at(i, "x"), at(i, "w"), { ...options, bias: i["b"] ?? null });

const CONVOLUTIONS: readonly [string, Readonly<Record<string, readonly number[]>>, ops.ConvOptions, number][] = [
  ["3×3", { x: [2, 16, 7, 9], w: [32, 16, 3, 3], b: [32] }, { padding: 1 }, 2],
  ["3×3 to several blocks", { x: [2, 48, 5, 5], w: [80, 48, 3, 3] }, { padding: 1 }, 2],
  ["from three channels", { x: [2, 3, 8, 8], w: [16, 3, 3, 3] }, { padding: 1 }, 1],
  ["from three channels, rows of two blocks", { x: [3, 3, 5, 32], w: [32, 3, 3, 3] }, { padding: 1 }, 2],
  ["from three channels, stride 2", { x: [2, 3, 8, 32], w: [16, 3, 7, 7] }, { padding: 3, stride: 2 }, 3],
  ["from one channel, uneven", { x: [2, 1, 6, 18], w: [16, 1, 3, 5] }, { padding: [0, 1, 2, 1], dilation: [2, 1] }, 2],
  ["1×1", { x: [2, 32, 6, 5], w: [16, 32, 1, 1], b: [16] }, {}, 2],
  ["1×1 with padding", { x: [2, 16, 6, 6], w: [16, 16, 1, 1] }, { padding: 1 }, 1],
  ["5×3, uneven padding", { x: [1, 16, 8, 9], w: [16, 16, 5, 3] }, { padding: [1, 0, 2, 1] }, 2],
  ["dilated", { x: [1, 16, 9, 9], w: [16, 16, 3, 3] }, { padding: 2, dilation: 2 }, 2],
  ["more padding than reach", { x: [1, 16, 5, 5], w: [16, 16, 3, 3] }, { padding: 3 }, 1],
  ["stride 2", { x: [2, 16, 8, 8], w: [32, 16, 3, 3] }, { padding: 1, stride: 2 }, 5],
  ["stride 2, odd length", { x: [2, 16, 7, 9], w: [32, 16, 3, 3] }, { padding: 1, stride: 2 }, 1],
  ["stride 2 over 5×5", { x: [1, 16, 12, 12], w: [16, 16, 5, 5] }, { padding: 2, stride: 2 }, 5],
  ["stride 3 and 2", { x: [1, 16, 9, 8], w: [16, 16, 3, 3] }, { padding: [0, 1], stride: [3, 2] }, 1],
  ["1×1, stride 2", { x: [2, 16, 8, 8], w: [32, 16, 1, 1] }, { stride: 2 }, 1],
  ["depthwise", { x: [2, 32, 6, 7], w: [32, 1, 3, 3], b: [32] }, { padding: 1, groups: 32 }, 2],
  ["depthwise, stride 2", { x: [2, 32, 6, 6], w: [32, 1, 3, 3] }, { padding: 1, groups: 32, stride: 2 }, 3],
  ["groups stay as they are", { x: [2, 32, 6, 6], w: [32, 16, 3, 3] }, { padding: 1, groups: 2 }, 0],
];
for (const [name, shapes, options, blocks] of CONVOLUTIONS)
  test(`convolution ${name}`, withoutBlocks, () => check(shapes, convolution(options), { blocks }));

test("a network's first convolution, whose rows are filled up with zeros", withoutBlocks, () =>
  check({ x: [2, 3, 5, 20], w: [16, 3, 3, 3] }, (i) => ops.conv(at(i, "x"), at(i, "w"), { padding: 1 }).relu(), { blocks: 3 }),
);

test("sums and means over everything", withoutBlocks, () =>
  check(
    { x: [2, 16, 6, 7], w: [32, 16, 3, 3] },
    (i) => {
      const y = ops.conv(at(i, "x"), at(i, "w"), { padding: 1 });
      return y.relu().sum().add(y.square().mean());
    },
    { blocks: 2 },
  ),
);

const POOLS: readonly [string, readonly number[], number | readonly number[], ops.WindowOptions, number][] = [
  ["2×2", [2, 16, 8, 10], 2, {}, 5],
  ["3×3, stride 2, padding 1", [2, 16, 8, 10], 3, { stride: 2, padding: 1 }, 9],
  ["3×3, stride 1", [2, 16, 5, 6], 3, { stride: 1, padding: 1 }, 9],
  ["3×2, stride 3 and 2", [1, 32, 9, 4], [3, 2], { stride: [3, 2] }, 6],
  ["5×5, stride 2, padding 2", [1, 16, 8, 8], 5, { stride: 2, padding: 2 }, 9],
  ["windows that leave pixels out stay as they are", [1, 16, 9, 9], 2, { stride: 3 }, 2],
];
// Clipped, so that many are equal, also beside the padding: the first takes the gradient.
for (const [name, x, kernel, options, blocks] of POOLS)
  for (const [from, to] of [[-0.5, 0.5] as const, [0, 0.5] as const, [-1, -0.2] as const])
    test(`max-pooling ${name}, from ${from} to ${to}`, withoutBlocks, () =>
      check(
        { x, w: [16, x[1] as number, 3, 3] },
        (i) => ops.maxPool(ops.conv(at(i, "x"), at(i, "w"), { padding: 1 }).clip(from, to), kernel, options),
        { blocks },
      ),
    );

test("what is the same for all examples, numbers of each example, and a sum over them", withoutBlocks, () =>
  check(
    { x: [3, 16, 4, 5], one: [1, 16, 4, 5], a: [3, 1, 1, 1], w: [16, 16, 3, 3] },
    (i) => {
      const y = ops.conv(at(i, "one"), at(i, "w"), { padding: 1 }).mul(at(i, "a")).relu();
      return ops.conv(y.add(ops.conv(at(i, "x"), at(i, "w"), { padding: 1 })), at(i, "w")).sum(0, true);
    },
    { blocks: 5 },
  ),
);

test("with known weights batch norms are folded, and nothing is reordered in a run", withoutBlocks, async () => {
  const random = new Random(3, "known");
  const parameter = (...shape: number[]): Parameter =>
    new Parameter(shape, { initializer: () => Array.from({ length: sizeOf(shape) }, () => 0.5 * random.normal()) });
  const values = new Map<Tensor, TensorData>();
  const known = (...shape: number[]): Parameter => {
    const p = parameter(...shape);
    values.set(p, fromNumbers("float32", shape, p.initializer(shape, random)));
    return p;
  };
  const norm = (x: Tensor): Tensor => {
    const [scale, bias, mean, wide] = [known(32), known(32), known(32), known(32)];
    values.set(
      wide,
      fromNumbers(
        "float32",
        [32],
        Array.from({ length: 32 }, () => 0.5 + random.uniform()),
      ),
    );
    return emitOne(ops.BatchNormalization, [x, scale, bias, mean, wide], { epsilon: 1e-5 });
  };
  const x = input("x", [2, 16, 8, 8]);
  const first = norm(ops.conv(x, known(32, 16, 3, 3), { bias: known(32), padding: 1, stride: 2 })).relu();
  const y = norm(ops.conv(first, known(32, 32, 3, 3), { padding: 1 }))
    .add(first)
    .relu();
  const outputs = { y, dx: grad(y.square().sum(), x) };
  const feeds = {
    x: fromNumbers(
      "float32",
      [2, 16, 8, 8],
      Array.from({ length: 2048 }, () => random.normal()),
    ),
  };
  await using fast = await compile(outputs, { values, foldsGradients: true });
  const ran = fast.graph.nodes.map((node) => node.op);
  assert.equal(ran.filter((op) => op === "BatchNormalization").length, 0);
  const reordered = fast.graph.nodes.filter((node) => node.op === "ReorderInput").map((node) => node.inputs[0]?.node.op);
  assert.deepEqual(reordered, ["Input"]);
  const got = await fast.call(feeds);
  const wide = new Map(
    [[x, feeds.x] as const, ...values].map(([t, v]) => [t, { ...v, data: Float64Array.from(v.data, Number) }]),
  );
  const expected = evaluateReference([outputs.y, outputs.dx], wide);
  (["y", "dx"] as const).forEach((name, i) => {
    const { dtype, shape, data } = got[name] as TensorData;
    assertClose({ dtype, shape, data: Float64Array.from(data, Number) }, expected[i] as RefValue, TOLERANCES.engineGraph, name);
  });
});

/** A residual block with everything that is joined: batch norm, relu, sums, and means over the picture. */
const residual =
  (stride: number) =>
  (i: Leaves): Tensor => {
    const norm = (x: Tensor, n: number): Tensor =>
      ops.batchNorm(x, at(i, `scale${n}`), at(i, `bias${n}`), at(i, `mean${n}`), at(i, `var${n}`).square().add(0.5));
    const x = at(i, "x");
    const first = norm(ops.conv(x, at(i, "w1"), { padding: 1, stride }), 1).relu();
    const second = norm(ops.conv(first, at(i, "w2"), { padding: 1 }), 2);
    const short = norm(ops.conv(x, at(i, "w3"), { stride }), 3);
    return second.add(short).relu().mean([2, 3]);
  };

const perChannel = Object.fromEntries(
  [1, 2, 3].flatMap((n) => ["scale", "bias", "mean", "var"].map((name) => [`${name}${n}`, [32]] as const)),
);
const shapes = { x: [4, 16, 8, 8], w1: [32, 16, 3, 3], w2: [32, 32, 3, 3], w3: [32, 16, 1, 1], ...perChannel };
for (const stride of [1, 2]) {
  test(`a residual block with stride ${stride}, in training`, withoutBlocks, () =>
    check(shapes, residual(stride), { blocks: 10 }),
  );
  test(`a residual block with stride ${stride}, in use`, withoutBlocks, () =>
    check(shapes, residual(stride), { blocks: 5, mode: "eval" }),
  );
}

test("pixels taken every other, channels put on, and a 1×1 convolution with stride 2", withoutBlocks, () =>
  check(
    { x: [2, 16, 8, 8], w1: [16, 16, 3, 3], w2: [32, 16, 1, 1], w3: [16, 32, 3, 3] },
    (i) => {
      const y = ops.conv(at(i, "x"), at(i, "w1"), { padding: 1 });
      const short = ops.pad(ops.averagePool(y, 1, { stride: 2 }), [0, 0, 0, 0], [0, 16, 0, 0]);
      const sum = short.add(ops.conv(y, at(i, "w2"), { stride: 2 })).relu();
      return ops.conv(ops.pad(sum, [0, -16, 0, 0], [0, 16, 0, 0]), at(i, "w3"), { padding: 1 });
    },
    { blocks: 9 },
  ),
);

// Only forward: gradients of a convolution of such values cancel in float32, in blocks and without.
test("batch norm of values far from zero keeps its digits", withoutBlocks, () =>
  check(
    { x: [4, 16, 6, 6], w: [16, 16, 1, 1], scale: [16], bias: [16], mean: [16], var: [16] },
    (i) => ops.batchNorm(ops.conv(at(i, "x").add(100), at(i, "w")), at(i, "scale"), at(i, "bias"), at(i, "mean"), at(i, "var")),
    { blocks: 3, gradients: false },
  ),
);
