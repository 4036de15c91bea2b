/**
 * @module Quantization of a whole file: finds the layers, measures each form on this machine, and writes the chosen ones.
 */
import { sizeOf } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { activationShapes } from "../activations.js";
import { FileGraph } from "../file-graph.js";
import { folded } from "../fold.js";
import type { Layer } from "../layers.js";
import { constantShape, layerName, layersOf, outputRows, widthsOf } from "../layers.js";
import type { Speedup } from "../timing.js";
import { isFaster } from "../timing.js";
import type { BlockedWeights } from "./blocks.js";
import { blockwise } from "./blocks.js";
import { calibrate } from "./calibration.js";
import type { SharedActivations, WeightForm } from "./forms.js";
import { applyForm, dynamicWeights, rowWeights } from "./forms.js";
import { fastestIslands, islandsOf, LEAST_WHOLE } from "./islands.js";
import type { LayerRewrite } from "./operator-times.js";
import { layerSpeedup, layerTimes, ofLayer, timeKey } from "./operator-times.js";
import type { Form, QuantizeData, QuantizeOptions } from "./options.js";
import { BLOCK_SIZE, onlyUse } from "./options.js";
import type { Refined } from "./refine.js";
import { refine } from "./refine.js";
import { largestCode } from "./saturation.js";
import type { PromptForm } from "./stored.js";
import { weightNotes } from "./stored.js";
import { applyStatic, plainWeights, staticLayerFile, staticLayers, staticPlan } from "./static.js";

/** The outcome for a layer. */
export interface LayerResult {
  readonly name: string;
  readonly op: string;
  readonly shape: readonly number[];
  /** The form, or `float32` for a layer that stayed as it was. */
  readonly form: Form | "float32";
  /** Why it stayed as it was; undefined for one that was quantized. */
  readonly reason?: string;
  /** Milliseconds in float32 and in the form that was tried. */
  readonly floatMs?: number;
  readonly formMs?: number;
}

/** A quantized file, and the outcome for each layer. */
export interface Quantized {
  readonly model: ModelProto;
  readonly layers: readonly LayerResult[];
  /** The form in which prompts are computed, of weights in blocks. */
  readonly prompt?: PromptForm;
}

/** The smallest weights that are worth quantizing alone; between integer kernels, smaller ones are as well. */
const LEAST_NUMBERS = 1024;
const LEAST_SPEEDUP = 1.05;

/** Rows that are looked up for tokens have to be whole blocks. */
const fitsBlocks = (layer: Layer, blockSize: number): boolean =>
  layer.kind !== "lookup" || (layer.weightShape[1] ?? 0) % blockSize === 0;

/** The layers that a form is for. */
function candidates(graph: FileGraph, { form, blockSize = BLOCK_SIZE }: QuantizeOptions): Layer[] {
  if (form === "int8-static") return staticLayers(graph);
  const layers = layersOf(graph);
  if (form === "float16") return layers;
  if (form === "int8-dynamic") return layers.filter(({ kind }) => kind !== "convolution");
  const products = layers.filter(({ kind }) => kind === "product");
  const shared = new Set(products.map(({ name }) => name));
  // A table of its own, such as that of positions, is not worth another kernel.
  const lookups = layers.filter((layer) => layer.kind === "lookup" && shared.has(layer.name) && fitsBlocks(layer, blockSize));
  return [...lookups, ...products];
}

/** The reason for which weights of an op stay as they were. */
export const noForm = (form: Form, op: string): string => `${form} has no form of ${op}`;

/** Weights of ops that a form is not for, which stay as they are: `ConvTranspose`, recurrent layers, tables of positions. */
function others(graph: FileGraph, layers: readonly Layer[], { form }: QuantizeOptions): LayerResult[] {
  const known = new Set(layers.map(({ weight }) => weight));
  const found = new Map<string, LayerResult>();
  for (const { opType, inputs } of graph.nodes)
    for (const weight of inputs) {
      const shape = known.has(weight) ? undefined : constantShape(graph, weight);
      if (shape === undefined || shape.length < 2 || sizeOf(shape) < LEAST_NUMBERS) continue;
      const name = layerName(weight);
      found.set(weight, { name, op: opType, shape, form: "float32", reason: noForm(form, opType) });
    }
  return [...found.values()];
}

/** A form of a layer, made of its weights as refined. */
function weightForm(graph: FileGraph, layer: Layer, options: QuantizeOptions, refined?: Refined, most?: number): WeightForm {
  const data = graph.floatsOf(layer.weight)?.data ?? new Float32Array();
  const { k, n } = widthsOf(layer);
  const [first = 1, second = 1] = layer.weightShape;
  if (options.form === "float16") return { form: "float16" };
  if (options.form === "int8-dynamic")
    return layer.kind === "lookup" ? rowWeights(data, first, second) : dynamicWeights(outputRows(layer, data), n, k, most);
  return { form: "blocks", blocks: refined?.blocks.get(layer.name) ?? blocksOf(layer, data, options) };
}

