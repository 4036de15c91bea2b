import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { input } from "../graph/index.js";
import type { Machine } from "./index.js";
import { cacheFolder, knownMachine, thisMachine } from "./machine-node.js";
import { timeOf } from "./roofline.js";

const folder = mkdtempSync(join(tmpdir(), "descent-machine-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const MACHINE: Machine = {
  device: "cpu",
  threads: 1,
  channelBlock: 16,
  productFlops: 1e11,
  smallProductFlops: 1e11,
  convolutionFlops: 5e10,
  plainConvolutionFlops: 2e10,
  depthwiseFlops: 1e10,
  memoryBandwidth: 1e10,
  cacheBandwidth: 1e11,
  copyBandwidth: 8e9,
  strideBandwidth: 3e9,
  transposeBandwidth: 5e9,
  normalizationBandwidth: 4e9,
  poolingRate: 1e9,
  scatterRate: 1e8,
  functionRate: 1e9,
  nodeSeconds: 1e-6,
};

test("the machine is measured once, kept in the user's cache, and measured anew when the file is broken or it is asked for", async () => {
  const said: string[] = [];
  const options = { device: "cpu", threads: 1, folder, note: (text: string) => void said.push(text) } as const;
  const first = await thisMachine(options);
  for (const [name, value] of Object.entries(first))
    if (typeof value === "number") assert.ok(value > 0 && Number.isFinite(value), name);
  // A cache is faster than memory, and a function slower than an addition.
  assert.ok(first.cacheBandwidth > first.memoryBandwidth);
  assert.deepEqual(await thisMachine(options), first);
  assert.equal(said.length, 1);
  assert.deepEqual(knownMachine("cpu", 1, folder), first);
  assert.equal(knownMachine("cpu", 77, folder), undefined);
  const [file = ""] = readdirSync(folder);
  const path = join(folder, file);
  writeFileSync(path, readFileSync(path, "utf8").replace('"processor": "', '"processor": "another '));
  assert.equal(knownMachine("cpu", 1, folder), undefined);
  writeFileSync(path, "{");
  assert.equal(knownMachine("cpu", 1, folder), undefined);
});

test("the cache's folder is the user's", () => {
  assert.equal(cacheFolder({ XDG_CACHE_HOME: "/somewhere" }), join("/somewhere", "descent"));
  assert.match(cacheFolder({}), /\.cache.descent$/);
});

test("a node takes the longer of computing and moving, by hand, and what bounds it is named", () => {
  const x = input("x", [1000, 1000]);
  const product = timeOf(x.matMul(input("w", [1000, 1000])).node, MACHINE);
  assert.equal(product.bound, "compute");
  assert.ok(Math.abs(product.seconds - (2e9 / 1e11 + 1e-6)) < 1e-12);
  const big = input("big", [2 ** 25]);
  const sum = timeOf(big.add(input("other", [2 ** 25])).node, MACHINE);
  assert.equal(sum.bound, "memory");
  assert.ok(Math.abs(sum.seconds - ((3 * 4 * 2 ** 25) / 1e10 + 1e-6)) < 1e-9);
  const tiny = timeOf(input("a", [2]).add(input("b", [2])).node, MACHINE);
  assert.equal(tiny.bound, "overhead");
  assert.equal(timeOf(x.tanh().node, MACHINE).bound, "compute");
  // Every second element, taken one by one, whatever the order; rows are copied whole.
  for (const strided of [x.slice(1, 0, 1000, 2), x.flip(1)]) {
    const bytes = 2 * 4 * 1000 * (strided.shape[1] as number);
    assert.ok(Math.abs(timeOf(strided.node, MACHINE).seconds - (bytes / 3e9 + 1e-6)) < 1e-12);
  }
  const rows = 2 * 4 * 500 * 1000;
  assert.ok(Math.abs(timeOf(x.slice(0, 0, 1000, 2).node, MACHINE).seconds - (rows / 8e9 + 1e-6)) < 1e-12);
  // A matrix times a column reads the matrix once: memory, whatever the peak.
  assert.equal(timeOf(x.matMul(input("v", [1000, 1])).node, MACHINE).bound, "memory");
});
