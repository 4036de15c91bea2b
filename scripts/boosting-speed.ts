/**
 * @module Speed of gradient boosting and of its trees in the engine: `node dist/scripts/boosting-speed.js FOLDER [THREADS]` makes 60,000 rows of 12 columns, leaves them in
 * FOLDER for `scripts/peers/boosting.py`, which times LightGBM on them, and prints seconds of training (wall and processor) and milliseconds of prediction.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { treeThreads } from "#tree-threads";
import type { BoostingOptions, Target } from "../src/classical/index.js";
import { denseMatrix, fitGradientBoosting, treesToModel } from "../src/classical/index.js";
import { fromNumbers } from "../src/graph/index.js";
import { encodeModel, OnnxModel } from "../src/onnx/index.js";
import { compile } from "../src/runtime/index.js";
import { Random } from "../src/util/random.js";
import "../src/ops/index.js";

const [folder, given = "1"] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node dist/scripts/boosting-speed.js FOLDER [THREADS]");
  process.exit(2);
}
const threads = Number(given);
const [ROWS, COLUMNS] = [60_000, 12];
const random = new Random(1, "boosting speed");
const values = Float32Array.from({ length: ROWS * COLUMNS }, () => random.uniform(-1, 1));
const at = (row: number, column: number): number => values[row * COLUMNS + column] as number;
const quantity = Float64Array.from(
  { length: ROWS },
  (_, i) =>
    2 * at(i, 0) +
    Math.sin(3 * at(i, 1)) * at(i, 2) +
    (at(i, 3) > 0.3 ? at(i, 4) : -at(i, 5)) +
    at(i, 6) * at(i, 7) +
    random.uniform(-0.2, 0.2),
);
const labels = Int32Array.from(quantity, (v) => (v + random.uniform(-0.5, 0.5) > 0 ? 1 : 0));
mkdirSync(folder, { recursive: true });
for (const [name, data] of [
  ["x", values],
  ["quantity", quantity],
  ["labels", labels],
] as const)
  writeFileSync(join(folder, `${name}.bin`), new Uint8Array(data.buffer));

/** Seconds that work takes: on the clock, and of the processor. */
function timed<T>(work: () => T): { readonly result: T; readonly wall: number; readonly processor: number } {
  const [began, used] = [performance.now(), process.cpuUsage()];
  const result = work();
  const { user, system } = process.cpuUsage(used);
  return { result, wall: (performance.now() - began) / 1e3, processor: (user + system) / 1e6 };
}

const x = denseMatrix(values, COLUMNS);
const TARGETS: ReadonlyMap<string, Target> = new Map<string, Target>([
  ["quantity", { kind: "quantity", values: quantity }],
  ["classes", { kind: "classes", labels, classes: 2 }],
]);
const shared = treeThreads;
const sharing: Pick<BoostingOptions, "threads"> =
  threads > 1 && shared !== undefined ? { threads: { count: threads, expander: shared.leaves } } : {};
for (const [name, target] of TARGETS) {
  const runs = Array.from({ length: 3 }, () => timed(() => fitGradientBoosting(x, target, { rounds: 100, ...sharing })));
  const [first] = runs as [(typeof runs)[0]];
  const least = (of: "wall" | "processor"): string => Math.min(...runs.map((run) => run[of])).toFixed(2);
  console.log(`${name}, ${threads} threads: least of 3: ${least("wall")} s, ${least("processor")} s of the processor`);
  const file = new OnnxModel(encodeModel(treesToModel(first.result.ensemble)));
  await using session = await compile(file, { device: "cpu", threads });
  const feeds = { x: fromNumbers("float32", [ROWS, COLUMNS], values) };
  await session.call(feeds);
  const times: number[] = [];
  for (let i = 0; i < 7; i++) {
    const began = performance.now();
    await session.call(feeds);
    times.push(performance.now() - began);
  }
  console.log(`${name}: ${ROWS} rows through the engine: least of 7: ${Math.min(...times).toFixed(1)} ms`);
}
