/**
 * @module What a training step takes of memory and time, predicted from its graph as it is run.
 */
import type { Graph, Tensor } from "../graph/index.js";
import { isLeaf } from "../graph/index.js";
import type { Device } from "../runtime/index.js";
import { prepareGraph } from "../runtime/index.js";
import type { Machine } from "./machine.js";
import { bytesOf, peakIntermediateBytes } from "./memory.js";
import { predictedSeconds } from "./roofline.js";
import { passCost } from "./work.js";

export interface StepPrediction {
  readonly flops: number;
  /** State, batch and constants, once. */
  readonly leafBytes: number;
  /** Results that are alive at once. */
  readonly workingBytes: number;
  /** The growth of the process: the engine's own, two copies of the state, what is alive at once, and the engine's spare room. */
  readonly bytes: number;
  /** Where the machine's rates are known. */
  readonly seconds?: number;
}

/** Memory that the first session of a process takes. */
const ENGINE_BYTES = 12 * 2 ** 20;
/**
 * Room that the engine takes on the CPU beside what is alive: fragments of its arena, the kernels' own buffers and packed operands, as shares of the live values and of the
 * largest result. From 14 trainings (perceptrons, convolutional networks, transformers; batches of 2 to 4096), whose growth they give to 14 % of the peak memory at worst;
 * models that had no part in this: benchmarks/cost.md.
 */
const [SPARE_SHARE, SPARE_LARGEST] = [0.15, 3];

/** Seconds that a run takes beside its nodes, and for each tensor that goes in or comes out: measured on small perceptrons. */
const [RUN_SECONDS, TENSOR_SECONDS] = [1e-4, 1.5e-6];

const largestResult = (graph: Graph): number =>
  graph.nodes.reduce((most, node) => (isLeaf(node) ? most : node.outputs.reduce((m, t) => Math.max(m, bytesOf(t)), most)), 0);

const runSeconds = (graph: Graph): number =>
  RUN_SECONDS + TENSOR_SECONDS * (graph.inputs.length + graph.parameters.length + graph.outputs.size);

/** Predicts a traced step on a device. `block`: channels in a block of the engine's kernels, of `channelBlock`. */
export function predictStep(traced: Graph, device: Device, machine?: Machine, block = 1): StepPrediction {
  const graph = prepareGraph(traced, device, undefined, block);
  const leafBytes = graph.nodes.filter(isLeaf).reduce((sum, node) => sum + bytesOf(node.outputs[0] as Tensor), 0);
  const workingBytes = peakIntermediateBytes(graph);
  const spare = device === "cpu" ? SPARE_SHARE * workingBytes + SPARE_LARGEST * largestResult(graph) : 0;
  return {
    flops: passCost(graph.nodes).flops,
    leafBytes,
    workingBytes,
    bytes: ENGINE_BYTES + 2 * leafBytes + workingBytes + spare,
    ...(machine === undefined ? {} : { seconds: predictedSeconds(graph, machine) + runSeconds(graph) }),
  };
}
