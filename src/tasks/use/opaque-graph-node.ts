/**
 * @module An opaque model of a task: a graph with ops that Descent does not have, which the engine runs between the task's preparation of its inputs
 * and the task's answers.
 */
import { treeNodeOf, treesFromModel } from "../../classical/index.js";
import type { Batch, Dataset } from "../../data/index.js";
import type { Explainable, ExplainInput } from "../../explain/index.js";
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, inputsOf, sizeOf, symbol, toNumbers } from "../../graph/index.js";
import { Module } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { chained, decodeModel, encodeModel, exportGraph, OnnxModel, withNames } from "../../onnx/index.js";
import { lowerGraph, resolveForUse } from "../../ops/index.js";
import type { Executable } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { ConfigError } from "../../util/errors.js";
import { own } from "../../util/record.js";
import type { GraphUse } from "../graph-use.js";
import { graphInfo, takesNoMask } from "../graph-use.js";
import { fileMetadata } from "./file-metadata.js";
import { batchOfRows } from "../shared/rows-node.js";
import type { AnyTask, Explained, Outputs, TaskInfo, Tensors } from "../task.js";
import type { UseOptions } from "../trained-model.js";
import { OpaqueModel } from "./model-in-use-node.js";
import { pick } from "./traced-graph.js";

/** Rows that are computed at once where the file leaves their number free. */
const ROWS = 64;
const SCORES = "scores of the file";
const FEATURES = "features of the task";

/** Stands where a task has a graph: keeps what it is given, and takes the engine's scores for the result. */
class StandIn extends Module {
  #given: Tensors = {};
  readonly #file: OnnxModel;
  readonly #output: string;
  readonly #count: number;

  constructor(file: OnnxModel, output: string, count: number) {
    super();
    this.#file = file;
    this.#output = output;
    this.#count = count;
  }

  /** The file's inputs, as the task makes them: outputs of a graph, and no input of it even where the task changes nothing. */
  get given(): Tensors {
    return this.#given;
  }

  override forward(inputs: Tensors): Tensors {
    this.#given = Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [
        name,
        value.mul(1).cast(this.#file.declaredInputs.get(name)?.dtype ?? value.dtype),
      ]),
    );
    const rows = Object.values(inputs)[0]?.shape[0] as Dim;
    return { [this.#output]: input(SCORES, [rows, this.#count]) };
  }
}

/** Facts of a file that the task's info does not hold. */
export interface GraphFacts {
  /** The file, with scores as its output. */
  readonly file: OnnxModel;
  /** The reason why it cannot be differentiated. */
  readonly reason: string;
  /** The model's name; left out, the file's. */
  readonly name?: string;
}

/** The task's part of a model: what it makes of its columns for the file, and of the file's scores. */
interface Around {
  readonly columns: Tensors;
  /** Undefined where the features are inside the file. */
  readonly features: Tensor | undefined;
  /** The file's inputs by name. */
  readonly given: Tensors;
  readonly outputs: Tensors;
}

/** Opens the engine on a file and counts its scores, on inputs of zeros. ConfigError where they are not [N, K]. */
export async function countScores(
  file: OnnxModel,
  graphs: GraphUse<TaskInfo>,
  info: TaskInfo,
  options: UseOptions,
): Promise<number> {
  await using session = await compile(file, options);
  const zeros = Object.entries(graphs.shapes(info)).map(([name, shape]): [string, TensorData] => {
    const { dtype = "float32", shape: declared } = file.declaredInputs.get(name) ?? {};
    const dims = (shape as readonly number[]).map((d, i) => (i === 0 && typeof declared?.[0] === "number" ? declared[0] : d));
    return [name, fromNumbers(dtype, dims, new Float64Array(sizeOf(dims)))];
  });
  const { shape } = (await session.call(Object.fromEntries(zeros)))[graphInfo(info)?.output ?? ""] ?? {};
  const [rows, count, ...more] = shape ?? [];
  if (count === undefined || more.some((d) => d !== 1) || rows !== zeros[0]?.[1].shape[0])
    throw new ConfigError(`${file.where}: expected an output of scores [N, K], got [${(shape ?? []).join(", ")}]`);
  return count;
}

/** A model of a task that only the engine runs. Owned: dispose it. */
export class OpaqueGraph extends OpaqueModel {
  readonly #facts: GraphFacts;
  readonly #count: number;
  readonly #options: UseOptions;

  /** Errors: ConfigError for a task that takes no graphs. */
  constructor(task: AnyTask, info: TaskInfo, facts: GraphFacts, options: UseOptions) {
    const { where } = facts.file;
    super(task, facts.name ?? where.replace(/\.onnx$/, ""), info, where, facts.reason);
    if (task.graphs === undefined) throw new ConfigError(`${task.name}: expected a model of its own, got a graph`);
    this.#facts = facts;
    this.#count = task.graphs.outFeatures(info);
    this.#options = options;
  }

  /** Rows of one run. */
  get #rows(): number {
    const fixed = [...this.#facts.file.declaredInputs.values()][0]?.shape?.[0];
    return typeof fixed === "number" ? fixed : takesNoMask(this.info) ? 1 : ROWS;
  }

