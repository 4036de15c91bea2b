/**
 * @module An opaque model of tables: a file of scikit-learn's kind, which the engine runs as it is.
 */
import { treeNodeOf, treesFromModel } from "../../classical/index.js";
import type { Batch, Column } from "../../data/index.js";
import { Dataset, isText } from "../../data/index.js";
import type { Explainable, ExplainInput } from "../../explain/index.js";
import type { StringData, TensorData } from "../../graph/index.js";
import { fromNumbers, isFloat, isStringData, toNumbers } from "../../graph/index.js";
import type { OnnxModel } from "../../onnx/index.js";
import { compile } from "../../runtime/index.js";
import { ConfigError } from "../../util/errors.js";
import { ClassificationMeasurement } from "../shared/classification.js";
import { rowsOf } from "../shared/softmax.js";
import { taskNamed } from "../table.js";
import type { FileInput } from "../graph-use.js";
import type { FileTableInfo } from "../tables/file-columns.js";
import { feedsOf, wordsOfRow } from "../tables/file-columns.js";
import { RegressionMeasurement } from "../tables/regression-measurement.js";
import { OpaqueModel } from "./model-in-use-node.js";
import type { TableGraph } from "./traced-table.js";
import type { Answer, Measurement, Outputs } from "../task.js";
import type { UseOptions } from "../trained-model.js";

/** The outputs that answers are made of, by the file's names. */
export interface TableOutputs {
  /** Labels [N]. */
  readonly label: string | undefined;
  /** Probabilities, scores or quantities [N, K], or [N]. */
  readonly scores: string | undefined;
}

/** Rows that are answered at once where the file leaves their number free. */
const ROWS = 256;
/** Probabilities add up to 1 within this. */
const ROUNDING = 1e-3;

/** The smallest probability whose logarithm is taken. */
const LEAST = 1e-12;
/** A quantity that is not standardized. */
const IN_UNITS = { targetMean: 0, targetDeviation: 1 };

type Named = Readonly<Record<string, TensorData | StringData>>;

/** A graph as explainers take it. Probabilities that are not softmax's have their logarithms as scores, whose softmax they are. */
function traced({ forward, values, isOutput }: TableGraph, areProbabilities: boolean): Partial<Explainable> {
  if (!areProbabilities || !isOutput) return { values, forward };
  const remarks = [{ en: "Scores: logarithms of the file's probabilities.", zh: "得分：文件所给概率的对数。" }];
  return { values, remarks, forward: (columns) => forward(columns).max(LEAST).log() };
}

/** The outputs that answers are made of. ConfigError where there is neither a label nor a number. */
export function tableOutputs({ declaredOutputs, where }: OnnxModel): TableOutputs {
  const found = [...declaredOutputs];
  const named = (is: (dtype: string) => boolean): string | undefined =>
    found.find(([, { dtype }]) => dtype !== undefined && is(dtype))?.[0];
  const label = named((dtype) => dtype === "string" || dtype === "int64" || dtype === "int32");
  const scores = named((dtype) => dtype === "float32" || dtype === "float64");
  if (label === undefined && scores === undefined)
    throw new ConfigError(`${where}: expected an output of labels or numbers, got ${found.map(([name]) => name).join(", ")}`);
  return { label, scores };
}

/** Facts of a file that `info` does not hold. */
export interface TableFacts {
  readonly outputs: TableOutputs;
  /** The file's own labels in the order of its scores, where `info.classes` are their names for people. */
  readonly labels: readonly string[];
  /** Whether scores are distances from a boundary, and no probabilities whatever they add up to. */
  readonly distances: boolean;
  /** The reason why the file has no layers to look into. */
  readonly reason: string;
  /** Its graph, for gradients of its scores, where it has one. */
  readonly graph?: TableGraph;
}

/** A model of a table that the engine runs as the file it is; its graph, where it has one, is for explanations. Owned: dispose it. */
export class OpaqueTable extends OpaqueModel {
  declare readonly info: FileTableInfo;
  readonly #file: OnnxModel;
  readonly #facts: TableFacts;
  readonly #options: UseOptions;
  /** The texts of each column of texts, by the numbers that stand for them. */
  readonly #texts = new Map<string, string[]>();