function blocksOf(layer: Layer, data: Float32Array, { form, blockSize = BLOCK_SIZE }: QuantizeOptions): BlockedWeights {
  const bits = form === "int4" ? 4 : 8;
  if (layer.kind === "lookup") {
    const [rows = 1, width = 1] = layer.weightShape;
    return blockwise(data, rows, width, { bits, blockSize });
  }
  const { k, n } = widthsOf(layer);
  return blockwise(outputRows(layer, data), n, k, { bits, blockSize });
}

/** The rewrite that measures a layer in its form. */
const rewriteFor = (options: QuantizeOptions): LayerRewrite =>
  options.form === "int8-static"
    ? staticLayerFile
    : ofLayer((graph, layer) => applyForm(graph, layer, weightForm(graph, layer, { ...options })));

/** Measures layers, those of one shape once, and says which gain. */
async function measured(
  graph: FileGraph,
  layers: readonly Layer[],
  shapes: ReadonlyMap<string, readonly number[]>,
  options: QuantizeOptions,
): Promise<LayerResult[]> {
  const { form, leastSpeedup = LEAST_SPEEDUP, evenIfSlower = false, keep, onLayer } = options;
  const known = new Map<string, Speedup | undefined>();
  const results: LayerResult[] = [];
  for (const [i, layer] of layers.entries()) {
    const about = { name: layer.name, op: layer.node.opType, shape: layer.weightShape };
    const inputShape = shapes.get(layer.input);
    onLayer?.(i, layers.length);
    if (keep?.has(layer.name) === true) results.push({ ...about, form: "float32", reason: "kept" });
    else if (form !== "int8-static" && sizeOf(layer.weightShape) < LEAST_NUMBERS)
      results.push({ ...about, form: "float32", reason: "too small" });
    else if (inputShape === undefined || form === "float16") results.push({ ...about, form });
    else {
      const key = timeKey(layer, inputShape);
      if (!known.has(key)) {
        const use = { ...onlyUse(options), least: leastSpeedup };
        known.set(key, await layerSpeedup(graph, layer, inputShape, rewriteFor(options), use));
      }
      const speedup = known.get(key);
      const [floatMs, formMs] = speedup?.ms ?? [];
      const more = { ...about, floatMs, formMs };
      // Lookups take hardly any time: the size of their table is what counts.
      const gains = layer.kind === "lookup" || evenIfSlower || (speedup !== undefined && isFaster(speedup, leastSpeedup));
      if (speedup === undefined) results.push({ ...about, form: "float32", reason: "the engine has no kernel for it" });
      else if (gains) results.push({ ...more, form });
      else results.push({ ...more, form: "float32", reason: notFaster(speedup, leastSpeedup) });
    }
  }
  return results;
}

/** Says why something stays as it was: it is no faster, or that is not certain, with the bounds between which its speedup lies. */
const notFaster = ({ median, low, high }: Omit<Speedup, "ms">, least: number): string =>
  `${high < least ? "no faster" : "not faster for certain"}: ${median.toFixed(2)} × (${low.toFixed(2)} to ${high.toFixed(2)})`;

/** A file ready to be quantized, and the measured gain of each layer. */
export interface QuantizePlan {
  /** The file with its constants folded. */
  readonly plain: ModelProto;
  readonly source: ModelProto;
  readonly layers: readonly LayerResult[];
}

/** Measures the layers of a file. */
export async function planQuantization(source: ModelProto, data: QuantizeData, options: QuantizeOptions): Promise<QuantizePlan> {
  const plain = folded(source);
  const graph = new FileGraph(plain);
  const layers = candidates(graph, options);
  const inputs = layers.map(({ input }) => input);
  const shapes = await activationShapes(plain, inputs, data.one, onlyUse(options));
  const results = [...(await measured(graph, layers, shapes, options)), ...others(graph, layers, options)];
  const alone: QuantizePlan = { plain, source, layers: results };
  const { form, evenIfSlower = false } = options;
  return evenIfSlower || !form.startsWith("int8-") ? alone : { ...alone, layers: await gaining(alone, data, options) };
}

/** Takes back the layers without which the whole is faster, of those that gain alone. */
async function gaining(
  plan: QuantizePlan,
  { one, calibration }: QuantizeData,
  options: QuantizeOptions,
): Promise<readonly LayerResult[]> {
  const { plain, source, layers } = plan;
  const names = new Set(chosenLayers(plan));
  if (names.size === 0) return layers;
  const use = onlyUse(options);
  const taken = candidates(new FileGraph(plain), options).filter(({ name }) => names.has(name));
  const islands =
    options.form === "int8-static" ? await islandsOf(plain, taken, one, use) : [{ layers: [...names], converted: 0 }];
  const gains = new Map(layers.map(({ name, floatMs = 0, formMs = 0 }) => [name, floatMs - formMs]));
  const plainly: QuantizeOptions = { ...options, refinement: "none", calibration: "min-max" };
  const make = (some: ReadonlySet<string>): Promise<ModelProto> =>
    quantizeLayers(plan, some, { one, calibration: [one] }, plainly);
  const { names: best, speedup } = await fastestIslands(source, islands, gains, make, [one, ...calibration.slice(0, 1)], use);
  const reason =
    best.size === 0 ? `the whole is ${notFaster(speedup, LEAST_WHOLE)}` : "the conversions around it take what it gains";
  return layers.map((layer) =>
    layer.form === "float32" || best.has(layer.name) ? layer : { ...layer, form: "float32", reason },
  );
}

