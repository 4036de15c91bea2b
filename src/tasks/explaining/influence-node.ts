/**
 * @module The training examples behind an answer: TracIn over a run's checkpoints.
 */
import { join } from "node:path";
import type { Batch, Dataset, WorkerFetcher } from "../../data/node.js";
import { checkRepeated } from "../../data/node.js";
import { answerGradient, influence } from "../../explain/index.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { elementAt, input, inputsOf, toNumbers } from "../../graph/index.js";
import { crossEntropy } from "../../losses/index.js";
import { resolveForUse } from "../../ops/index.js";
import type { RunFolder } from "../../run/run-folder-node.js";
import { openRun, splitRunPath } from "../../run/run-folder-node.js";
import { RUN_FILES } from "../../run/run-folder.js";
import type { Executable } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { ConfigError } from "../../util/errors.js";
import { Random } from "../../util/random.js";
import { fetcherFor } from "../shared/rows-node.js";
import { textAt } from "../shared/windows.js";
import { nodeTaskNamed } from "../table-node.js";
import type { NamedInputs } from "../task-node.js";
import type { TaskContext, TaskInfo, Tensors } from "../task.js";
import type { TrainedModel, UseOptions } from "../trained-model.js";
import { loadExamples } from "../use/examples-node.js";
import { openTrained } from "../use/trained-node.js";
import type { View } from "../view.js";
import { pathsOf } from "./explainable-node.js";
import type { Remark } from "../../explain/index.js";
import { formatNames } from "../../util/text.js";

export interface InfluenceRequest extends UseOptions {
  /** Training examples to name on each side. */
  readonly count: number;
  /** Training examples to look at, at most; drawn from all over the training part. */
  readonly examples?: number;
  /** The class to explain; left out, the answer. */
  readonly target?: string;
  readonly seed: number;
  /** The training data, to be given again if the run's came from a query. */
  readonly data?: string;
  readonly onProgress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** A training example, and how far training steps on it raised the answer; negative values lowered it. */
export interface InfluentialExample {
  readonly view: View;
  readonly label: string;
  readonly value: number;
  /** Its place in the training part. */
  readonly row: number;
}

/** The most influential training examples of one answer. */
export interface Influences {
  readonly view: View;
  readonly label: string;
  readonly raising: readonly InfluentialExample[];
  readonly lowering: readonly InfluentialExample[];
}

export interface InfluenceResult {
  readonly influences: readonly Influences[];
  /** Steps of the checkpoints that were gone through, with their learning rates. */
  readonly checkpoints: readonly { readonly step: number; readonly learningRate: number }[];
  readonly remarks: readonly Remark[];
}

const BATCH = 64;
const MOST_EXAMPLES = 10_000;

/** Losses [N] of single examples. ConfigError for a task that has none of a kind that is known. */
function exampleLosses(outputs: Tensors, batch: Tensors, task: string): Tensor {
  const { logits, prediction } = outputs;
  const { label, target } = batch;
  if (logits?.rank === 2 && label !== undefined) return crossEntropy(logits, label, { reduction: "none" });
  if (prediction !== undefined && target !== undefined) return prediction.sub(target).square();
  throw new ConfigError(`--influence: expected a run that predicts a class or a quantity, got one of ${task}`);
}

/** The graphs of one run: parameters are inputs, so that each serves all checkpoints. Owned: dispose it. */
class InfluenceGraphs implements AsyncDisposable {
  readonly #trained: TrainedModel;
  readonly #options: UseOptions;
  readonly #made = new Map<string, Promise<Executable>>();
  readonly parameters: ReadonlyMap<string, Tensor>;

  constructor(trained: TrainedModel, options: UseOptions) {
    this.#trained = trained;
    this.#options = options;
    this.parameters = new Map(trained.model.parameters());
  }

  context(width: number | undefined): TaskContext<TaskInfo> {
    return { info: this.#trained.info, use: "train", options: {}, length: width };
  }

  /** Columns of a batch of so many rows, the outputs in use, and the numbers to feed besides the batch. */
  #outputs(rows: number, width: number | undefined): { readonly columns: Tensors; readonly outputs: Tensors } {
    const { task, model } = this.#trained;
    const context = this.context(width);
    const types = { ...task.inputs(context, rows), ...task.targets(context, rows) };
    const columns = inputsOf(types);
    const use: TaskContext<TaskInfo> = { ...context, use: "eval" };
    return { columns, outputs: resolveForUse(task.outputs(model, task.features(columns, use, model), columns, use)) };
  }

