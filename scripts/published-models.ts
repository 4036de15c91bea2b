/**
 * @module Other people's models, as they are published: run beside onnxruntime (or what PyTorch computed), differentiated beside PyTorch, and
 * trained with two sets of lengths.
 *
 *     python scripts/published-models/export.py FOLDER      # models of transformers, torchvision and timm with free axes
 *     node dist/scripts/published-models.js FOLDER [--pypi FOLDER] [--only REGEX] [--out benchmarks/published-models.json]
 *
 * `--pypi`: a folder with the .onnx files of packages (`pip download --no-deps rapidocr magika nudenet silero-vad basic-pitch ddddocr`, unpacked).
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { grad } from "../src/autodiff/index.js";
import { loadOnnx, loadSafetensors } from "../src/data/node.js";
import { fromNumbers, Graph, input, sizeOf, type Tensor, type TensorData, toNumbers } from "../src/graph/index.js";
import { GraphModule } from "../src/nn/index.js";
import type { ImportedModel, OnnxModel } from "../src/onnx/index.js";
import { adamW } from "../src/optim/index.js";
import { compile } from "../src/runtime/index.js";
import { TrainingState, trainingStep } from "../src/train/index.js";

type Feeds = Readonly<Record<string, TensorData>>;

/** The results of a model; an error's text where something failed. */
interface Result {
  readonly name: string;
  /** Largest difference of the outputs, run as the file that it is, from the expected ones. */
  run?: number | string;
  /** The same of the graph that is differentiated. */
  traced?: number | string;
  /** With its axes free, or only for given lengths. */
  axes?: "free" | "given";
  /** Largest relative difference of gradients from PyTorch's, and of how many tensors. */
  gradient?: number | string;
  compared?: number;
  /** How many of these are folded convolutions: their weights are PyTorch's times a factor for each output channel, and so are the gradients compared. */
  folded?: number;
  parameters?: number;
  /** The losses before and after a few steps, for each set of lengths. */
  trained?: readonly (readonly [number, number])[] | string;
}

const lineOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0]?.slice(0, 240) ?? "";

/** The largest difference of two tensors; that of their shapes is said in words. */
function difference(a: TensorData | undefined, b: TensorData): number {
  if (a === undefined || String(a.shape) !== String(b.shape))
    throw new Error(`shape [${a?.shape.join(", ")}], expected [${b.shape.join(", ")}]`);
  const [x, y] = [toNumbers(a), toNumbers(b)];
  return x.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (y[i] as number))), 0);
}

/** a with each channel (first axis) times the factor that brings it nearest to b. */
function channelsLike(a: TensorData, b: TensorData): TensorData {
  const [x, y] = [toNumbers(a), toNumbers(b)];
  const size = x.length / (a.shape[0] ?? 1);
  const dot = (u: Float64Array, v: Float64Array, c: number): number =>
    u.subarray(c * size, (c + 1) * size).reduce((sum, value, i) => sum + value * (v[c * size + i] as number), 0);
  const factors = Array.from({ length: a.shape[0] ?? 1 }, (_, c) => dot(x, y, c) / (dot(x, x, c) || 1));
  return fromNumbers(
    "float32",
    a.shape,
    x.map((value, i) => value * (factors[Math.floor(i / size)] as number)),
  );
}

const cosines = (shape: readonly number[]): TensorData =>
  fromNumbers(
    "float32",
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(i)),
  );

const pick = (feeds: Feeds, names: readonly string[]): Record<string, TensorData> =>
  Object.fromEntries(names.map((name) => [name, feeds[name] as TensorData]));

/** One set of inputs, and what is expected of it. */
interface Call {
  readonly feeds: Feeds;
  readonly outputs: readonly TensorData[];
  readonly gradients: ReadonlyMap<string, TensorData>;
}

/** The graph for a call: with free axes where there is one, otherwise for its shapes. */
function traceFor(model: OnnxModel, { feeds }: Call): { readonly imported: ImportedModel; readonly axes: "free" | "given" } {
  try {
    return { imported: { ...pickModel(model) }, axes: "free" };
  } catch {
    const shapes = Object.fromEntries(Object.entries(feeds).map(([name, { shape }]) => [name, shape]));
    return { imported: model.trace({ shapes }), axes: "given" };
  }
}

const pickModel = ({ graph, inputs, parameters, values, names, metadata, opsets, opset, producer }: ImportedModel): ImportedModel => ({
  graph, inputs, parameters, values, names, metadata, opsets, opset, producer,
}); // prettier-ignore

