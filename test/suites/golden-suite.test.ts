/**
 * The reference interpreter against golden values of other libraries (test/golden/ops, made by scripts/golden/ops.py).
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { Attributes, DType } from "../../src/graph/index.js";
import { createNode, input } from "../../src/graph/index.js";
import { emit, opNamed, OPS } from "../../src/ops/index.js";
import type { RefValue } from "../reference/index.js";
import { Call, KERNELS } from "../reference/index.js";
import { WITHOUT_GOLDEN } from "../cases/ops.cases.js";
import { TOLERANCES } from "../tolerances.js";
import { assertClose } from "./harness.js";

interface Written {
  readonly dtype: DType;
  readonly shape: number[];
  readonly data: (number | string)[];
}
interface GoldenCase {
  readonly attributes: Attributes;
  readonly inputs: (Written | null)[];
  readonly outputs: Written[];
}
interface GoldenFile {
  readonly op: string;
  readonly sources: { readonly library: string; readonly cases: GoldenCase[] }[];
}

// Compiled to dist/test/suites; the values stay where they are written.
const folder = join(import.meta.dirname, "../../../test/golden/ops");
const read = (w: Written): RefValue => ({ dtype: w.dtype, shape: w.shape, data: Float64Array.from(w.data, Number) });

const goldenFiles = readdirSync(folder).filter((name) => name.endsWith(".json"));

test("every kernel of the reference has golden values, or a reason for none", () => {
  const missing = [...KERNELS.keys()].filter((op) => !goldenFiles.includes(`${op}.json`) && !WITHOUT_GOLDEN.has(op));
  assert.deepEqual(missing, []);
});

test("every kernel of the reference is of an op of the table", () => {
  assert.deepEqual(
    [...KERNELS.keys()].filter((op) => !OPS.has(op)),
    [],
  );
});

suite("the reference equals other libraries", () => {
  for (const name of goldenFiles) {
    const { op, sources } = JSON.parse(readFileSync(join(folder, name), "utf8")) as GoldenFile;
    test(op, () => {
      const kernel = KERNELS.get(op);
      assert.ok(kernel !== undefined, "no kernel");
      for (const { library, cases } of sources) {
        cases.forEach(({ attributes, inputs, outputs }, k) => {
          const what = `${library}, case ${k} ${JSON.stringify(attributes)}`;
          const given = inputs.map((w) => (w === null ? null : read(w)));
          const leaves = given.map((value, i) => (value === null ? null : input(`x${i}`, value.shape, value.dtype)));
          const node = createNode(op, leaves, attributes, outputs);
          const results = kernel(new Call(node, given, attributes));
          const types = emit(opNamed(op), leaves, attributes);
          outputs.forEach((written, i) => {
            const got = results[i] as RefValue;
            const single = [...inputs, ...outputs].some((w) => w?.dtype === "float32");
            assert.equal(got.dtype, written.dtype, `${what}: dtype`);
            assertClose(got, read(written), TOLERANCES.golden[single ? "float32" : "float64"], `${what}, output ${i}`);
            // A length that only the numbers decide is a symbol to the rule.
            const shape = types[i]?.shape.map((d, axis) => (typeof d === "number" ? d : written.shape[axis]));
            assert.deepEqual(shape, written.shape, `${what}: shape rule`);
          });
        });
      }
    });
  }
});
