import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineEvent } from "./profile.js";
import { byOp, checkProfiled, chromeTrace, profileOf, withoutFirstPass, withoutFirstRuns } from "./profile.js";

const kernel = (node: string, op_name: string, ts: number, dur: number): EngineEvent => ({
  cat: "Node",
  name: `${node}_kernel_time`,
  ts,
  dur,
  args: { op_name },
});
const run = (ts: number, dur: number): EngineEvent => ({ cat: "Session", name: "model_run", ts, dur });

/** Three runs, of which the first is slow. */
const EVENTS: readonly EngineEvent[] = [0, 10_000, 20_000].flatMap((at, i) => [
  kernel("layer1.conv/Conv_1", "Conv", at + 10, i === 0 ? 9000 : 2000),
  kernel("layer1.conv/MatMul_3", "MatMul", at + 3000, 1000),
  kernel("fused layer1.conv/Conv_2", "FusedConv", at + 4000, 500),
  kernel("ReduceMean_7", "ReduceMean", at + 5000, 300),
  kernel("(optimizer)/Mul_9", "Mul", at + 6000, 700),
  kernel("ReorderOutput", "ReorderOutput", at + 7000, 100),
  { cat: "Node", name: "layer1.conv/Conv_1_fence_before", ts: at, dur: 5000, args: { op_name: "Conv" } },
  run(at, 9500),
]);

test("the first runs are left out, and the rest summed by layer and op, a step's worth", () => {
  const events = withoutFirstRuns(EVENTS, 1);
  const profile = profileOf([events], { runs: 2, loadingMs: 0.5, stepMs: 6 });
  assert.deepEqual(
    profile.ops.map(({ path, op, milliseconds, nodes }) => [path, op, milliseconds, nodes]),
    [
      ["layer1.conv", "Conv", 2, 1],
      ["layer1.conv", "MatMul", 1, 1],
      ["(optimizer)", "Mul", 0.7, 1],
      ["layer1.conv", "FusedConv", 0.5, 1],
      ["(outside)", "ReduceMean", 0.3, 1],
      ["(engine)", "ReorderOutput", 0.1, 1],
    ],
  );
  assert.ok(Math.abs(profile.opsMs - 4.6) < 1e-9);
  assert.equal(byOp(profile)[0]?.op, "Conv");
});

test("the trace has each kernel once with its layer, and the loop's waits and steps apart from them", () => {
  const waits = [
    { startMs: 0, milliseconds: 1, what: "wait for a batch" },
    { startMs: 1, milliseconds: 5, what: "step" },
  ];
  const { traceEvents } = chromeTrace([EVENTS], waits);
  assert.equal(traceEvents.length, 3 * 6 + 2);
  assert.ok(traceEvents.every(({ ph, ts, dur }) => ph === "X" && ts >= 0 && dur >= 0));
  assert.equal(traceEvents.filter(({ cat }) => cat === "layer1.conv").length, 9);
  const step = traceEvents.find(({ name }) => name === "step");
  assert.deepEqual([step?.ts, step?.dur], [1000, 5000]);
  assert.notEqual(step?.pid, traceEvents[0]?.pid);
});

test("sessions count apart, the first pass and what was only tried are left out, and PyTorch's names of nodes are paths", () => {
  const other: readonly EngineEvent[] = [0, 100].flatMap((at) => [
    kernel("/layer1/conv1/Conv", "Conv", at, 40),
    kernel("/Softmax", "Softmax", at + 40, 20),
    run(at, 80),
  ]);
  const sessions = [EVENTS.filter(({ ts }) => ts < 20_000), other].map((events) => withoutFirstPass(events, 2));
  assert.deepEqual(withoutFirstPass(EVENTS, 4), []);
  const { ops } = profileOf(sessions, { runs: 1, loadingMs: 0, stepMs: 0 });
  const paths = new Map(ops.map(({ path, op, milliseconds }) => [`${path} ${op}`, milliseconds]));
  assert.equal(paths.get("layer1.conv Conv"), 2);
  assert.equal(paths.get("layer1.conv1 Conv"), 0.04);
  assert.equal(paths.get("(outside) Softmax"), 0.02);
  const { traceEvents } = chromeTrace(sessions, []);
  assert.deepEqual([...new Set(traceEvents.map(({ pid }) => pid))], [1, 2]);
});

test("only a device that times its ops one by one is profiled", () => {
  checkProfiled("cpu");
  assert.throws(() => checkProfiled("webgpu"), /--profile: expected the cpu device.*got webgpu/);
});
