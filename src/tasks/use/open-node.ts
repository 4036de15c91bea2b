/**
 * @module A model by its path: a run folder, one of its checkpoints, a folder in Hugging Face's form, or an imported ONNX file.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { loadOnnx } from "../../data/node.js";
import { readBeside } from "../../data/onnx-node.js";
import { GraphModule } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import {
  declarationRemark,
  encodeModel,
  expectOrder,
  fixInputs,
  inlined,
  OnnxModel,
  otherInputsRemedy,
  withScores,
} from "../../onnx/index.js";
import type { Tensor } from "../../graph/index.js";
import { input, isStatic } from "../../graph/index.js";
import type { RunConfig } from "../../run/run-folder.js";
import type { Json } from "../../util/described.js";
import { pretrainedConfig } from "../../train/pretrained-node.js";
import { ConfigError, DescentError, UnsupportedOpError } from "../../util/errors.js";
import { parseImageSize } from "../../vision/index.js";
import type { GraphFile, GraphOptions, GraphPlan } from "../graph-use.js";
import { TASKS } from "../table.js";
import type { ColumnsInHand } from "../tables/file-columns.js";
import type { AnyTask, TaskInfo } from "../task.js";
import { lengthFor, tokenizerInfo, tokenizerOf } from "../texts/texts.js";
import type { TrainedModel, UseOptions } from "../trained-model.js";
import { openCheckpoint } from "./checkpoint-node.js";
import { labelsFor } from "./labels-node.js";
import { placesOf } from "./places.js";
import { countScores, OpaqueGraph } from "./opaque-graph-node.js";
import type { ModelFile } from "./model.js";
import { modelOrReason, tracedPart } from "./model.js";
import { openTable } from "./open-table-node.js";
import type { WholeFile } from "./given-shapes-node.js";
import { expectOwnLength, settledColumns, settledShapes } from "./given-shapes-node.js";
import { openTrained, TracedModel } from "./trained-node.js";

/** Facts that an imported file does not state itself. */
export interface OnnxUseOptions {
  /** The scale of pixels (`parsePixelScale`). */
  readonly preprocess?: string;
  /** `SIDE` or `WIDTHxHEIGHT`, where the file leaves it free. */
  readonly imageSize?: string;
  /** A file with the scores' names, one a line. */
  readonly labels?: string;
  /** A tokenizer.json. */
  readonly tokenizer?: string;
  /** Values of inputs beside the one that is meant (`fixInputs`). */
  readonly input?: readonly string[];
  /** Lengths of free dimensions, and shapes of inputs (`parseShapes`). An empty list says that they may be given. */
  readonly shape?: readonly string[];
  /** The columns that are to be answered, without the one to predict: what settles a free number of columns. */
  readonly columns?: () => Promise<ColumnsInHand>;
  /** Takes scores by place, of a detector say, for a class where each is highest: what an explanation can ask about. */
  readonly byPlace?: boolean;
}

/** A model that was opened, and what was decided on the way. */
export interface OpenedModel {
  readonly model: TrainedModel;
  /** Set for a run alone. */
  readonly config?: RunConfig;
  readonly remarks: readonly string[];
}

/**
 * Opens a model.
 *
 * Errors: ConfigError, DataError for what is none, and for options that only an ONNX file takes; UnsupportedOpError with the ops of a file that Descent
 * does not have.
 */
export async function openModel(path: string, options: UseOptions & OnnxUseOptions = {}): Promise<OpenedModel> {
  if (path.endsWith(".onnx")) return openOnnx(path, options);
  const { preprocess, imageSize, labels, tokenizer, input: values, shape, byPlace: _, columns: __, ...use } = options;
  const given = { preprocess, "image-size": imageSize, labels, tokenizer, input: values?.[0], shape: shape?.[0] };
  const checkpoint = await pretrainedConfig(path);
  const own = checkpoint === undefined ? [] : ["labels", "tokenizer"];
  const stray = Object.entries(given).find(([name, v]) => v !== undefined && !own.includes(name));
  const kind = checkpoint === undefined ? "run" : "checkpoint";
  if (stray !== undefined)
    throw new ConfigError(`--${stray[0]}: expected an ONNX file, got the ${kind} ${path}, which stores it`);
  if (checkpoint !== undefined) return openCheckpoint(path, checkpoint, { ...use, labels, tokenizer });
  return { ...(await openTrained(path, use)), remarks: [] };
}

