/**
 * @module The code that the browser tests run inside the page: each function is called from Node by name.
 */
import type { Device, DeviceChoice, Runtime } from "../../src/runtime/index.js";
import { createWorkerRuntime, platformRuntime, resolveDevice } from "../../src/runtime/index.js";
import { readSafetensors } from "../../src/data/index.js";
import { isDecoder } from "../../src/generate/index.js";
import { modelFromConfig } from "../../src/models/index.js";
import { decoderEngine } from "../../src/serve/decoder-engine.js";
import { createHandler, LocalModels } from "../../src/serve/index.js";
import type { TokenizerInput } from "../../src/text/index.js";
import { ChatTemplate, tokenizerFrom } from "../../src/text/index.js";
import { buildMlp, trainMlp, trainModel } from "../suites/mlp.js";
import { RUNTIME_CASES } from "../suites/runtime-suite.js";
import { documented } from "./documented.js";

import OpenAI from "openai";
import type { Json } from "../../src/util/described.js";

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

  /** OpenAI's client on the handler in the page: a chat whole, streamed, by a schema, and the models. */
  async chats(folder: { config: string; tokenizer: string; template: string; weights: number[] }) {
    const config = JSON.parse(folder.config) as Json;
    const model = modelFromConfig("LlamaForCausalLM", config);
    if (!isDecoder(model)) throw new Error("expected a decoder");
    const { tensors: weights } = readSafetensors(Uint8Array.from(folder.weights), "model.safetensors");
    const tokenizer = await tokenizerFrom(folder.tokenizer);
    const chat = new ChatTemplate(folder.template, {}, "chat template");
    const parts = { name: "tiny", model, weights, tokenizer, chat, endTokens: [0], isTemplated: true };
    await using engine = await decoderEngine(parts, { threads: 1 });
    const handler = createHandler({ models: new LocalModels({ tiny: engine }) });
    const client = new OpenAI({
      baseURL: "http://offline/v1",
      apiKey: "none",
      maxRetries: 0,
      dangerouslyAllowBrowser: true,
      fetch: (url, init) => handler.fetch(new Request(url, init)),
    });
    const asked = {
      model: "tiny",
      messages: [{ role: "user" as const, content: "What is a neural network?" }],
      temperature: 0,
      max_tokens: 12,
    };
    const whole = await client.chat.completions.create(asked);
    let streamed = "";
    for await (const chunk of await client.chat.completions.create({ ...asked, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? "";
    const schema = { type: "object", properties: { age: { enum: [3, 4] } }, required: ["age"], additionalProperties: false };
    const json = await client.chat.completions.create({
      ...asked,
      max_tokens: 40,
      response_format: { type: "json_schema", json_schema: { name: "age", schema } },
    });
    const models = await client.models.list();
    const refused = await client.chat.completions.create({ ...asked, model: "other" }).catch((error: Error) => error.message);
    return {
      text: whole.choices[0]?.message.content,
      streamed,
      json: json.choices[0]?.message.content,
      usage: whole.usage?.completion_tokens,
      models: models.data.map(({ id }) => id),
      refused,
    };
  },

  isolated: async (): Promise<boolean> => globalThis.crossOriginIsolated,
};

export type Page = typeof page;
(globalThis as { descentPage?: Page }).descentPage = page;
