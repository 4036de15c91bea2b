/**
 * @module The shared cases on WebGPU in Node, on a GPU in software, and WebGPU's numbers against the CPU's.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutGpu } from "./software-gpu.js";
import { platformRuntime } from "../../src/runtime/index.js";
import { buildMlp, trainMlp } from "../suites/mlp.js";
import { registerRuntimeCases } from "./register.js";

if (withoutGpu !== undefined) test("node webgpu", { skip: withoutGpu });
else {
  registerRuntimeCases("node webgpu", async () => ({ runtime: await platformRuntime(), device: "webgpu" }));

  test("a tiny network trains on WebGPU with its state in GPU buffers, and its losses are the CPU's", async () => {
    const mlp = buildMlp([12, 16, 4], 8);
    const gpu = await trainMlp(mlp, 10, { device: "webgpu", requireDevice: true });
    const cpu = await trainMlp(mlp, 10, { device: "cpu" });
    assert.ok(gpu.locations.every((location) => location === "device"));
    gpu.losses.forEach((loss, i) =>
      assert.ok(Math.abs(loss - (cpu.losses[i] as number)) < 1e-5, `step ${i}: ${loss} and ${cpu.losses[i]}`),
    );
  });
}
