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
import type { Headed, ModelProto } from "../../onnx/index.js";
import { decodeModel, encodeModel, headIn, inlined, splitPrefix, widened, withHead } from "../../onnx/index.js";
import { ConfigError } from "../../util/errors.js";
import { splitPatterns } from "../../util/patterns.js";
import { Random } from "../../util/random.js";
import type { GraphInfo, GraphPlan } from "../graph-use.js";
import type { AnyTask, Inherited, TaskInfo } from "../task.js";
import { TASKS } from "../table.js";
import { prefixOf } from "../tables/prefix.js";
import type { ModelFile } from "../use/model.js";
import { graphIn } from "../use/model.js";
import { graphFileOf, graphOptionsOf } from "../use/open-node.js";

export interface GraphStartOptions {
  /** The linear layer that becomes the head; left out, the last one before an output. */
  readonly head?: string;
  /** Patterns of tensors that are parameters beside those that are taken for some. */
  readonly parameters?: string;
  /** Patterns of tensors that are none. */
  readonly constants?: string;
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
  const include = parameters === undefined ? {} : { include: splitPatterns(parameters) };
  return { parameters: { ...include, ...(constants === undefined ? {} : { exclude: splitPatterns(constants) }) } };
}

/** Tells whether a file is a model that the task has by name: then that model is built as always, and takes the weights. */
function isOurs({ metadata }: ModelProto, task: AnyTask): boolean {
  const name = metadata.get("descent.model");
  return metadata.get("descent.task") === task.name && task.models.some((model) => model.name === name);
}

/** The tokenizer beside a file of texts, and the longest text that its model takes. */
async function textParts(
  path: string,
  { info: { graph } }: GraphPlan,
  options: GraphStartOptions,
): Promise<{ readonly tokenizer?: string; readonly inherited: Inherited }> {
  const file = join(dirname(path), "tokenizer.json");
  if (options.tokenizer === undefined && !existsSync(file))
    throw new ConfigError(`--init ${path}: expected a tokenizer.json beside it, got none; name one with --tokenizer`);
  return {
    ...(options.tokenizer === undefined ? { tokenizer: await readFile(file, "utf8") } : {}),
    inherited: inheritedFromGraph(graph),
  };
}

/** Returns what a task takes over from a graph. */
const inheritedFromGraph = ({ maxPositions, inputs, columns }: Omit<GraphInfo, "output">): Inherited => ({
  ...(maxPositions === undefined ? {} : { maxPositions }),
  ...(inputs["input_ids"] === undefined ? {} : { readsTokens: true }),
  ...(columns === undefined ? {} : { columns }),
});

/** Tells whether a task reads texts: its graphs take token ids. */
const readsTexts = (plan: GraphPlan): boolean => plan.info.graph.inputs["input_ids"] !== undefined;

/**
 * Opens an ONNX file as the graph that is trained on; undefined where it is a model that the task has by name.
 *
 * Errors: DataError for a file that cannot be read; ConfigError for a task that takes no graphs, inputs that are not the task's, a head that cannot be
 * found, and texts without a tokenizer.
 */
export async function openGraph(path: string, task: AnyTask, options: GraphStartOptions) {
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
  const { model, head } = headIn(wide ?? given, where, options.head);
  // Of the head's own output alone: what other outputs need is left out.
  const whole = graphs.takesPrefix === true ? withHead(model, head, head.outFeatures, new Random(1)).model : undefined;
  const split = whole && splitPrefix(whole);
  const found = await graphFileOf(path, split?.rest ?? model);
  const file = split === undefined ? found : { ...found, prefix: await prefixOf(split.prefix, where) };
  const plan = graphs.plan(file, graphOptionsOf(options));
  const texts = readsTexts(plan) ? await textParts(path, plan, options) : { inherited: inheritedFromGraph(plan.info.graph) };
  let headed: Headed | undefined;
  const graph: GraphStart = {
    loading: plan.loading ?? {},
    made: (info) => {
      headed = withHead(model, head, graphs.outFeatures(info), new Random(options.seed ?? 1, "head"));
      return {
        file: { bytes: encodeModel(headed.model), where },
        info: { ...info, ...plan.info, graph: { ...plan.info.graph, ...choiceOf(options), output: headed.output } },
      };
    },
    notes: [
      ...plan.notes,
      ...(wide === undefined ? [] : [`--init ${path}: is of float16, and trained in float32`]),
      `--init ${path}: the graph goes on; its head ${head.name} (${head.inFeatures} → ${head.outFeatures}) starts anew`,
    ],
  };
  return {
    ...texts,
    graph,
    modelName: where.replace(/\.onnx$/, ""),
    weightsFor: (wrapped: Module) => ({
      weights: graphIn(wrapped)?.values ?? new Map<string, TensorData>(),
      fresh: headed === undefined ? [] : [headed.weight, headed.bias],
    }),
  };
}

/** The graph of a resumed run: its file has the head already. */
export function graphOfRun(
  config: { readonly [extra: string]: unknown },
  file: ModelFile,
): { readonly graph: GraphStart; readonly inherited: Inherited } {
  const info = config["info"] as TaskInfo & { readonly imageShape?: readonly number[]; readonly graph: GraphInfo };
  const { graph, mean, deviation, imageShape } = info;
  const scale = mean === undefined ? {} : { mean, deviation };
  return {
    graph: {
      loading: imageShape === undefined ? {} : { imageShape },
      made: (learned) => ({ file, info: { ...learned, ...scale, graph } }),
      notes: [],
    },
    inherited: inheritedFromGraph(graph),
  };
}
