/**
 * @module Adaptive rounding: for each weight it is learned whether it is rounded up or down, layer by layer or block by block, so that the outputs stay
 * those of float32, with the inputs that the quantized part before gives.
 *
 *     w̃ = s · clip(⌊w/s⌋ + h(V), −m, m),   h(V) = clip(1.2 σ(V) − 0.1, 0, 1),   m: the largest code
 *
 * Sources: Nagel et al. 2020 (AdaRound), arXiv:2004.10568, equations 21 to 25, by layers; Li et al. 2021 (BRECQ), arXiv:2102.05426, algorithm 1, by blocks
 * between which one value passes, errors weighted by squared gradients of the divergence of the outputs. Differs from them: activations inside a block are
 * rounded by their calibrated steps, which stay; half of an error's weight is even; fewer steps at ten times the rate.
 */
import { grad } from "../../autodiff/index.js";
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, inputsOf, symbol, toNumbers } from "../../graph/index.js";
import { GraphModule } from "../../nn/index.js";
import type { ModelProto, NodeProto } from "../../onnx/index.js";
import { encodeModel } from "../../onnx/index.js";
import { adam } from "../../optim/index.js";
import { compile } from "../../runtime/index.js";
import { TrainingState, trainingStep } from "../../train/index.js";
import { Random } from "../../util/random.js";
import { own } from "../../util/record.js";
import type { Feeds } from "../activations.js";
import { eachActivation } from "../activations.js";
import { FileGraph, nodeProto } from "../file-graph.js";
import type { Layer } from "../layers.js";
import type { Range } from "./calibration.js";
import { calibrate } from "./calibration.js";
import type { QuantizeData, QuantizeOptions } from "./options.js";
import { onlyUse } from "./options.js";
import { LARGEST_CODE } from "./saturation.js";
import type { ChannelWeights, StaticLayerWeights, StaticPlan } from "./static.js";
import { applyStatic, channelAxis, channelNumbers, plainWeights, resultOf, roundActivation, staticPlan } from "./static.js";

/** Part of a file, from values that something before makes to one value. */
export interface Block {
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly string[];
  readonly output: string;
  readonly layers: readonly Layer[];
}

/** Finds what nodes read that neither they nor constants make. */
function blockInputs(graph: FileGraph, nodes: readonly NodeProto[]): string[] {
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  return [...read].filter((name) => name !== "" && !made.has(name) && graph.numbersOf(name) === undefined);
}

/** Blocks of one layer each, with the Relu behind it. */
function layerBlocks(graph: FileGraph, layers: readonly Layer[]): Block[] {
  return layers.map((layer) => {
    const { node } = layer;
    const output = resultOf(graph, node);
    const last = graph.producerOf(output);
    const nodes = last === undefined || last === node ? [node] : [node, last];
    return { nodes, inputs: blockInputs(graph, nodes), output, layers: [layer] };
  });
}

/** Blocks between which one value passes that depends on a layer: those of residual networks, and single layers of plain ones. */
export function passBlocks(graph: FileGraph, layers: readonly Layer[]): Block[] {
  const { nodes } = graph;
  const byNode = new Map(layers.map((layer) => [layer.node, layer]));
  const lastRead = new Map<string, number>();
  nodes.forEach(({ inputs }, i) => inputs.forEach((name) => lastRead.set(name, i)));
  for (const { name } of graph.outputs) lastRead.set(name, Infinity);
  const alive = new Set<string>();
  const blocks: Block[] = [];
  let open: NodeProto[] = [];
  let found: Layer[] = [];
  for (const [i, node] of nodes.entries()) {
    const layer = byNode.get(node);
    const depends = layer !== undefined || node.inputs.some((name) => alive.has(name));
    open.push(node);
    if (layer !== undefined) found.push(layer);
    if (depends) for (const name of node.outputs) alive.add(name);
    for (const name of alive) if ((lastRead.get(name) ?? -1) <= i) alive.delete(name);
    const [output, ...others] = alive;
    if (output === undefined || others.length > 0 || found.length === 0 || !node.outputs.includes(output)) continue;
    const next = nodes[i + 1];
    // A Relu behind the block belongs to it.
    if (next?.opType === "Relu" && next.inputs[0] === output && lastRead.get(output) === i + 1) continue;
    blocks.push({ nodes: open, inputs: blockInputs(graph, open), output, layers: found });
    [open, found] = [[], []];
  }
  return blocks;
}