/** Names of the layers that a plan quantizes. */
export const chosenLayers = ({ layers }: Pick<QuantizePlan, "layers">): string[] => [
  ...new Set(layers.flatMap(({ name, form }) => (form === "float32" ? [] : [name]))),
];

/** Quantizes the layers of these names; what a file computes apart from them stays as it is. */
export async function quantizeLayers(
  { plain, source }: QuantizePlan,
  names: ReadonlySet<string>,
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<ModelProto> {
  if (names.size === 0) return source;
  const among = (graph: FileGraph): Layer[] => candidates(graph, options).filter(({ name }) => names.has(name));
  const isInteger = options.form === "int8-dynamic" || options.form === "int8-static";
  const most = isInteger ? (options.largestCode ?? (await largestCode(onlyUse(options)))) : undefined;
  const settled = { ...options, largestCode: most };
  const refined = await refine(plain, among, data, settled);
  const graph = new FileGraph(refined.model);
  const layers = among(graph);
  if (options.form === "int8-static") await applyStaticForm(graph, refined, layers, data, settled);
  else {
    const shared: SharedActivations = new Map();
    for (const layer of layers) applyForm(graph, layer, weightForm(graph, layer, options, refined, most), shared);
  }
  return graph.model();
}

/** Quantizes the layers of a file that gain by it. */
export async function quantizeFile(source: ModelProto, data: QuantizeData, options: QuantizeOptions): Promise<Quantized> {
  const plan = await planQuantization(source, data, options);
  return finishQuantization(plan, await quantizeLayers(plan, new Set(chosenLayers(plan)), data, options), options);
}

/** Adds to a quantized file what is needed to read its weights again. `layers`: what became of them in the end. */
export async function finishQuantization(
  { plain, layers }: Omit<QuantizePlan, "source">,
  model: ModelProto,
  options: QuantizeOptions,
): Promise<Quantized> {
  const names = new Set(chosenLayers({ layers }));
  if (names.size === 0) return { model, layers };
  const graph = new FileGraph(plain);
  const taken = candidates(graph, options).filter(({ name }) => names.has(name));
  const isBlocked = options.form === "int8" || options.form === "int4";
  const prompt = isBlocked ? await promptForm(graph, taken, options) : "as tokens";
  const largest = prompt === "int8-dynamic" ? await largestCode(onlyUse(options)) : undefined;
  const metadata = new Map([...model.metadata, weightNotes(taken, prompt, largest)]);
  return { model: { ...model, metadata }, layers, prompt: isBlocked ? prompt : undefined };
}

/** Tokens of a prompt that forms are measured with, and how many shapes of layers. */
const [PROMPT_TOKENS, PROMPT_SHAPES] = [128, 6];

/** Measures which form is fastest where many tokens are computed at once: blocks gain only where one token is. */
async function promptForm(graph: FileGraph, layers: readonly Layer[], options: QuantizeOptions): Promise<PromptForm> {
  const lookups = new Set(layers.filter(({ kind }) => kind === "lookup").map(({ name }) => name));
  const shapes = new Map<string, { readonly layer: Layer; count: number }>();
  // The table of tokens is multiplied with the last token alone.
  for (const layer of layers.filter(({ kind, name }) => kind === "product" && !lookups.has(name))) {
    const key = timeKey(layer, []);
    const known = shapes.get(key);
    if (known === undefined) shapes.set(key, { layer, count: 1 });
    else known.count++;
  }
  const totals = [0, 0, 0];
  for (const { layer, count } of [...shapes.values()].sort((a, b) => b.count - a.count).slice(0, PROMPT_SHAPES)) {
    const { k } = widthsOf(layer);
    const dynamic = ofLayer((file, each) => applyForm(file, each, weightForm(file, each, { ...options, form: "int8-dynamic" })));
    const times = await layerTimes(graph, layer, [1, PROMPT_TOKENS, k], [rewriteFor(options), dynamic], onlyUse(options));
    times.forEach((ms, i) => (totals[i] = (totals[i] ?? 0) + count * (Number.isNaN(ms) ? Infinity : ms)));
  }
  const [plain = 0, blocks = 0, dynamic = 0] = totals;
  if (dynamic * LEAST_SPEEDUP < Math.min(plain, blocks)) return "int8-dynamic";
  return plain * LEAST_SPEEDUP < blocks ? "float32" : "as tokens";
}

async function applyStaticForm(
  graph: FileGraph,
  refined: Refined,
  layers: readonly Layer[],
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<void> {
  const plan = staticPlan(graph, layers);
  const { calibration = "min-max", largestCode: most } = options;
  const ranges = await calibrate(refined.model, plan.activations, data.calibration, calibration, onlyUse(options));
  applyStatic(graph, plan, ranges, (layer) => refined.channels.get(layer.name) ?? plainWeights(graph, layer, most));
}
