/**
 * @module Descent's list of what WebGPU has no kernel for, held against the engine's own word: every row of the op cases, as
 * it is and as it is lowered for WebGPU, becomes a session that may not fall back to the CPU.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutGpu } from "./software-gpu.js";
import type { DType } from "../../src/graph/index.js";
import { Graph, input } from "../../src/graph/index.js";
import { exportGraph } from "../../src/onnx/index.js";
import { platformRuntime, prepareGraph } from "../../src/runtime/index.js";
import { nodesWithoutKernel } from "../../src/runtime/kernels.js";
import { applyCase, caseName } from "../cases/case.js";
import { resolved } from "../suites/harness.js";
import { OP_CASES } from "../cases/ops.cases.js";

/** Element types that WebGPU is meant for: a graph of others may fall back after lowering. */
const ON_GPU: ReadonlySet<DType> = new Set(["float32", "float16", "int32", "uint32", "bool"]);

/** Ops that stay without a kernel on WebGPU after lowering, each with its reason. */
const STAYS: ReadonlyMap<string, string> = new Map([
  ["BitwiseAnd", "WGSL has it, the engine does not; Descent's own graphs hash with Mul, Div and Add"],
  ["MatMul", "of integers: no graph that Descent makes has one"],
  ["BitwiseOr", "as BitwiseAnd"],
  ["BitwiseXor", "as BitwiseAnd"],
]);

/** Tells whether the engine places every node of the graph on WebGPU. */
async function engineTakes(graph: Graph): Promise<boolean> {
  const runtime = await platformRuntime();
  try {
    await using session = await runtime.createSession(exportGraph(graph), { device: "webgpu", requireDevice: true, threads: 1 });
    return session.device === "webgpu";
  } catch (error) {
    if (/fallback to CPU EP has been explicitly disabled|Provider type for .* is not set/.test((error as Error).message))
      return false;
    throw error;
  }
}

const isOwn = (graph: Graph): boolean => {
  try {
    exportGraph(graph);
    return false;
  } catch {
    return true;
  }
};

for (const op of new Set(OP_CASES.map((row) => row.op))) {
  test(`webgpu's kernels for ${op}`, withoutGpu === undefined ? {} : { skip: withoutGpu }, async () => {
    for (const row of OP_CASES) {
      if (row.op !== op || row.notOnEngine !== undefined) continue;
      const operands = row.operands.map((o, i) => (o === null ? null : input(`x${i}`, o.shape, o.dtype ?? "float32")));
      const ys = resolved(row, applyCase(row, operands));
      // The engine takes a MaxPool with Indices on WebGPU, and fails when it runs: only its first output is asked for.
      const outputs = op === "MaxPool" ? ys.slice(0, 1) : ys;
      const graph = new Graph(Object.fromEntries(outputs.map((y, i) => [`y${i}`, y])));
      const lowered = prepareGraph(graph, "webgpu");
      // Descent's own ops have no form before they are lowered.
      for (const form of isOwn(graph) ? [lowered] : [graph, lowered]) {
        const ops = form.nodes.map((node) => node.op).join(" ");
        const lacking = nodesWithoutKernel(form, "webgpu");
        assert.equal(lacking.length === 0, await engineTakes(form), `${caseName(row)}: ${ops}: listed [${lacking.join(", ")}]`);
      }
      const types = lowered.nodes.flatMap((node) => node.outputs.map((t) => t.dtype));
      if ((STAYS.has(op) && row.operands.some((o) => o?.dtype !== undefined)) || !types.every((dtype) => ON_GPU.has(dtype)))
        continue;
      assert.deepEqual(nodesWithoutKernel(lowered, "webgpu"), [], `${caseName(row)} is not lowered for WebGPU`);
    }
  });
}