  #run(
    key: string,
    build: () => Tensors,
    feeds: Readonly<Record<string, TensorData>>,
  ): Promise<Readonly<Record<string, TensorData>>> {
    const { device, threads } = this.#options;
    const made = this.#made.get(key) ?? compile(build(), { names: pathsOf(this.#trained), device, threads });
    this.#made.set(key, made);
    return made.then((executable) =>
      executable.call(Object.fromEntries(Object.entries(feeds).filter(([name]) => executable.inputs.includes(name)))),
    );
  }

  /** The gradient of an answer's log-probability, or of a quantity, by parameter. */
  async direction(
    batch: Batch,
    target: number,
    width: number | undefined,
    numbers: ReadonlyMap<string, TensorData>,
  ): Promise<Record<string, TensorData>> {
    const paths = [...this.parameters.keys()];
    const build = (): Tensors => {
      const { outputs } = this.#outputs(1, width);
      const { logits, prediction } = outputs;
      const answer = logits === undefined ? (prediction as Tensor) : logits.logSoftmax().slice(1, target, target + 1);
      const gradients = answerGradient(answer, [...this.parameters.values()]);
      return Object.fromEntries(gradients.map((g, i) => [`gradient ${paths[i] ?? ""}`, g]));
    };
    const found = await this.#run(`direction ${target} ${width ?? ""}`, build, { ...batch, ...Object.fromEntries(numbers) });
    return Object.fromEntries(paths.map((path) => [`direction ${path}`, found[`gradient ${path}`] as TensorData]));
  }

  /** The influence of each row of a batch [N]. */
  async influence(
    batch: Batch,
    rows: number,
    width: number | undefined,
    numbers: ReadonlyMap<string, TensorData>,
    direction: Readonly<Record<string, TensorData>>,
  ): Promise<Float64Array> {
    const build = (): Tensors => {
      const { columns, outputs } = this.#outputs(rows, width);
      const directions = [...this.parameters].map(([path, p]) => input(`direction ${path}`, p.shape, p.dtype));
      const losses = exampleLosses(outputs, columns, this.#trained.task.name);
      return { influence: influence(losses, [...this.parameters.values()], directions) };
    };
    const feeds = { ...batch, ...Object.fromEntries(numbers), ...direction };
    const found = await this.#run(`influence ${rows} ${width ?? ""}`, build, feeds);
    return toNumbers(found["influence"] as TensorData);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const made of this.#made.values()) await (await made.catch(() => undefined))?.dispose();
  }
}

/** Rows of a batch by their indices, the last of which fills it up. */
const placesFrom = (from: number, to: number, size: number): Uint32Array =>
  Uint32Array.from({ length: size }, (_, i) => Math.min(from + i, to - 1));

const batchAt = async (fetcher: WorkerFetcher | undefined, rows: Dataset, indices: Uint32Array): Promise<Batch> =>
  (await fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: 0 })) ?? rows.gather(indices);

/** The width of a batch of sequences. */
const widthOf = ({ task, info }: TrainedModel, batch: Batch): number | undefined => {
  if (task.buckets === undefined) return undefined;
  const [first = ""] = Object.keys(task.inputs({ info, use: "eval", options: {} }, 1));
  return batch[first]?.shape[1];
};

/** Steps of a run's checkpoints, ascending, each with the learning rate of the measurement nearest to it. */
async function checkpointsOf(folder: RunFolder): Promise<{ readonly step: number; readonly learningRate: number }[]> {
  const steps = [...(await folder.checkpoints())].sort((a, b) => a - b);
  const rates = (await folder.metrics()).filter(({ learningRate }) => learningRate !== undefined);
  const rateAt = (step: number): number => {
    const nearest = [...rates].sort((a, b) => Math.abs(a.step - step) - Math.abs(b.step - step))[0];
    return nearest?.learningRate ?? 1;
  };
  return steps.map((step) => ({ step, learningRate: rateAt(step) }));
}

