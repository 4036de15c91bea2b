/**
 * @module The code that the browser tests run inside the page: each function is called from Node by name.
 */
import type { Device, DeviceChoice, Runtime } from "../../src/runtime/index.js";
import { createWorkerRuntime, platformRuntime, resolveDevice } from "../../src/runtime/index.js";
import type { TokenizerInput } from "../../src/text/index.js";
import { tokenizerFrom } from "../../src/text/index.js";
import { buildMlp, trainMlp, trainModel } from "../suites/mlp.js";
import { RUNTIME_CASES } from "../suites/runtime-suite.js";
import { documented } from "./documented.js";

/** The page itself, or a web worker of it. */
export type Place = "page" | "worker";

let worker: Promise<Runtime> | undefined;
const runtimeAt = (place: Place): Promise<Runtime> => (place === "page" ? platformRuntime() : (worker ??= createWorkerRuntime()));

const page = {
  /** Runs one of the shared cases. */
  async runCase(place: Place, device: Device, name: string): Promise<void> {
    const found = RUNTIME_CASES.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no case "${name}"`);
    await found.run({ name: `${place} ${device}`, runtime: await runtimeAt(place), device });
  },

  async train(place: Place, device: Device, widths: number[], batchSize: number, steps: number) {
    const runtime = await runtimeAt(place);
    const { losses, locations } = await trainMlp(buildMlp(widths, batchSize), steps, { runtime, device, requireDevice: true });
    return { losses, locations };
  },

  /** Trains through the layers that people use: modules, an optimizer, a state with dropout's random numbers. */
  async trainModel(place: Place, device: Device, steps: number): Promise<number[]> {
    return trainModel({ runtime: await runtimeAt(place), device }, steps);
  },

  /** Ids and places of texts, or pairs, by a tokenizer. */
  async tokenize(tokenizer: unknown, inputs: TokenizerInput[]) {
    const encodings = await (await tokenizerFrom(tokenizer)).encodeBatch(inputs);
    return encodings.map(({ ids, offsets }) => ({ ids: [...ids], offsets: [...offsets] }));
  },

  /** Attributions of an exported file by the engine's own WebAssembly, for batches of features and their targets. */
  async exported(file: number[], batches: { shape: number[]; x: number[]; target: number[] }[]): Promise<number[][]> {
    const { InferenceSession, Tensor } = await import("onnxruntime-web/webgpu");
    const session = await InferenceSession.create(Uint8Array.from(file), { executionProviders: ["wasm"] });
    const results: number[][] = [];
    for (const { shape, x, target } of batches) {
      const { attribution } = await session.run({
        x: new Tensor("float32", Float32Array.from(x), shape),
        target: new Tensor("int32", Int32Array.from(target), [target.length]),
      });
      results.push(Array.from(attribution?.data as Float32Array));
    }
    await session.release();
    return results;
  },

  async resolve(choice: DeviceChoice): Promise<Device> {
    return resolveDevice(await platformRuntime(), choice);
  },

  /** Calls of the documents, without a device: a gradient, a state, a training on rows, on a file, on an answer of `fetch`. */
  documented: () => documented(),

  isolated: async (): Promise<boolean> => globalThis.crossOriginIsolated,
};

export type Page = typeof page;
(globalThis as { descentPage?: Page }).descentPage = page;
