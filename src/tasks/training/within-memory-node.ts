/**
 * @module A training within a memory limit (`--memory`): what is computed again in place of being kept, and how many examples at a time, chosen
 * together, from the shapes alone; what will not fit is refused before it starts.
 */
import { segments } from "../../autodiff/index.js";
import { passCost, peakIntermediateBytes } from "../../cost/index.js";
import type { TensorType } from "../../graph/index.js";
import { DTYPES } from "../../graph/index.js";
import type { StatePrecision } from "../../optim/index.js";
import { withState } from "../../optim/index.js";
import type { Device } from "../../runtime/index.js";
import { prepareGraph } from "../../runtime/index.js";
import { cutStep } from "../../train/cut-step.js";
import type { TrainingStep } from "../../train/index.js";
import { traceLoss, trainingStep } from "../../train/step.js";
import { parseByteSize } from "../../util/byte-size.js";
import { ConfigError } from "../../util/errors.js";
import type { TrainingSetup } from "./setup-node.js";
import { trainingTypes } from "./setup-node.js";

/** One way to train: a batch in `micro` pieces, with the first `recompute` segments of the model computed again, and the optimizer's state in a precision. */
interface Way {
  readonly micro: number;
  readonly recompute: number;
  readonly state: StatePrecision;
}

/** The memory that a way takes. */
interface Taken {
  readonly bytes: number;
  /** FLOPs of an update. */
  readonly flops: number;
}

/** Memory that the engine holds for each graph that is compiled, besides values; measured, MiniLM-L6: 25 MiB, and twice that on the way. */
const SESSION_BYTES = 60 * 2 ** 20;
/** The largest resident memory over what is predicted to be alive, measured (benchmarks/memory.md). */
const LIVE_FACTOR = 1.4;
/** The share of the limit that may be predicted: garbage of V8 comes and goes. */
const MARGIN = 0.95;
const MIB = 2 ** 20;

/** The setup's step, done in a way. */
function stepOf({ step }: TrainingSetup, { micro, recompute, state }: Way): TrainingStep {
  const accumulate = (step.accumulate ?? 1) * micro;
  const optimizer = state === step.optimizer.state ? step.optimizer : withState(step.optimizer, state);
  return trainingStep({ ...step, optimizer, accumulate, ...(recompute === 0 ? {} : { recompute: { parts: recompute } }) });
}

const sizeOfAll = (tensors: Iterable<TensorType>): number =>
  [...tensors].reduce((sum, { shape, dtype }) => sum + shape.reduce<number>((n, d) => n * Number(d), DTYPES[dtype].bytes), 0);

/** Predicts what a way takes beside what the process has. */
function measured(setup: TrainingSetup, way: Way, device: Device): Taken {
  const step = stepOf(setup, way);
  const types = trainingTypes(setup, setup.batchSize / way.micro);
  const cut = device === "cpu" ? cutStep(step) : undefined;
  const graph = prepareGraph((cut ?? step).graphFor(types).graph, device);
  const gradients = sizeOfAll(step.optimizer.trained(step.model.parameters()).values());
  const once = sizeOfAll(step.types.parameters.values()) + sizeOfAll(step.types.slots.values());
  const accumulates = (step.accumulate ?? 1) > 1;
  // The kernel works in place; the graph of an optimizer writes a second copy. Sums of gradients are read and written: two take turns.
  const state = cut === undefined ? 2 * (once + (accumulates ? gradients : 0)) : once + (accumulates ? 2 : 1) * gradients;
  const bytes = state + LIVE_FACTOR * peakIntermediateBytes(graph) + SESSION_BYTES * graphsOf(setup);
  return { bytes, flops: passCost(graph.nodes).flops * way.micro };
}

const graphsOf = ({ buckets }: TrainingSetup): number => (buckets?.bounds.length ?? 1) + 1;

/**
 * Ways to train, those first that cost least time and change nothing: fewer pieces, less computed again, then state in 8 bits. Batch normalization sees
 * the batch, which is left whole.
 */