/** A file of some nodes alone. */
function partOf(
  model: ModelProto,
  nodes: readonly NodeProto[],
  inputs: readonly string[],
  outputs: readonly string[],
): ModelProto {
  const value = (name: string) => ({ name, elementType: 1, shape: undefined });
  const known = new Map(model.graph.inputs.map((each) => [each.name, each]));
  const part = {
    ...model.graph,
    nodes: [...nodes],
    inputs: inputs.map((name) => known.get(name) ?? value(name)),
    outputs: outputs.map(value),
  };
  return new FileGraph({ ...model, metadata: new Map(), graph: part }).model();
}

const ROUNDING = ".rounding";
const [STRETCH, SHIFT] = [1.2, -0.1];

/** h of a number. */
const softly = (v: number): number => Math.min(1, Math.max(0, STRETCH / (1 + Math.exp(-v)) + SHIFT));

/** Whole parts ⌊w/s⌋ of a layer's weights, and V of what is left. */
function rounding(
  layer: Layer,
  data: Float32Array,
  { codes, scales }: ChannelWeights,
): { floors: Float32Array; v: Float32Array } {
  const steps = channelNumbers(layer, { codes: new Int8Array(codes.length).fill(1), scales });
  const ratio = data.map((value, i) => value / (steps[i] as number));
  const floors = ratio.map(Math.floor);
  const v = ratio.map((value, i) => {
    const rest = Math.min(0.999, Math.max(0.001, value - (floors[i] as number)));
    return -Math.log(STRETCH / (rest - SHIFT) - 1);
  });
  return { floors, v };
}

/** Puts softly rounded weights in the place of a layer's own. */
function soften(graph: FileGraph, layer: Layer, weights: ChannelWeights, largest: number): void {
  const { weight, weightShape } = layer;
  const { floors, v } = rounding(layer, graph.floatsOf(weight)?.data ?? new Float32Array(), weights);
  const node = graph.nodes.find((each) => each.opType === layer.node.opType && each.inputs[1] === weight);
  if (node === undefined) return;
  const stepShape = weightShape.map((d, i) => (i === channelAxis(layer) ? d : 1));
  const parameter = graph.addConstant(`${weight}${ROUNDING}`, "float32", weightShape, v);
  const named = (what: string, dims: readonly number[], numbers: Float32Array): string =>
    graph.addConstant(`${weight}.${what}`, "float32", dims, numbers);
  const whole = named("floors", weightShape, floors);
  const step = named("steps", stepShape, weights.scales);
  const [stretch, shift, zero, one, least, most] = [STRETCH, SHIFT, 0, 1, -largest, largest].map((x, i) =>
    named(`number${i}`, [], Float32Array.of(x)),
  ) as [string, string, string, string, string, string];
  const at = (what: string): string => graph.fresh(`${weight}.soft.${what}`);
  const [s, wide, moved, h, sum, held, real] = ["s", "wide", "moved", "h", "sum", "held", "real"].map(at) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  graph.replace(node, [
    nodeProto("Sigmoid", [parameter], [s]),
    nodeProto("Mul", [s, stretch], [wide]),
    nodeProto("Add", [wide, shift], [moved]),
    nodeProto("Clip", [moved, zero, one], [h]),
    nodeProto("Add", [whole, h], [sum]),
    nodeProto("Clip", [sum, least, most], [held]),
    nodeProto("Mul", [held, step], [real]),
    { ...node, inputs: node.inputs.map((name) => (name === weight ? real : name)) },
  ]);
}

/** Values of a file on all batches, of their own. */
async function kept(
  model: ModelProto,
  names: readonly string[],
  batches: readonly Feeds[],
  options: QuantizeOptions,
): Promise<Feeds[]> {
  const found: Feeds[] = [];
  const keep = (values: ReadonlyMap<string, TensorData>): void => {
    found.push(Object.fromEntries([...values].map(([name, t]) => [name, { ...t, data: t.data.slice() }])));
  };
  await eachActivation(model, names, batches, keep, onlyUse(options));
  return found;
}