  constructor(file: OnnxModel, info: FileTableInfo, facts: TableFacts, options: UseOptions = {}) {
    const isClasses = info.classes.length > 0 || facts.outputs.label !== undefined;
    const task = taskNamed(isClasses ? "tabular-classification" : "tabular-regression");
    super(task, file.where.replace(/\.onnx$/, ""), info, file.where, facts.reason);
    this.#file = file;
    this.#facts = facts;
    this.#options = options;
  }

  async #call(examples: Dataset): Promise<Named> {
    const session = await this.executables.get("file", () => compile(this.#file, this.#options));
    return session.callWithTexts(feedsOf(this.info.fileInputs, examples));
  }

  /** Outputs of all examples, batch by batch; the last rows fill up the batch where the file fixes its size. */
  async #each(examples: Dataset, each: (outputs: Named, from: number, count: number) => void): Promise<void> {
    const fixed = [...this.#file.declaredInputs.values()][0]?.shape?.[0];
    const size = typeof fixed === "number" ? fixed : ROWS;
    for (let from = 0; from < examples.length; from += size) {
      const count = Math.min(size, examples.length - from);
      const isShort = typeof fixed === "number" && count < size;
      const rows = Uint32Array.from({ length: isShort ? size : count }, (_, i) => from + Math.min(i, count - 1));
      each(await this.#call(examples.select(rows)), from, count);
    }
  }

  /** Scores [N, K] of examples. */
  async scores(examples: Dataset): Promise<TensorData> {
    const { scores, label } = this.#facts.outputs;
    if (scores === undefined)
      throw new ConfigError(`${this.#file.where}: expected an output of scores to explain, got ${label} alone`);
    const all: number[] = [];
    await this.#each(examples, (outputs, _, count) => {
      const numbers = toNumbers(outputs[scores] as TensorData);
      all.push(...numbers.subarray(0, (numbers.length / ((outputs[scores] as TensorData).shape[0] ?? 1)) * count));
    });
    return fromNumbers("float32", [examples.length, all.length / examples.length], all);
  }

