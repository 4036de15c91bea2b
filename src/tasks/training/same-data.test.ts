import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSameData } from "./same-data.js";

const config = (info: object) => ({ descent: "0", task: "t", options: {}, info });

test("a run is resumed with what it recorded; what an earlier version did not record is no difference", () => {
  const began = config({ classes: ["a", "b"], preprocessing: { mean: 1, target: { name: "y" } } });
  checkSameData(
    began,
    { classes: ["a", "b"], preprocessing: { mean: 1, target: { name: "y", unit: "m" }, schema: {} }, more: 1 },
    "run",
  );
  for (const other of [
    { classes: ["a", "b", "c"], preprocessing: { mean: 1, target: { name: "y" } } },
    { classes: ["a", "b"], preprocessing: { mean: 2, target: { name: "y" } } },
    { classes: ["a", "b"], preprocessing: { mean: 1, target: {} } },
  ])
    assert.throws(() => checkSameData(began, other, "run"), /--resume run: expected the data that the run began with, got other/);
});