async function jsonBeside(path: string, name: string): Promise<Json | undefined> {
  const file = join(dirname(path), name);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(await readFile(file, "utf8")) as Json;
  } catch (cause) {
    throw new ConfigError(`${file}: expected JSON, got ${(cause as Error).message}`, { cause });
  }
}

/** The file as tasks look at it: with what Hugging Face's tools put beside it. */
export async function graphFileOf(path: string, model: ModelProto): Promise<GraphFile> {
  const config = await jsonBeside(path, "config.json");
  const processor = await jsonBeside(path, "preprocessor_config.json");
  const beside = { ...(config && { "config.json": config }), ...(processor && { "preprocessor_config.json": processor }) };
  return { where: basename(path), model, beside };
}

/** The options of a file as tasks take them. */
export const graphOptionsOf = ({ preprocess, imageSize, shape }: OnnxUseOptions): GraphOptions => ({
  preprocess,
  shape,
  imageSize: imageSize === undefined ? undefined : parseImageSize(imageSize, "--image-size"),
});

/** The task whose inputs a file has; what each task wants, where there is none. */
function taskFor(
  file: GraphFile,
  options: GraphOptions,
): { readonly task: AnyTask; readonly plan: GraphPlan } | { readonly reasons: readonly string[] } {
  const reasons: string[] = [];
  for (const task of TASKS) {
    if (task.graphs?.plan === undefined || task.graphs.trainsOnly === true) continue;
    try {
      const plan = task.graphs.plan(file, options);
      const { axes = 2 } = task.graphs;
      const given = scoreAxes(file);
      // Of texts and of their tokens the inputs are the same.
      if (plan.info.graph.inputs["input_ids"] === undefined || given === undefined || given === axes) return { task, plan };
      reasons.push(`${file.where}: expected scores of ${axes} axes for ${task.name}, got ${given}`);
    } catch (error) {
      if (!(error instanceof ConfigError) || error.message.startsWith("--")) throw error;
      reasons.push(error.message);
    }
  }
  return { reasons };
}

/** The number of axes of a file's first output of floats, where the file says so. */
const scoreAxes = ({ model }: GraphFile): number | undefined =>
  (model.graph.outputs.find(({ elementType }) => FLOATS.has(elementType)) ?? model.graph.outputs[0])?.shape?.length;

/** float32, float16, float64. */
const FLOATS: ReadonlySet<number> = new Set([1, 10, 11]);

/** Says which of several outputs of floats is meant. */
function outputRemark({ graph }: ModelProto, where: string): readonly string[] {
  const names = graph.outputs.flatMap(({ name, elementType }) => (FLOATS.has(elementType) ? [name] : []));
  return names.length < 2 ? [] : [`${where}: of its outputs ${names.join(", ")} the first is meant`];
}

/** Makes the info of a task of texts: the tokenizer beside the file. */
async function textInfo(path: string, plan: GraphPlan, given: string | undefined): Promise<TaskInfo> {
  const file = given ?? join(dirname(path), "tokenizer.json");
  if (!existsSync(file))
    throw new ConfigError(
      given === undefined
        ? `${path}: expected a tokenizer.json beside it, got none; name one with --tokenizer`
        : `--tokenizer ${given}: expected a tokenizer.json, found none`,
    );
  const tokenizer = await tokenizerOf(
    { tokenizer: await readFile(file, "utf8") },
    given === undefined ? file : `--tokenizer ${file}`,
  );
  const { maxPositions } = plan.info.graph;
  const length = lengthFor(maxPositions === undefined ? {} : { maxPositions }, LONGEST);
  return { ...tokenizerInfo(tokenizer, length), multiLabel: false, textColumn: "text", labelColumn: "label" };
}

/** Tokens of the longest text where a file does not say. */
const LONGEST = 512;