  /** Gives the numbers among the file's outputs. */
  async run(examples: Dataset, each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void): Promise<void> {
    await this.#each(examples, (outputs, from, count) => {
      const numbers = Object.entries(outputs).filter((entry): entry is [string, TensorData] => !isStringData(entry[1]));
      const rows = Uint32Array.from({ length: count }, (_, i) => from + i);
      each(Object.fromEntries(numbers), rows, {});
    });
  }

  override async answers(examples: Dataset): Promise<Answer[]> {
    const answers: Answer[] = [];
    await this.#each(examples, (outputs, _, count) => {
      const { label, scores } = this.#facts.outputs;
      const labels = label === undefined ? undefined : textsIn(outputs[label] as TensorData | StringData);
      const numbers = scores === undefined ? undefined : matrixRows(outputs[scores] as TensorData);
      for (let i = 0; i < count; i++) answers.push(this.#answer(labels?.[i], numbers?.[i]));
    });
    return answers;
  }

  /** The label as people call it, and probabilities where the scores are some; of a quantity the number, or the numbers. */
  #answer(label: string | undefined, scores: Float64Array | undefined): Answer {
    const { classes, target } = this.info;
    if (label === undefined && classes.length === 0) {
      const values = [...(scores ?? [])];
      return { [target]: values.length === 1 ? values[0] : values };
    }
    const largest = (scores ?? new Float64Array()).reduce((best, p, k) => (p > (scores?.[best] ?? 0) ? k : best), 0);
    const place = label === undefined ? largest : this.#facts.labels.indexOf(label);
    const name = classes[place] ?? label ?? String(place);
    if (scores === undefined || !this.#areProbabilities(scores) || scores.length !== classes.length) return { label: name };
    const probabilities = Object.fromEntries(classes.map((each, k) => [each, scores[k] as number]));
    return { label: name, score: scores[place] ?? scores[largest], probabilities };
  }

  #areProbabilities(scores: Float64Array): boolean {
    const total = scores.reduce((sum, p) => sum + p, 0);
    return !this.#facts.distances && scores.length > 1 && scores.every((p) => p >= 0) && Math.abs(total - 1) < ROUNDING;
  }

  /** The type of each column of the examples, in their order. */
  get #columnTypes(): readonly FileInput["dtype"][] {
    return this.info.fileInputs.flatMap(({ dtype, width }) => Array.from({ length: width }, () => dtype));
  }

  /** The number that stands for a text of a column where explainers compute; 0 for an empty one. */
  #codeOf(column: string, text: string): number {
    const texts = this.#texts.get(column) ?? [""];
    if (!texts.includes(text)) texts.push(text);
    this.#texts.set(column, texts);
    return texts.indexOf(text);
  }

  /** Rows of numbers as columns of the file: whole numbers where it takes integers, texts where it takes texts. */
  #columnsOf(features: TensorData, names: readonly string[]): Dataset {
    const rows = rowsOf(features);
    const types = this.#columnTypes;
    return new Dataset(
      names.map((name, c): [string, Column] => {
        const values = rows.map((row) => row[c] as number);
        const dtype = types[c] as FileInput["dtype"];
        if (dtype === "string")
          return [name, { dtype, values: values.map((value) => this.#texts.get(name)?.[Math.round(value)] ?? "") }];
        const data = Float64Array.from(values, (value) => (isFloat(dtype) ? value : Math.round(value)));
        return [name, { dtype: "float64", shape: [rows.length], data }];
      }),
    );
  }

  /** Parts of the file that explainers see, whatever its features are. */
  #seen(scores: TensorData): Pick<Explainable, "name" | "scoreCount" | "labels" | "gives"> {
    const { classes, target } = this.info;
    const count = scores.shape[1] ?? 1;
    const labels =
      classes.length === count ? classes : count === 1 ? [target] : Array.from({ length: count }, (_, k) => String(k));
    const areProbabilities = rowsOf(scores).every((row) => this.#areProbabilities(row));
    return { name: this.modelName, scoreCount: count, labels, gives: areProbabilities ? "probabilities" : "scores" };
  }

  /** Scores by the presence of the words of a text: those that are absent are left out of it. */
  async #byWords(
    examples: Dataset,
    { column, text, words }: NonNullable<ReturnType<typeof wordsOfRow>>,
  ): Promise<{ readonly model: Explainable; readonly input: ExplainInput }> {
    const names = words.map(([start, end]) => text.slice(start, end));
    const written = (present: ArrayLike<number>): string => {
      let [kept, from] = ["", 0];
      words.forEach(([start, end], i) => {
        kept += text.slice(from, (present[i] ?? 0) > 0.5 ? end : start);
        from = end;
      });
      return kept + text.slice(from);
    };
    const answer = ({ features }: ExplainInput): Promise<TensorData> =>
      this.scores(new Dataset([[column, { dtype: "string", values: rowsOf(features).map(written) }]]));
    const presence = (value: number): TensorData =>
      fromNumbers("float32", [1, words.length], new Float64Array(words.length).fill(value));
    const standsFor = { en: "the presence of its words", zh: "各个词是否出现" };
    return {
      model: {
        ...this.#seen(await this.scores(examples)),
        features: { name: column, shape: [words.length], kind: "table", names, standsFor },
        answer,
        opaque: this.#facts.reason,
        baseline: presence(0),
        remarks: [{ en: "Words that are absent are left out of the text.", zh: "缺席的词从文本中删去。" }],
      },
      input: { features: presence(1) },
    };
  }

  /** Scores by the columns of an example, or by the words of a text, for methods that sample. ConfigError where the file has no scores. */
  async explainable(examples: Dataset): Promise<{ readonly model: Explainable; readonly input: ExplainInput }> {
    const written = examples.length === 1 ? wordsOfRow(examples, 0) : undefined;
    if (written !== undefined) return this.#byWords(examples, written);
    const { fileInputs } = this.info;
    const { names } = examples;
    const seen = this.#seen(await this.scores(examples));
    const values = names.map((name) => {
      const column = examples.column(name);
      return isText(column)
        ? Float64Array.from({ length: examples.length }, (_, i) => this.#codeOf(name, column.values[i] ?? ""))
        : toNumbers(examples.tensor(name));
    });
    const own = Array.from({ length: examples.length }, (_, i) => values.map((column) => column[i] as number)).flat();
    const { graph, reason } = this.#facts;
    return {
      model: {
        ...seen,
        features: { name: fileInputs.map(({ name }) => name).join(", "), shape: [names.length], kind: "table", names },
        answer: ({ features }) => this.scores(this.#columnsOf(features, names)),
        ...(treeNodeOf(this.#file.proto) === undefined
          ? {}
          : { trees: () => treesFromModel(this.#file.proto, names.length, this.#file.where) }),
        ...(graph === undefined ? { opaque: reason } : traced(graph, seen.gives === "probabilities")),
        ...(examples.entries().some(([, column]) => isText(column))
          ? {
              remarks: [{ en: "An absent text is an empty one, or the background's.", zh: "缺席的文本为空文本，或背景的文本。" }],
            }
          : {}),
      },
      input: { features: fromNumbers("float32", [examples.length, names.length], own) },
    };
  }

  /** Measures on examples with their targets (`fileExamples`): quantities in their own unit; of labels alone, accuracy and F1. */
  override async measure(examples: Dataset): Promise<Measurement> {
    const { classes } = this.info;
    const isClasses = examples.has("label");
    const target = isClasses ? "label" : "target";
    const measurement = isClasses ? new ClassificationMeasurement(classes.length) : new RegressionMeasurement(IN_UNITS);
    let areSure = true;
    await this.#each(examples, (outputs, from, count) => {
      const rows = Uint32Array.from({ length: count }, (_, i) => from + i);
      const batch = examples.select(rows).pick(target).batch();
      const { label, scores } = this.#facts.outputs;
      const numbers = scores === undefined ? undefined : matrixRows(outputs[scores] as TensorData).slice(0, count);
      if (!isClasses) {
        const prediction = fromNumbers(
          "float64",
          [count],
          (numbers ?? []).map(([value = NaN]) => value),
        );
        return measurement.update({ prediction }, batch);
      }
      const areProbabilities = numbers?.every((row) => this.#areProbabilities(row) && row.length === classes.length) === true;
      areSure &&= areProbabilities;
      const positions = label === undefined ? undefined : textsIn(outputs[label] as TensorData | StringData);
      const logits = Array.from({ length: count }, (_, i): Float64Array => {
        const row = numbers?.[i] as Float64Array;
        if (areProbabilities) return row.map((p) => Math.log(Math.max(p, LEAST)));
        const place = positions === undefined ? undefined : this.#facts.labels.indexOf(positions[i] as string);
        return place === undefined ? row : Float64Array.from(classes, (_name, k) => (k === place ? 1 : 0));
      });
      measurement.update(
        {
          logits: fromNumbers(
            "float64",
            [count, classes.length],
            logits.flatMap((row) => [...row]),
          ),
        },
        batch,
      );
    });
    if (!isClasses || areSure) return measurement;
    // A loss is one of probabilities.
    const { loss: _, ...metrics } = measurement.result();
    return { update: (outputs, batch) => measurement.update(outputs, batch), result: () => metrics };
  }

  toOnnx(): Uint8Array {
    throw this.refused("another ONNX file");
  }
}

const textsIn = (data: TensorData | StringData): string[] =>
  isStringData(data) ? [...data.data] : [...toNumbers(data)].map(String);

/** Rows of [N, K], or of [N] as [N, 1]. */
const matrixRows = (data: TensorData): Float64Array[] =>
  data.shape.length === 2 ? rowsOf(data) : rowsOf({ ...data, shape: [data.shape[0] ?? 1, 1] });
