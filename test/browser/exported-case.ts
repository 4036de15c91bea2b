/**
 * @module An explanation as a file: a convolutional network with pooling and its attribution, and what `explain` gives for two batches.
 */
import type { MethodName } from "../../src/explain/index.js";
import { attributionGraph, explain, methodNamed } from "../../src/explain/index.js";
import { fromNumbers, Graph, input, sizeOf, symbol, toNumbers } from "../../src/graph/index.js";
import { exportGraph } from "../../src/onnx/index.js";
import { lowerGraph } from "../../src/ops/index.js";
import { Random } from "../../src/util/random.js";
import { conv } from "../explain/golden-models.js";

/** One batch: features [N, 2, 8, 8] and a target for each. */
interface Batch {
  readonly shape: number[];
  readonly x: number[];
  readonly target: number[];
}

export async function exportedCase(
  method: MethodName,
): Promise<{ readonly bytes: Uint8Array; readonly batches: Batch[]; readonly expected: number[][] }> {
  const steps = methodNamed(method).defaults.maxSteps === undefined ? {} : { steps: 8, maxSteps: 8 };
  const { shape } = conv.features;
  const x = input("x", [symbol("N"), ...shape]);
  const target = input("target", [symbol("N")], "int32");
  const { attribution } = attributionGraph(conv, { x, target, others: {} }, { method, ...steps });
  const values = conv.values ?? new Map();
  const names = new Map([...values.keys()].map((parameter, i) => [parameter, `parameter ${i}`]));
  const bytes = exportGraph(lowerGraph(new Graph({ attribution }), "onnx"), { values, names, inputs: [x, target] });
  const random = new Random(3, "exported in the page");
  const batches: Batch[] = [];
  const expected: number[][] = [];
  for (const n of [1, 7]) {
    const dims = [n, ...shape.map(Number)];
    const numbers = Array.from({ length: sizeOf(dims) }, () => Math.fround(random.normal()));
    const targets = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? -1 : i % conv.scoreCount));
    batches.push({ shape: dims, x: numbers, target: targets });
    const found = await explain(conv, fromNumbers("float32", dims, numbers), { method, target: targets, ...steps });
    expected.push([...toNumbers(found.values)]);
  }
  return { bytes, batches, expected };
}