async function runs(model: OnnxModel, calls: readonly Call[], result: Result): Promise<void> {
  await using file = await compile(model);
  let worst = 0;
  for (const { feeds, outputs } of calls) {
    const got = await file.call(pick(feeds, file.inputs));
    outputs.forEach((expected, i) => (worst = Math.max(worst, difference(Object.values(got)[i], expected))));
  }
  result.run = worst;
}

async function traces(model: OnnxModel, calls: readonly Call[], result: Result): Promise<void> {
  let worst = 0;
  for (const call of calls) {
    const { imported, axes } = traceFor(model, call);
    result.axes = axes;
    // Other values than the model's own: the graph is written, and not the file opened.
    await using executable = await compile(imported.graph, { values: new Map(imported.values), names: imported.names });
    const got = await executable.call(pick(call.feeds, executable.inputs));
    call.outputs.forEach((expected, i) => (worst = Math.max(worst, difference(Object.values(got)[i], expected))));
  }
  result.traced = worst;
}

/** Gradients of Σ y·cos(k) over the first output, beside PyTorch's where they are known. */
async function differentiates(model: OnnxModel, calls: readonly Call[], result: Result): Promise<void> {
  let [worst, compared, folded] = [0, 0, 0];
  for (const call of calls) {
    const { imported } = traceFor(model, call);
    const trained = [...imported.parameters].filter(([, p]) => p.trainable);
    result.parameters = trained.length;
    const [y] = imported.graph.outputs.values();
    const loss = (y as Tensor).mul(input("cosines", (y as Tensor).shape)).sum();
    const gradients = grad(loss, trained.map(([, p]) => p)); // prettier-ignore
    const outputs = new Map(trained.map(([name], i): [string, Tensor] => [`d ${name}`, gradients[i] as Tensor]));
    await using executable = await compile(new Graph(outputs), { values: new Map(imported.values), names: imported.names });
    const feeds = { ...call.feeds, cosines: cosines((call.outputs[0] as TensorData).shape) };
    const got = await executable.call(pick(feeds, executable.inputs));
    for (const [name] of trained) {
      const [mine, theirs] = [got[`d ${name}`], call.gradients.get(name)];
      if (mine !== undefined && toNumbers(mine).some((value) => !Number.isFinite(value)))
        throw new Error(`gradient of ${name} is not finite`);
      if (theirs === undefined || String(mine?.shape) !== String(theirs.shape)) continue;
      const scale = toNumbers(theirs).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      compared++;
      if (scale <= 1e-6 || mine === undefined) continue;
      // An exporter that folds batch normalization may leave the convolution's name to weights that are no longer PyTorch's.
      const isFolded = mine.shape.length === 4 && difference(mine, theirs) > 1e-2 * scale;
      folded += Number(isFolded);
      worst = Math.max(worst, difference(isFolded ? channelsLike(mine, theirs) : mine, theirs) / scale);
    }
  }
  result.gradient = worst;
  result.compared = compared / calls.length;
  if (folded > 0) result.folded = folded / calls.length;
}

const STEPS = 8;

/** A few steps towards outputs of 0 for each set of lengths, by the same model. */
async function trains(path: string, calls: readonly Call[], result: Result): Promise<void> {
  const [first] = calls as [Call, ...Call[]];
  const shapes = Object.fromEntries(Object.entries(first.feeds).map(([name, { shape }]) => [name, shape]));
  const module = new GraphModule(readFileSync(path), { shapes, where: result.name });
  const loss = (batch: Readonly<Record<string, Tensor>>): Tensor =>
    (Object.values(module.forward(batch))[0] as Tensor).square().mean();
  const step = trainingStep({ model: module, loss, optimizer: adamW({ learningRate: 1e-4 }) });
  const losses: (readonly [number, number])[] = [];
  await using state = await TrainingState.create(step, { seed: 1, device: "cpu", weights: module.values });
  for (const { feeds } of calls) {
    const all: number[] = [];
    for (let i = 0; i < STEPS; i++) all.push((await state.run(feeds)).loss);
    losses.push([all[0] as number, all.at(-1) as number]);
  }
  const [start, end] = [losses[0]?.[0] ?? NaN, losses.at(-1)?.[1] ?? NaN];
  if (!(end < start)) throw new Error(`losses do not fall: ${JSON.stringify(losses)}`);
  result.trained = losses;
}

async function attempt(
  result: Result,
  what: "run" | "traced" | "gradient" | "trained",
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    result[what] = lineOf(error);
  }
}

async function all(path: string, name: string, calls: readonly Call[]): Promise<Result> {
  const result: Result = { name };
  const model = await loadOnnx(path);
  await attempt(result, "run", () => runs(model, calls, result));
  await attempt(result, "traced", () => traces(model, calls, result));
  await attempt(result, "gradient", () => differentiates(model, calls, result));
  await attempt(result, "trained", () => trains(path, calls, result));
  return result;
}

