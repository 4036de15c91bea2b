import assert from "node:assert/strict";
import { test } from "node:test";
import type { Batch, DatasetStream } from "./dataset.js";
import { Dataset } from "./dataset.js";
import type { LoaderOptions } from "./loader.js";
import { DataLoader, readAhead, weightedSampler } from "./loader.js";
import { WorkerFetcher } from "./loader-worker-node.js";
import { Random } from "../util/random.js";

const N = 103;
const data = new Dataset({
  id: Int32Array.from({ length: N }, (_, i) => i),
  x: { dtype: "uint8", shape: [N, 3], data: Uint8Array.from({ length: 3 * N }, (_, i) => i) },
  label: Array.from({ length: N }, (_, i) => (i % 10 === 0 ? "rare" : "many")),
});
const idsOf = (batch: Batch): number[] => Array.from(batch["id"]?.data ?? [], Number);

async function epoch(loader: DataLoader): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of loader) batches.push(idsOf(batch));
  return batches;
}

/** The same rows as `data`, in chunks of uneven sizes. */
const stream: DatasetStream = {
  names: data.names,
  async *[Symbol.asyncIterator]() {
    for (let at = 0, size = 1; at < N; at += size, size = (size * 7) % 23) {
      await Promise.resolve();
      yield data.slice(at, at + size);
    }
  },
};

test("an epoch gives every row once, shuffled anew by (seed, epoch)", async () => {
  const loader = new DataLoader(data, { batchSize: 10, shuffle: true, seed: 3 });
  assert.equal(loader.length, 11);
  const first = await epoch(loader);
  const second = await epoch(loader);
  for (const batches of [first, second]) {
    assert.deepEqual(
      batches.map((b) => b.length),
      [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 3],
    );
    assert.deepEqual(
      batches.flat().sort((a, b) => a - b),
      Array.from({ length: N }, (_, i) => i),
    );
  }
  assert.notDeepEqual(first, second);
  assert.deepEqual(await epoch(new DataLoader(data, { batchSize: 10, shuffle: true, seed: 3 })), first);
  assert.deepEqual((await epoch(new DataLoader(data, { batchSize: 10, dropLast: true }))).length, 10);
});

test("reuse: the same rows, in the memory of the batch before", async () => {
  const fresh = await epoch(new DataLoader(data, { batchSize: 10, shuffle: true, seed: 3 }));
  for (const prefetch of [0, 2]) {
    const memories = new Set<unknown>();
    const rows: number[][] = [];
    for await (const batch of new DataLoader(data, { batchSize: 10, shuffle: true, seed: 3, reuse: true, prefetch })) {
      rows.push(idsOf(batch));
      memories.add(batch["x"]?.data.buffer);
    }
    assert.deepEqual(rows, fresh);
    // The last batch is smaller and has memory of its own.
    assert.equal(memories.size, prefetch + 2);
  }
});

const sources: [string, Dataset | DatasetStream, Partial<LoaderOptions>][] = [
  ["in memory", data, {}],
  ["in memory, last batch dropped", data, { dropLast: true }],
  ["drawn by weight", data, { balance: "label", shuffle: false }],
  ["a stream", stream, { shuffleBuffer: 30 }],
  ["a stream, last batch dropped", stream, { shuffleBuffer: 30, dropLast: true }],
];
for (const [name, source, options] of sources) {
  test(`a saved position resumes with the very next batch: ${name}`, async () => {
    const make = () => new DataLoader(source, { batchSize: 8, shuffle: true, seed: 5, ...options });
    const whole = make();
    const expected = [...(await epoch(whole)), ...(await epoch(whole))];
    for (const stopAt of [0, 1, 5, 11, 12, 13, 17]) {
      const before = make();
      const seen: number[][] = [];
      let position = before.position;
      while (seen.length < stopAt) {
        for await (const batch of before) {
          seen.push(idsOf(batch));
          position = before.position;
          if (seen.length === stopAt) break;
        }
      }
      const after = make();
      after.seek(position);
      while (after.position.epoch < 2) seen.push(...(await epoch(after)));
      assert.deepEqual(seen, expected, `stopped after ${stopAt}`);
    }
  });
}

