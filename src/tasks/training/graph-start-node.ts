/**
 * @module Training that starts from an imported ONNX file: their graph is fine-tuned, with a head for the task's classes.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { LoadOptions } from "../../data/node.js";
import { readBeside } from "../../data/onnx-node.js";
import type { TensorData } from "../../graph/index.js";
import type { Module } from "../../nn/index.js";
import type { Dequantized, Head, Headed, ModelProto } from "../../onnx/index.js";
import {
  decodeModel,
  dequantized,
  encodeModel,
  headIn,
  inlined,
  splitPrefix,
  widened,
  withHead,
  withNumbers,
} from "../../onnx/index.js";
import { ConfigError } from "../../util/errors.js";
import { kebabCase } from "../../util/option.js";
import { splitPatterns } from "../../util/patterns.js";
import { Random } from "../../util/random.js";
import type { GraphInfo, GraphPlan } from "../graph-use.js";
import type { AnyTask, Inherited, TaskInfo } from "../task.js";
import { TASKS } from "../table.js";
import { prefixOf } from "../tables/prefix.js";
import type { ModelFile } from "../use/model.js";
import { graphIn } from "../use/model.js";
import { expectAnyBatch, graphFileOf, graphOptionsOf } from "../use/open-node.js";

export interface GraphStartOptions {
  /** The linear layer that becomes the head; left out, the last one before an output. */
  readonly head?: string;
  /** Patterns of tensors that are parameters beside those that are taken for some. */
  readonly parameters?: string;
  /** Patterns of tensors that are none. */
  readonly constants?: string;
  /** Rounds what a quantized file computes while it trains. */
  readonly keepRounding?: boolean;
  /** The scale of pixels. */
  readonly preprocess?: string;
  readonly imageSize?: string;
  /** A tokenizer.json, where there is none beside the file. */
  readonly tokenizer?: string;
  readonly seed?: number;
}

/** The graph to fine-tune. */
export interface GraphStart {
  /** Options that data must be loaded with. */
  readonly loading: Pick<LoadOptions, "imageShape">;
  /** Its structure with a head for the task's classes, and the info that says how it is used. */
  readonly made: (info: TaskInfo) => { readonly file: ModelFile; readonly info: TaskInfo };
  readonly notes: readonly string[];
}

/** Reads the user's choice of parameters. */
function choiceOf({ parameters, constants }: GraphStartOptions): Pick<GraphInfo, "parameters"> {
  if (parameters === undefined && constants === undefined) return {};
  return { parameters: { include: splitPatterns(parameters), exclude: splitPatterns(constants) } };
}

/** Tells whether a file is a model that the task has by name, whole: then that model is built as always, and takes the weights. */
function isOurs({ metadata }: ModelProto, task: AnyTask): boolean {
  const name = metadata.get("descent.model");
  return (
    !metadata.has("descent.compression") &&
    metadata.get("descent.task") === task.name &&
    task.models.some((model) => model.name === name)
  );
}

/** The tokenizer beside a file of texts, or the one that it is known to have. */
async function tokenizerFor(path: string, options: GraphStartOptions, known: string | undefined): Promise<string | undefined> {
  if (options.tokenizer !== undefined) return undefined;
  if (known !== undefined) return known;
  const file = join(dirname(path), "tokenizer.json");
  if (!existsSync(file))
    throw new ConfigError(`--init ${path}: expected a tokenizer.json beside it, got none; name one with --tokenizer`);
  return readFile(file, "utf8");
}

/** Says what a quantized file is trained as. */
function quantizedNote(path: string, { left }: Dequantized, isRounded: boolean): string {
  const rounding = isRounded
    ? "what is computed stays rounded, and gradients go straight through (0 where a value is held at the end of its range)"
    : "nothing is rounded (--keep-rounding rounds what is computed); descent quantize rounds the run again";
  const fixed = left.length === 0 ? "" : `; weights of ${left.join(", ")} keep few bits and are not trained`;
  return `--init ${path}: is quantized, and its weights are trained in float32; ${rounding}${fixed}`;
}

/** Returns what a task takes over from a graph. */
const inheritedFromGraph = ({ maxPositions, inputs, columns }: Omit<GraphInfo, "output">): Inherited => ({
  maxPositions,
  readsTokens: inputs["input_ids"] !== undefined,
  columns,
});

/** A file that training starts from, and how it is used. */
interface StartFile {
  readonly path: string;
  readonly where: string;
  readonly model: ModelProto;
  readonly head: Head;
  readonly plan: GraphPlan;
  /** The vocabulary that it is known to have. */
  readonly tokenizer: string | undefined;
  readonly notes: readonly string[];
}

