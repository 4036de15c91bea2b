/**
 * @module The use of an imported ONNX file: the roles of its inputs, the form of its pixels or tokens, and the module that the
 * task's functions call in the place of a model of ours.
 */
import type { LoadOptions } from "../data/node.js";
import type { DType, Shape, Tensor } from "../graph/index.js";
import { Module } from "../nn/index.js";
import type { ModelProto, ParameterChoice } from "../onnx/index.js";
import type { Json } from "../util/described.js";
import type { TrainingDefaults } from "./task.js";
import { own } from "../util/record.js";

/** A task's use of a graph: plain JSON, `info.graph` of a run. */
export interface GraphInfo {
  /** The file's inputs by what they take: `image`, `features`, `categories`, `input_ids`, `attention_mask`, `token_type_ids`. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The output that holds the scores. */
  readonly output: string;
  /** Layout of images. */
  readonly layout?: "NCHW" | "NHWC";
  readonly colors?: "RGB" | "BGR";
  /** For tables: the columns that go in as they are, in this order where they have names. */
  readonly columns?: FileColumns;
  /** For tables: the inputs that the columns are cut into, where there are several. */
  readonly split?: FilePrefix["outputs"];
  /** For tables: what is in front of the graph. */
  readonly prefix?: FilePrefix;
  /** For texts: the longest that it takes, in tokens, where its tables say so. */
  readonly maxPositions?: number;
  /** Corrections of what is taken for a parameter, by the file's names. */
  readonly parameters?: ParameterChoice;
  /** For images: how scores by place are read as scores of the whole image. */
  readonly places?: Places;
}

/** Scores by place, as detectors and segmenters give them: [N, K, …] or [N, …, K]. Each class counts where its score is highest. */
export interface Places {
  /** The axis of the K scores. */
  readonly axis: number;
  /** Numbers of a place before its classes: 0; 4 for a box; 5 for a box and how sure it is that something is there. */
  readonly before: 0 | 4 | 5;
  /** Which of the five says how sure it is. */
  readonly objectness?: number;
}

/** An input of a file, and the columns that go into it. */
export interface FileInput {
  readonly name: string;
  readonly dtype: DType | "string";
  /** Number of columns. */
  readonly width: number;
  /** 1 for [N], 2 for [N, width]. */
  readonly rank: 1 | 2;
  /** Their names, where the file says so; left out, the table's columns of this type, in order. */
  readonly columns?: readonly string[];
}

/** The part of a file that only the engine runs, in front of the graph that is trained: from columns of a table to rows of numbers. */
export interface FilePrefix {
  /** The ONNX file of the part, as base64. */
  readonly file: string;
  readonly inputs: readonly FileInput[];
  /** The outputs that feed the graph: float32 [N, …shape] each. */
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** The columns of numbers that a file takes side by side. */
export interface FileColumns {
  /** The file's name in messages. */
  readonly where: string;
  readonly count: number;
  readonly names?: readonly string[];
  /** Makes them of other columns. */
  readonly prefix?: FilePrefix;
}

/** A file that training starts from. */
export interface GraphFile {
  /** Its name in messages. */
  readonly where: string;
  readonly model: ModelProto;
  /** The part that only the engine runs, where `model` is the rest of the file behind it. */
  readonly prefix?: FilePrefix;
  /** Files of Hugging Face's beside it, parsed, where they are there. */
  readonly beside: { readonly "preprocessor_config.json"?: Json; readonly "config.json"?: Json };
}

export interface GraphOptions {
  /** The scale of pixels, as `--preprocess` takes it. */
  readonly preprocess?: string;
  /** Height and width of images, where the file leaves them free. */
  readonly imageSize?: readonly [height: number, width: number];
  /** Lengths by `--shape`, which the file's declarations hold already; undefined where they cannot be given. */
  readonly shape?: readonly string[];
}

/** The demands of a file on data. */
export interface GraphPlan {
  /** Part of the task's info, in place of what would be learned from data. */
  readonly info: Readonly<Record<string, unknown>> & { readonly graph: Omit<GraphInfo, "output"> };
  readonly loading?: Pick<LoadOptions, "imageShape">;
  /** Notes for the user on what was read from the file, or guessed. */
  readonly notes: readonly string[];
}

/** A graph from named inputs to named outputs: a `GraphModule`, or what stands for a file that the engine runs. */
export interface GraphLike extends Module {
  readonly forward: (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;
}

/** The module that stands in the place of a task's own model: a graph, whose parameters keep their names in the file. */
export abstract class WrappedGraph extends Module {
  static override readonly pathNames = { graph: "" };
  readonly graph: GraphLike;
  readonly #info: GraphInfo;

  constructor(graph: GraphLike, info: GraphInfo) {
    super();
    this.graph = graph;
    this.#info = info;
  }

  protected get info(): GraphInfo {
    return this.#info;
  }

  /** The graph's scores; `values` makes its inputs by what they take. */
  protected scores(values: Readonly<Record<string, () => Tensor>>): Tensor {
    const { inputs, output } = this.#info;
    const feeds = Object.entries(inputs).map(([role, name]) => [name, (own(values, role) as () => Tensor)()] as const);
    return this.graph.forward(Object.fromEntries(feeds))[output] as Tensor;
  }
}

/** A task's support of graphs. `I` is its info, with `graph` in it. */
export interface GraphUse<I> {
  /** Reads what a file wants; left out where only graphs of the task's own kind are used. Errors: ConfigError for a file whose inputs are not the task's. */
  readonly plan?: (file: GraphFile, options: GraphOptions) => GraphPlan;
  /** Shapes of the file's inputs for a first trace. */
  readonly shapes: (info: I) => Readonly<Record<string, Shape>>;
  /** Whether files are graphs of the task in training alone: to answer they are opened as tables of any kind. */
  readonly trainsOnly?: true;
  /** Whether a part that only the engine runs may stand in front of the graph. */
  readonly takesPrefix?: true;
  /** Hyperparameters by the number of training examples; left out, those of a deep graph that has been trained before. */
  readonly defaults?: (examples: number) => TrainingDefaults;
  /** Number of axes of the scores: 2 for [N, K], which is what is left out; 3 for [N, T, K]. */
  readonly axes?: 3;
  /** The entries of info that names of the scores give; left out, `classes`. ConfigError for names that are none of the task's. */
  readonly named?: (names: readonly string[], info: I) => Readonly<Record<string, unknown>>;
  /** Returns the number of scores that the head gives. */
  readonly outFeatures: (info: I) => number;
  /** The module that stands in the place of a model of the task's. */
  readonly wrap: (graph: GraphLike, info: I) => Module;
  /** The task's outputs by the wrapped module alone, where its features come from inside the graph, which the engine does not show. */
  readonly outputs?: (model: Module, batch: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;
}

/** Returns a run's use of its graph; undefined where its model is one of ours. */
export const graphInfo = (info: { readonly [name: string]: unknown }): GraphInfo | undefined =>
  info["graph"] as GraphInfo | undefined;

/** Tells whether a file takes tokens without a mask of those that are there: it would read padding as text. */
export function takesNoMask(info: { readonly [name: string]: unknown }): boolean {
  const { inputs } = graphInfo(info) ?? {};
  return inputs?.["input_ids"] !== undefined && inputs["attention_mask"] === undefined;
}