function ways(setup: TrainingSetup, device: Device): Way[] {
  const { step, batchSize, passSize } = setup;
  const traced = traceLoss(step, trainingTypes(setup, passSize), step.optimizer.trained(step.model.parameters()));
  const parts = segments(traced.loss, new Set(step.optimizer.trained(step.model.parameters()).values())).length;
  const seesBatch = [...step.types.parameters.keys()].some((path) => path.endsWith("running_mean"));
  const micros = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128].filter((k) => batchSize % k === 0 && (k === 1 || !seesBatch));
  const again = [...new Set([0, Math.floor(parts / 2), Math.max(0, parts - 1)])];
  const few = micros.filter((k) => k <= 4);
  const many = micros.filter((k) => k > 4);
  const own = step.optimizer.state;
  const isKnown =
    device === "cpu" && withState(step.optimizer, "int8").slots(step.model.parameters()).size > step.types.slots.size;
  const precisions: readonly StatePrecision[] = own === "float32" && isKnown ? [own, "int8"] : [own];
  // Pieces of a few examples leave the processor idle between them: computing again, at most a third more, and 8 bits come before these.
  return [few, many].flatMap((each) =>
    precisions.flatMap((state) => again.flatMap((recompute) => each.map((micro) => ({ micro, recompute, state })))),
  );
}

/**
 * The setup that stays within `--memory`, and notes that say what was chosen and what it costs; the setup as it is where there is no limit.
 *
 * Errors: ConfigError, with what would make it fit, where nothing does, and for a limit beside what divides the batch already.
 */
export function withinMemory(setup: TrainingSetup, device: Device, note: (text: string) => void): TrainingSetup {
  const asked = setup.resolved.memory;
  if (asked === undefined) return setup;
  const limit = parseByteSize(asked, "--memory");
  if (setup.parallel !== undefined)
    throw new ConfigError("--memory: expected a training of one process without --exact; leave one out");
  const present = process.memoryUsage().rss;
  const shown = (bytes: number): string => `${Math.ceil(bytes / MIB)} MiB`;
  let [least, whole]: [Taken | undefined, Taken | undefined] = [undefined, undefined];
  for (const way of ways(setup, device)) {
    const taken = measured(setup, way, device);
    whole ??= taken;
    if (least === undefined || taken.bytes < least.bytes) least = taken;
    if (present + taken.bytes > MARGIN * limit) continue;
    note(
      `--memory ${asked}: ${described(setup, way, taken, whole)}; ${shown(present + taken.bytes)} predicted, ${shown(present + whole.bytes)} as asked`,
    );
    return chosen(setup, way);
  }
  const needed = (present + (least?.bytes ?? 0)) / MARGIN;
  throw new ConfigError(
    `--memory ${asked}: expected at least ${shown(needed)} for ${setup.modelName}, of which ${shown(present)} are taken before it starts; ${remedy(setup, needed)}`,
  );
}

function described({ batchSize, step }: TrainingSetup, { micro, recompute, state }: Way, taken: Taken, whole: Taken): string {
  const parts = [
    ...(micro === 1 ? [] : [`batches of ${batchSize} in ${micro} pieces of ${batchSize / micro}`]),
    ...(recompute === 0 ? [] : [`inner values of ${recompute} parts of the model computed again`]),
    ...(state === step.optimizer.state ? [] : ["the optimizer's state in 8 bits, which rounds its numbers"]),
  ];
  if (parts.length === 0) return "it fits as it is";
  const more = 100 * (taken.flops / whole.flops - 1);
  return `${parts.join(", ")}; ${more < 0.5 ? "no more arithmetic" : `${more.toFixed(0)} % more arithmetic`}`;
}

function remedy({ resolved, adapters }: TrainingSetup, needed: number): string {
  const lora = adapters === undefined && resolved.init !== undefined ? "--lora, " : "";
  return `--memory ${Math.ceil(needed / MIB / 10) * 10}MiB, ${lora}a smaller model or shorter inputs would fit`;
}

/** The setup in a way; a run that is resumed goes on in the same. */
function chosen(setup: TrainingSetup, way: Way): TrainingSetup {
  const step = stepOf(setup, way);
  const batchSize = setup.batchSize / way.micro;
  return {
    ...setup,
    step,
    batchSize,
    passSize: batchSize,
    resolved: {
      ...setup.resolved,
      memory: undefined,
      batchSize,
      accumulate: step.accumulate ?? 1,
      ...(way.recompute === 0 ? {} : { recompute: way.recompute }),
      ...(way.state === "float32" ? {} : { optimizerState: way.state }),
    },
  };
}
