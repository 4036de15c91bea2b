/**
 * ONNX files as explainables: where they are cut, how they take more examples than they were made for; and attributions as one graph.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { MethodName } from "../../src/explain/index.js";
import { attributionGraph, explain, explainableOf, explainableOnnx, METHOD_NAMES, METHODS } from "../../src/explain/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { constant, fromNumbers, Graph, input, Parameter, sizeOf, symbol, toNumbers } from "../../src/graph/index.js";
import { decodeModel, encodeModel, exportGraph } from "../../src/onnx/index.js";
import { conv as convolve, lowerGraph, maxPool } from "../../src/ops/index.js";
import { compile } from "../../src/runtime/index.js";
import { Random } from "../../src/util/random.js";
import { conv, float32, golden, mlp } from "./golden-models.js";

const random = new Random(9, "onnx explainables");
const numbers = (...shape: readonly number[]): TensorData =>
  fromNumbers(
    "float32",
    shape,
    Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
const weights = { kernel: numbers(3, 1, 3, 3), head: numbers(48, 4), table: numbers(10, 6), out: numbers(6, 2) };

/** A file of a graph whose constants stand for its weights. */
const fileOf = (outputs: Readonly<Record<string, Tensor>>): Uint8Array => exportGraph(lowerGraph(new Graph(outputs), "onnx"), {});

const network = (x: Tensor): Tensor => convolve(x, constant(weights.kernel)).relu().flatten(1).matMul(constant(weights.head));

async function assertAlike(bytes: Uint8Array, x: TensorData, shape: readonly number[], f: (x: Tensor) => Tensor): Promise<void> {
  const model = explainableOnnx(bytes);
  const own = explainableOf(f, shape, 4, { kind: "image" });
  for (const method of ["saliency", "integrated-gradients", "grad-cam"] as const) {
    const [a, b] = await Promise.all(
      [model, own].map((m) => explain(m, x, { method, target: 2, ...(method === "integrated-gradients" && { maxSteps: 32 }) })),
    );
    const scale = Math.max(...(b === undefined ? [] : toNumbers(b.values).map(Math.abs)));
    b?.values.data.forEach((v, i) =>
      assert.ok(Math.abs(Number(v) - Number(a?.values.data[i])) <= 1e-5 * scale, `${method}: ${i}`),
    );
  }
}

suite("a file explains as the functions that it was made of", () => {
  const x = numbers(3, 1, 6, 6);
  test("with a free batch", () =>
    assertAlike(fileOf({ scores: network(input("x", [symbol("N"), 1, 6, 6])) }), x, [1, 6, 6], network));
  test("with a batch of 1, which is read again with a larger one", () =>
    assertAlike(fileOf({ scores: network(input("x", [1, 1, 6, 6])) }), x, [1, 6, 6], network));
  test("with a batch of 1 that is baked in, which is mapped", async () => {
    const baked = (t: Tensor): Tensor =>
      convolve(t, constant(weights.kernel)).relu().reshape([1, 48]).matMul(constant(weights.head));
    await assertAlike(fileOf({ scores: baked(input("x", [1, 1, 6, 6])) }), x, [1, 6, 6], network);
  });
  test("with a softmax at its end: its input is explained, and that is said", async () => {
    const bytes = fileOf({ scores: network(input("x", [symbol("N"), 1, 6, 6])).softmax(1) });
    await assertAlike(bytes, x, [1, 6, 6], network);
    const { remarks } = await explain(explainableOnnx(bytes), x, { method: "saliency" });
    assert.deepEqual(remarks[0], {
      en: "Scores: what goes into the final softmax.",
      zh: "得分：最后的 softmax 的输入。",
    });
  });
});

test("token ids: attributions belong to their embeddings, which is said", async () => {
  const ids = input("ids", [symbol("N"), symbol("T")], "int64");
  const mask = input("mask", [symbol("N"), symbol("T")], "float32");
  const table = new Parameter([10, 6], { initializer: () => weights.table.data as Float32Array });
  const scores = table.gather(ids).mul(mask.unsqueeze(2)).sum([1]).tanh().matMul(constant(weights.out));
  const bytes = exportGraph(lowerGraph(new Graph({ scores }), "onnx"), {
    names: new Map([[table, "embedding"]]),
    values: new Map([[table, weights.table]]),
  });
  const model = explainableOnnx(bytes);
  assert.deepEqual(
    [model.features.kind, model.features.standsFor?.en, Object.keys(model.others ?? {})],
    ["tokens", "what Gather makes of ids", ["mask"]],
  );
  const given = await model.encode({
    ids: { dtype: "int64", shape: [2, 3], data: BigInt64Array.from([1n, 5n, 5n, 2n, 0n, 9n]) },
    mask: { dtype: "float32", shape: [2, 3], data: Float32Array.from([1, 1, 0, 1, 1, 1]) },
  });
  assert.deepEqual(given.features.shape, [2, 3, 6]);
  const { values, examples, remarks } = await explain(model, given, { method: "integrated-gradients" });
  assert.match(remarks.map(({ en }) => en).join(" "), /Attributions belong to what Gather makes of ids/);
  // A masked token adds nothing.
  assert.ok(values.data.subarray(12, 18).every((v) => Number(v) === 0));
  for (const { gap = 1 } of examples) assert.ok(Math.abs(gap) <= 1e-3);
  const shapley = await explain(model, given, { method: "exact-shapley" });
  assert.ok(Math.abs(shapley.examples[0]?.parts?.values[2] ?? 1) <= 1e-6);
});

