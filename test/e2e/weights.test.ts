/**
 * @module Weights of classes and examples, operating points, recipes that name their task, and runs that are trained for longer, as a person at a shell
 * meets them.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const TABLE = "train tabular-classification --data rare.csv --label-column y --device cpu --threads 1 --no-check --quiet".split(
  " ",
);
const read = (run: string, file: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path(run, file), "utf8")) as Record<string, unknown>;

before(() => {
  // One in ten, with a feature that tells most of them.
  const rows = Array.from(
    { length: 200 },
    (_, i) => `${(i * 7) % 11},${i % 10 === 0 ? 5 + (i % 4) : i % 6},${i % 3},${i % 10 === 0 ? "yes" : "no"}`,
  );
  writeFileSync(path("rare.csv"), `a,b,w,y\n${rows.join("\n")}\n`);
});

test("weights of classes are said and kept, and the table tells of the rare class and where one may work", async () => {
  const { stdout } = await succeeds(folder, [...TABLE, "--class-weights", "balanced", "--steps", "60", "--out", "balanced"]);
  for (const name of ["precision", "recall", "f1", "rocAuc", "averagePrecision"])
    assert.match(stdout, new RegExp(`^${name} `, "m"));
  assert.match(stdout, /naming "yes" from +probability +precision +recall +F1/);
  const { info, notes } = read("balanced", "config.json") as { info: { classWeights: number[] }; notes: string[] };
  assert.equal(info.classWeights.length, 2);
  assert.ok((info.classWeights[1] as number) > 4 * (info.classWeights[0] as number));
  assert.match(notes.join("\n"), /weights of the classes in the loss: "no" 0\.\d+, "yes" [45]\.?\d*/);
  const { operatingPoints } = read("balanced", "summary.json") as { operatingPoints: { class: string; points: unknown[] } };
  assert.equal(operatingPoints.class, "yes");
  assert.ok(operatingPoints.points.length > 0);
  const evaluated = await succeeds(folder, ["eval", "balanced", "--data", "rare.csv"]);
  assert.match(evaluated.stdout, /naming "yes" from/);
});

test("a column of weights is no feature; a wrong one is refused in one line", async () => {
  await succeeds(folder, [...TABLE, "--weight-column", "w", "--steps", "5", "--out", "weighted"]);
  const { info } = read("weighted", "config.json") as { info: { featureNames: string[] } };
  assert.deepEqual(
    info.featureNames.filter((name) => name.startsWith("w")),
    [],
  );
  await Promise.all([
    isRefused(
      folder,
      [...TABLE, "--weight-column", "y", "--out", "x1"],
      /--weight-column y: expected a column other than the target/,
    ),
    isRefused(folder, [...TABLE, "--weight-column", "v", "--out", "x2"], /unknown column "v"/),
  ]);
  await Promise.all([
    isRefused(folder, [...TABLE, "--class-weights", "maybe=3", "--out", "x3"], /--class-weights: unknown class "maybe"/),
    isRefused(
      folder,
      "train tabular-regression --data rare.csv --class-weights balanced --out x4".split(" "),
      /--class-weights: expected a task that takes it/,
    ),
  ]);
});

test("a finished run is trained for longer; not for less, and not with other options", async () => {
  await succeeds(folder, [...TABLE, "--epochs", "2", "--out", "longer"]);
  await succeeds(folder, "train --resume longer --epochs 4 --quiet".split(" "));
  const steps = read("longer", "summary.json")["steps"];
  assert.equal((read("longer", "config.json")["options"] as { epochs: number }).epochs, 4);
  await succeeds(folder, `train --resume longer --steps ${Number(steps) + 3} --quiet`.split(" "));
  assert.equal(read("longer", "summary.json")["steps"], Number(steps) + 3);
  await isRefused(
    folder,
    "train --resume longer --epochs 1".split(" "),
    /expected a longer training than the \d+ steps of the run, got 1 epochs, which are \d+/,
  );
  await isRefused(
    folder,
    "train --resume longer --lr 0.1".split(" "),
    /expected --resume to continue with the run's own options/,
  );
});

test("a recipe names its task; another task beside it is refused; an unknown model lists those that there are", async () => {
  const recipe = { task: "tabular-classification", data: "rare.csv", labelColumn: "y", steps: 3 };
  writeFileSync(path("recipe.json"), JSON.stringify(recipe));
  await succeeds(folder, "train --config recipe.json --no-check --quiet --out recipe".split(" "));
  assert.equal(read("recipe", "config.json")["task"], "tabular-classification");
  await succeeds(folder, "train --config recipe/config.json --no-check --quiet --out again".split(" "));
  await isRefused(
    folder,
    "train text-classification --config recipe.json --out x5".split(" "),
    /expected the task of --config recipe\.json, tabular-classification, got text-classification/,
  );
  writeFileSync(path("wrong.json"), JSON.stringify({ ...recipe, task: 3 }));
  await isRefused(
    folder,
    "train --config wrong.json --out x6".split(" "),
    /--config wrong\.json: task: expected the name of a task, got 3/,
  );
  await isRefused(
    folder,
    ["cost", "resnet50"],
    /unknown model "resnet50"; did you mean "resnet-50"\? expected a run, an ONNX file, or one of linear, mlp, .*resnet-50/,
  );
});
