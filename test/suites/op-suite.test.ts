/**
 * Every row of the op cases: the shape rule says what is computed, lowerings and batching rules keep the value.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { vmap } from "../../src/autodiff/index.js";
import type { Node, Tensor } from "../../src/graph/index.js";
import { input, reachableNodes } from "../../src/graph/index.js";
import type { Target } from "../../src/ops/index.js";
import { costOf, opNamed, OPS } from "../../src/ops/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference } from "../reference/index.js";
import type { OpCase } from "../cases/case.js";
import { applyCase, caseName } from "../cases/case.js";
import { OP_CASES, WITHOUT_CASE } from "../cases/ops.cases.js";
import { TOLERANCES } from "../tolerances.js";
import { assertClose, instantiate, resolved } from "./harness.js";

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
      const values = evaluateReference(resolved(row, outputs), feeds);
      outputs.forEach((output, i) => {
        assert.deepEqual(values[i]?.shape, output.shape);
        assert.equal(values[i]?.dtype, output.dtype);
      });
      const cost = costOf(nodeOf(row, outputs));
      assert.ok(cost.flops >= 0 && Number.isFinite(cost.flops) && cost.bytes >= 0, `cost ${JSON.stringify(cost)}`);
    });
  }
});

suite("lowerings keep the value", () => {
  for (const row of OP_CASES) {
    const op = opNamed(row.op);
    // What differs between training and use is resolved before it is lowered.
    if (op.lower === undefined || op.resolve !== undefined || row.op === "Assign") continue;
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

suite("definitions keep the value", () => {
  for (const row of OP_CASES) {
    const { expand } = opNamed(row.op);
    if (expand === undefined) continue;
    test(caseName(row), () => {
      const { leaves, feeds } = instantiate(row, "float64");
      const node = nodeOf(row, applyCase(row, leaves));
      const expanded = evaluateReference(expand({ inputs: node.inputs, attributes: node.attributes }), feeds);
      const expected = evaluateReference(node.outputs, feeds);
      expanded.forEach((value, i) => assertClose(value, expected[i] as RefValue, TOLERANCES.equivalent, `output ${i}`));
    });
  }
});

const EXAMPLES = 3;

/** Every choice of mapped operands but none; from the third on they go together. */
function* mappings(row: OpCase): Generator<boolean[]> {
  const present = row.operands.map((o, i) => (o === null ? -1 : i)).filter((i) => i >= 0);
  for (let mask = 1; mask < 2 ** Math.min(present.length, 3); mask++) {
    yield row.operands.map((_, i) => {
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

/** The row applied to given numbers. */
function valuesOf(row: OpCase, operands: readonly (RefValue | null)[]): RefValue[] {
  const leaves = operands.map((v, i) => (v === null ? null : input(`x${i}`, v.shape, v.dtype)));
  return evaluateReference(resolved(row, applyCase(row, leaves)), feedsOf(leaves, operands));
}

function feedsOf(leaves: readonly (Tensor | null)[], values: readonly (RefValue | null)[]): Map<Tensor, RefValue> {
  const feeds = new Map<Tensor, RefValue>();
  leaves.forEach((leaf, i) => {
    if (leaf !== null) feeds.set(leaf, values[i] as RefValue);
  });
  return feeds;
}

suite("vmap equals one example after another", () => {
  for (const row of OP_CASES) {
    if (row.operands.every((o) => o === null) || row.noVmap !== undefined) continue;
    test(caseName(row), () => {
      const examples = Array.from({ length: EXAMPLES }, (_, k) => {
        const { leaves, feeds } = instantiate(row, "float64", k);
        return leaves.map((leaf) => (leaf === null ? null : (feeds.get(leaf) as RefValue)));
      });
      const first = examples[0] as (RefValue | null)[];
      for (const mapped of mappings(row)) {
        const each = examples.map((values) => values.map((value, i) => (mapped[i] ? value : (first[i] as RefValue | null))));
        const expected = each.map((operands) => valuesOf(row, operands));
        const joined = first.map((value, i) => (mapped[i] ? stacked(each.map((operands) => operands[i] as RefValue)) : value));
        const leaves = joined.map((v, i) => (v === null ? null : input(`x${i}`, v.shape, v.dtype)));
        // Shared operands are captured, mapped ones are given.
        const given = leaves.filter((leaf, i): leaf is Tensor => leaf !== null && mapped[i] === true);
        const outputs = vmap((...xs) => {
          const rest = [...xs];
          return applyCase(
            row,
            leaves.map((leaf, i) => (mapped[i] ? (rest.shift() as Tensor) : leaf)),
          );
        })(...given);
        const values = evaluateReference(resolved(row, outputs), feedsOf(leaves, joined));
        values.forEach((got, i) => {
          const what = `mapped ${mapped.map(Number).join("")}, output ${i}`;
          assertClose(got, stacked(expected.map((e) => e[i] as RefValue)), TOLERANCES.equivalent, what);
        });
      }
    });
  }
});