/** The place of the class that is asked about, or of the answer. ConfigError for a label that there is not. */
async function targetOf(
  trained: TrainedModel,
  example: Dataset,
  asked: string | undefined,
): Promise<{ target: number; label: string }> {
  const classes = (trained.info["classes"] ?? []) as readonly string[];
  const [answer] = await trained.answers(example);
  const label = asked ?? (typeof answer?.["label"] === "string" ? answer["label"] : undefined);
  if (classes.length === 0 || label === undefined)
    return { target: 0, label: (trained.info["target"] as string | undefined) ?? "" };
  const target = classes.indexOf(label);
  if (target < 0) throw new ConfigError(`--target: expected one of ${formatNames(classes)}, got "${label}"`);
  return { target, label };
}

/** The label of a training row, for display. */
function labelAt({ info }: TrainedModel, rows: Dataset, row: number): string {
  const classes = (info["classes"] ?? []) as readonly string[];
  if (rows.has("label")) return classes[elementAt(rows.tensor("label"), row)] ?? "";
  const { targetMean = 0, targetDeviation = 1 } = info as { readonly targetMean?: number; readonly targetDeviation?: number };
  return String(Number((elementAt(rows.tensor("target"), row) * targetDeviation + targetMean).toPrecision(5)));
}

/** The training part of a run, as loaded and as encoded. Errors: ConfigError for a query that is not repeated; DataError. */
async function trainingPart(
  trained: TrainedModel,
  run: string,
  request: InfluenceRequest,
): Promise<{ rows: Dataset; examples: Dataset }> {
  const config = await (await openRun(run)).config();
  const stored = config.options["data"];
  checkRepeated(
    stored,
    request.data,
    join(run, RUN_FILES.config),
    `descent explain ${run} … --influence ${request.count} --data`,
  );
  const data = request.data ?? stored;
  if (typeof data !== "string") throw new ConfigError(`${run}: expected a run that names its data, got none; give --data`);
  return loadExamples(trained, config, { data, part: "train", signal: request.signal });
}

/** Adds the influence of each training example at one checkpoint to what it has of others. */
async function addCheckpoint(
  graphs: InfluenceGraphs,
  trained: TrainedModel,
  examples: Dataset,
  query: { readonly batch: Batch; readonly target: number; readonly width: number | undefined },
  rate: number,
  into: Float64Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { weights: numbers } = trained;
  const direction = await graphs.direction(query.batch, query.target, query.width, numbers);
  const size = Math.min(BATCH, examples.length);
  const context = graphs.context(undefined);
  using fetcher = fetcherFor(trained.task, context, examples);
  for (let from = 0; from < examples.length; from += size) {
    signal?.throwIfAborted();
    const to = Math.min(examples.length, from + size);
    const batch = await batchAt(fetcher, examples, placesFrom(from, to, size));
    const found = await graphs.influence(batch, size, widthOf(trained, batch), numbers, direction);
    for (let i = from; i < to; i++) into[i] = (into[i] as number) + rate * (found[i - from] as number);
  }
}

/** The strongest of one sign. */
function strongest(values: Float64Array, sign: 1 | -1, count: number): number[] {
  return Array.from(values, (_, i) => i)
    .filter((i) => sign * (values[i] as number) > 0)
    .sort((a, b) => sign * ((values[b] as number) - (values[a] as number)))
    .slice(0, count);
}

/** The displayed name of a training row: texts by themselves, others by their position. */
function rowNames({ task, info }: TrainedModel, rows: Dataset, count: number): string[] {
  const column = task.textColumn?.(info);
  if (column === undefined || !rows.has(column)) return Array.from({ length: count }, (_, i) => `#${i}`);
  return rows.texts(column).map((text) => text ?? "");
}

/**
 * Finds the training examples behind answers: those on which training steps raised an answer most, and those on which they lowered it.
 *
 * Uses all checkpoints that the run kept (`--keep-checkpoints`) and all parameters of the model, without approximation.
 * Errors: ConfigError for a model that is not a run, or that predicts neither a class nor a quantity; those of loading the training data.
 * Cost: for each checkpoint and input, about three forward passes over the training examples.
 * Source: Pruthi et al. 2020, arXiv:2002.08484 (TracInCP).
 */
