/**
 * @module The gain of quantization on this machine, by model and form: models with random weights, before and after in turns, each model in a process of
 * its own, since what one leaves in the engine's memory slowed the next by up to a half. Accuracy is not measured here.
 *
 *     npm run quantization-speed                      # all
 *     npm run quantization-speed -- bert resnet-18    # these
 *     npm run quantization-speed -- --record          # keeps the result in benchmarks/quantization-speed.json
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { Feeds } from "../src/compress/activations.js";
import type { Form } from "../src/compress/quantize/options.js";
import { quantizeFile } from "../src/compress/quantize/quantize.js";
import { TIMED, timeInTurns } from "../src/compress/timing.js";
import type { Tensor, TensorData } from "../src/graph/index.js";
import { fromNumbers, Graph, input, symbol } from "../src/graph/index.js";
import type { ModelName } from "../src/models/index.js";
import { modelFromConfig, modelNamed, MODELS } from "../src/models/index.js";
import type { Module } from "../src/nn/index.js";
import type { ModelProto } from "../src/onnx/index.js";
import { encodeModel, graphToModel, OnnxModel } from "../src/onnx/index.js";
import { lowerGraph, resolveForUse } from "../src/ops/index.js";
import { compile } from "../src/runtime/index.js";
import { Random } from "../src/util/random.js";
import { formatTable } from "../src/util/text.js";

const random = new Random(1, "quantization-speed");
const [N, T] = [symbol("N"), symbol("T")];

/** A model as a file, and inputs for so many examples. */
interface Subject {
  readonly file: ModelProto;
  readonly feeds: (examples: number) => Feeds;
}

function fileOf(model: Module, inputs: Readonly<Record<string, Tensor>>, logits: Tensor): ModelProto {
  const [names, values] = [new Map<Tensor, string>(), new Map<Tensor, TensorData>()];
  for (const [path, parameter] of model.state()) {
    const isMatrix = parameter.dims.length > 1;
    const spread = isMatrix ? Math.sqrt((parameter.dims[0] ?? 1) / parameter.size) : 0.02;
    const isScale = !isMatrix && /(weight|running_var)$/.test(path);
    const data = Float32Array.from({ length: parameter.size }, () => (isScale ? 1 : random.uniform(-spread, spread)));
    names.set(parameter, path);
    values.set(parameter, { dtype: "float32", shape: parameter.dims, data });
  }
  const graph = lowerGraph(new Graph(resolveForUse({ logits })), "onnx");
  return graphToModel(graph, { names, values, inputs: Object.values(inputs) });
}

const idsOf = (examples: number, tokens: number, vocabulary: number): TensorData =>
  fromNumbers(
    "int64",
    [examples, tokens],
    Array.from({ length: examples * tokens }, (_, i) => (i * 7919) % vocabulary),
  );

function encoder(layers: number, width: number, heads: number, vocabulary: number): Subject {
  const config = {
    model_type: "bert",
    vocab_size: vocabulary,
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: 4 * width,
  };
  const model = modelFromConfig("BertForSequenceClassification", config, { numLabels: 2 });
  const [ids, mask] = [input("ids", [N, T], "int64"), input("mask", [N, T], "int64")];
  return {
    file: fileOf(model, { ids, mask }, model.forward(ids, { mask })),
    feeds: (n) => ({ ids: idsOf(n, 128, vocabulary), mask: fromNumbers("int64", [n, 128], new Array<number>(n * 128).fill(1)) }),
  };
}

function decoder(tokens: number): Subject {
  const config = { model_type: "gpt2", vocab_size: 50257, n_positions: 1024, n_embd: 768, n_layer: 12, n_head: 12 };
  const model = modelFromConfig("GPT2LMHeadModel", config);
  const ids = input("ids", [N, T], "int64");
  return { file: fileOf(model, { ids }, model.forward(ids)), feeds: (n) => ({ ids: idsOf(n, tokens, 50257) }) };
}

function images(name: ModelName): Subject {
  const { usual } = MODELS[name];
  const model = modelNamed(name, usual);
  const [channels = 3, height = 32, width = 32] = usual.inputShape;
  const x = input("x", [N, channels, height, width]);
  const feeds = (n: number): Feeds => {
    const numbers = Float32Array.from({ length: n * channels * height * width }, () => random.normal());
    return { x: fromNumbers("float32", [n, channels, height, width], numbers) };
  };
  return { file: fileOf(model, { x }, (model.forward as (x: Tensor) => Tensor)(x)), feeds };
}

