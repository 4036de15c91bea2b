import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nextTurn } from "../util/next-turn.js";
import type { ObservedBatch } from "./engine.js";
import { Batcher } from "./batcher.js";

/** A batcher of numbers whose batches end when they are told to, and those that were given to it. */
function batcherOf(maxCost: number) {
  const batches: { readonly inputs: readonly number[]; readonly end: (error?: Error) => void }[] = [];
  const observed: Omit<ObservedBatch, "kind">[] = [];
  const batcher = new Batcher<number, number>(
    (inputs) =>
      new Promise((resolve, reject) => {
        batches.push({ inputs, end: (error) => (error === undefined ? resolve(inputs.map((n) => 10 * n)) : reject(error)) });
      }),
    { maxCost, maxDelayMs: 0, observe: (batch) => observed.push(batch) },
  );
  const add = (n: number, size = 1): Promise<number> => batcher.add(n, { rows: 1, size });
  return { batcher, batches, observed, add };
}

describe("Batcher", () => {
  test("what comes in one turn runs together, in the order in which it came", async () => {
    const { batches, add } = batcherOf(8);
    const answers = Promise.all([add(1), add(2), add(3)]);
    await nextTurn();
    await nextTurn();
    assert.deepEqual(
      batches.map(({ inputs }) => inputs),
      [[1, 2, 3]],
    );
    batches[0]?.end();
    assert.deepEqual(await answers, [10, 20, 30]);
  });

  test("a full batch is made ready behind the one that runs; one that has room waits for its end", async () => {
    const { batcher, batches, observed, add } = batcherOf(2);
    const answers = [add(1), add(2), add(3), add(4), add(5), add(6), add(7)];
    assert.deepEqual(
      batches.map(({ inputs }) => inputs),
      [
        [1, 2],
        [3, 4],
      ],
    );
    assert.equal(batcher.waiting, 3);
    batches[0]?.end();
    assert.deepEqual(await Promise.all(answers.slice(0, 2)), [10, 20]);
    await nextTurn();
    assert.deepEqual(batches[2]?.inputs, [5, 6]);
    batches[1]?.end();
    await Promise.all(answers.slice(2, 4));
    await nextTurn();
    await nextTurn();
    assert.equal(batches.length, 3);
    batches[2]?.end();
    await Promise.all(answers.slice(4, 6));
    await nextTurn();
    await nextTurn();
    assert.deepEqual(batches[3]?.inputs, [7]);
    batches[3]?.end();
    assert.equal(await answers[6], 70);
    await nextTurn();
    assert.deepEqual(
      observed.map(({ rows }) => rows),
      [2, 2, 2, 1],
    );
    // A batch that was ready before its turn waited until the one before it had ended.
    const [first, second] = observed as [ObservedBatch, ObservedBatch];
    assert.ok(second.waitMs >= first.waitMs + first.runMs - 1, JSON.stringify(observed));
  });

  test("a batch that fails is run input by input", async () => {
    const { batches, add } = batcherOf(2);
    const answers = Promise.allSettled([add(1), add(2)]);
    batches[0]?.end(new Error("one of them is wrong"));
    await nextTurn();
    batches[1]?.end(new Error("1 is wrong"));
    await nextTurn();
    batches[2]?.end();
    const [first, second] = await answers;
    assert.equal(first?.status === "rejected" && (first.reason as Error).message, "1 is wrong");
    assert.deepEqual(second, { status: "fulfilled", value: 20 });
  });

  test("rows more than twice as long as the oldest wait for another batch", async () => {
    const { batches, add } = batcherOf(100);
    const answers = Promise.all([add(1, 4), add(2, 9), add(3, 8)]);
    await nextTurn();
    await nextTurn();
    batches[0]?.end();
    await nextTurn();
    await nextTurn();
    batches[1]?.end();
    await answers;
    assert.deepEqual(
      batches.map(({ inputs }) => inputs),
      [[1, 3], [2]],
    );
  });

  test("a signal takes out what waits", async () => {
    const { batcher, batches, add } = batcherOf(1);
    const answers = [add(1), add(2)];
    const ending = new AbortController();
    const third = batcher.add(3, { rows: 1, size: 1 }, { signal: ending.signal });
    ending.abort(new Error("gone"));
    await assert.rejects(third, /gone/);
    for (const { end } of batches) end();
    await Promise.all(answers);
    await nextTurn();
    assert.equal(batches.length, 2);
  });
});