test("a stream gives every row once, in file order unless shuffled", async () => {
  const plain = await epoch(new DataLoader(stream, { batchSize: 10 }));
  assert.deepEqual(plain, await epoch(new DataLoader(data, { batchSize: 10 })));
  const mixed = (await epoch(new DataLoader(stream, { batchSize: 10, shuffle: true, shuffleBuffer: 40 }))).flat();
  assert.notDeepEqual(mixed, plain.flat());
  assert.deepEqual(
    mixed.sort((a, b) => a - b),
    plain.flat(),
  );
});

test("weights: frequencies follow them, a weight of 0 is never drawn", () => {
  const weights = [1, 0, 3, 0.5, 5.5];
  const draw = weightedSampler(weights);
  const random = new Random(1);
  const counts = [0, 0, 0, 0, 0];
  for (let i = 0; i < 100_000; i++) (counts[draw(random)] as number)++;
  assert.equal(counts[1], 0);
  // 5 standard deviations of a binomial count.
  for (const [i, w] of weights.entries())
    assert.ok(Math.abs((counts[i] as number) - w * 10_000) <= 5 * Math.sqrt(w * 10_000 * (1 - w / 10)), `${i}: ${counts[i]}`);
  assert.throws(() => weightedSampler([0, 0]), /at least one above 0/);
  assert.throws(() => weightedSampler([1, -1]), /got -1 for example 2/);
});

test("balance: a rare class comes as often as the common one", async () => {
  const ids = (await epoch(new DataLoader(data, { batchSize: 50, balance: "label", examplesPerEpoch: 10_000 }))).flat();
  assert.equal(ids.length, 10_000);
  const rare = ids.filter((i) => i % 10 === 0).length;
  assert.ok(Math.abs(rare - 5000) < 250, `${rare}`);
});

test("bad options are refused in one line", () => {
  assert.throws(() => new DataLoader(data, { batchSize: 0 }), /expected a batch size of at least 1, got 0/);
  assert.throws(() => new DataLoader(new Dataset({}), { batchSize: 1 }), /got an empty data set/);
  assert.throws(() => new DataLoader(data, { batchSize: 200, dropLast: true }), /at least one full batch of 200/);
  assert.throws(() => new DataLoader(data, { batchSize: 2, weights: [1] }), /expected 103 weights, got 1/);
  assert.throws(() => new DataLoader(data, { batchSize: 2 }).seek({ epoch: 0, offset: 104 }), /within 103 examples/);
});

test("a worker gives the same batches", async () => {
  using fetcher = new WorkerFetcher(data);
  const options = { batchSize: 10, shuffle: true, seed: 9 };
  const here: Batch[] = [];
  for await (const batch of new DataLoader(data, options)) here.push(batch);
  const there: Batch[] = [];
  for await (const batch of new DataLoader(data, { ...options, fetcher, prefetch: 3 })) there.push(batch);
  assert.deepEqual(there, here);
});

test("a worker imports the collating function; its failures arrive in turn", async () => {
  const module = `data:text/javascript,${encodeURIComponent(`
    export function shout(dataset, request, { mark }) {
      if (request.offset >= 20) throw new Error("no more");
      return { n: { dtype: "int32", shape: [1], data: Int32Array.of(dataset.texts("label")[request.indices[0]].length + mark) } };
    }`)}`;
  using fetcher = new WorkerFetcher(data, { module, name: "shout", options: { mark: 100 } });
  const seen: number[] = [];
  await assert.rejects(
    async () => {
      for await (const batch of new DataLoader(data, { batchSize: 10, fetcher })) seen.push(Number(batch["n"]?.data[0]));
    },
    { name: "DataError", message: "no more" },
  );
  assert.deepEqual(seen, [104, 104]);
  using missing = new WorkerFetcher(data, { module, name: "whisper" });
  await assert.rejects(missing.fetch({ indices: Uint32Array.of(0), seed: 0, epoch: 0, offset: 0 }), /function "whisper"/);
});

test("readAhead keeps order, and closes its source when left early", async () => {
  let closed = false;
  async function* source() {
    try {
      for (let i = 0; i < 10; i++) {
        await Promise.resolve();
        yield i;
      }
    } finally {
      closed = true;
    }
  }
  const seen: number[] = [];
  for await (const i of readAhead(source(), 3)) {
    seen.push(i);
    if (i === 4) break;
  }
  assert.deepEqual([seen, closed], [[0, 1, 2, 3, 4], true]);
});
