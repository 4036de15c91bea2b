/**
 * @module The arena that sessions share: graphs of several lengths hold the memory of the longest, not of all; and give it back when asked.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { heldMiB, isExact } from "../../scripts/held-memory.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { input } from "../../src/graph/index.js";
import type { Executable } from "../../src/runtime/index.js";
import { compile, platformRuntime } from "../../src/runtime/index.js";

const [WIDTH, LAYERS] = [256, 24];
const LENGTHS = [2048, 4096, 6144, 8192];

/** A chain whose every value is read again at the end, so that all of them are alive at once. */
function chain(length: number): Tensor {
  let x = input("x", [length, WIDTH], "float32");
  const all = [x];
  for (let i = 0; i < LAYERS; i++) all.push((x = x.mul(1.01).tanh()));
  return all.reduceRight((sum, t) => sum.add(t)).sum();
}

/** The same memory for all lengths: what a collection would free must not be counted. */
const numbers = Float32Array.from({ length: 8192 * WIDTH }, (_, i) => Math.sin(i));
const rows = (length: number): TensorData => ({
  dtype: "float32",
  shape: [length, WIDTH],
  data: numbers.subarray(0, length * WIDTH),
});

const answer = async (executable: Executable, length: number): Promise<number> =>
  Number((await executable.call({ x: rows(length) }))["y"]?.data[0]);

test("sessions of several lengths hold the memory of the longest", { skip: !isExact && "needs glibc" }, async () => {
  const runtime = await platformRuntime();
  if (!runtime.writesInPlace) return;
  const open = (length: number, arena?: boolean): Promise<Executable> =>
    compile({ y: chain(length) }, { threads: 1, ...(arena === undefined ? {} : { arena }) });
  const before = await heldMiB();
  const longest = LENGTHS.at(-1) as number;
  await using alone = await open(longest);
  for (let i = 0; i < 3; i++) await answer(alone, longest);
  const one = (await heldMiB()) - before;
  // All values of the longest: 8 MiB a layer.
  assert.ok(one > 0.9 * 8 * LAYERS, `${one} MiB`);
  runtime.releaseUnused?.();
  assert.ok((await heldMiB()) - before < 0.1 * one, "the arena gives back what no run holds");

  const all = await Promise.all(LENGTHS.map((length) => open(length)));
  const order = [0, 1, 2, 3, 3, 0, 2, 1, 1, 0, 2, 3].map((i) => [all[i] as Executable, LENGTHS[i] as number] as const);
  const answers = new Map<number, number>();
  for (const [executable, length] of order) {
    const y = await answer(executable, length);
    assert.equal(y, answers.get(length) ?? y);
    answers.set(length, y);
  }
  const held = (await heldMiB()) - before;
  assert.ok(held < 1.25 * one, `${held.toFixed(0)} MiB for ${LENGTHS.length} lengths, ${one.toFixed(0)} for the longest`);
  for (const length of LENGTHS) {
    await using own = await open(length, false);
    assert.equal(await answer(own, length), answers.get(length), "the same numbers without an arena");
  }
  for (const executable of all) await executable.dispose();
  runtime.releaseUnused?.();
});