/** The scores that a graph gives for one example, or for several at once. */
function scoresOf(
  module: GraphModule,
  task: AnyTask,
  info: TaskInfo,
  output: string,
  onnx: OnnxModel,
  rows?: number,
): Tensor | undefined {
  const shapes = task.graphs?.shapes(info) ?? {};
  const inputs = Object.entries(shapes).map(([name, shape]) => {
    const dtype = onnx.declaredInputs.get(name)?.dtype ?? "float32";
    return [name, input(name, rows === undefined ? shape : [rows, ...shape.slice(1)], dtype)] as const;
  });
  return module.forward(Object.fromEntries(inputs))[output];
}

/** Tells whether a graph answers two examples at once as it answers one: a length of 1 may be baked into it. */
function takesRows(...asked: Parameters<typeof scoresOf>): boolean {
  try {
    return scoresOf(...asked)?.shape[0] === 2;
  } catch (error) {
    if (error instanceof DescentError) return false;
    throw error;
  }
}

/** ConfigError for a graph that is to be trained, and answers one example but not two, whatever its declared inputs say. */
export function expectAnyBatch(file: ModelFile, task: AnyTask, info: TaskInfo, output: string): void {
  const { where } = file;
  const bytes = tracedPart(info, file);
  const onnx = new OnnxModel(bytes, { where });
  const module = new GraphModule(bytes, { shapes: task.graphs?.shapes(info) ?? {}, where, weightless: true });
  try {
    scoresOf(module, task, info, output, onnx, 2);
  } catch (cause) {
    if (!(cause instanceof DescentError)) throw cause;
    // What fails with one example as well has another reason.
    scoresOf(module, task, info, output, onnx, 1);
    throw new ConfigError(
      `--init ${where}: expected a graph for any number of examples, got one that has a batch of 1 in it; export it with that axis free`,
      { cause },
    );
  }
}

/** Counts the scores of one example. */
function scoreCount(
  scores: Tensor | undefined,
  { graphs }: AnyTask,
  info: TaskInfo,
  { values }: GraphModule,
  where: string,
): number {
  const { axes = 2 } = graphs ?? {};
  const count = scores?.shape[axes - 1];
  const isScores =
    scores?.shape.slice(axes).every((d) => d === 1) === true &&
    scores.shape[0] === Object.values(graphs?.shapes(info) ?? {})[0]?.[0];
  if (scores === undefined || typeof count !== "number" || !isStatic(scores.shape) || !isScores) {
    // A graph without weights may give scores; one that does neither is most likely a step before or behind a model.
    const weights = values.size === 0 ? "a model with weights, or " : "";
    const expected = `${weights}an output of scores ${axes === 2 ? "[N, K]" : "[N, T, K]"}`;
    throw new ConfigError(`${where}: expected ${expected}, got [${scores?.shape.join(", ") ?? ""}]`);
  }
  return count;
}

/** Opens a file that no other task takes. ConfigError, with what each task wants, where its inputs are no table's either. */
async function openAsTable(
  onnx: OnnxModel,
  path: string,
  whole: ModelProto,
  options: Parameters<typeof openTable>[3],
  reasons: readonly string[],
): Promise<OpenedModel> {
  try {
    return await openTable(onnx, path, whole, options);
  } catch (error) {
    if (!(error instanceof ConfigError) || error.message.startsWith("--")) throw error;
    throw new ConfigError(`${onnx.where}: expected the inputs of a task; ${[...reasons, error.message].join("; ")}`);
  }
}

/** A file of a task, as it is being opened. */
interface Opening {
  readonly task: AnyTask;
  readonly known: TaskInfo;
  /** The file, with scores as its output. */
  readonly bytes: Uint8Array;
  readonly notes: readonly string[];
  readonly reason: string;
}

/** Options of the engine for what is opened. */
const engineOptions = ({ device, threads, arena, aside, runtime }: UseOptions): UseOptions => {
  return { device, threads, arena, aside, runtime };
};

