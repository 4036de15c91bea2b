/**
 * @module Refinement of weights beyond rounding to the nearest, by the layers' inputs on examples.
 */
import { toNumbers } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel, OnnxModel } from "../../onnx/index.js";
import { compile } from "../../runtime/index.js";
import { ConfigError } from "../../util/errors.js";
import { eachActivation } from "../activations.js";
import { FileGraph } from "../file-graph.js";
import type { Layer } from "../layers.js";
import { outputRows, widthsOf } from "../layers.js";
import type { BlockedWeights, BlockOptions } from "./blocks.js";
import { gptq } from "./gptq.js";
import { momentsOf } from "./moments.js";
import { reconstructed } from "./adaround-brecq.js";
import { layerFile } from "./operator-times.js";
import type { QuantizeData, QuantizeOptions, Refinement } from "./options.js";
import { BLOCK_SIZE, onlyUse } from "./options.js";
import { applyScales, awqFactors, scaledGroups, smoothFactors } from "./smooth-quant-awq.js";
import type { StaticLayerWeights } from "./static.js";
import { channelNumbers, plainWeights } from "./static.js";

/** The forms that each way is for. */
const FOR: Readonly<Record<Exclude<Refinement, "none">, readonly string[]>> = {
  gptq: ["int4", "int8"],
  awq: ["int4", "int8"],
  smoothquant: ["int8-dynamic", "int8-static"],
  "bias-correction": ["int8-static"],
  adaround: ["int8-static"],
  brecq: ["int8-static"],
};

/** A file that is ready to be rounded, and weights that are rounded already, by the layer's name. */
export interface Refined {
  readonly model: ModelProto;
  readonly blocks: ReadonlyMap<string, BlockedWeights>;
  readonly channels: ReadonlyMap<string, StaticLayerWeights>;
}

type LayersOf = (graph: FileGraph) => readonly Layer[];

/** ConfigError for a refinement that is not one of a form. */
export function checkRefinement({ form, refinement = "none" }: Pick<QuantizeOptions, "form" | "refinement">): void {
  if (refinement !== "none" && !FOR[refinement].includes(form))
    throw new ConfigError(`--refine ${refinement}: expected --form ${FOR[refinement].join(" or ")}, got ${form}`);
}

