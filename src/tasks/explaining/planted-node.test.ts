/** @module Scores on planted evidence, as a run keeps them. */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { plantedOf, trusted } from "./planted-node.js";
import type { PlantedScores } from "./planted-scores.js";

const scores: PlantedScores = {
  of: "accuracy",
  withEvidence: 1,
  withoutEvidence: 0.5,
  seeds: 3,
  reproducibility: 0.9,
  methods: [{ name: "saliency", first: 1, mass: 0.5, measures: { insertion: 0.8 } }],
  measures: [
    { name: "insertion", agreement: 0.8, methods: 6, isEvidence: true },
    { name: "deletion", agreement: 0.1, methods: 6, isEvidence: false },
  ],
};

test("measures that rank methods wrongly are left out and named; others say how far they agree", () => {
  const { measures, remarks } = trusted(["insertion", "deletion", "completeness"], scores);
  assert.deepEqual(measures, ["insertion", "completeness"]);
  assert.match(remarks[0] ?? "", /^insertion: its ranking of 6 methods agrees with planted evidence to 0\.80\.$/);
  assert.match(remarks[1] ?? "", /^deletion: left out, .* to 0\.10 only; --measure deletion shows it\.$/);
  assert.deepEqual(trusted(["deletion"], undefined), { measures: ["deletion"], remarks: [] });
});

test("a run's file is read back, a changed one is refused with its name", async () => {
  const run = mkdtempSync(join(tmpdir(), "descent-planted-"));
  assert.equal(await plantedOf(run), undefined);
  writeFileSync(join(run, "planted.json"), JSON.stringify(scores));
  assert.deepEqual(await plantedOf(run), scores);
  writeFileSync(join(run, "planted.json"), JSON.stringify({ ...scores, seeds: "many" }));
  await assert.rejects(plantedOf(run), /planted\.json: .*seeds/);
});