  #compiled(key: string, make: () => Tensors | OnnxModel): Promise<Executable> {
    return this.executables.get(key, () => {
      const made = make();
      return made instanceof OnnxModel ? compile(made, this.#options) : compile(resolveForUse(made), this.#options);
    });
  }

  /** The task around the file for so many rows, of a batch or of features. */
  #around(rows: Dim, features?: Tensor): Around {
    const { task, info } = this;
    if (task.graphs === undefined) throw new ConfigError(`${task.name}: expected a model of its own, got a graph`);
    const stand = new StandIn(this.#facts.file, graphInfo(info)?.output ?? "", this.#count);
    const model = task.graphs.wrap(stand, info);
    const columns = inputsOf(task.inputs(this.context, rows));
    if (task.graphs.outputs !== undefined) {
      const outputs = task.graphs.outputs(model, columns);
      return { columns, features: undefined, given: stand.given, outputs };
    }
    const seen = features ?? task.features(columns, this.context, model);
    const outputs = task.outputs(model, seen, columns, this.context);
    return { columns, features: seen, given: stand.given, outputs };
  }

  /** Runs the file on what the task gives it, and makes the task's outputs of its scores. */
  async #finish(rows: number, given: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
    const after = await this.#compiled(`after ${rows}`, () => named(this.#around(rows).outputs));
    return after.call(await this.#scores(rows, given));
  }

  /** Runs the file on what the task gives it. */
  async #scores(rows: number, given: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
    const file = await this.#compiled("file", () => this.#facts.file);
    const scores = (await file.call(given))[graphInfo(this.info)?.output ?? ""] as TensorData;
    // As many as there are objects in a picture, say.
    if (scores.data.length !== rows * this.#count)
      throw new ConfigError(
        `${this.#facts.file.where}: expected an output of scores [${rows}, ${this.#count}], got [${scores.shape.join(", ")}]`,
      );
    return { [SCORES]: { ...scores, shape: [rows, this.#count] } };
  }

  async run(examples: Dataset, each: (outputs: Outputs, rows: Uint32Array, batch: Batch) => void): Promise<void> {
    const rows = this.#rows;
    const before = await this.#compiled(`before ${rows}`, () => named(this.#around(rows).given));
    await this.eachBatch(
      examples,
      rows,
      async (batch) => this.#finish(rows, await before.call(pick(batch, before.inputs))),
      each,
    );
  }

  /** Scores by the features that the task makes of examples, or by the presence of their tokens, for methods that sample. */
  async explainable(examples: Dataset): Promise<{ readonly model: Explainable; readonly input: ExplainInput }> {
    const { task } = this;
    if (task.explained === undefined || task.explained.inParts === true)
      throw new ConfigError(`explain: expected a task whose answers can be explained, got ${task.name}`);
    const batch = await batchOfRows(task, this.context, examples);
    return task.graphs?.outputs === undefined ? this.#byFeatures(batch, task.explained) : this.#byTokens(batch, task.explained);
  }

  #explained(
    explained: Explained<TaskInfo>,
    features: Pick<Explainable["features"], "name" | "shape"> & Partial<Explainable["features"]>,
  ): Omit<Explainable, "answer"> {
    const { kind } = explained;
    const labels = explained.labels(this.info, {});
    const opaque = this.#facts.reason;
    const { proto, where } = this.#facts.file;
    const hasTrees = treeNodeOf(proto) !== undefined;
    const width = sizeOf(features.shape.map(Number));
    return {
      name: this.modelName,
      features: { kind, ...features },
      scoreCount: labels.length,
      labels,
      opaque,
      trees: hasTrees ? () => treesFromModel(proto, width, where) : undefined,
    };
  }

  async #byFeatures(
    batch: Batch,
    explained: Explained<TaskInfo>,
  ): Promise<{ readonly model: Explainable; readonly input: ExplainInput }> {
    const [first = ""] = Object.keys(batch);
    const count = batch[first]?.shape[0] ?? 1;
    const { features } = this.#around(count);
    const prepared = await this.#compiled(`features ${count}`, () => ({ seen: (features as Tensor).mul(1) }));
    const { seen } = (await prepared.call(pick(batch, prepared.inputs))) as { seen: TensorData };
    const shape = seen.shape.slice(1);
    const before = await this.#compiled(`from features ${this.#rows}`, () => {
      return named(this.#around(this.#rows, input(FEATURES, [this.#rows, ...shape])).given);
    });
    const others = pick(
      batch,
      before.inputs.filter((name) => name !== FEATURES),
    );
    const types = Object.entries(others).map(([name, t]) => [name, { shape: t.shape.slice(1), dtype: t.dtype }] as const);
    const answer = (given: ExplainInput): Promise<TensorData> =>
      this.#scoresOf({ [FEATURES]: given.features, ...given.others }, before, explained);
    const model = { ...this.#explained(explained, { name: first, shape }), others: Object.fromEntries(types), answer };
    return { model, input: { features: seen, others } };
  }

  /** Features are 1 for a token that is there; one that is not is padding, which the model is not to attend to. */
  async #byTokens(
    batch: Batch,
    explained: Explained<TaskInfo>,
  ): Promise<{ readonly model: Explainable; readonly input: ExplainInput }> {
    const [ids = "", mask = ""] = Object.keys(this.task.inputs(this.context, 1));
    const { shape: [count = 1, length = 1] = [] } = batch[ids] ?? {};
    const before = await this.#compiled(`before ${this.#rows}`, () => named(this.#around(this.#rows).given));
    const { padId = 0 } = this.info as { readonly padId?: number };
    const answer = ({ features, others = {} }: ExplainInput): Promise<TensorData> => {
      const isPresent = toNumbers(features);
      const taken = (name: string, otherwise: number): TensorData => {
        const { dtype, shape, data } = own(others, name) as TensorData;
        return fromNumbers(
          dtype,
          shape,
          Float64Array.from(isPresent, (p, i) => (p > 0.5 ? Number(data[i]) : otherwise)),
        );
      };
      return this.#scoresOf({ [ids]: taken(ids, padId), [mask]: taken(mask, 0) }, before, explained);
    };
    const others = pick(batch, [ids, mask]);
    const types = Object.entries(others).map(([name, t]) => [name, { shape: [length], dtype: t.dtype }] as const);
    const baseline = fromNumbers("float32", [1, length], new Float64Array(length));
    const features = {
      name: ids,
      shape: [length],
      kind: "table",
      standsFor: { en: "the presence of its tokens", zh: "各个词元是否出现" },
    } as const;
    const model = { ...this.#explained(explained, features), others: Object.fromEntries(types), baseline, answer };
    return {
      model,
      input: { features: fromNumbers("float32", [count, length], new Float64Array(count * length).fill(1)), others },
    };
  }

  /** Scores [B, K] of rows of `before`'s inputs [B, …], so many at once as the file takes. */
  async #scoresOf(
    given: Readonly<Record<string, TensorData>>,
    before: Executable,
    explained: Explained<TaskInfo>,
  ): Promise<TensorData> {
    const count = Object.values(given)[0]?.shape[0] ?? 0;
    const rows = this.#rows;
    const after = await this.#compiled(`scores ${rows}`, () => {
      return { scores: explained.scores(this.#around(rows).outputs, this.info, {}).mul(1) };
    });
    const all: number[] = [];
    for (let from = 0; from < count; from += rows) {
      const kept = Math.min(rows, count - from);
      const part = Object.fromEntries(before.inputs.map((name) => [name, rowsFrom(own(given, name) as TensorData, from, rows)]));
      const file = await this.#scores(rows, await before.call(part));
      const scores = toNumbers((await after.call(file))["scores"] as TensorData);
      all.push(...scores.subarray(0, (scores.length / rows) * kept));
    }
    return fromNumbers("float32", [count, all.length / Math.max(1, count)], all);
  }

