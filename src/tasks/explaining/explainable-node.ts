/**
 * @module A trained model as explainers see it: the features that its task computes, the scores that can be asked about, and parts that are words or
 * columns.
 */
import type { Batch, Dataset } from "../../data/node.js";
import type { Explainable, ExplainInput, Parts } from "../../explain/index.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { fromNumbers, Graph, input, toNumbers } from "../../graph/index.js";
import { randomInputs, resolveMode } from "../../ops/index.js";
import { evaluate } from "../../runtime/index.js";
import { ConfigError } from "../../util/errors.js";
import { fetcherFor } from "../shared/rows-node.js";
import type { AnyTask, Explained, TaskContext, TaskInfo, Tensors } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import type { View, ViewParts } from "../view.js";

/** Categories that stand for no value: `encodeIndices` has 0 for others and 1 for none. */
const NO_CATEGORY = 1;

/** Numbers of the model's parameters. */
const valuesOf = ({ model, numbers }: TrainedModel): Map<Tensor, TensorData> =>
  new Map([...model.state()].map(([path, p]) => [p, numbers.get(path) as TensorData]));

/** Tensors in use mode. */
function inUse<T extends Readonly<Record<string, Tensor>>>(tensors: T): T {
  const { map } = resolveMode(Object.values(tensors), "eval", randomInputs());
  return Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, map(t)])) as T;
}

/** Composes inputs of coalitions: elements of absent parts are 0, as the baseline is, and their categories none. */
function partsOf(view: ViewParts, given: ExplainInput): Parts {
  const { names, partOf, categoryPartOf } = view;
  const [, ...shape] = given.features.shape;
  const size = shape.reduce((product, d) => product * d, 1);
  const each = size / (shape[0] ?? 1);
  const own = toNumbers(given.features);
  const compose = (coalitions: Uint8Array, count: number): ExplainInput => {
    const isPresent = (s: number, part: number): boolean => part < 0 || coalitions[s * names.length + part] === 1;
    const data = new Float64Array(count * size);
    for (let s = 0; s < count; s++)
      for (let e = 0; e < size; e++) if (isPresent(s, partOf[Math.floor(e / each)] ?? -1)) data[s * size + e] = own[e] as number;
    const others = Object.entries(given.others ?? {}).map(([name, other]): [string, TensorData] => {
      const row = toNumbers(other);
      const repeated = Float64Array.from({ length: count * row.length }, (_, i) => {
        const [s, c] = [Math.floor(i / row.length), i % row.length];
        const isAbsent = name === "categories" && categoryPartOf !== undefined && !isPresent(s, categoryPartOf[c] ?? -1);
        return isAbsent ? NO_CATEGORY : (row[c] as number);
      });
      return [name, fromNumbers(other.dtype, [count, ...other.shape.slice(1)], repeated)];
    });
    return { features: fromNumbers(given.features.dtype, [count, ...shape], data), others: Object.fromEntries(others) };
  };
  return { names, compose };
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

/** An example as a batch of one. */
async function batchOf(task: AnyTask, context: TaskContext<TaskInfo>, example: Dataset): Promise<Batch> {
  using fetcher = fetcherFor(task, context, example);
  const indices = Uint32Array.of(0);
  return (await fetcher?.fetch({ indices, seed: 0, epoch: 0, offset: 0 })) ?? example.gather(indices);
}

/**
 * One encoded example as explainers take it.
 *
 * Errors: ConfigError for a task whose answers cannot be explained.
 */
export async function explainableExample(trained: TrainedModel, example: Dataset, view: View): Promise<ExplainableExample> {
  const opaque = await trained.explainable?.(example);
  if (opaque !== undefined) return { ...opaque, view };
  const { task, info, model } = trained;
  const explained = explainedOf(trained);
  const base: TaskContext<TaskInfo> = { info, use: "eval", options: {} };
  const batch = await batchOf(task, base, example);
  // Gradients through recurrences and slices need known lengths.
  const [first = ""] = Object.keys(task.inputs(base, 1));
  const length = task.buckets === undefined ? undefined : batch[first]?.shape[1];
  const context: TaskContext<TaskInfo> = length === undefined ? base : { ...base, length };
  const columns = Object.entries(task.inputs(context, 1));
  const tensors = (rows: Tensor["shape"][number], given: Tensors = {}): Tensors =>
    Object.fromEntries(
      columns.map(([name, { shape, dtype }]) => [name, given[name] ?? input(name, [rows, ...shape.slice(1)], dtype)]),
    );
  const values = valuesOf(trained);
  const once = tensors(1);
  const { seen: features } = inUse({ seen: task.features(once, context, model).mul(1) });
  const forward = (x: Tensor, others: Tensors): Tensor => {
    const outputs = task.outputs(model, x, tensors(x.shape[0] ?? 1, others), context);
    return inUse({ scores: explained.scores(outputs, info) }).scores;
  };
  const stand = input("features", features.shape, features.dtype);
  const scores = forward(stand, once);
  const read = new Set(new Graph({ scores }).inputs.map((t) => t.node.attributes["name"]));
  const others = columns.filter(([name]) => read.has(name));
  const names = new Map<Tensor, string>([...model.state()].map(([path, p]) => [p, path]));
  const feeds = Object.fromEntries(columns.map(([name]) => [name, batch[name] as TensorData]));
  const needed = new Set(new Graph({ seen: features }).inputs.map((t) => String(t.node.attributes["name"])));
  const fed = Object.fromEntries(Object.entries(feeds).filter(([name]) => needed.has(name)));
  const { seen } = await evaluate({ seen: features }, fed, { values, names });
  const given: ExplainInput = {
    features: seen,
    others: Object.fromEntries(others.map(([name]) => [name, feeds[name] as TensorData])),
  };
  const { parts } = view;
  return {
    model: {
      name: trained.modelName,
      features: {
        name: first,
        shape: seen.shape.slice(1),
        kind: explained.kind,
        ...(parts === undefined || parts.names.length !== parts.partOf.length ? {} : { names: parts.names }),
        ...(explained.kind === "tokens" ? { standsFor: "the vectors of its tokens" } : {}),
      },
      others: Object.fromEntries(others.map(([name, { shape, dtype }]) => [name, { shape: shape.slice(1), dtype }])),
      scoreCount: explained.labels(info).length,
      labels: explained.labels(info),
      forward,
      values,
      ...(parts === undefined ? {} : { parts: (one: ExplainInput) => partsOf(parts, one) }),
    },
    input: given,
    view,
  };
}