suite("an attribution as one graph, with a free batch, equals the call", () => {
  const gradient = METHOD_NAMES.filter(
    (name) => METHODS[name].kind === "gradient" && !(METHODS[name].needs as readonly string[]).includes("attention"),
  );
  for (const method of gradient) {
    test(method, async () => {
      const { model, x } = (METHODS[method].needs as readonly string[]).includes("background")
        ? { model: mlp, x: float32(golden.inputs.row) }
        : { model: conv, x: float32(golden.inputs.image) };
      await assertGraph(method, model, x);
    });
  }
});

async function assertGraph(method: MethodName, model: typeof conv, x: TensorData): Promise<void> {
  const settings = {
    method,
    ...(method === "integrated-gradients" && { steps: 8, maxSteps: 8 }),
    ...("samples" in METHODS[method].defaults && { samples: 6 }),
  };
  const options = {
    ...settings,
    ...((METHODS[method].needs as readonly string[]).includes("background") && { background: float32(golden.inputs.rows) }),
  };
  const features = input("x", [symbol("N"), ...x.shape.slice(1)]);
  const { attribution } = attributionGraph(
    model,
    { x: features, target: input("target", [symbol("N")], "int32"), others: {} },
    options,
  );
  await using executable = await compile(new Graph({ attribution }), { values: model.values ?? new Map() });
  for (const n of [1, 2]) {
    const part = { ...x, shape: [n, ...x.shape.slice(1)], data: x.data.slice(0, (n * x.data.length) / 2) };
    const target: TensorData = { dtype: "int32", shape: [n], data: new Int32Array(n).fill(-1) };
    const feeds = Object.fromEntries(Object.entries({ x: part, target }).filter(([name]) => executable.inputs.includes(name)));
    const { attribution: got } = await executable.call(feeds);
    const { values } = await explain(model, part, options);
    assert.deepEqual(got?.shape, values.shape);
    const scale = Math.max(...toNumbers(values).map(Math.abs), 1e-6);
    values.data.forEach((v, i) =>
      assert.ok(Math.abs(Number(v) - Number(got?.data[i])) <= 1e-5 * scale, `batch ${n}, element ${i}: ${v} and ${got?.data[i]}`),
    );
  }
}

suite("a layer by the name of a file's node", () => {
  const x = numbers(1, 1, 6, 6);
  const bytes = fileOf({ scores: network(input("x", [symbol("N"), 1, 6, 6])) });
  /** The file with other names of its nodes. */
  const renamed = (nameOf: (op: string, i: number) => string): Uint8Array => {
    const model = decodeModel(bytes);
    const nodes = model.graph.nodes.map((node, i) => ({ ...node, name: nameOf(node.opType, i) }));
    return encodeModel({ ...model, graph: { ...model.graph, nodes } });
  };
  const cases: readonly (readonly [style: string, nameOf: (op: string, i: number) => string, at: readonly string[]])[] = [
    ["flat, as PyTorch once wrote", (op, i) => `${op}_${i}`, ["Relu_1"]],
    ["flat, as torch.export writes", (op) => `node_${op.toLowerCase()}`, ["node_relu"]],
    [
      "paths of modules",
      (op) => `/body/body.0/${op.toLowerCase()}/${op}`,
      ["/body/body.0/relu/Relu", "body.0.relu", "/body/body.0/relu"],
    ],
    [
      "paths of Keras",
      (op) => `StatefulPartitionedCall/model/${op.toLowerCase()}_1/${op}`,
      ["model/relu_1/Relu", "model.relu_1", "relu_1"],
    ],
  ];
  for (const [style, nameOf, names] of cases) {
    test(style, async () => {
      const model = explainableOnnx(renamed(nameOf));
      const expected = await explain(model, x, { method: "grad-cam" });
      for (const at of names) {
        const { values } = await explain(model, x, { method: "grad-cam", at });
        assert.deepEqual(values.data, expected.values.data, at);
      }
    });
  }
});

test("a file of float16 is explained in float32: as the same file of float32", async () => {
  const half = (t: TensorData): Tensor => constant(t).cast("float16");
  const head = numbers(27, 4);
  const pooled = (x: Tensor, kernel: Tensor): Tensor => maxPool(convolve(x, kernel).relu(), [2, 2], { stride: 1 }).flatten(1);
  const image = input("x", [symbol("N"), 1, 6, 6]).cast("float16");
  const bytes = fileOf({ scores: pooled(image, half(weights.kernel)).matMul(half(head)) });
  await assertAlike(bytes, numbers(2, 1, 6, 6), [1, 6, 6], (x) =>
    pooled(x, half(weights.kernel).cast("float32")).matMul(half(head).cast("float32")),
  );
});
