/**
 * @module The documents' table of models: every model in it, with the parameters, FLOPs and least size that the code gives.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ModelEntry } from "../../src/models/index.js";
import { modelNamed, MODELS } from "../../src/models/index.js";
import { formatCount, formatInteger } from "../../src/util/text.js";
import { ROOT } from "./markdown.js";

/** Makes the pattern of a model's input in the tables; the words around a number differ by language. */
function takes(input: ModelEntry["input"]): RegExp {
  if (input === "any" || ("least" in input && input.least === 1)) return /^(any|任意)$/;
  if ("exactly" in input) return new RegExp(`^${input.exactly}²$`);
  return "least" in input ? new RegExp(`^≥ ${input.least}²$`) : new RegExp(`\\b${input.multipleOf}\\b`);
}

for (const file of ["docs/models.md", "docs/zh/models.md"]) {
  test(`${file}: the table of models is what the code gives`, () => {
    const rows = readFileSync(join(ROOT, file), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) =>
        line
          .slice(2, -2)
          .split(" | ")
          .map((cell) => cell.trim()),
      );
    assert.deepEqual(
      rows.map(([name]) => name),
      Object.keys(MODELS).map((name) => `\`${name}\``),
    );
    for (const [i, [name, { usual, input }]] of Object.entries(MODELS as Readonly<Record<string, ModelEntry>>).entries()) {
      const [, parameters, flops, shape, size] = rows[i] as string[];
      const model = modelNamed(name, usual);
      assert.equal(parameters, formatInteger(model.parameterCount), name);
      assert.equal(flops, formatCount(model.summary([1, ...usual.inputShape]).flops), name);
      assert.equal(shape, usual.inputShape.join("×"), name);
      assert.match(size as string, takes(input), name);
    }
  });
}