/** Opens a file of a task that only the engine runs. */
async function openAsOpaque(
  onnx: OnnxModel,
  path: string,
  { task, known, bytes, notes, reason }: Opening,
  options: UseOptions & OnnxUseOptions,
): Promise<OpenedModel> {
  const { where } = onnx;
  if (task.graphs === undefined)
    throw new UnsupportedOpError(`${where}: expected ops that Descent has, for ${task.name}; ${reason}`);
  const use = engineOptions(options);
  const file = new OnnxModel(bytes, { where });
  const count = await countScores(file, task.graphs, known, use);
  const { names, remark } = await labelsFor(onnx, path, count, options.labels);
  const model = new OpaqueGraph(task, { ...known, classes: names }, { file, reason }, use);
  return { model, remarks: [...notes, `${where}: runs on the engine alone; ${reason}`, remark] };
}

async function openOnnx(path: string, options: UseOptions & OnnxUseOptions): Promise<OpenedModel> {
  const onnx = await loadOnnx(path);
  const where = basename(path);
  const whole = inlined(onnx.proto, where, (location, offset, length) =>
    readBeside(dirname(path), location, offset, length, where),
  );
  expectOrder(whole.graph, where);
  const { input: values = [] } = options;
  const fixed = fixInputs(whole, values, where);
  const left = values.length === 0 ? onnx : new OnnxModel(encodeModel(fixed), { where });
  const settled = settledShapes({ file: left, whole: fixed }, options.shape ?? []);
  const { model, remarks } = await openGraph(settled, path, options);
  return { model, remarks: [...outputRemark(onnx.proto, where), ...remarks] };
}

/** Opens a file by the task whose inputs it has; `whole` has all its weights inside. */
async function openGraph(opened: WholeFile, path: string, options: UseOptions & OnnxUseOptions): Promise<OpenedModel> {
  const { file: onnx, whole } = opened;
  const { where } = onnx;
  const found = taskFor(await graphFileOf(path, whole), graphOptionsOf(options));
  const use = engineOptions(options);
  const remedy = "reasons" in found ? otherInputsRemedy(whole) : undefined;
  if (remedy !== undefined) throw new ConfigError(`${where}: ${remedy}`);
  if ("reasons" in found) {
    const settled = await settledColumns(opened, options);
    return openAsTable(settled.file, path, settled.whole, { ...use, labels: options.labels }, found.reasons);
  }
  const { task, plan } = found;
  const { model: scored, output } = withScores(whole);
  const bytes = encodeModel(scored);
  const graph = { ...plan.info.graph, output };
  expectOwnLength(opened, graph.inputs["input_ids"], options.shape);
  const texts = graph.inputs["input_ids"] === undefined ? {} : await textInfo(path, plan, options.tokenizer);
  const known: TaskInfo = { ...texts, maximum: WHITE, ...plan.info, ...plan.loading, graph, classes: [] };
  const shapes = task.graphs?.shapes(known) ?? {};
  const module = modelOrReason(where, () => new GraphModule(bytes, { shapes, where, weightless: true }));
  if (!(module instanceof GraphModule))
    return openAsOpaque(onnx, path, { task, known, bytes, notes: plan.notes, reason: module.reason }, options);
  const scores = scoresOf(module, task, known, output, onnx);
  const read = options.byPlace === true && graph.inputs["image"] !== undefined ? placesOf(scores, graph.layout) : undefined;
  const count = read?.count ?? scoreCount(scores, task, known, module, where);
  const contradictions = scores === undefined ? [] : declarationRemark(onnx, output, scores);
  const { names, remark } = await labelsFor(
    onnx,
    path,
    read === undefined ? count : [count, count - 4, count - 5],
    options.labels,
  );
  const places = read?.places(count - names.length);
  const byPlace = places === undefined ? [] : [`${where}: ${read?.remark(places) ?? ""}`];
  const isAlone = read === undefined && scores?.shape[0] === 1 && !takesRows(module, task, known, output, onnx, 2);
  const alone = isAlone ? [`${where}: takes one example at a time, since its graph has a batch of 1`] : [];
  const name = where.replace(/\.onnx$/, "");
  const named = task.graphs?.named?.(names, known) ?? { classes: names };
  const info = { ...known, ...named, graph: { ...graph, places } };
  const file = { bytes, where, isFitted: true, rows: isAlone ? 1 : undefined };
  const model = new TracedModel(task, name, info, module.values, use, file);
  return { model, remarks: [...plan.notes, ...contradictions, ...byPlace, ...alone, remark] };
}

/** The value of white in files of images. */
const WHITE = 255;