/** The weights of errors in a block's output: half even, half by squared gradients of the divergence of the model's outputs, 1 in the mean. */
async function importances(
  model: ModelProto,
  { output }: Block,
  batches: readonly { readonly given: Feeds; readonly quantized: TensorData }[],
  options: QuantizeOptions,
): Promise<TensorData[]> {
  const graph = new FileGraph(model);
  const ends = graph.outputs.map(({ name }) => name);
  const behind = new Set<string>([output]);
  const nodes = graph.nodes.filter((node) => {
    const isBehind = node.inputs.some((name) => behind.has(name));
    if (isBehind) for (const name of node.outputs) behind.add(name);
    return isBehind;
  });
  if (nodes.length === 0) return batches.map(({ quantized }) => ones(quantized));
  const outputs = ends.filter((name) => behind.has(name));
  const inputs = blockInputs(graph, nodes);
  const targets = await kept(
    model,
    [...new Set([...outputs, ...inputs.filter((name) => name !== output)])],
    batches.map(({ given }) => given),
    options,
  );
  const part = partOf(model, nodes, inputs, outputs);
  const result: TensorData[] = [];
  for (const [i, { quantized }] of batches.entries()) {
    const values: Feeds = { ...(targets[i] as Feeds), [output]: quantized };
    const tensors = inputsOf(values);
    const given = Object.fromEntries(inputs.map((name) => [name, tensors[name] as Tensor]));
    const shapes = Object.fromEntries(inputs.map((name) => [name, (tensors[name] as Tensor).shape]));
    const module = new GraphModule(encodeModel(part), { shapes, weightless: true });
    const made = module.forward(given);
    const z = tensors[output] as Tensor;
    const losses = outputs.flatMap((name) => {
      const [own, target] = [
        made[name],
        name === output ? undefined : input(`target ${name}`, (values[name] as TensorData).shape),
      ];
      if (own?.dtype !== "float32" || target === undefined) return [];
      const isLogits = own.rank === 2;
      return [
        isLogits
          ? target
              .softmax(-1)
              .mul(target.logSoftmax(-1).sub(own.logSoftmax(-1)))
              .sum()
          : own.sub(target).square().sum(),
      ];
    });
    const [first, ...rest] = losses;
    const { shape } = quantized;
    if (first === undefined) {
      result.push(fromNumbers("float32", shape, new Float32Array(quantized.data.length).fill(1)));
      continue;
    }
    const gradient = grad(
      rest.reduce((sum, t) => sum.add(t), first),
      z,
    );
    await using executable = await compile(new Graph({ gradient }), { ...onlyUse(options), values: moduleValues(module) });
    const feeds = executable.inputs.map((name) => [name, own(values, name.replace(/^target /, "")) as TensorData]);
    const got = toNumbers((await executable.call(Object.fromEntries(feeds)))["gradient"] as TensorData);
    const mean = got.reduce((sum, g) => sum + g * g, 0) / got.length || 1;
    result.push(
      fromNumbers(
        "float32",
        shape,
        got.map((g) => (1 + (g * g) / mean) / 2),
      ),
    );
  }
  return result;
}

const moduleValues = (module: GraphModule): Map<Tensor, TensorData> =>
  new Map([...module.weights].map(([name, p]) => [p as Tensor, module.values.get(name) as TensorData]));

const STEPS = 400;
const RATE = 0.01;
/** The share of the steps without the pull to 0 and 1, its weight, and the exponents between which it hardens. */
const [FREE, PULL, SOFT, HARD] = [0.2, 0.01, 20, 2];

/** Learns the rounding of a block's layers. */
async function learned(
  model: ModelProto,
  block: Block,
  plan: StaticPlan,
  ranges: ReadonlyMap<string, Range>,
  batches: readonly Feeds[],
  options: QuantizeOptions,
): Promise<Map<string, Float32Array>> {
  const part = new FileGraph(partOf(model, block.nodes, block.inputs, [block.output]));
  const whole = new FileGraph(model);
  const { largestCode: most = LARGEST_CODE } = options;
  for (const layer of block.layers) soften(part, layer, plainWeights(whole, layer, most).weights, most);
  const inside = new Set([...block.inputs, ...block.nodes.flatMap(({ outputs }) => outputs)]);
  for (const name of plan.activations)
    if (inside.has(name) && name !== block.output) roundActivation(part, name, ranges.get(name) ?? { low: 0, high: 0 });
  const file = part.model();
  const include = block.layers.map(({ weight }) => `${weight}${ROUNDING}`);
  const exclude = file.graph.initializers.map(({ name }) => name).filter((name) => !include.includes(name));
  const shapes = Object.fromEntries(
    block.inputs.map((name): [string, Dim[]] => [name, freed((batches[0] as Feeds)[name]?.shape ?? [])]),
  );
  const module = new GraphModule(encodeModel(file), { shapes, parameters: { include, exclude } });
  const parameters = include.map((name) => module.weights.get(name) as Tensor);
  const loss = (batch: Readonly<Record<string, Tensor>>): Tensor => {
    const given = (name: string): Tensor => own(batch, name) as Tensor;
    const made = module.forward(Object.fromEntries(block.inputs.map((name) => [name, given(name)])));
    const out = made[block.output] as Tensor;
    const channels = Number(out.shape[out.rank === 4 ? 1 : out.rank - 1]);
    const error = out.sub(given(TARGET)).square().mul(given(IMPORTANCE)).mean().mul(channels);
    const soft = parameters.map((v) =>
      v.sigmoid().mul(STRETCH).add(SHIFT).clip(0, 1).mul(2).sub(1).abs().pow(given(EXPONENT)).neg().add(1).sum(),
    );
    return error.add(soft.reduce((sum, t) => sum.add(t)).mul(given(WEIGHT).reshape([])));
  };
  const steps = options.roundingSteps ?? STEPS;
  const step = trainingStep({ model: module, optimizer: adam({ learningRate: RATE }), loss });
  await using state = await TrainingState.create(step, { seed: 1, device: "cpu", ...onlyUse(options), weights: module.values });
  const random = new Random(1, `rounding ${block.output}`);
  const one = (x: number): TensorData => fromNumbers("float32", [1], [x]);
  for (let i = 0; i < steps; i++) {
    const t = Math.max(0, (i / steps - FREE) / (1 - FREE));
    const exponent = HARD + (SOFT - HARD) * 0.5 * (1 + Math.cos(Math.PI * t));
    const batch = batches[random.integer(batches.length)] as Feeds;
    await state.run({ ...batch, [EXPONENT]: one(exponent), [WEIGHT]: one(i < FREE * steps ? 0 : PULL) });
  }
  const values = await state.parameters();
  return new Map(include.map((name) => [name, Float32Array.from(toNumbers(values.get(name) as TensorData))]));
}

