/**
 * @module Trainings in several processes: the same bits with `exact` whatever the number of ranks, and equal to rounding without.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readSafetensors } from "../../src/data/index.js";
import { lastStep, MAIN, scratchFolder, startProcess, traceOf } from "./command.js";
import { mpirun, RANK_ENVIRONMENT, startTrainings, withoutMpi } from "./ranks.js";
import type { Trainings } from "./trainings.js";

const folder = scratchFolder();
const options = { skip: withoutMpi };
const MODELS = ["mlp", "convolutional", "texts"] as const;

/** Runs trainings in so many processes. */
async function train(ranks: number, ...trainings: readonly Trainings[]): Promise<void> {
  const file = join(folder, `${trainings[0]?.out}.json`);
  writeFileSync(file, JSON.stringify(trainings));
  const { status, stderr } = await startTrainings(ranks, folder, file).ended;
  assert.equal(status, 0, stderr);
}

const tracesOf = (out: string): unknown[] => MODELS.map((model) => traceOf(join(folder, `${out}-${model}`)));

/** The largest difference between the parameters of two runs, relative to the largest parameter. */
function difference(a: string, b: string): number {
  const [x, y] = [a, b].map((run) => {
    const path = join(run, "checkpoints", `step-${lastStep(run)}`, "model.safetensors");
    return readSafetensors(readFileSync(path), path).tensors;
  });
  let [most, scale] = [0, 0];
  for (const [name, { data }] of x ?? [])
    data.forEach((value: number | bigint, i: number) => {
      scale = Math.max(scale, Math.abs(Number(value)));
      most = Math.max(most, Math.abs(Number(value) - Number(y?.get(name)?.data[i])));
    });
  return most / scale;
}

test("an exact training has the same bits with 1, 2 and 4 ranks, with and without accumulation", options, async () => {
  const exact = { steps: 60, exact: true } as const;
  await train(1, { ...exact, out: "one", batchSize: 32 }, { ...exact, out: "one-of-8", batchSize: 8, accumulate: 4 });
  await train(2, { ...exact, out: "two", batchSize: 32 }, { ...exact, out: "two-of-16", batchSize: 16, accumulate: 2 });
  await train(
    4,
    { ...exact, out: "four", batchSize: 32 },
    { ...exact, out: "four-sharded", batchSize: 32, shardOptimizer: true },
  );
  const expected = tracesOf("one");
  for (const out of ["one-of-8", "two", "two-of-16", "four", "four-sharded"]) assert.deepEqual(tracesOf(out), expected, out);
  // All ranks measure the same.
  for (const model of MODELS)
    assert.deepEqual(
      JSON.parse(readFileSync(join(folder, `four-${model}.last-rank.json`), "utf8")),
      JSON.parse(readFileSync(join(folder, `one-${model}.last-rank.json`), "utf8")),
    );
});

test("without exact, ranks and one process differ by rounding alone", options, async () => {
  // Neither dropout nor batch normalization is the same in parts of a batch: the model without them is compared.
  await train(1, { steps: 30, out: "alone", batchSize: 32, models: ["plain"] });
  await train(
    2,
    { steps: 30, out: "together", batchSize: 32, models: ["plain"] },
    { steps: 30, out: "sharded", batchSize: 16, accumulate: 2, models: ["plain"], shardOptimizer: true },
  );
  // Gradients that travel while others are computed, with running statistics and dropout, with parts of a batch and of the optimizer.
  const short = { steps: 8, batchSize: 32 } as const;
  const parts = { steps: 8, batchSize: 16, accumulate: 2, shardOptimizer: true } as const;
  await train(
    2,
    ...(["on", "off"] as const).flatMap((overlap) => [
      { ...short, overlap, out: `overlap-${overlap}` },
      { ...parts, overlap, out: `parts-${overlap}` },
    ]),
  );
  for (const out of ["overlap", "parts"])
    for (const model of MODELS) {
      const [on, off] = ["on", "off"].map((overlap) => join(folder, `${out}-${overlap}-${model}`)) as [string, string];
      assert.ok(difference(on, off) < 2e-5, on);
    }
  const [alone, ...others] = ["alone", "together", "sharded"].map((out) => join(folder, `${out}-plain`));
  for (const other of others) {
    const apart = difference(alone as string, other);
    assert.ok(apart > 0 && apart < 2e-5, `${other}: ${apart}`);
  }
});

test("ranks that are told different things are named, with the first of them", options, async () => {
  const started = (ranks: string[], more: string): string[] =>
    `${ranks.join(" ")} ${MAIN} train tabular-classification --data rows.csv ${more}`.split(" ");
  const told = [...started(mpirun(1), "--lr 0.01"), ":", ...started(["-n", "1", process.execPath], "--lr 0.02")];
  const { status, stderr } = await startProcess("mpirun", told, folder, RANK_ENVIRONMENT).ended;
  assert.equal(status, 2, stderr);
  const said = stderr.split("\n").filter((line) => line.startsWith("descent: "));
  assert.equal(said.length, 1, stderr);
  assert.match(
    said[0] as string,
    /^descent: ranks: expected the same --lr on all of them, got 0\.01 on rank 0 \(.+\) and 0\.02 on rank 1 \(.+\); start all of them with one command/,
  );
});
