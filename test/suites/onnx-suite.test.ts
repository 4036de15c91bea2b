/**
 * Every row of the op cases, its gradient too, written as an ONNX file and read again: the same values, by the reference
 * interpreter for the portable form, and on the engine for the one that the CPU gets.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { vjpOf } from "../../src/autodiff/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { Graph, isFloat } from "../../src/graph/index.js";
import type { ImportedModel } from "../../src/onnx/index.js";
import { exportGraph, importOnnx } from "../../src/onnx/index.js";
import { lowerGraph, verifyGraph } from "../../src/ops/index.js";
import { compile, prepareGraph } from "../../src/runtime/index.js";
import type { RefValue } from "../reference/index.js";
import { evaluateReference, fromReference, toReference } from "../reference/index.js";
import { Random } from "../../src/util/random.js";
import type { OpCase } from "../cases/case.js";
import { applyCase, caseName } from "../cases/case.js";
import { OP_CASES } from "../cases/ops.cases.js";
import { engineTolerance, TOLERANCES } from "../tolerances.js";
import { arriving, assertClose, differentiable, floating, hasGradient, instantiate, resolved } from "./harness.js";

interface Built {
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, RefValue>;
  readonly expected: readonly RefValue[];
}

/** The row's outputs and their gradients. */
function build(row: OpCase, dtype: "float32" | "float64"): Built {
  const { leaves, feeds } = instantiate(row, dtype);
  const ys = applyCase(row, leaves);
  const outputs = [...ys];
  const [xs, floats] = [differentiable(row, leaves), floating(ys)];
  if (xs.length > 0 && floats.length > 0 && hasGradient(row))
    outputs.push(...vjpOf(floats, arriving(floats, new Random("onnx", caseName(row))), xs));
  const tensors = resolved(row, outputs);
  return {
    graph: new Graph(new Map(tensors.map((t, i) => [`out${i}`, t]))),
    feeds: new Map([...feeds].map(([leaf, value]) => [nameOf(leaf), value])),
    expected: evaluateReference(tensors, feeds),
  };
}

const nameOf = (leaf: Tensor): string => String(leaf.node.attributes["name"]);

/** The graph as a file, and read again. */
function roundTrip(graph: Graph): ImportedModel {
  const model = importOnnx(exportGraph(graph));
  for (const [name, t] of model.graph.outputs) {
    assert.deepEqual(t.shape, graph.outputs.get(name)?.shape);
    assert.equal(t.dtype, graph.outputs.get(name)?.dtype);
  }
  verifyGraph(model.graph, "import");
  return model;
}

suite("a portable file holds the same values", () => {
  for (const row of OP_CASES) {
    test(caseName(row), () => {
      const { graph, feeds, expected } = build(row, "float64");
      const read = roundTrip(lowerGraph(graph, "onnx"));
      const given = new Map(read.graph.inputs.map((leaf) => [leaf, feeds.get(nameOf(leaf)) as RefValue]));
      // Arrays of the file are weights of the model that is read.
      for (const [leaf, data] of read.values) given.set(leaf, toReference(data));
      const got = evaluateReference([...read.graph.outputs.values()], given);
      got.forEach((value, i) => {
        // Attributes of an ONNX file are float32.
        const tolerance = isFloat(value.dtype) ? TOLERANCES.float32Constants : TOLERANCES.equivalent;
        assertClose(value, expected[i] as RefValue, tolerance, `output ${i}`);
      });
    });
  }
});

suite("what the engine gets is read back and runs", () => {
  for (const row of OP_CASES) {
    if (row.notOnEngine !== undefined) continue;
    test(caseName(row), async () => {
      const { graph, feeds, expected } = build(row, "float32");
      const read = roundTrip(prepareGraph(graph, "cpu"));
      await using executable = await compile(new Graph(read.graph.outputs), {
        threads: 1,
        values: read.values,
        names: read.names,
      });
      const given = executable.inputs.map((name) => [name, fromReference(feeds.get(name) as RefValue)]);
      const results = await executable.call(Object.fromEntries(given));
      [...read.graph.outputs].forEach(([name, t], i) => {
        const tolerance = row.tolerance?.engine ?? engineTolerance(t.dtype);
        assertClose(toReference(results[name]!), expected[i] as RefValue, tolerance, name);
      });
    });
  }
});