/** The start of a training on a file's own graph, with a head for the task's classes. */
async function startOf({ path, where, model, head, plan, ...own }: StartFile, task: AnyTask, options: GraphStartOptions) {
  const { graph: planned } = plan.info;
  const readsTexts = planned.inputs["input_ids"] !== undefined;
  const tokenizer = readsTexts ? await tokenizerFor(path, options, own.tokenizer) : undefined;
  let headed: Headed | undefined;
  const graph: GraphStart = {
    loading: plan.loading ?? {},
    made: (info) => {
      headed = withHead(model, head, task.graphs?.outFeatures(info) ?? head.outFeatures, new Random(options.seed ?? 1, "head"));
      const bytes = encodeModel(headed.model);
      const graphed = { ...info, ...plan.info, graph: { ...planned, ...choiceOf(options), output: headed.output } };
      expectAnyBatch({ bytes, where }, task, graphed, headed.output);
      return { file: { bytes, where }, info: graphed };
    },
    notes: [
      ...plan.notes,
      ...own.notes,
      `--init ${path}: the graph goes on; its head ${head.name} (${head.inFeatures} → ${head.outFeatures}) starts anew`,
    ],
  };
  return {
    tokenizer,
    inherited: inheritedFromGraph(planned),
    graph,
    modelName: where.replace(/\.onnx$/, ""),
    weightsFor: (wrapped: Module) => ({
      weights: graphIn(wrapped)?.values ?? new Map<string, TensorData>(),
      fresh: headed === undefined ? [] : [headed.weight, headed.bias],
    }),
  };
}

/**
 * Opens an ONNX file as the graph that is trained on; undefined where it is a model that the task has by name. `tokenizer`: the vocabulary that it is known to have.
 *
 * Errors: DataError for a file that cannot be read; ConfigError for a task that takes no graphs, inputs that are not the task's, a head that cannot be
 * found, and texts without a tokenizer.
 */
export async function openGraph(path: string, task: AnyTask, options: GraphStartOptions, tokenizer?: string) {
  const where = basename(path);
  const given = inlined(decodeModel(await readFile(path), where), where, (location, offset, length) =>
    readBeside(dirname(path), location, offset, length, where),
  );
  if (isOurs(given, task)) return undefined;
  const wide = widened(given, where);
  const { graphs } = task;
  if (graphs?.plan === undefined) {
    const takers = TASKS.filter((other) => other.graphs?.plan !== undefined).map((other) => other.name);
    throw new ConfigError(
      `--init ${path}: expected weights of a model of ${task.name}; graphs of others are trained by ${takers.join(", ")}. Name the model that takes its weights with --model`,
    );
  }
  const real = dequantized(wide ?? given, where, options.keepRounding);
  if (real === undefined && options.keepRounding === true)
    throw new ConfigError(`--keep-rounding: expected a quantized file, got ${path}, which is not; leave it out`);
  const { model, head } = headIn(real?.model ?? wide ?? given, where, options.head);
  // Of the head's own output alone: what other outputs need is left out.
  const whole = graphs.takesPrefix === true ? withHead(model, head, head.outFeatures, new Random(1)).model : undefined;
  const split = whole && splitPrefix(whole);
  const found = await graphFileOf(path, split?.rest ?? model);
  const file = split === undefined ? found : { ...found, prefix: await prefixOf(split.prefix, where) };
  const plan = graphs.plan(file, graphOptionsOf(options));
  const notes = [
    ...(wide === undefined ? [] : [`--init ${path}: is of float16, and trained in float32`]),
    ...(real === undefined ? [] : [quantizedNote(path, real, options.keepRounding === true)]),
  ];
  return startOf({ path, where, model, head, plan, tokenizer, notes }, task, options);
}

/** Facts of a run's info that say how its graph is used. */
interface GraphRunInfo extends TaskInfo {
  readonly graph: GraphInfo;
  readonly imageShape?: readonly number[];
}

/** The demands of a run's graph on data, as they were found when its training began. */
function planOfRun({ graph, mean, deviation, imageShape }: GraphRunInfo): GraphPlan {
  const scale = mean === undefined ? {} : { mean, deviation };
  return { info: { ...scale, graph }, loading: imageShape === undefined ? {} : { imageShape }, notes: [] };
}

/**
 * Opens the run of a graph: that graph goes on with the numbers that it learned, and is used as it was.
 *
 * Errors: ConfigError for an option that says how a file is used.
 */
export function openGraphRun(
  path: string,
  task: AnyTask,
  trained: { readonly modelName: string; readonly info: TaskInfo; readonly weights: ReadonlyMap<string, TensorData> },
  { bytes, where }: ModelFile,
  options: GraphStartOptions,
) {
  const contradiction = (["preprocess", "imageSize", "tokenizer"] as const).find((name) => options[name] !== undefined);
  if (contradiction !== undefined)
    throw new ConfigError(
      `--${kebabCase(contradiction)}: expected none beside --init ${path}, a run that has its own; leave it out`,
    );
  const info = trained.info as GraphRunInfo & { readonly tokenizer?: string };
  const learned = withNumbers(decodeModel(bytes, where), trained.weights, where);
  const { model, head } = headIn(learned, where, options.head);
  const from = {
    path,
    where: `${trained.modelName}.onnx`,
    model,
    head,
    plan: planOfRun(info),
    tokenizer: info.tokenizer,
    notes: [],
  };
  return startOf(from, task, options);
}

/** The graph of a resumed run: its file has the head already. */
export function graphOfRun(
  config: { readonly [extra: string]: unknown },
  file: ModelFile,
): { readonly graph: GraphStart; readonly inherited: Inherited } {
  const info = config["info"] as GraphRunInfo;
  const { info: used, loading = {} } = planOfRun(info);
  return {
    graph: { loading, made: (learned) => ({ file, info: { ...learned, ...used } }), notes: [] },
    inherited: inheritedFromGraph(info.graph),
  };
}
