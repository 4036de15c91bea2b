/**
 * @module A trained model as explainers see it: the features that its task computes, the scores that can be explained, and parts that are words or
 * columns.
 */
import type { Batch, Dataset } from "../../data/node.js";
import type { Explainable, ExplainInput, Parts } from "../../explain/index.js";
import { vmap } from "../../autodiff/index.js";
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, toNumbers, sizeOf } from "../../graph/index.js";
import { resolveForUse } from "../../ops/index.js";
import { evaluate } from "../../runtime/index.js";
import { ConfigError, DescentError } from "../../util/errors.js";
import { fetcherFor } from "../shared/rows-node.js";
import type { AnyTask, Asked, Explained, TaskContext, TaskInfo, Tensors } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import type { View, ViewParts } from "../view.js";

/** The category of a missing value: `encodeCodes` has 0 for unknown values and 1 for missing ones. */
const NO_CATEGORY = 1;

/** The input with the position to explain in each row. */
const POSITIONS = "asked positions";

/** Weights of the model. */
export const valuesOf = ({ model, weights }: TrainedModel): Map<Tensor, TensorData> =>
  new Map([...model.state()].map(([path, p]) => [p, weights.get(path) as TensorData]));

/**
 * Composes inputs of coalitions: elements of absent parts are those of each row of the background in turn; without one they are 0, as the baseline is, and
 * their categories none.
 */
function partsOf(view: ViewParts, given: ExplainInput, background?: ExplainInput): Parts {
  const { names, partOf, categoryPartOf } = view;
  const [, ...shape] = given.features.shape;
  const size = sizeOf(shape);
  const each = size / (shape[0] ?? 1);
  const own = toNumbers(given.features);
  const absent = background === undefined ? new Float64Array(size) : toNumbers(background.features);
  const backgrounds = absent.length / size;
  const compose = (coalitions: Uint8Array, count: number): ExplainInput => {
    const isPresent = (s: number, part: number): boolean => part < 0 || coalitions[s * names.length + part] === 1;
    const rows = count * backgrounds;
    const data = new Float64Array(rows * size);
    for (let r = 0; r < rows; r++) {
      const [s, m] = [Math.floor(r / backgrounds), r % backgrounds];
      for (let e = 0; e < size; e++)
        data[r * size + e] = (isPresent(s, partOf[Math.floor(e / each)] ?? -1) ? own[e] : absent[m * size + e]) as number;
    }
    const others = Object.entries(given.others ?? {}).map(([name, other]): [string, TensorData] => {
      const row = toNumbers(other);
      const behind = background?.others?.[name];
      const away = behind === undefined ? undefined : toNumbers(behind);
      const repeated = Float64Array.from({ length: rows * row.length }, (_, i) => {
        const [r, c] = [Math.floor(i / row.length), i % row.length];
        const part = categoryPartOf?.[c] ?? -1;
        if (name !== "categories" || isPresent(Math.floor(r / backgrounds), part)) return row[c] as number;
        return away === undefined ? NO_CATEGORY : (away[(r % backgrounds) * row.length + c] as number);
      });
      return [name, fromNumbers(other.dtype, [rows, ...other.shape.slice(1)], repeated)];
    });
    return { features: fromNumbers(given.features.dtype, [rows, ...shape], data), others: Object.fromEntries(others) };
  };
  if (categoryPartOf !== undefined) return { names, backgrounds, compose };
  return { names, partOf: Int32Array.from({ length: size }, (_, e) => partOf[Math.floor(e / each)] ?? -1), backgrounds, compose };
}

/** An example that can be explained. */
export interface ExplainableExample {
  readonly model: Explainable;
  readonly input: ExplainInput;
  readonly view: View;
}

/** Returns how a task's answers are explained. ConfigError for a task whose answers cannot be. */
function explainedOf({ task }: TrainedModel): Explained<TaskInfo> {
  if (task.explained === undefined)
    throw new ConfigError(`explain: expected a task whose answers can be explained, got ${task.name}`);
  return task.explained;
}

