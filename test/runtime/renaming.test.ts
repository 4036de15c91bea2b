/**
 * Outputs, inputs and constants of one name.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromNumbers, Graph, input, Parameter, type Tensor } from "../../src/graph/index.js";
import { compile } from "../../src/runtime/index.js";

test("an output, an input and a constant may share a name", async () => {
  const g = input("g", [2]);
  const w = new Parameter([2], { initializer: () => [3, 4] });
  const values = new Map<Tensor, ReturnType<typeof fromNumbers>>([[w, fromNumbers("float32", [2], [3, 4])]]);
  await using executable = await compile(new Graph({ g: g.mul(w), "g.output": g.add(w) }), {
    values,
    names: new Map([[w, "g"]]),
  });
  assert.deepEqual(executable.inputs, ["g"]);
  assert.deepEqual([...executable.outputs].sort(), ["g", "g.output"]);
  const results = await executable.call({ g: fromNumbers("float32", [2], [1, 2]) });
  assert.deepEqual(Array.from(results["g"]?.data ?? [], Number), [3, 8]);
  assert.deepEqual(Array.from(results["g.output"]?.data ?? [], Number), [4, 6]);
});
