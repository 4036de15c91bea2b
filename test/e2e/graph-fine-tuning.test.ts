/**
 * @module Somebody else's ONNX file as `--init`, through the command line: their graph is trained for other classes, used, gone on with and written;
 * files that do not fit are refused.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import sharp from "sharp";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import type { Value } from "../../src/runtime/index.js";
import { platformRuntime } from "#platform";
import { loadSafetensors } from "../../src/data/node.js";

import { decodeModel, encodeModel } from "../../src/onnx/index.js";
import { adamW } from "../../src/optim/index.js";
import { GraphModule } from "../../src/nn/index.js";
import type { TrainTaskOptions } from "../../src/tasks/node.js";
import { trainTask } from "../../src/tasks/node.js";
import { fineTuned } from "../../src/tasks/training/fine-tuning.js";
import type { OnnxFile } from "../onnx/file.js";
import { modelOf, node } from "../onnx/file.js";
import { isRefused, lastStep, scratchFolder, succeeds, traceOf } from "./command.js";
import { SENTENCES, weight, writeTokenizer } from "./their-file.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const descent = (line: string) => succeeds(folder, line.split(" "), { DESCENT_THREADS: "1" });
const refused = (line: string, expected: RegExp): Promise<void> => isRefused(folder, line.split(" "), expected);

/** Images of 8×8: a convolution, two layers, seven classes as probabilities. */
const IMAGES: OnnxFile = {
  opset: 17,
  inputs: [["batch", 1, 8, 8]],
  nodes: [
    node("Conv", ["x0", "conv.weight", "conv.bias"], ["c"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
    node("Relu", ["c"], ["r"]),
    node("MaxPool", ["r"], ["p"], { kernel_shape: [2, 2], strides: [2, 2] }),
    node("Flatten", ["p"], ["f"]),
    node("Gemm", ["f", "hidden.weight", "hidden.bias"], ["h"], { transB: 1 }),
    node("Relu", ["h"], ["g"]),
    node("Gemm", ["g", "classes.weight", "classes.bias"], ["s"], { transB: 1 }),
    node("Softmax", ["s"], ["y"], { axis: 1 }),
  ],
  constants: {
    "conv.weight": weight("conv", [8, 1, 3, 3]),
    "conv.bias": weight("b", [8]),
    "hidden.weight": weight("hidden", [32, 128]),
    "hidden.bias": weight("hb", [32]),
    "classes.weight": weight("classes", [7, 32]),
    "classes.bias": weight("cb", [7]),
  },
};

/** The images' file with a hidden layer of integers, as onnxruntime's quantizer writes it (QOperator): the Relu behind it is the range's beginning. */
function quantizedImages(): ReturnType<typeof modelOf> {
  const steps = Int8Array.from(toNumbers(weight("hidden", [32, 128])), (v) => Math.round(v / 0.004));
  const hidden = [
    node("QuantizeLinear", ["f", "f.scale", "zero"], ["q"]),
    node("QGemm", ["q", "f.scale", "zero", "hidden.weight_quantized", "w.scale", "w.zero", "", "h.scale", "zero"], ["i"], { transB: 1 }, "com.microsoft"), // prettier-ignore
    node("DequantizeLinear", ["i", "h.scale", "zero"], ["g"]),
  ];
  const nodes = IMAGES.nodes.flatMap((each) => (each.outputs[0] === "h" ? hidden : each.outputs[0] === "g" ? [] : [each]));
  return modelOf({
    ...IMAGES,
    nodes,
    constants: {
      ...IMAGES.constants,
      "hidden.weight_quantized": fromNumbers("int8", [32, 128], steps),
      "f.scale": fromNumbers("float32", [], [0.01]),
      "w.scale": fromNumbers("float32", [], [0.004]),
      "h.scale": fromNumbers("float32", [], [0.02]),
      zero: fromNumbers("uint8", [], [0]),
      "w.zero": fromNumbers("int8", [], [0]),
    },
  });
}

/** Token ids: vectors, their mean where the mask is 1, three classes. */
const TEXTS: OnnxFile = {
  opset: 17,
  inputs: [],
  nodes: [
    node("Gather", ["words", "input_ids"], ["v"]),
    node("Cast", ["attention_mask"], ["m"], { to: 1 }),
    node("Unsqueeze", ["m", "last"], ["w"]),
    node("Mul", ["v", "w"], ["kept"]),
    node("ReduceSum", ["kept", "middle"], ["sum"], { keepdims: 0 }),
    node("ReduceSum", ["w", "middle"], ["count"], { keepdims: 0 }),
    node("Div", ["sum", "count"], ["mean"]),
    node("Gemm", ["mean", "head", "bias"], ["y"], { transB: 1 }),
  ],
  constants: {
    words: weight("words", [40, 16]),
    head: weight("texts", [3, 16]),
    bias: weight("tb", [3]),
    last: fromNumbers("int64", [1], [-1]),
    middle: fromNumbers("int64", [1], [1]),
  },
};

/** The file with inputs of ids and a mask. */
function textFile(): Uint8Array {
  const model = modelOf(TEXTS);
  const ids = (name: string) => ({ name, elementType: 7, shape: ["N", "T"] });
  return encodeModel({ ...model, graph: { ...model.graph, inputs: [ids("input_ids"), ids("attention_mask")] } });
}

before(async () => {
  writeFileSync(path("their.onnx"), encodeModel(modelOf(IMAGES)));
  writeFileSync(
    path("no-weights.onnx"),
    encodeModel(modelOf({ ...IMAGES, nodes: [node("Relu", ["x0"], ["y"])], constants: {} })),
  );
  await mkdir(path("texts"));
  writeFileSync(path("texts", "their.onnx"), textFile());
  writeFileSync(path("alone.onnx"), textFile());
  await writeTokenizer(path("texts"));
  const rows = Array.from({ length: 80 }, (_, i) => `${SENTENCES[i % 2]},${["cat", "dog"][i % 2]}`);
  writeFileSync(path("pets.csv"), `text,animal\n${rows.join("\n")}\n`);
});

const LINE = "train image-classification --data digits --batch-size 32 --device cpu --init their.onnx --preprocess 0..1";

test("images: their graph learns other classes, and is used, measured and written like any run", async () => {
  const { stderr } = await descent(`${LINE} --steps 240 --lr 3e-3 --out images`);
  assert.match(stderr, /their\.onnx: 8×8 pixels of grey, scaled mean=0;std=1;max=255: as --preprocess says/);
  assert.match(stderr, /its head path\/to\/Gemm_s \(32 → 7\) starts anew/);
  const { stdout } = await descent("eval images --data digits --json");
  const { metrics } = JSON.parse(stdout) as { metrics: { accuracy: number } };
  assert.ok(metrics.accuracy > 0.85, stdout);
  const { tensors } = await loadSafetensors(
    path("images", "checkpoints", `step-${lastStep(path("images"))}`, "model.safetensors"),
  );
  assert.deepEqual([...tensors.keys()].sort(), [
    "conv.bias",
    "conv.weight",
    "head.bias",
    "head.weight",
    "hidden.bias",
    "hidden.weight",
  ]);
  assert.deepEqual(tensors.get("head.weight")?.shape, [10, 32]);
  // What was written is a file like theirs: it goes on in turn, by its own name for the head.
  await descent(
    "train image-classification --data digits --device cpu --init images/graph.onnx --steps 2 --no-check --quiet --out again",
  );
});

test("images: a run of a graph is a start: what it learned goes on, used as it was, with a head for other classes", async () => {
  const { stderr } = await descent(
    "train image-classification --data digits --device cpu --init images --lr 1e-9 --steps 1 --no-check --out further",
  );
  assert.match(stderr, /--init images: the graph goes on; its head .* \(32 → 10\) starts anew/);
  const of = async (run: string): Promise<ReadonlyMap<string, TensorData>> =>
    (await loadSafetensors(path(run, "checkpoints", `step-${lastStep(path(run))}`, "model.safetensors"))).tensors;
  const [before, after] = [await of("images"), await of("further")];
  const far = (name: string): number => {
    const [a, b] = [before, after].map((tensors) => toNumbers(tensors.get(name) as TensorData)) as [Float64Array, Float64Array];
    return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
  };
  assert.ok(far("hidden.weight") < 1e-6, `${far("hidden.weight")} from what was learned`);
  assert.ok(far("head.weight") > 0.01, "the head starts anew");
  await refused(
    "train image-classification --data digits --steps 1 --out refused --init images --preprocess imagenet",
    /--preprocess: expected none beside --init images, a run that has its own/,
  );
});

test("images: a quantized file is trained in float32, or with its rounding; what compression wrote goes on alike", async () => {
  writeFileSync(path("int8.onnx"), encodeModel(quantizedImages()));
  const line =
    "train image-classification --data digits --batch-size 32 --device cpu --preprocess 0..1 --steps 240 --lr 3e-3 --init int8.onnx --out";
  for (const [run, option, note] of [
    ["int8", "", /int8\.onnx: is quantized, and its weights are trained in float32; nothing is rounded/],
    ["rounded", " --keep-rounding", /what is computed stays rounded, and gradients go straight through/],
  ] as const) {
    const { stderr } = await descent(`${line} ${run} --no-check${option}`);
    assert.match(stderr, note);
    const { metrics } = JSON.parse((await descent(`eval ${run} --data digits --json`)).stdout) as {
      metrics: { accuracy: number };
    };
    assert.ok(metrics.accuracy > 0.8, `${run}: ${metrics.accuracy}`);
  }
  await descent("quantize rounded --even-if-slower --out small --quiet");
  const { stderr } = await descent(
    "train image-classification --data digits --device cpu --init small --steps 2 --no-check --out on",
  );
  assert.match(stderr, /small\/model\.onnx: is quantized/);
});

test("images: parts are frozen by the file's names; a stopped training goes on to the same bits", async () => {
  const options: TrainTaskOptions = {
    task: "image-classification",
    data: "digits",
    init: path("their.onnx"),
    preprocess: "0..1",
    freeze: "conv.*",
    batchSize: 32,
    steps: 12,
    check: false,
    device: "cpu",
    threads: 1,
  };
  const train = async (name: string, stopAt = Infinity, resume = false): Promise<string> => {
    const abort = new AbortController();
    const onStep = ({ step }: { readonly step: number }): void => void (step >= stopAt && abort.abort());
    const out = path(name);
    return (await trainTask(options, { out, signal: abort.signal, onStep, ...(resume ? { resume: out } : {}) })).ended;
  };
  assert.equal(await train("whole"), "steps");
  const { tensors } = await loadSafetensors(path("whole", "checkpoints", "step-12", "model.safetensors"));
  assert.deepEqual(tensors.get("conv.weight")?.data, weight("conv", [8, 1, 3, 3]).data);
  assert.equal(await train("parts", 5), "interrupted");
  assert.equal(await train("parts", Infinity, true), "steps");
  assert.deepEqual(traceOf(path("parts")), traceOf(path("whole")));
});

/** The same as exporters name a convolution into which they folded its normalization. */
const ANONYMOUS: OnnxFile = {
  ...IMAGES,
  nodes: IMAGES.nodes.map((n) =>
    n.opType === "Conv" ? { ...n, name: "/features/conv/Conv", inputs: ["x0", "onnx::Conv_9", "onnx::Conv_10"] } : n,
  ),
  constants: {
    ...IMAGES.constants,
    "onnx::Conv_9": weight("conv", [8, 1, 3, 3]),
    "onnx::Conv_10": weight("b", [8]),
  },
};

test("images: a normalization that was folded in is put back while the graph learns, and folded in again", async () => {
  writeFileSync(path("folded.onnx"), encodeModel(modelOf(ANONYMOUS)));
  const options: TrainTaskOptions = {
    task: "image-classification",
    data: "digits",
    init: path("folded.onnx"),
    preprocess: "0..1",
    batchSize: 32,
    lr: 3e-3,
    steps: 60,
    check: false,
    device: "cpu",
    threads: 1,
  };
  const notes: string[] = [];
  const train = async (name: string, change: Partial<TrainTaskOptions> = {}, stopAt = Infinity, resume = false) => {
    const abort = new AbortController();
    const onStep = ({ step }: { readonly step: number }): void => void (step >= stopAt && abort.abort());
    const context = { out: path(name), signal: abort.signal, onStep, note: (text: string) => void notes.push(text) };
    notes.length = 0;
    return (await trainTask({ ...options, ...change }, { ...context, ...(resume ? { resume: path(name) } : {}) })).ended;
  };
  const tensorsOf = async (name: string, step: number) =>
    (await loadSafetensors(path(name, "checkpoints", `step-${step}`, "model.safetensors"))).tensors;

  assert.equal(await train("normalized"), "steps");
  assert.match(notes.join("\n"), /1 convolution had its normalization folded in, which is put back while it trains/);
  const trained = await tensorsOf("normalized", 60);
  assert.ok(trained.has("onnx::Conv_9_norm.running_mean") && trained.has("onnx::Conv_9_norm.weight"));
  // With it while it trains, and folded in at the end: the same losses.
  const lines = readFileSync(path("normalized", "metrics.jsonl"), "utf8").trim().split("\n");
  const losses = lines.flatMap((line) => {
    const { split, metrics } = JSON.parse(line) as { split: string; metrics: { loss: number } };
    return split === "validation" ? [metrics.loss] : [];
  });
  const summary = JSON.parse(readFileSync(path("normalized", "summary.json"), "utf8")) as {
    metrics: { validation: { loss: number; accuracy: number } };
  };
  const { loss, accuracy } = summary.metrics.validation;
  assert.ok(Math.abs((losses.at(-1) ?? 0) - loss) < 1e-4, `${losses.at(-1)} ${loss}`);
  assert.ok(accuracy > 0.5, `${accuracy}`);
  // The same graph with new weights.
  const { graph } = decodeModel(readFileSync(path("normalized", "model.onnx")), "model.onnx");
  const ops = graph.nodes.map(({ opType }) => opType);
  assert.equal(ops.filter((op) => op === "Conv").length, 1);
  assert.ok(!ops.includes("BatchNormalization"), ops.join());
  const again = decodeModel(readFileSync(path("normalized", "graph.onnx")), "graph.onnx");
  assert.deepEqual(
    again.graph.nodes.map(({ opType }) => opType),
    ANONYMOUS.nodes.slice(0, -1).map(({ opType }) => opType),
  );
  assert.equal(await train("stopped", {}, 25), "interrupted");
  assert.equal(await train("stopped", {}, Infinity, true), "steps");
  assert.deepEqual(traceOf(path("stopped")), traceOf(path("normalized")));

  for (const change of [{ unfoldNorms: "never" }, { batchSize: 4 }, { freeze: "/features/*" }] as const) {
    assert.equal(await train("as-it-is", { ...change, steps: 2 }), "steps");
    assert.ok(!(await tensorsOf("as-it-is", 2)).has("onnx::Conv_9_norm.weight"));
    assert.equal(/batches of 4 are too few/.test(notes.join()), "batchSize" in change);
    rmSync(path("as-it-is"), { recursive: true });
  }
});

test("images: parts are frozen by the names of the nodes that read them", async () => {
  writeFileSync(path("anonymous.onnx"), encodeModel(modelOf(ANONYMOUS)));
  const line = "train image-classification --data digits --device cpu --init anonymous.onnx --preprocess 0..1 --no-check --out";
  await descent(`${line} by-nodes --steps 3 --quiet --freeze /features/*`);
  const { tensors } = await loadSafetensors(path("by-nodes", "checkpoints", "step-3", "model.safetensors"));
  assert.deepEqual(tensors.get("onnx::Conv_9")?.data, weight("conv", [8, 1, 3, 3]).data);
  assert.deepEqual(tensors.get("onnx::Conv_10")?.data, weight("b", [8]).data);
  assert.notDeepEqual(tensors.get("hidden.weight")?.data, weight("hidden", [32, 128]).data);
  await refused(
    `${line} refused --steps 1 --freeze /classifier/*`,
    /expected patterns that match something, got "\/classifier\/\*"/,
  );
});

test("layers learn at rates by the scopes of the nodes that read them", () => {
  const layer = (k: number, x: string): OnnxFile["nodes"][number] => ({
    ...node("Gemm", [x, `onnx::MatMul_${9 - k}`], [`h${k}`]),
    name: `/encoder/layers.${k}/Gemm`,
  });
  const file: OnnxFile = {
    opset: 17,
    inputs: [[1, 4]],
    nodes: [layer(0, "x0"), layer(1, "h0"), { ...node("Gemm", ["h1", "fc"], ["y"]), name: "/fc/Gemm" }],
    constants: { fc: weight("fc", [4, 4]), "onnx::MatMul_8": weight("l1", [4, 4]), "onnx::MatMul_9": weight("l0", [4, 4]) },
  };
  const module = new GraphModule(encodeModel(modelOf(file)), { shapes: { x0: [1, 4] } });
  const { optimizer } = fineTuned(module, adamW({ learningRate: 1 }), { layerDecay: 0.5 }, undefined);
  const rate = (path: string): number => optimizer.settings(path).learningRateMultiplier ?? 1;
  assert.deepEqual(["fc", "onnx::MatMul_8", "onnx::MatMul_9"].map(rate), [1, 0.5, 0.25]);
});

test("texts: token ids in, by the tokenizer beside the file", async () => {
  await descent(
    "train text-classification --data pets.csv --label-column animal --device cpu --init texts/their.onnx --steps 60 --lr 1e-2 --no-check --quiet --out pets",
  );
  const { stdout } = await succeeds(folder, ["predict", "pets", "the dog sat on the log", "the cat sat on the mat", "--json"]);
  const answers = JSON.parse(stdout) as { label: string }[] | { answers: { label: string }[] };
  const list = Array.isArray(answers) ? answers : answers.answers;
  assert.deepEqual(
    list.map(({ label }) => label),
    ["dog", "cat"],
  );
});

test("a file is used as it is: it answers, by the names beside it, and is explained", async () => {
  const digit = Buffer.alloc(64);
  for (let y = 1; y < 7; y++) digit.fill(255, y * 8 + 3, y * 8 + 5);
  await sharp(digit, { raw: { width: 8, height: 8, channels: 1 } })
    .png()
    .toFile(path("one.png"));
  const { stdout, stderr } = await descent("predict their.onnx one.png --json");
  assert.match(stderr, /8×8 pixels of grey, .*guessed \(0\.\.1\)/);
  assert.match(stderr, /its 7 scores have no names; --labels FILE gives them/);
  const [answer] = JSON.parse(stdout) as [{ label: string; probabilities: Record<string, number> }];
  // The engine on the file itself, whose last node is the softmax.
  const runtime = await platformRuntime();
  await using session = await runtime.createSession(encodeModel(modelOf(IMAGES)), { device: "cpu" });
  using pixels = runtime.upload(
    fromNumbers(
      "float32",
      [1, 1, 8, 8],
      Float64Array.from(digit, (v) => v / 255),
    ),
  );
  const { y } = await session.run({ x0: pixels });
  const expected = toNumbers(await runtime.read(y as Value));
  assert.equal(Object.keys(answer.probabilities).length, 7);
  expected.forEach((p, k) => assert.ok(Math.abs(p - (answer.probabilities[String(k)] as number)) < 1e-5, `${k}`));
  writeFileSync(path("names.txt"), "zero\none\ntwo\nthree\nfour\nfive\nsix\n");
  const explained = await descent(
    "explain their.onnx one.png --labels names.txt --method integrated-gradients --draw why.svg --json",
  );
  const { explanations } = JSON.parse(explained.stdout) as { explanations: { label: string; gap: number; shape: number[] }[] };
  assert.ok(["zero", "one", "two", "three", "four", "five", "six"].includes(explanations[0]?.label ?? ""));
  assert.ok(Math.abs(explanations[0]?.gap ?? 1) < 1e-2);
  assert.deepEqual(explanations[0]?.shape, [1, 8, 8]);
  // What this library wrote itself takes bytes, and scales them.
  const own = await descent("predict images/model.onnx one.png --json");
  const run = await descent("predict images one.png --json");
  const labels = (text: string): string[] => (JSON.parse(text) as { label: string }[]).map(({ label }) => label);
  assert.deepEqual(labels(own.stdout), labels(run.stdout));
});

test("texts: a file with an op that Descent does not have is answered by the engine, between tokenizer and labels", async () => {
  const model = decodeModel(textFile(), "their.onnx");
  const scaler = node("Scaler", ["mean"], ["half"], { offset: { floats: [0] }, scale: { floats: [0.5] } }, "ai.onnx.ml");
  const nodes = model.graph.nodes.flatMap((n) =>
    n.opType === "Gemm" ? [scaler, { ...n, inputs: ["half", "head", "bias"] }] : [n],
  );
  const opsets = new Map([...model.opsets, ["ai.onnx.ml", 2] as const]);
  writeFileSync(path("texts", "opaque.onnx"), encodeModel({ ...model, opsets, graph: { ...model.graph, nodes } }));
  // The same numbers in a file that is traced: a bias of its own, and half the weights.
  const half = (t: TensorData): TensorData =>
    fromNumbers(
      "float32",
      t.shape,
      toNumbers(t).map((v) => v / 2),
    );
  const initializers = model.graph.initializers.map((t) => (t.name === "head" ? { ...t, rawData: new Uint8Array(half(weight("texts", [3, 16])).data.buffer) } : t)); // prettier-ignore
  writeFileSync(path("texts", "traced.onnx"), encodeModel({ ...model, graph: { ...model.graph, initializers } }));
  type Answers = readonly { readonly label: string; readonly probabilities: Readonly<Record<string, number>> }[];
  const answered = async (file: string): Promise<{ list: Answers; stderr: string }> => {
    const { stdout, stderr } = await succeeds(folder, ["predict", file, "the dog sat", "the cat sat on the mat", "--json"]);
    return { list: JSON.parse(stdout) as Answers, stderr };
  };
  const opaque = await answered("texts/opaque.onnx");
  const traced = await answered("texts/traced.onnx");
  assert.match(opaque.stderr, /opaque\.onnx: runs on the engine alone; it uses an op .*Scaler/);
  assert.equal(opaque.list.length, 2);
  opaque.list.forEach(({ label, probabilities }, i) => {
    assert.equal(label, traced.list[i]?.label);
    for (const [name, p] of Object.entries(probabilities))
      assert.ok(Math.abs(p - (traced.list[i]?.probabilities[name] ?? 2)) < 1e-6);
  });
  assert.notDeepEqual(opaque.list[0]?.probabilities, opaque.list[1]?.probabilities);
});

test("what does not fit is refused in one line", async () => {
  const images = "train image-classification --data digits --steps 1 --out refused --init";
  await refused(
    `${images} their.onnx --head fc`,
    /--head fc: expected a linear layer of their\.onnx; candidates: path\/to\/Gemm_s/,
  );
  await refused(`${images} their.onnx --preprocess odd`, /--preprocess: expected imagenet, .* got "odd"/);
  await refused(
    `${images} their.onnx --keep-rounding`,
    /--keep-rounding: expected a quantized file, got their\.onnx, which is not/,
  );
  await refused(
    "train image-classification --data digits --steps 1 --out refused --model linear --head fc",
    /--head: expected --init FILE\.onnx whose own graph is trained, got none; leave it out/,
  );
  const baked = IMAGES.nodes.map((each) => (each.opType === "Flatten" ? node("Reshape", ["p", "one"], ["f"]) : each));
  const one = { ...IMAGES, nodes: baked, constants: { ...IMAGES.constants, one: fromNumbers("int64", [2], [1, 128]) } };
  writeFileSync(path("one.onnx"), encodeModel(modelOf(one)));
  await refused(
    `${images} one.onnx`,
    /--init one\.onnx: expected a graph for any number of examples, got one that has a batch of 1 in it; export it with that axis free$/,
  );
  await refused(`${images} no-weights.onnx`, /no-weights\.onnx: expected a linear layer before an output, found none/);
  await refused(`${images} texts/their.onnx`, /expected one input of four dimensions for image-classification, got input_ids/);
  const texts = "train text-classification --data pets.csv --label-column animal --steps 1 --out refused --init";
  await refused(`${texts} alone.onnx`, /expected a tokenizer\.json beside it, got none; name one with --tokenizer/);
  await refused(`${texts} their.onnx`, /expected inputs named input_ids, attention_mask, token_type_ids/);
  writeFileSync(path("two.txt"), "a\nb\n");
  await refused("predict their.onnx one.png --labels two.txt", /--labels two\.txt: expected 7 names, one for each score, got 2/);
  await refused("predict images one.png --labels two.txt", /--labels: expected an ONNX file, got the run images/);
  await refused("predict no-weights.onnx one.png", /no-weights\.onnx: expected a model with weights/);
  await refused(
    "train tabular-classification --data pets.csv --label-column animal --steps 1 --out refused --init their.onnx",
    /their\.onnx: expected inputs of columns, \[N, F\] or \[N\] of float32, to train on, got other inputs/,
  );
  await refused(
    "train language-modeling --data pets.csv --steps 1 --out refused --init their.onnx",
    /graphs of others are trained by image-classification, text-classification, token-classification, tabular-classification/,
  );
});

test("adapters of a file's layers are learned, and the run answers with them merged", async () => {
  const { stderr } = await descent(`${LINE} --lora 4 --lora-targets hidden --steps 100 --lr 2e-2 --no-check --out lora`);
  // Two matrices of rank 4 beside [32, 128], and the new head.
  assert.match(stderr, /trains 970 of 5,178 parameters/);
  const { stdout } = await descent("eval lora --data digits --json");
  const { metrics } = JSON.parse(stdout) as { metrics: { accuracy: number } };
  assert.ok(metrics.accuracy > 0.6, stdout);
  await descent("train --resume lora");
  const whole = await loadSafetensors(path("lora", "checkpoints", `step-${lastStep(path("lora"))}`, "model.safetensors"));
  assert.ok(whole.tensors.has("hidden.lora_A.weight") && whole.tensors.has("hidden.weight"));
  await refused(
    `${LINE} --lora 4 --steps 2 --out none`,
    /lora: expected linear layers named .*; give targets among hidden, head/,
  );
});
