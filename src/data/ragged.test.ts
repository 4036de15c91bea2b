import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset } from "./dataset.js";
import { DataLoader } from "./loader.js";
import { WorkerFetcher } from "./loader-worker-node.js";
import { bucketBounds, bucketOrder, raggedBatch, raggedCollate, raggedColumn } from "./ragged.js";
import type { RaggedOptions } from "./ragged.js";
import type { TensorData } from "../graph/index.js";
import { Random } from "../util/random.js";

const random = new Random(3, "ragged");
/** Row i holds i + 1 in each place, and −i − 1 at its end. */
const rows = Array.from({ length: 103 }, (_, i) => [...new Array<number>(random.integer(30)).fill(i + 1), -i - 1]);
const lengths = rows.map((row) => row.length);
const dataset = new Dataset({ ids: raggedColumn(rows), length: Int32Array.from(lengths), label: Int32Array.from(rows.keys()) });
const bounds = [4, 8, 16, 31];
const options: RaggedOptions = {
  length: "length",
  bounds,
  columns: { input_ids: { from: "ids", dtype: "int64", pad: -100 }, f: { from: "ids", dtype: "float32", pad: 0.5 } },
  mask: "attention_mask",
  keep: ["label"],
};
const buckets = { lengths, bounds };
const width = (length: number): number => bounds.find((bound) => bound >= length) as number;

test("batches hold rows of one bucket, but for what is left over; every row comes once", () => {
  for (const dropLast of [false, true]) {
    const loader = new DataLoader(dataset, { batchSize: 8, shuffle: true, seed: 1, dropLast, buckets });
    const order = loader.order(0);
    assert.equal(order.length, dropLast ? 96 : 103);
    assert.equal(new Set(order).size, order.length);
    let mixed = 0;
    const widths: number[] = [];
    for (let at = 0; at < order.length; at += 8) {
      const held = new Set(Array.from(order.subarray(at, at + 8), (row) => width(lengths[row] as number)));
      if (held.size > 1) mixed++;
      widths.push(Math.max(...held));
    }
    assert.ok(mixed <= bounds.length - 1, `${mixed}`);
    assert.notDeepEqual(
      widths,
      widths.toSorted((a, b) => a - b),
      "batches come in random order",
    );
    assert.notDeepEqual(loader.order(1), order);
  }
});

test("padding is less than half of what one width costs", () => {
  const order = bucketOrder(Uint32Array.from(rows.keys()), lengths, bounds, 8);
  let padded = 0;
  const tokens = lengths.reduce((a, b) => a + b, 0);
  for (let at = 0; at < order.length; at += 8) {
    const batch = Array.from(order.subarray(at, at + 8), (row) => lengths[row] as number);
    padded += width(Math.max(...batch)) * batch.length;
  }
  assert.ok(padded - tokens < (31 * rows.length - tokens) / 2, `${padded} ${tokens}`);
});

test("a ragged batch: values, padding behind the end, mask, negative numbers in int64", () => {
  const indices = Uint32Array.from([5, 0, 77]);
  const batch = raggedBatch(dataset, { indices, seed: 0, epoch: 0, offset: 0 }, options);
  const T = width(Math.max(...Array.from(indices, (i) => lengths[i] as number)));
  for (const name of ["input_ids", "f", "attention_mask"]) assert.deepEqual(batch[name]?.shape, [3, T]);
  for (const [n, i] of indices.entries()) {
    const row = rows[i] as number[];
    for (let t = 0; t < T; t++) {
      const at = n * T + t;
      assert.equal(batch["input_ids"]?.data[at], BigInt(row[t] ?? -100));
      assert.equal(batch["f"]?.data[at], row[t] ?? 0.5);
      assert.equal(batch["attention_mask"]?.data[at], t < row.length ? 1n : 0n);
    }
  }
  assert.deepEqual(batch["label"]?.data, Int32Array.from([5, 0, 77]));
  assert.throws(
    () =>
      raggedBatch(dataset, { indices: Uint32Array.from(rows.keys()), seed: 0, epoch: 0, offset: 0 }, { ...options, bounds: [4] }),
    /expected rows of at most 4, got one of \d+/,
  );
  assert.throws(() => raggedCollate({ ...options, bounds: [8, 4] }), /expected ascending widths, got 8, 4/);
});

/** The ids of every batch of what is left of two epochs. */
async function run(loader: DataLoader, until: number): Promise<bigint[][]> {
  const seen: bigint[][] = [];
  while (loader.position.epoch < until)
    for await (const batch of loader) seen.push(Array.from((batch["input_ids"] as TensorData).data as BigInt64Array));
  return seen;
}

test("resumed at any batch, in a worker's thread, the batches are those of the run that was not interrupted", async () => {
  using fetcher = new WorkerFetcher(dataset, raggedCollate(options));
  const make = () => new DataLoader(dataset, { batchSize: 8, shuffle: true, seed: 4, buckets, fetcher });
  const whole = await run(make(), 2);
  const here = await run(
    new DataLoader(dataset, {
      batchSize: 8,
      shuffle: true,
      seed: 4,
      buckets,
      collate: (data, request) => raggedBatch(data, request, options),
    }),
    2,
  );
  assert.deepEqual(whole, here);
  for (const stop of [1, 5, 12]) {
    const first = make();
    let count = 0;
    for await (const _ of first) if (++count === stop) break;
    const resumed = make();
    resumed.seek(first.position);
    assert.deepEqual(await run(resumed, 2), whole.slice(stop));
  }
});

test("bounds from lengths: quantiles in steps, the last holds the longest", () => {
  assert.deepEqual(bucketBounds([1, 2, 3, 4, 9, 17, 30, 31], 4), [8, 24, 32]);
  assert.deepEqual(bucketBounds([5], 3, 1), [5]);
  assert.throws(
    () => new DataLoader(dataset, { batchSize: 2, buckets: { lengths: [1], bounds } }),
    /expected 103 lengths and a bound, got 1 and 4/,
  );
});
