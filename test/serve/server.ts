/**
 * @module A server for tests, on a kept run and a file made here, with engines in processes of their own.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveSafetensors } from "../../src/data/node.js";
import { constant, fromNumbers, Graph, input, sizeOf, symbol } from "../../src/graph/index.js";
import { modelFromConfig } from "../../src/models/index.js";
import { exportGraph } from "../../src/onnx/index.js";
import { gather } from "../../src/ops/index.js";
import { type ServeOptions, type Server, startServer } from "../../src/serve/serve-node.js";
import { tokenizerFrom, trainByteLevelBpe } from "../../src/text/node.js";
import { Random } from "../../src/util/random.js";
import { keptRuns, unpack } from "../kept-runs.js";

export interface TestServer extends AsyncDisposable {
  readonly server: Server;
  readonly url: string;
  readonly folder: string;
  readonly post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Response>;
}

/** A file that multiplies: y = x · [[1, 2], [3, 4]], for any number of rows. */
export function linearFile(path: string): void {
  const x = input("x", [symbol("N"), 2]);
  const y = x.matMul(constant(fromNumbers("float32", [2, 2], [1, 2, 3, 4])));
  writeFileSync(path, exportGraph(new Graph({ y }), { inputs: [x] }));
}

/** A file that looks numbers up in a table of three. */
export function tableFile(path: string): void {
  const i = input("i", [symbol("N")], "int64");
  const y = gather(constant(fromNumbers("float32", [3], [1, 2, 3])), i);
  writeFileSync(path, exportGraph(new Graph({ y }), { inputs: [i] }));
}

/** A file whose one run takes as many products of 1024 × 1024 as asked for. */
export function slowFile(path: string, products: number): void {
  const x = input("x", [1]);
  const w = constant(fromNumbers("float32", [1024, 1024], new Float32Array(1024 * 1024).fill(1 / 1024)));
  let y = x.expand([1024, 1024]);
  for (let i = 0; i < products; i++) y = y.matMul(w);
  writeFileSync(path, exportGraph(new Graph({ y: y.reduceMax() }), { inputs: [x] }));
}

const TEMPLATE =
  "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}\n{% endfor %}" +
  "{% if tools %}<|tools|>{{ tools | tojson }} answer with <tool_call>{% endif %}<|assistant|>";

/** A folder of a small Llama with random weights, a byte-level tokenizer and a chat template. */
export async function languageFolder(path: string): Promise<void> {
  const texts = [
    "What is a neural network? A function with weights.",
    '{"name": "Ann", "age": 3}',
    "To be, or not to be: that is the question.",
  ];
  const json = await trainByteLevelBpe(texts, { vocabularySize: 400, specialTokens: ["<|end|>", "<|user|>", "<|assistant|>"] });
  const tokenizer = await tokenizerFrom(json);
  const vocabSize = tokenizer.size;
  const config = {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: vocabSize,
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 512,
    rms_norm_eps: 1e-6,
    eos_token_id: 0,
    tie_word_embeddings: false,
  };
  const model = modelFromConfig("LlamaForCausalLM", config);
  const random = new Random(7, "weights");
  const weights = new Map(
    [...model.state()].map(([name, { dims }]) => {
      const scale = name.includes("norm") ? 0 : 0.3;
      const numbers = Float32Array.from({ length: sizeOf(dims) }, () => (scale === 0 ? 1 : scale * random.normal()));
      return [name, fromNumbers("float32", dims, numbers)] as const;
    }),
  );
  mkdirSync(path, { recursive: true });
  await saveSafetensors(join(path, "model.safetensors"), weights);
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  writeFileSync(join(path, "tokenizer.json"), tokenizer.toJson());
  writeFileSync(join(path, "tokenizer_config.json"), JSON.stringify({ eos_token: "<|end|>", chat_template: TEMPLATE }));
}

/** Starts a server for kept runs, by task, and other files, by name. */
export async function testServer(
  tasks: readonly string[],
  files: Readonly<Record<string, (path: string) => void | Promise<void>>> = {},
  options: Partial<ServeOptions> = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "descent-serve-"));
  const runs = keptRuns().filter((run) => run.name === undefined && tasks.includes(run.task));
  const specs = runs.map((run) => {
    unpack(run, join(folder, run.task));
    return { name: run.task, version: "1", path: join(folder, run.task, "run") };
  });
  for (const [name, write] of Object.entries(files)) {
    const path = join(folder, write === languageFolder ? name : `${name}.onnx`);
    await write(path);
    specs.push({ name, version: "1", path });
  }
  const server = await startServer(specs, { host: "127.0.0.1", port: 0, threads: 1, logLevel: "silent", ...options });
  return {
    server,
    url: server.url,
    folder,
    post: (path, body, headers = {}) =>
      fetch(`${server.url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async [Symbol.asyncDispose]() {
      await server.close(1000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