/** The calls that PyTorch recorded. */
async function recorded(path: string): Promise<readonly Call[]> {
  const { tensors } = await loadSafetensors(path);
  const beginning = (prefix: string): [string, TensorData][] =>
    [...tensors].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : []));
  return [0, 1].map((k) => ({
    feeds: Object.fromEntries(beginning(`in.${k}.`)),
    outputs: [tensors.get(`out.${k}`) as TensorData],
    gradients: new Map(beginning(`grad.${k}.`)),
  }));
}

/** Lengths of free axes for a file whose use is known, two sets; others get small ones. */
const PYPI_LENGTHS: readonly (readonly [RegExp, readonly Readonly<Record<string, readonly number[]>>[]])[] = [
  [/nmp/, [{ "serving_default_input_2:0": [1, 43844, 1] }, { "serving_default_input_2:0": [2, 43844, 1] }]],
  [/common(_old)?\.onnx/, [{ input1: [1, 1, 64, 128] }, { input1: [1, 1, 64, 96] }]],
  [/common_det/, [{ images: [1, 3, 416, 416] }]],
  [/magika/, [{ bytes: [2, 2048] }, { bytes: [1, 2048] }]],
  [/320n/, [{ images: [1, 3, 320, 320] }, { images: [2, 3, 256, 320] }]],
  [/_det_/, [{ x: [1, 3, 64, 96] }, { x: [2, 3, 96, 64] }]],
  [/_cls_/, [{ x: [1, 3, 48, 192] }, { x: [3, 3, 48, 192] }]],
  [/_rec_/, [{ x: [1, 3, 48, 160] }, { x: [2, 3, 48, 96] }]],
  [/openvino/, [{ input: [1, 576], state: [2, 1, 128] }]],
  [/silero_vad_16k_sequence/, [{ input: [1, 576] }, { input: [4, 576] }]],
  [/silero/, [{ input: [1, 576], state: [2, 1, 128], sr: [] }, { input: [2, 576], state: [2, 2, 128], sr: [] }]],
]; // prettier-ignore

/** Inputs of given shapes for a published file, and what the engine makes of them. */
async function fed(path: string, model: OnnxModel): Promise<readonly Call[]> {
  const sets = PYPI_LENGTHS.find(([pattern]) => pattern.test(path))?.[1] ?? [{}];
  await using file = await compile(model);
  const calls: Call[] = [];
  for (const shapes of sets) {
    const feeds: Record<string, TensorData> = {};
    for (const [name, { dtype = "float32", shape }] of model.declaredInputs) {
      const lengths = shapes[name] ?? (shape ?? []).map((d) => (typeof d === "number" ? d : 2));
      const size = sizeOf(lengths);
      const isWhole = dtype.includes("int");
      const at = (i: number): number => (name === "sr" ? 16_000 : isWhole ? i % 250 : Math.sin(i * 0.37) / 2);
      feeds[name] = fromNumbers(
        dtype,
        lengths,
        Array.from({ length: size }, (_, i) => at(i)),
      );
    }
    calls.push({ feeds, outputs: Object.values(await file.call(pick(feeds, file.inputs))), gradients: new Map() });
  }
  return calls;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { pypi: { type: "string" }, only: { type: "string", default: "." }, out: { type: "string" } },
});
const wanted = new RegExp(options.only);
const results: Result[] = [];
const done = (result: Result): void => {
  results.push(result);
  console.log(JSON.stringify(result));
};
for (const folder of positionals) {
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith(".onnx") && wanted.test(name))
    .sort()) {
    const path = join(folder, file);
    done(await all(path, file.replace(/\.onnx$/, ""), await recorded(path.replace(/\.onnx$/, ".safetensors"))));
  }
}
if (options.pypi !== undefined) {
  const files = readdirSync(options.pypi, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".onnx") && wanted.test(name),
  );
  for (const file of files.sort()) {
    const path = join(options.pypi, file);
    const name = relative(options.pypi, path);
    try {
      done(await all(path, name, await fed(path, await loadOnnx(path))));
    } catch (error) {
      done({ name, run: lineOf(error) });
    }
  }
}
const isNumber = (value: unknown): boolean => typeof value === "number";
const summary = {
  models: results.length,
  run: results.filter((r) => isNumber(r.run)).length,
  traced: results.filter((r) => isNumber(r.traced)).length,
  withFreeAxes: results.filter((r) => r.axes === "free" && isNumber(r.traced)).length,
  differentiated: results.filter((r) => isNumber(r.gradient)).length,
  trained: results.filter((r) => Array.isArray(r.trained)).length,
};
console.log(JSON.stringify(summary));
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify({ summary, results }, null, 1)}\n`);