export async function traceInfluence(
  trained: TrainedModel,
  inputs: NamedInputs,
  path: string,
  request: InfluenceRequest,
): Promise<InfluenceResult> {
  const { run } = splitRunPath(path);
  const side = nodeTaskNamed(trained.task.name);
  if (path.endsWith(".onnx") || side.view === undefined)
    throw new ConfigError(`--influence: expected a run, whose checkpoints and training data are there, got ${path}`);
  const checkpoints = await checkpointsOf(await openRun(run));
  const { rows, examples: all } = await trainingPart(trained, run, request);
  const most = request.examples ?? MOST_EXAMPLES;
  const indices =
    all.length <= most ? undefined : new Random(request.seed, "influence").permutation(all.length).subarray(0, most).sort();
  const examples = indices === undefined ? all : all.select(indices);
  const isFlat = checkpoints.every(({ learningRate }) => learningRate === 0);
  const queries = await Promise.all(
    inputs.names.map((_, row) => queryOf(trained, inputs.examples.select([row]), request.target)),
  );
  const sums = queries.map(() => new Float64Array(examples.length));
  await using graphs = new InfluenceGraphs(trained, request);
  for (const [k, { step, learningRate }] of checkpoints.entries()) {
    const { model: then } = await openTrained(join(run, RUN_FILES.checkpoints, `step-${step}`), request);
    await using at = then;
    for (const [q, query] of queries.entries()) {
      await addCheckpoint(graphs, at, examples, query, isFlat ? 1 : learningRate, sums[q] as Float64Array, request.signal);
      request.onProgress?.((k * queries.length + q + 1) / (checkpoints.length * queries.length));
    }
  }
  const named: NamedInputs = { examples: all, rows, names: rowNames(trained, rows, all.length), badRows: 0 };
  const shown = (values: Float64Array, sign: 1 | -1): Promise<InfluentialExample[]> =>
    Promise.all(
      strongest(values, sign, request.count).map(async (i) => {
        const row = indices?.[i] ?? i;
        const view = await viewOf(trained, named, row, path);
        return { view, label: labelAt(trained, all, row), value: values[i] as number, row };
      }),
    );
  const influences = await Promise.all(
    queries.map(async ({ label }, q): Promise<Influences> => {
      const values = sums[q] as Float64Array;
      const view = await viewOf(trained, inputs, q, path);
      return { view, label, raising: await shown(values, 1), lowering: await shown(values, -1) };
    }),
  );
  return { influences, checkpoints, remarks: remarksOn(checkpoints, all.length, examples.length, isFlat) };
}

/** An input as it is shown: its own name, for training rows that of their text. */
async function viewOf(trained: TrainedModel, inputs: NamedInputs, row: number, run: string): Promise<View> {
  const side = nodeTaskNamed(trained.task.name);
  const at = textAt(inputs.examples, row);
  const view = await side.view?.(trained, inputs, row, inputs.names[at] ?? `#${row}`, { run });
  if (view === undefined)
    throw new ConfigError(`--influence: expected a task whose inputs can be shown, got ${trained.task.name}`);
  return view;
}

/** One input as a batch, and what is asked about it. */
async function queryOf(
  trained: TrainedModel,
  example: Dataset,
  asked: string | undefined,
): Promise<{ batch: Batch; target: number; label: string; width: number | undefined }> {
  const { target, label } = await targetOf(trained, example, asked);
  using fetcher = fetcherFor(trained.task, { info: trained.info, use: "eval", options: {} }, example);
  const batch = await batchAt(fetcher, example, Uint32Array.of(0));
  return { batch, target, label, width: widthOf(trained, batch) };
}

function remarksOn(checkpoints: InfluenceResult["checkpoints"], all: number, used: number, isFlat: boolean): Remark[] {
  const steps = checkpoints.map(({ step }) => step);
  return [
    {
      en: `TracIn over ${checkpoints.length} ${checkpoints.length === 1 ? "checkpoint" : "checkpoints"} (steps ${steps.join(", ")}).`,
      zh: `TracIn 用了 ${checkpoints.length} 个检查点（第 ${steps.join("、")} 步）。`,
    },
    ...(checkpoints.length < FEW
      ? [
          {
            en: "Few checkpoints say what training did at its end alone; train with --keep-checkpoints 10 to see all of it.",
            zh: "检查点少，只看得到训练末尾的作用；用 --keep-checkpoints 10 训练可以看到全程。",
          },
        ]
      : []),
    ...(used < all
      ? [
          {
            en: `${used} of ${all} training examples, drawn by the seed.`,
            zh: `${all} 个训练样本中按种子抽取的 ${used} 个。`,
          },
        ]
      : []),
    ...(isFlat
      ? [{ en: "The learning rate was 0 at all of them: each counts alike.", zh: "这些检查点的学习率都是 0：各算一样多。" }]
      : []),
  ];
}

/** With fewer checkpoints than this, most of the training is left out. */
const FEW = 4;