/** Refines the weights of the layers that are going to be quantized. Errors: those of `checkRefinement`. */
export async function refine(
  model: ModelProto,
  layersOf: LayersOf,
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<Refined> {
  checkRefinement(options);
  const none: Refined = { model, blocks: new Map(), channels: new Map() };
  switch (options.refinement ?? "none") {
    case "none":
      return none;
    case "gptq":
      return { ...none, blocks: await gptqBlocks(model, layersOf, data, options) };
    case "awq":
    case "smoothquant":
      return { ...none, model: await scaled(model, layersOf, data, options) };
    case "bias-correction":
      return { ...none, channels: await corrected(model, layersOf, data, options) };
    case "adaround":
    case "brecq":
      return {
        ...none,
        channels: await reconstructed(model, layersOf, options.refinement === "brecq" ? "block" : "layer", data, options),
      };
  }
}

const blockOptions = ({ form, blockSize = BLOCK_SIZE }: QuantizeOptions): BlockOptions => ({
  bits: form === "int4" ? 4 : 8,
  blockSize,
});

/** Layers whose products of columns are held at once: those of 3,072 columns take 75 MB each. */
const AT_ONCE = 6;

async function gptqBlocks(
  model: ModelProto,
  layersOf: LayersOf,
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<Map<string, BlockedWeights>> {
  const graph = new FileGraph(model);
  const layers = layersOf(graph);
  const shared = new Set(layers.filter(({ kind }) => kind === "lookup").map(({ name }) => name));
  // A table that is looked up as well has to stay as it is: its rows are not summed.
  const products = layers.filter(({ kind, name }) => kind === "product" && !shared.has(name));
  const made = new Map<string, BlockedWeights>();
  for (let from = 0; from < products.length; from += AT_ONCE) {
    const some = products.slice(from, from + AT_ONCE);
    const inputs = new Map(some.map((layer) => [layer.input, widthsOf(layer).k] as const));
    const moments = await momentsOf(model, inputs, data.calibration, { ...onlyUse(options), products: true });
    for (const layer of some) {
      const given = moments.get(layer.input);
      const rows = outputRows(layer, graph.floatsOf(layer.weight)?.data ?? new Float32Array());
      if (given !== undefined) made.set(layer.name, gptq(rows, widthsOf(layer).n, given, blockOptions(options)));
    }
  }
  return made;
}

async function scaled(model: ModelProto, layersOf: LayersOf, data: QuantizeData, options: QuantizeOptions): Promise<ModelProto> {
  const graph = new FileGraph(model);
  const groups = scaledGroups(graph, layersOf(graph));
  const inputs = new Map(
    groups.map(({ input, layers: [first] }) => [input, first === undefined ? 1 : widthsOf(first).k] as const),
  );
  const moments = await momentsOf(model, inputs, data.calibration, {
    ...onlyUse(options),
    products: options.refinement === "awq",
  });
  for (const group of groups) {
    const given = moments.get(group.input);
    if (given === undefined) continue;
    const factors =
      options.refinement === "awq" ? awqFactors(graph, group, given, blockOptions(options)) : smoothFactors(graph, group, given);
    applyScales(graph, group, factors);
  }
  return graph.model();
}

/**
 * Bias correction: the bias makes up for the mean error of rounding in each output channel, on examples.
 * Source: Nagel et al. 2019, arXiv:1906.04721, section 4.2, with measured means.
 */
async function corrected(
  model: ModelProto,
  layersOf: LayersOf,
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<Map<string, StaticLayerWeights>> {
  const graph = new FileGraph(model);
  const made = new Map<string, StaticLayerWeights>();
  for (const layer of layersOf(graph)) {
    const { weights, bias } = plainWeights(graph, layer, options.largestCode);
    const plain = graph.floatsOf(layer.weight)?.data ?? new Float32Array();
    const lost = channelNumbers(layer, weights).map((value, i) => (plain[i] as number) - value);
    const mean = await meanOutputs(model, graph, layer, lost, data, options);
    made.set(layer.name, { weights, bias: mean.map((value, c) => value + (bias?.[c] ?? 0)) });
  }
  return made;
}

/** The means of a layer's output channels with other weights and without bias. */
async function meanOutputs(
  model: ModelProto,
  graph: FileGraph,
  layer: Layer,
  weights: Float32Array,
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<Float32Array> {
  const { n } = widthsOf(layer);
  const file = new FileGraph(
    layerFile(graph, { ...layer, bias: undefined, node: { ...layer.node, inputs: layer.node.inputs.slice(0, 2) } }, []),
  );
  file.setConstant(layer.weight, layer.weightShape, weights);
  const alone = file.model();
  const free = { ...alone, graph: { ...alone.graph, inputs: alone.graph.inputs.map((each) => ({ ...each, shape: undefined })) } };
  await using session = await compile(new OnnxModel(encodeModel(free)), onlyUse(options));
  const inputs: Parameters<typeof session.call>[0][] = [];
  await eachActivation(model, [layer.input], data.calibration, (values) => {
    const x = values.get(layer.input);
    if (x !== undefined) inputs.push({ x: { ...x, data: x.data.slice() } });
  });
  const [sums, isConvolution] = [new Float64Array(n), layer.kind === "convolution"];
  let count = 0;
  for (const feeds of inputs) {
    const { y } = await session.call(feeds);
    if (y === undefined) continue;
    const plane = isConvolution ? y.data.length / ((y.shape[0] ?? 1) * n) : 1;
    toNumbers(y).forEach((value, i) => {
      const c = isConvolution ? Math.floor(i / plane) % n : i % n;
      sums[c] = (sums[c] as number) + value;
    });
    count += y.data.length / n;
  }
  return Float32Array.from(sums, (sum) => sum / Math.max(1, count));
}