interface Case {
  readonly name: string;
  readonly form: Form;
  readonly blockSize?: number;
  readonly batches: readonly number[];
  readonly make: () => Subject;
}

const CASES: readonly Case[] = [
  { name: "bert", form: "int8-dynamic", batches: [1], make: () => encoder(12, 768, 12, 30522) },
  { name: "encoder-4x256", form: "int8-dynamic", batches: [1], make: () => encoder(4, 256, 4, 8000) },
  { name: "resnet-18", form: "int8-static", batches: [1, 32], make: () => images("resnet-18") },
  { name: "resnet-20-cifar", form: "int8-static", batches: [1, 32], make: () => images("resnet-20-cifar") },
  { name: "mobilenet-v3-small", form: "int8-static", batches: [1, 32], make: () => images("mobilenet-v3-small") },
  ...[32, 64, 128].map((blockSize): Case => ({
    name: "gpt2-one-token",
    form: "int4",
    blockSize,
    batches: [1],
    make: () => decoder(1),
  })),
  { name: "gpt2-128-tokens", form: "int4", blockSize: 64, batches: [1], make: () => decoder(128) },
];

interface Result {
  readonly model: string;
  readonly form: string;
  readonly batch: number;
  readonly floatMs: number;
  readonly quantizedMs: number;
  readonly speedup: number;
  readonly sizeFraction: number;
  readonly keptInFloat: number;
  /** Why layers stayed in float32, and how many for each reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

async function measure({ name, form, blockSize, batches, make }: Case): Promise<Result[]> {
  const { file, feeds } = make();
  const data = { one: feeds(1), calibration: [feeds(16)] };
  const { model, layers } = await quantizeFile(file, data, { form, ...(blockSize && { blockSize }) });
  const [before, after] = [encodeModel(file), encodeModel(model)];
  await using plain = await compile(new OnnxModel(before), TIMED);
  await using small = await compile(new OnnxModel(after), TIMED);
  const reasons: Record<string, number> = {};
  for (const { form: made, reason = "" } of layers) if (made === "float32") reasons[reason] = (reasons[reason] ?? 0) + 1;
  const results: Result[] = [];
  for (const batch of batches) {
    const given = feeds(batch);
    const [floatMs = NaN, quantizedMs = NaN] = await timeInTurns([() => plain.call(given), () => small.call(given)], {
      budgetMs: 5000,
    });
    results.push({
      model: name,
      form: blockSize === undefined ? form : `${form}, blocks of ${blockSize}`,
      batch,
      floatMs,
      quantizedMs,
      speedup: floatMs / quantizedMs,
      sizeFraction: after.length / before.length,
      keptInFloat: Object.values(reasons).reduce((sum, count) => sum + count, 0),
      reasons,
    });
  }
  return results;
}

/** Measures a case in a process of its own. */
function measureApart(each: Case): Result[] {
  const script = fileURLToPath(import.meta.url);
  const { status, stdout } = spawnSync(process.execPath, [script, `--case=${CASES.indexOf(each)}`], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${each.name}: the process ended with ${status}`);
  return JSON.parse(stdout) as Result[];
}

const own = process.argv.find((word) => word.startsWith("--case="));
if (own !== undefined) {
  const found = CASES[Number(own.slice("--case=".length))];
  if (found === undefined) throw new Error(`${own}: expected 0 to ${CASES.length - 1}`);
  console.log(JSON.stringify(await measure(found)));
  process.exit(0);
}

const asked = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const chosen = CASES.filter(({ name }) => asked.length === 0 || asked.includes(name));
const results: Result[] = [];
for (const each of chosen) {
  results.push(...measureApart(each));
  console.error(`${each.name}, ${each.form}: done`);
}
console.log(
  formatTable(
    ["model", "form", "batch", "float32 ms", "quantized ms", "speed", "size", "layers in float32"],
    results.map((r) => [
      r.model,
      r.form,
      String(r.batch),
      r.floatMs.toFixed(2),
      r.quantizedMs.toFixed(2),
      `${r.speedup.toFixed(2)} ×`,
      r.sizeFraction.toFixed(3),
      Object.entries(r.reasons)
        .map(([reason, count]) => `${count} ${reason}`)
        .join("; "),
    ]),
  ),
);
if (process.argv.includes("--record")) {
  const about = {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    node: process.version,
  };
  writeFileSync("benchmarks/quantization-speed.json", `${JSON.stringify({ about, results }, undefined, 2)}\n`);
}
