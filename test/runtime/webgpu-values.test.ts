/**
 * @module The numbers of WebGPU: one row of every op, lowered for it and run on a GPU in software, against the float64 reference.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutGpu } from "./software-gpu.js";
import { Graph } from "../../src/graph/index.js";
import { compile } from "../../src/runtime/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference, fromReference, toReference } from "../reference/index.js";
import { applyCase, caseName } from "../cases/case.js";
import { OP_CASES } from "../cases/ops.cases.js";
import { assertClose, instantiate, resolved } from "../suites/harness.js";

const TOLERANCE = { absolute: 1e-5, relative: 1e-4 };
/** WGSL allows its trigonometric functions an absolute error of 2⁻¹¹. */
const TRIGONOMETRIC = { absolute: 2 ** -11, relative: 1e-3 };

const tried = new Set<string>();
for (const row of OP_CASES) {
  if (row.notOnEngine !== undefined || tried.has(row.op)) continue;
  const { leaves, feeds } = instantiate(row, "float32", 0);
  // Other types fall back to the CPU.
  if (!leaves.every((leaf) => leaf === null || ["float32", "int32", "uint32", "bool"].includes(leaf.dtype))) continue;
  tried.add(row.op);
  test(`webgpu computes ${row.op}`, withoutGpu === undefined ? {} : { skip: withoutGpu }, async () => {
    const ys = resolved(row, applyCase(row, leaves));
    // The engine has no Indices of MaxPool on WebGPU.
    const outputs = row.op === "MaxPool" ? ys.slice(0, 1) : ys;
    const graph = new Graph(Object.fromEntries(outputs.map((y, i) => [`y${i}`, y])));
    await using executable = await compile(graph, { device: "webgpu" });
    const given = new Map([...feeds].map(([leaf, value]) => [leaf.node.attributes["name"], fromReference(value)]));
    const results = await executable.call(Object.fromEntries(executable.inputs.map((name) => [name, given.get(name)!])));
    const expected = evaluateReference(outputs, feeds);
    const tolerance = ["Sin", "Cos", "Tan", "RandomNormal"].includes(row.op) ? TRIGONOMETRIC : TOLERANCE;
    outputs.forEach((_, i) => {
      assert.ok(results[`y${i}`] !== undefined);
      assertClose(toReference(results[`y${i}`]!), expected[i] as RefValue, tolerance, `${caseName(row)}: y${i}`);
    });
  });
}