const [TARGET, IMPORTANCE, EXPONENT, WEIGHT] = ["rounding target", "rounding importance", "rounding exponent", "rounding weight"];

/** A shape with its first axis free. */
const freed = (shape: readonly number[]): Dim[] => shape.map((d, i) => (i === 0 ? symbol("N") : d));

/** Learns the rounding of all layers, in their order. `by`: single layers, or blocks. */
export async function reconstructed(
  model: ModelProto,
  layersOf: (graph: FileGraph) => readonly Layer[],
  by: "layer" | "block",
  data: QuantizeData,
  options: QuantizeOptions,
): Promise<Map<string, StaticLayerWeights>> {
  const graph = new FileGraph(model);
  const layers = layersOf(graph);
  const plan = staticPlan(graph, layers);
  const ranges = await calibrate(model, plan.activations, data.calibration, options.calibration ?? "min-max", onlyUse(options));
  const made = new Map<string, StaticLayerWeights>();
  const { largestCode: most = LARGEST_CODE } = options;
  const weightsOf = (layer: Layer): StaticLayerWeights => made.get(layer.name) ?? plainWeights(graph, layer, most);
  const blocks = by === "layer" ? layerBlocks(graph, layers) : passBlocks(graph, layers);
  for (const [i, block] of blocks.entries()) {
    options.onLayer?.(i, blocks.length);
    const quantized = new FileGraph(model);
    applyStatic(quantized, staticPlan(quantized, layersOf(quantized)), ranges, weightsOf);
    const names = [...new Set([...block.inputs, block.output])];
    const given = await kept(quantized.model(), names, data.calibration, options);
    const targets = await kept(model, [block.output], data.calibration, options);
    const weighted =
      by === "layer"
        ? targets.map((t) => ones(t[block.output] as TensorData))
        : await importances(
            model,
            block,
            given.map((values, b) => ({ given: data.calibration[b] as Feeds, quantized: values[block.output] as TensorData })),
            options,
          );
    const batches = given.map((values, b): Feeds => ({
      ...Object.fromEntries(block.inputs.map((name) => [name, values[name] as TensorData])),
      [TARGET]: targets[b]?.[block.output] as TensorData,
      [IMPORTANCE]: weighted[b] as TensorData,
    }));
    const found = await learned(model, block, plan, ranges, batches, options);
    for (const layer of block.layers) {
      const { weights, bias } = plainWeights(graph, layer, most);
      const { floors } = rounding(layer, graph.floatsOf(layer.weight)?.data ?? new Float32Array(), weights);
      const v = found.get(`${layer.weight}${ROUNDING}`) ?? new Float32Array();
      const codes = Int8Array.from(floors, (whole, j) =>
        Math.max(-most, Math.min(most, whole + (softly(v[j] ?? 0) >= 0.5 ? 1 : 0))),
      );
      made.set(layer.name, { weights: { codes, scales: weights.scales }, bias });
    }
  }
  return made;
}

const ones = ({ shape, data }: TensorData): TensorData => fromNumbers("float32", shape, new Float32Array(data.length).fill(1));