/** Examples as one batch. */
async function batchOf(task: AnyTask, context: TaskContext<TaskInfo>, examples: Dataset): Promise<Batch> {
  using fetcher = fetcherFor(task, context, examples);
  const indices = Uint32Array.from({ length: examples.length }, (_, i) => i);
  return (await fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: 0 })) ?? examples.gather(indices);
}

/** A model's inputs, and how explainers see what is behind them. */
export interface ExplainedGraph {
  /** The columns that the task's model reads: [batch, …] each. */
  readonly columns: Tensors;
  /** Computed from the columns; in use mode. */
  readonly features: Tensor;
  readonly model: Explainable;
}

/** Further knowledge about a single example that is explained. */
export interface OfExample {
  readonly asked?: Asked;
  /** The example's own columns, whose sizes stand for free ones. */
  readonly sizes?: Batch;
}

/** A file whose batch of 1 is baked in, one example at a time, mapped over all in one graph. Errors: the given one where that does not do either. */
function mapped(f: (x: Tensor, others: Tensors) => Tensor, x: Tensor, others: Tensors, error: DescentError): Tensor {
  const names = Object.keys(others);
  const one = (...examples: readonly Tensor[]): Tensor => {
    const [first, ...rest] = examples.map((t) => t.unsqueeze(0)) as [Tensor, ...Tensor[]];
    return f(first, Object.fromEntries(names.map((name, i) => [name, rest[i] as Tensor]))).squeeze(0);
  };
  try {
    return vmap(one)(x, ...names.map((name) => others[name] as Tensor));
  } catch (second) {
    throw second instanceof DescentError ? error : second;
  }
}

/** The same function, mapped where the examples do not go together. */
const orMapped =
  (f: (x: Tensor, others: Tensors) => Tensor) =>
  (x: Tensor, others: Tensors): Tensor => {
    try {
      return f(x, others);
    } catch (error) {
      if (!(error instanceof DescentError) || x.shape[0] === 1) throw error;
      return mapped(f, x, others, error);
    }
  };

/**
 * A trained model cut at its features.
 *
 * Errors: ConfigError for a task whose answers cannot be explained, and, where nothing is asked, for one whose answers have many parts.
 */
export function explainedGraph(
  trained: TrainedModel,
  context: TaskContext<TaskInfo>,
  batch: Dim,
  { asked, sizes = {} }: OfExample = {},
): ExplainedGraph {
  const { task, info, model } = trained;
  const explained = explainedOf(trained);
  if (explained.inParts === true && asked === undefined)
    throw new ConfigError(
      `explain: expected a task with one score for each label, got ${task.name}, which has scores at each position`,
    );
  const part = asked ?? {};
  const place = part.positions === undefined ? {} : { [POSITIONS]: { dtype: "int32", shape: [1] } as const };
  const types = Object.entries({ ...task.inputs(context, 1), ...place }).map(
    ([name, { dtype, shape }]) => [name, { dtype, shape: sizes[name]?.shape ?? shape }] as const,
  );
  const tensors = (rows: Dim, given: Tensors = {}): Tensors =>
    Object.fromEntries(
      types.map(([name, { shape, dtype }]) => [name, given[name] ?? input(name, [rows, ...shape.slice(1)], dtype)]),
    );
  const columns = tensors(batch);
  const taken = explained.features?.(columns, context, model) ?? task.features(columns, context, model);
  const { features } = resolveForUse({ features: taken.mul(1) });
  const together = (x: Tensor, others: Tensors): Tensor => {
    const given = tensors(x.shape[0] ?? 1, others);
    const outputs = explained.outputs?.(model, x, given, context) ?? task.outputs(model, x, given, context);
    const at = given[POSITIONS];
    return resolveForUse({ scores: explained.scores(outputs, info, { ...part, at }) }).scores;
  };
  const forward = orMapped(together);
  const labels = explained.labels(info, part);
  const scores = forward(input("features", features.shape, features.dtype), columns);
  const read = new Set(new Graph({ scores }).inputs.map((t) => t.node.attributes["name"]));
  const others = types.filter(([name]) => read.has(name));
  return {
    columns,
    features,
    model: {
      name: trained.modelName,
      features: {
        name: types[0]?.[0] ?? "",
        shape: features.shape.slice(1),
        kind: explained.kind,
        standsFor: explained.kind === "tokens" ? { en: "the vectors of its tokens", zh: "词元的向量" } : undefined,
      },
      others: Object.fromEntries(others.map(([name, { shape, dtype }]) => [name, { shape: shape.slice(1), dtype }])),
      scoreCount: labels.length,
      labels,
      forward,
      values: valuesOf(trained),
    },
  };
}