  /** The file's own nodes between the task's preparation of its inputs and the task's outputs. ConfigError for a file of another opset than Descent writes. */
  toOnnx(): Uint8Array {
    const { file } = this.#facts;
    const { columns, given, outputs } = this.#around(symbol("N"));
    const written = (part: string, tensors: Tensors, inputs: readonly Tensor[] = []): ModelProto => {
      const graph = lowerGraph(new Graph(resolveForUse(named(tensors))), "onnx");
      const model = decodeModel(exportGraph(graph, { inputs }), file.where);
      const nodes = model.graph.nodes.map((node) => ({ ...node, name: `${part}/${node.name}` }));
      return { ...model, graph: { ...model.graph, nodes } };
    };
    // Columns may be called as the file's inputs, and its output as the task's.
    const links = new Map(Object.keys(given).map((name) => [name, `${name} of the task`]));
    const prepared = Object.fromEntries(Object.entries(given).map(([name, t]) => [links.get(name) ?? name, t]));
    const output = graphInfo(this.info)?.output ?? "";
    const scored = file.proto.graph.outputs.filter(({ name }) => name === output);
    const only: ModelProto = { ...file.proto, graph: { ...file.proto.graph, outputs: scored } };
    const inner = withNames(only, new Map([...links, [output, SCORES]]));
    const whole = chained([written("before", prepared, Object.values(columns)), inner, written("after", outputs)], file.where);
    return encodeModel({ ...whole, metadata: new Map([...file.metadata, ...fileMetadata(this)]) });
  }
}

/** Rows of a tensor from one on, of which the last fills up what is missing. */
function rowsFrom({ dtype, shape: [n = 1, ...shape], data }: TensorData, from: number, count: number): TensorData {
  const size = sizeOf(shape);
  const numbers = toNumbers({ dtype, shape: [n, ...shape], data });
  const part = Float64Array.from({ length: count * size }, (_, i) => {
    const row = Math.min(n - 1, from + Math.floor(i / Math.max(1, size)));
    return numbers[row * size + (i % Math.max(1, size))] as number;
  });
  return fromNumbers(dtype, [count, ...shape], part);
}

/** Outputs with names of their own: a graph's input cannot be its output. */
const named = (outputs: Tensors): Tensors => Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, t.mul(1)]));
