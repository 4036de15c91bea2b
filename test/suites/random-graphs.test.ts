/**
 * 200 random graphs: gradients equal difference quotients in float64; what is compiled for a device, the engine with two
 * threads, and vmap give the same values.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { grad, vmap } from "../../src/autodiff/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { Graph, input, mergeCommonSubexpressions, rewriteTensors } from "../../src/graph/index.js";
import { exportGraph, importOnnx } from "../../src/onnx/index.js";
import { lowerGraph } from "../../src/ops/index.js";
import type { Device } from "../../src/runtime/index.js";
import { compile, prepareGraph } from "../../src/runtime/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference, fromReference, toReference } from "../reference/index.js";
import { Random } from "../../src/util/random.js";
import { TOLERANCES } from "../tolerances.js";
import { assertClose, assertGradients } from "./harness.js";
import { randomGraph } from "./random-graphs.js";

const GRAPHS = 200;
const seeds = Array.from({ length: GRAPHS }, (_, seed) => seed);

test("the graphs are of 5 to 60 nodes and more, and use much of the table", () => {
  const graphs = seeds.map((seed) => randomGraph(seed, "float64"));
  assert.ok(graphs.every(({ nodes }) => nodes >= 5));
  assert.ok(graphs.some(({ nodes }) => nodes >= 55));
  const ops = new Set(graphs.flatMap(({ y }) => new Graph({ y }).nodes.map((node) => node.op)));
  assert.ok(ops.size >= 55, `only ${ops.size} ops: ${[...ops].join(", ")}`);
});

suite("gradients of random graphs equal difference quotients", () => {
  for (const seed of seeds) {
    test(`graph ${seed}`, () => {
      const { y, leaves, feeds } = randomGraph(seed, "float64");
      const random = new Random("directions", seed);
      const tolerance = TOLERANCES.gradientGraph;
      // Deep graphs have large higher derivatives: a smaller step.
      const options = { random, dense: 1, single: 2, step: 1e-4, tolerance, what: "gradient" };
      assertGradients(y, grad(y, leaves), leaves, feeds, options);
    });
  }
});

/** The value and all gradients by name. */
function withGradients(seed: number, dtype: "float32" | "float64") {
  const { y, leaves, feeds } = randomGraph(seed, dtype);
  const gradients = grad(y, leaves).map((dx, i): [string, Tensor] => [`dx${i}`, dx]);
  return { graph: new Graph(new Map([["y", y], ...gradients])), feeds };
}

suite("random graphs compiled for a device keep values and gradients", () => {
  for (const seed of seeds) {
    test(`graph ${seed}`, () => {
      const { graph, feeds } = withGradients(seed, "float64");
      const expected = evaluateReference([...graph.outputs.values()], feeds);
      const byName = new Map([...feeds].map(([leaf, value]) => [leaf.node.attributes["name"], value]));
      for (const device of ["cpu", "webgpu"] satisfies Device[]) {
        const prepared = prepareGraph(graph, device);
        const leaves = new Map(prepared.inputs.map((t) => [t, byName.get(t.node.attributes["name"]) as RefValue]));
        const got = evaluateReference([...prepared.outputs.values()], leaves);
        got.forEach((value, i) =>
          assertClose(value, expected[i] as RefValue, TOLERANCES.equivalentGraph, `${device}, output ${i}`),
        );
      }
    });
  }
});

suite("random graphs keep values and gradients through an ONNX file", () => {
  for (const seed of seeds) {
    test(`graph ${seed}`, () => {
      const { graph, feeds } = withGradients(seed, "float32");
      const portable = lowerGraph(mergeCommonSubexpressions(graph), "onnx");
      const model = importOnnx(exportGraph(portable), { where: `graph ${seed}` });
      const byName = new Map([...feeds].map(([leaf, value]) => [leaf.node.attributes["name"], value]));
      const leaves = new Map<Tensor, RefValue>([...model.inputs].map(([name, t]) => [t, byName.get(name) as RefValue]));
      for (const [parameter, data] of model.values) leaves.set(parameter, toReference(data));
      const expected = evaluateReference([...graph.outputs.values()], feeds);
      const names = [...graph.outputs.keys()];
      assert.deepEqual([...model.graph.outputs.keys()], names);
      const got = evaluateReference([...model.graph.outputs.values()], leaves);
      // What the file holds as constants is float32.
      got.forEach((value, i) => assertClose(value, expected[i] as RefValue, TOLERANCES.float32Constants, String(names[i])));
    });
  }
});

suite("random graphs on the engine equal the reference", () => {
  for (const seed of seeds) {
    test(`graph ${seed}`, async () => {
      const { graph, feeds } = withGradients(seed, "float32");
      const expected = evaluateReference([...graph.outputs.values()], feeds);
      await using executable = await compile(graph, { device: "cpu", threads: 2, spin: false });
      const named = new Map([...feeds].map(([leaf, value]) => [String(leaf.node.attributes["name"]), fromReference(value)]));
      const results = await executable.call(Object.fromEntries(executable.inputs.map((name) => [name, named.get(name)!])));
      [...graph.outputs.keys()].forEach((name, i) => {
        assertClose(toReference(results[name]!), expected[i] as RefValue, TOLERANCES.engineGraph, name);
      });
    });
  }
});

suite("vmap over a random graph equals one example after another", () => {
  for (const seed of seeds) {
    test(`graph ${seed}`, () => {
      const { y, leaves, feeds } = randomGraph(seed, "float64");
      const random = new Random("examples", seed);
      const examples = Array.from({ length: 2 }, () =>
        leaves.map((leaf): RefValue => {
          const value = feeds.get(leaf) as RefValue;
          return { ...value, data: value.data.map(() => random.normal()) };
        }),
      );
      const stacked = leaves.map((leaf, i) => input(`all${i}`, [examples.length, ...leaf.shape], leaf.dtype));
      const substituted = (xs: readonly Tensor[]): Tensor =>
        rewriteTensors([y], (node) => {
          const i = leaves.findIndex((leaf) => leaf.node === node);
          return i < 0 ? undefined : [xs[i] as Tensor];
        })(y);
      const all = vmap((...xs) => substituted(xs))(...stacked);
      const given = new Map(
        stacked.map((leaf, i) => [
          leaf,
          {
            dtype: leaf.dtype,
            shape: leaf.shape as readonly number[],
            data: Float64Array.from(examples.flatMap((values) => [...(values[i] as RefValue).data])),
          },
        ]),
      );
      const expected = examples.map((values) => {
        const [value] = evaluateReference([y], new Map(leaves.map((leaf, i) => [leaf, values[i] as RefValue])));
        return (value as RefValue).data[0] as number;
      });
      const [got] = evaluateReference([all], given);
      const wanted: RefValue = { dtype: "float64", shape: [examples.length], data: Float64Array.from(expected) };
      assertClose(got as RefValue, wanted, TOLERANCES.equivalentGraph, "vmap");
    });
  }
});
