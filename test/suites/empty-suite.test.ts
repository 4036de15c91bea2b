/**
 * Every row of the op cases with axes emptied, on both forms of the engine: what the shape rules take gives the reference's values and gradients, and whatever
 * has no value is refused in one line before the engine sees it. (By itself the engine dies of some, never returns from others, and leaves numbers of chance.)
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { vjpOf } from "../../src/autodiff/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { constant, Graph, input, symbol } from "../../src/graph/index.js";
import { topK } from "../../src/ops/index.js";
import { compile, prepareGraph } from "../../src/runtime/index.js";
import { createNodeRuntime } from "../../src/runtime/ort-node.js";
import { DescentError } from "../../src/util/errors.js";
import { Random } from "../../src/util/random.js";
import type { OpCase } from "../cases/case.js";
import { applyCase, caseName, float } from "../cases/case.js";
import { OP_CASES } from "../cases/ops.cases.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference, fromReference, toReference } from "../reference/index.js";
import { engineTolerance } from "../tolerances.js";
import { emptyRows } from "./empty-rows.js";
import { arriving, assertClose, differentiable, floating, hasGradient, instantiate, resolved } from "./harness.js";

interface Built {
  readonly row: OpCase;
  readonly feeds: Map<Tensor, RefValue>;
  readonly outputs: Map<string, Tensor>;
}

/** The row's outputs and gradients, named after `prefix`; undefined where Descent refuses it, which it has to do in one line. */
function build(row: OpCase, prefix: string): Built | undefined {
  const { leaves, feeds } = instantiate(row, "float32", 0, prefix);
  try {
    const ys = applyCase(row, leaves);
    const outputs = ys.map((y, i): [string, Tensor] => [`${prefix}y${i}`, y]);
    const [xs, floats] = [differentiable(row, leaves), floating(ys)];
    if (xs.length > 0 && floats.length > 0 && hasGradient(row)) {
      const dys = arriving(floats, new Random("empty", caseName(row)));
      vjpOf(floats, dys, xs).forEach((dx, i) => outputs.push([`${prefix}dx${i}`, dx]));
    }
    const tensors = resolved(
      row,
      outputs.map(([, t]) => t),
    );
    const built = new Map(outputs.map(([name], i) => [name, tensors[i] as Tensor]));
    prepareGraph(new Graph(built), "cpu");
    return { row, feeds, outputs: built };
  } catch (error) {
    assert.ok(error instanceof DescentError, `${caseName(row)}: ${(error as Error).stack}`);
    assert.match(error.message, /^[^\n]+: expected [^\n]+, got [^\n]+$/, caseName(row));
    return undefined;
  }
}

/** Lengths of 0 that stand in attributes. */
const IN_ATTRIBUTES: readonly OpCase[] = [
  { op: "Reshape", operands: [float([0, 3])], attributes: { shape: [3, 0] } },
  { op: "Reshape", operands: [float([2, 0, 3])], attributes: { shape: [0] } },
  { op: "Expand", operands: [float([1, 3])], attributes: { shape: [0, 3] } },
  { op: "Expand", operands: [float([0, 1])], attributes: { shape: [2, 0, 4] } },
  { op: "Tile", operands: [float([2, 3])], attributes: { repeats: [0, 1] } },
  { op: "Split", operands: [float([3, 2])], attributes: { axis: 0, split: [0, 3] } },
  { op: "Pad", operands: [float([0, 2]), null], attributes: { pads: [2, 0, 1, 1], mode: "constant" } },
  { op: "Slice", operands: [float([3, 2])], attributes: { starts: [2], ends: [1], axes: [0], steps: [1] } },
  { op: "TopK", operands: [float([3, 2])], attributes: { axis: 0, k: [0], largest: true, sorted: true } },
];

const rowsOf = new Map<string, OpCase[]>();
for (const row of [...OP_CASES.filter((row) => row.notOnEngine === undefined).flatMap(emptyRows), ...IN_ATTRIBUTES])
  rowsOf.set(row.op, [...(rowsOf.get(row.op) ?? []), row]);

for (const direct of [true, false]) {
  suite(`empty tensors, ${direct ? "the engine's C interface" : "the engine's binding"}`, async () => {
    const runtime = await createNodeRuntime({ direct });
    for (const [op, rows] of rowsOf) {
      test(op, async () => {
        const built = rows.map((row, i) => build(row, `r${i}`)).filter((one) => one !== undefined);
        if (built.length === 0) return;
        const outputs = new Map(built.flatMap((one) => [...one.outputs]));
        const feeds = new Map(built.flatMap((one) => [...one.feeds]));
        const graph = new Graph(outputs);
        const given = Object.fromEntries(
          graph.inputs.map((leaf) => [String(leaf.node.attributes["name"]), fromReference(feeds.get(leaf) as RefValue)]),
        );
        await using executable = await compile(graph, { device: "cpu", threads: 1, runtime });
        const results = await executable.call(given);
        for (const one of built) {
          const expected = evaluateReference([...one.outputs.values()], one.feeds);
          [...one.outputs].forEach(([name, t], i) => {
            const what = `${caseName(one.row)}: ${name}`;
            assert.deepEqual(expected[i]?.shape, t.shape, what);
            assertClose(toReference(results[name]!), expected[i], one.row.tolerance?.engine ?? engineTolerance(t.dtype), what);
          });
        }
      });
    }
  });
}

test("free dimensions of length 0: what the kernels take runs, what they die of is refused", async () => {
  const x = input("x", [symbol("N"), 5]);
  const none = { dtype: "float32", shape: [0, 5], data: new Float32Array(0) } as const;
  await using sums = await compile({ sum: x.sum(), joined: x.concat([constant(1).expand([2, 5])], 0) });
  const { sum, joined } = await sums.call({ x: none });
  assert.deepEqual([...sum!.data, ...joined!.data], [0, ...new Float32Array(10).fill(1)]);
  const { values } = topK(x, 2);
  await using best = await compile({ values });
  const refusal = { name: "ShapeError", message: "TopK: expected operands with elements, got N = 0" };
  await assert.rejects(best.call({ x: none }), refusal);
  const one = { dtype: "float32", shape: [1, 5], data: Float32Array.of(3, 1, 4, 1, 5) } as const;
  assert.deepEqual([...(await best.call({ x: one }))["values"]!.data], [5, 4]);
  await using means = await compile({ mean: x.mean() });
  await assert.rejects(means.call({ x: none }), /ReduceMean: expected operands with elements, got N = 0/);
});
