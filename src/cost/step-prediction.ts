/**
 * @module Memory and time of a training step, predicted from its graph as it is run.
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
  /** Results that are alive at once. */
  readonly workingBytes: number;
  /** These and the engine's spare room. */
  readonly roomBytes: number;
  /** The growth of the process: the engine's own, its session's, two copies of the state, what is alive at once, and the engine's spare room. */
  readonly bytes: number;
  /** The part of `bytes` that the engine takes for the session itself, before it has run. */
  readonly sessionBytes: number;
  /** Where the machine's rates are known. */
  readonly seconds?: number;
}

/** Memory that the first session of a process takes. */
const ENGINE_BYTES = 12 * 2 ** 20;
/**
 * Room that the engine takes on the CPU beside what is alive: fragments of its arena, packed operands and the kernels' own buffers, which are more among convolutions; as shares of
 * the live values and of the largest result. Read off the growth of 17 trainings of the zoo, once a session's own bytes were counted apart; benchmarks/cost.md.
 */
const [SPARE_SHARE, CONVOLVING_SHARE, SPARE_LARGEST] = [0.15, 0.45, 1.5];

/** Memory that a session takes for each node of its graph: chains of 500, 1,500 and 3,000 nodes took 12, 13 and 8 KiB each. */
const NODE_BYTES = 10 * 2 ** 10;

/** Seconds that a run takes beside its nodes, and for each tensor that goes in or comes out: measured on small perceptrons. */
const [RUN_SECONDS, TENSOR_SECONDS] = [1e-4, 1.5e-6];

const largestResult = (graph: Graph): number =>
  graph.nodes.reduce((most, node) => (isLeaf(node) ? most : node.outputs.reduce((m, t) => Math.max(m, bytesOf(t)), most)), 0);

/** Two copies of all, or one with gradients and slots. */
const stateBytes = (leafBytes: number, update: InPlaceUpdate | undefined): number =>
  update === undefined ? 2 * leafBytes : leafBytes + update.parameterBytes + update.slotBytes;

const updateSeconds = ({ memoryBandwidth }: Machine, update: InPlaceUpdate | undefined): number =>
  update === undefined ? 0 : (3 * update.parameterBytes + 2 * update.slotBytes) / memoryBandwidth;

const runSeconds = (graph: Graph): number =>
  RUN_SECONDS + TENSOR_SECONDS * (graph.inputs.length + graph.parameters.length + graph.outputs.size);

/** Seconds of a run of the graph as the engine has it, with its convolutions in blocks. */
function secondsOf(traced: Graph, plain: Graph, machine: Machine): number {
  const isBlocked = machine.channelBlock > 1 && convolves(traced);
  const graph = isBlocked ? prepareGraph(traced, machine.device, undefined, machine.channelBlock) : plain;
  return predictedSeconds(graph, machine) + runSeconds(graph);
}

/** An update that a kernel does in place, after the graph: bytes of trained parameters, and of the optimizer's slots. */
export interface InPlaceUpdate {
  readonly parameterBytes: number;
  readonly slotBytes: number;
}

/** Bytes of a prepared graph's session, before it has run. */
const sessionBytesOf = ({ nodes }: Graph): number => NODE_BYTES * nodes.filter((node) => !isLeaf(node)).length;

const convolves = ({ nodes }: Graph): boolean => nodes.some(({ op }) => op === "Conv");

/** Bytes that a prepared graph takes while it runs, beside its inputs: live values, and the engine's spare room. */
function roomOf(graph: Graph, device: Device, isConvolving: boolean): { readonly working: number; readonly spare: number } {
  const working = peakIntermediateBytes(graph);
  const share = isConvolving ? CONVOLVING_SHARE : SPARE_SHARE;
  return { working, spare: device === "cpu" ? share * working + SPARE_LARGEST * largestResult(graph) : 0 };
}

/**
 * Predicts a traced step on a device. With `update`, the graph ends with gradients, and nothing of the state is there twice: a kernel then reads parameters, gradients and slots, and
 * writes the first and the last.
 */
export function predictStep(traced: Graph, device: Device, machine?: Machine, update?: InPlaceUpdate): StepPrediction {
  const graph = prepareGraph(traced, device);
  const leafBytes = graph.nodes.filter(isLeaf).reduce((sum, node) => sum + bytesOf(node.outputs[0] as Tensor), 0);
  const { working: workingBytes, spare } = roomOf(graph, device, convolves(traced));
  const sessionBytes = sessionBytesOf(graph);
  return {
    flops: passCost(graph.nodes).flops,
    workingBytes,
    roomBytes: workingBytes + spare,
    sessionBytes,
    bytes: ENGINE_BYTES + sessionBytes + stateBytes(leafBytes, update) + workingBytes + spare,
    seconds: machine && secondsOf(traced, graph, machine) + updateSeconds(machine, update),
  };
}

/** Bytes that a traced graph in use takes on a device, beside its weights and inputs: while it runs, and for its session. */
export function usingBytes(traced: Graph, device: Device): { readonly running: number; readonly session: number } {
  const graph = prepareGraph(traced, device);
  const { working, spare } = roomOf(graph, device, convolves(traced));
  return { running: working + spare, session: sessionBytesOf(graph) };
}
