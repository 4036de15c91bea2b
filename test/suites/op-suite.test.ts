/**
 * Every row of the op cases: the shape rule says what is computed, lowerings and batching rules keep the value.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Node, Tensor } from "../../src/graph/index.js";
import { input, isStatic, reachableNodes } from "../../src/graph/index.js";
import type { Target } from "../../src/ops/index.js";
import { opNamed, OPS } from "../../src/ops/index.js";
import type { RefValue } from "../../src/runtime/reference/index.js";
import { evaluateReference } from "../../src/runtime/reference/index.js";
import type { OpCase } from "../cases/case.js";
import { applyCase, caseName } from "../cases/case.js";
import { OP_CASES, WITHOUT_CASE } from "../cases/ops.cases.js";
import { TOLERANCES } from "../tolerances.js";
import { assertClose, instantiate } from "./harness.js";

const TARGETS: readonly Target[] = ["cpu", "wasm", "webgpu", "cuda", "onnx"];

test("every op of the table has a row, or a reason for none", () => {
  const covered = new Set(OP_CASES.map((row) => row.op));
  const missing = [...OPS.keys()].filter((name) => !covered.has(name) && !WITHOUT_CASE.has(name));
  assert.deepEqual(missing, []);
  const stale = [...WITHOUT_CASE.keys()].filter((name) => !OPS.has(name) || covered.has(name));
  assert.deepEqual(stale, [], "reasons that are no longer needed");
});

/** The node of the row's own op among what was built. */
function nodeOf(row: OpCase, outputs: readonly Tensor[]): Node {
  const node = reachableNodes(outputs).find((n) => n.op === row.op);
  assert.ok(node !== undefined, `${caseName(row)}: builds no ${row.op}`);
  return node;
}

suite("shape rules say what is computed", () => {
  for (const row of OP_CASES) {
    test(caseName(row), () => {
      const { leaves, feeds } = instantiate(row, "float64");
      const outputs = applyCase(row, leaves);
      const values = evaluateReference(outputs, feeds);
      outputs.forEach((output, i) => {
        assert.deepEqual(values[i]?.shape, output.shape);
        assert.equal(values[i]?.dtype, output.dtype);
      });
      const cost = opNamed(row.op).cost(nodeOf(row, outputs));
      assert.ok(cost.flops >= 0 && Number.isFinite(cost.flops) && cost.bytes > 0, `cost ${JSON.stringify(cost)}`);
    });
  }
});

suite("lowerings keep the value", () => {
  for (const row of OP_CASES) {
    if (opNamed(row.op).lower === undefined) continue;
    test(caseName(row), () => {
      // float32 too: some lowerings are for float32 alone.
      for (const dtype of ["float64", "float32"] as const) {
        const { leaves, feeds } = instantiate(row, dtype);
        const node = nodeOf(row, applyCase(row, leaves));
        const expected = evaluateReference(node.outputs, feeds);
        for (const target of TARGETS) {
          const lowered = opNamed(row.op).lower?.({ node, inputs: node.inputs, attributes: node.attributes, target });
          if (lowered === undefined) continue;
          const values = evaluateReference(lowered, feeds);
          lowered.forEach((t, i) => {
            assert.equal(t.dtype, node.outputs[i]?.dtype, `${target}: dtype`);
            const tolerance = dtype === "float32" ? TOLERANCES.float32Constants : TOLERANCES.equivalent;
            assertClose(values[i] as RefValue, expected[i] as RefValue, tolerance, `${target} ${dtype}`);
          });
        }
      }
    });
  }
});

const EXAMPLES = 3;

/** Every choice of mapped inputs but none. */
function* mappings(inputs: readonly (Tensor | null)[]): Generator<boolean[]> {
  const present = inputs.map((t, i) => (t === null ? -1 : i)).filter((i) => i >= 0);
  for (let mask = 1; mask < 2 ** Math.min(present.length, 3); mask++) {
    yield inputs.map((_, i) => {
      const k = present.indexOf(i);
      return k >= 0 && ((mask >> Math.min(k, 2)) & 1) === 1;
    });
  }
}

const stacked = (values: readonly RefValue[]): RefValue => ({
  dtype: (values[0] as RefValue).dtype,
  shape: [values.length, ...(values[0] as RefValue).shape],
  data: Float64Array.from(values.flatMap((v) => [...v.data])),
});

suite("batching rules equal one example after another", () => {
  for (const row of OP_CASES) {
    const { batch } = opNamed(row.op);
    if (typeof batch !== "function") continue;
    test(caseName(row), () => {
      // What the row's node is given in each example.
      const examples = Array.from({ length: EXAMPLES }, (_, k) => {
        const { leaves, feeds } = instantiate(row, "float64", k);
        const node = nodeOf(row, applyCase(row, leaves));
        return { node, inputs: node.inputs.map((t) => (t === null ? null : (evaluateReference([t], feeds)[0] as RefValue))) };
      });
      const { node, inputs: first } = examples[0] as (typeof examples)[number];
      for (const mapped of mappings(node.inputs)) {
        const perExample = examples.map((example) =>
          first.map((value, i) => (mapped[i] ? (example.inputs[i] as RefValue) : value)),
        );
        const expected = perExample.map((values) => {
          const leaves = values.map((v, i) => (v === null ? null : input(`x${i}`, v.shape, v.dtype)));
          const outputs = applyNode(node, leaves);
          return evaluateReference(outputs, feedsOf(leaves, values));
        });
        const joined = first.map((value, i) => (mapped[i] ? stacked(perExample.map((values) => values[i] as RefValue)) : value));
        const leaves = joined.map((v, i) => (v === null ? null : input(`x${i}`, v.shape, v.dtype)));
        const outputs = batch({
          inputs: leaves,
          mapped,
          size: EXAMPLES,
          attributes: node.attributes,
          ranks: first.map((v) => v?.shape.length ?? 0),
        });
        const values = evaluateReference(outputs, feedsOf(leaves, joined));
        node.outputs.forEach((_, i) => {
          const what = `mapped ${mapped.map(Number).join("")}, output ${i}`;
          const got = values[i] as RefValue;
          assert.ok(isStatic((outputs[i] as Tensor).shape));
          assert.deepEqual(got.shape, (outputs[i] as Tensor).shape, `${what}: shape rule`);
          assertClose(got, stacked(expected.map((e) => e[i] as RefValue)), TOLERANCES.equivalent, what);
        });
      }
    });
  }
});

function feedsOf(leaves: readonly (Tensor | null)[], values: readonly (RefValue | null)[]): Map<Tensor, RefValue> {
  const feeds = new Map<Tensor, RefValue>();
  leaves.forEach((leaf, i) => {
    if (leaf !== null) feeds.set(leaf, values[i] as RefValue);
  });
  return feeds;
}

const applyNode = (node: Node, inputs: readonly (Tensor | null)[]): readonly Tensor[] =>
  applyCase({ op: node.op, operands: [], attributes: node.attributes }, inputs);
