/**
 * @module Time and memory of a training, predicted before it begins and kept beside what was measured.
 */
import { availableParallelism } from "node:os";
import type { Node, Tensor } from "../../graph/index.js";
import { Graph, inputsOf, isLeaf, isStatic } from "../../graph/index.js";
import { resolveForUse } from "../../ops/index.js";
import type { Machine } from "../../cost/index.js";
import type { StepPrediction } from "../../cost/step-prediction.js";
import { usingBytes } from "../../cost/step-prediction.js";
import { knownMachine, thisMachine } from "../../cost/machine-node.js";
import type { Device } from "../../runtime/index.js";
import type { RunSummary } from "../../run/run-folder.js";
import { nodeTaskNamed } from "../table-node.js";
import { rowsAtOnce } from "../use/traced-graph.js";
import { sum } from "../../util/vectors.js";
import { measureStep } from "./memory-node.js";
import type { TrainingSetup } from "./setup-node.js";
import { trainingTypes } from "./setup-node.js";

/** The part of a summary that was known before. */
export type Predicted = NonNullable<RunSummary["predicted"]>;

/** FLOPs of a training from which on measuring the machine, 4 seconds, costs little: half a minute at 100 GFLOP/s. */
const WORTH_MEASURING = 3e12;

/** The machine's rates: as they are kept, or measured where the training is long enough. */
async function machineFor(
  { totalSteps, resolved }: TrainingSetup,
  { flops }: StepPrediction,
  device: Device,
  note: (text: string) => void,
): Promise<Machine | undefined> {
  const threads = resolved.threads ?? availableParallelism();
  const known = knownMachine(device, threads);
  if (known !== undefined || device !== "cpu" || totalSteps * flops < WORTH_MEASURING) return known;
  return thisMachine({ device, threads, note });
}

/** Sequences of the length that half of the examples do not exceed: the step that is typical. */
function typicalSetup(setup: TrainingSetup): TrainingSetup {
  const { buckets, training } = setup;
  if (buckets === undefined) return setup;
  const middle = Array.from(buckets.lengths).sort((a, b) => a - b)[Math.floor(buckets.lengths.length / 2)] ?? 0;
  const length = buckets.bounds.find((bound) => bound >= middle) ?? training.length;
  return atLength(setup, length);
}

/** The setup on sequences of another length. */
const atLength = (setup: TrainingSetup, length: TrainingSetup["training"]["length"]): TrainingSetup => ({
  ...setup,
  training: { ...setup.training, length },
});

/** Bytes of the sessions for all lengths but the greatest, whose own is `longest`: each length has one, and what it takes is a line over the length. */
function otherSessions(setup: TrainingSetup, device: Device, longest: number): number {
  const bounds = setup.buckets?.bounds ?? [];
  if (bounds.length < 2) return 0;
  const [first, last] = [Math.min(...bounds), Math.max(...bounds)];
  const shortest = measureStep(setup.step, trainingTypes(atLength(setup, first), setup.passSize), device).sessionBytes;
  const all = bounds.map((bound) => shortest + ((longest - shortest) * (bound - first)) / (last - first));
  return sum(all) - longest;
}

/** The part of a graph in front of what hangs on values: how many boxes are kept is known to nobody before. */
function knownPart(graph: Graph): Graph {
  const beyond = new Set<Node>();
  const ends = new Set<Tensor>();
  const isBefore = (t: Tensor | null): t is Tensor => t !== null && !beyond.has(t.node);
  for (const node of graph.nodes) {
    if (node.inputs.every((t) => t === null || isBefore(t)) && node.outputs.every(({ shape }) => isStatic(shape))) continue;
    beyond.add(node);
    for (const t of node.inputs) if (isBefore(t) && !isLeaf(t.node)) ends.add(t);
  }
  if (beyond.size === 0) return graph;
  for (const t of graph.outputs.values()) if (isBefore(t)) ends.add(t);
  return new Graph(Object.fromEntries([...ends].map((t, i) => [`end${i}`, t])));
}

/**
 * Bytes that measuring takes beside a step: many rows at once, of the greatest length. Graphs whose inputs are of known sizes share the engine's arena in turns, and
 * the larger one counts; one of free lengths has an arena of its own. None where a task measures by itself. What comes after sizes that hang on values is left out.
 */
function measuringBytes(
  { task, prepared, model, training, buckets }: TrainingSetup,
  device: Device,
  { roomBytes }: StepPrediction,
): number {
  const { info, validation } = prepared;
  if (task.measurement === undefined || nodeTaskNamed(task.name).evaluate !== undefined) return 0;
  const length = buckets === undefined ? {} : { length: Math.max(...buckets.bounds) };
  const context = { ...training, use: "eval" as const, ...length };
  const columns = inputsOf(task.inputs(context, Math.min(rowsAtOnce(task, info), validation.length)));
  const outputs = task.outputs(model, task.features(columns, context, model), columns, context);
  const graph = new Graph(resolveForUse(outputs));
  const { running, session } = usingBytes(knownPart(graph), device);
  return session + (buckets === undefined ? Math.max(0, running - roomBytes) : running);
}

/** Bytes of rows that are kept once they were read, by the threads that read for training and for measuring. */
function keptBytes({ task, prepared, batchSize, totalSteps }: TrainingSetup): number {
  const { info, train, validation } = prepared;
  const seen = Math.min(train.length, totalSteps * batchSize);
  return sum([seen, validation.length].map((rows) => task.keptBytes?.(info, rows) ?? 0));
}

/** Predicts the step of a training: memory by its largest batches and by what measuring takes beside, time by the typical ones. */
export async function predictTraining(setup: TrainingSetup, device: Device, note: (text: string) => void): Promise<Predicted> {
  const { step, passSize } = setup;
  const before = process.memoryUsage().rss;
  const cost = measureStep(step, trainingTypes(setup, passSize), device);
  const sessions = otherSessions(setup, device, cost.sessionBytes);
  const beside = sessions + measuringBytes(setup, device, cost) + keptBytes(setup);
  const peakMemoryMiB = (before + cost.bytes + beside) / 2 ** 20;
  const machine = await machineFor(setup, cost, device, note);
  if (machine === undefined) return { peakMemoryMiB };
  const { seconds } = measureStep(step, trainingTypes(typicalSetup(setup), passSize), device, machine);
  return { peakMemoryMiB, stepMs: seconds && seconds * 1000 };
}