/** A model's weights by path. */
export const pathsOf = ({ model }: TrainedModel): Map<Tensor, string> =>
  new Map([...model.state()].map(([path, p]) => [p, path]));

/** Encoded examples as explainers take them. ConfigError for a task whose answers cannot be explained. */
export async function explainableRows(
  trained: TrainedModel,
  examples: Dataset,
  { parts, remarks, asked }: Pick<View, "parts" | "remarks" | "asked"> = {},
  background?: ExplainInput,
): Promise<Omit<ExplainableExample, "view">> {
  const { task, info } = trained;
  explainedOf(trained);
  const base: TaskContext<TaskInfo> = { info, use: "eval", options: {} };
  const encoded = await batchOf(task, base, examples);
  const positions = asked?.positions;
  const batch: Batch =
    positions === undefined
      ? encoded
      : { ...encoded, [POSITIONS]: { dtype: "int32", shape: [positions.length], data: Int32Array.from(positions) } };
  // Gradients through recurrences and slices need known lengths.
  const [first = ""] = Object.keys(task.inputs(base, 1));
  const length = task.buckets === undefined ? undefined : batch[first]?.shape[1];
  const context: TaskContext<TaskInfo> = length === undefined ? base : { ...base, length };
  const { features, model } = explainedGraph(trained, context, examples.length, { asked, sizes: batch });
  const feedsOf = (names: Iterable<string>): Record<string, TensorData> =>
    Object.fromEntries([...names].map((name) => [name, batch[name] as TensorData]));
  const needed = new Graph({ seen: features }).inputs.map((t) => String(t.node.attributes["name"]));
  const { seen } = await evaluate({ seen: features }, feedsOf(needed), { values: valuesOf(trained), names: pathsOf(trained) });
  const named = parts === undefined || parts.names.length !== parts.partOf.length ? {} : { names: parts.names };
  return {
    model: {
      ...model,
      features: { ...model.features, shape: seen.shape.slice(1), ...named },
      remarks,
      parts: parts && ((one: ExplainInput) => partsOf(parts, one, background)),
    },
    input: { features: seen, others: feedsOf(Object.keys(model.others ?? {})) },
  };
}

/**
 * One encoded example as explainers take it; of an opaque model, by its answers alone. Parts that are absent are those of the background, if there is one.
 * Errors as of `explainableRows`.
 */
export async function explainableExample(
  trained: TrainedModel,
  example: Dataset,
  view: View,
  background?: ExplainInput,
): Promise<ExplainableExample> {
  const opaque = await trained.explainable?.(example);
  if (opaque === undefined) return { ...(await explainableRows(trained, example, view, background)), view };
  const { parts } = view;
  const model =
    parts === undefined ? opaque.model : { ...opaque.model, parts: (one: ExplainInput) => partsOf(parts, one, background) };
  return { ...opaque, model, view };
}

/** Encoded rows as the features and other inputs that a model of tables sees. */
export async function backgroundInput(trained: TrainedModel, rows: Dataset): Promise<ExplainInput> {
  return (await (trained.explainable?.(rows) ?? explainableRows(trained, rows))).input;
}
