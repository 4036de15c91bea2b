/**
 * @module The shared cases on WebGPU in Node, on a GPU in software, and WebGPU's numbers against the CPU's.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutGpu } from "./software-gpu.js";
import { isFaster, platformRuntime, resolveDevice, starts } from "../../src/runtime/index.js";
import type { Runtime } from "../../src/runtime/index.js";
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

  test("a GPU in software starts, and is none for auto", async () => {
    const runtime = await platformRuntime();
    assert.equal(await starts(runtime, "webgpu"), true);
    assert.equal(await isFaster(runtime, "webgpu", "cpu"), false);
    const trying: Runtime = {
      name: runtime.name,
      writesInPlace: runtime.writesInPlace,
      opensFiles: runtime.opensFiles,
      devices: ["cuda", "webgpu", "cpu"],
      createSession: (model, options) => runtime.createSession(model, options),
      upload: (data) => runtime.upload(data),
      allocate: (dtype, shape) => runtime.allocate(dtype, shape),
      read: (value) => runtime.read(value),
    };
    assert.equal(await resolveDevice(trying, "auto"), "cpu");
  });
}
