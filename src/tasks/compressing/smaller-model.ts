/**
 * @module A task's model after rewrites: traced, trained and exported like the original.
 */
import type { Dim, Tensor, TensorData } from "../../graph/index.js";
import { Graph, inputsOf, Parameter, symbol } from "../../graph/index.js";
import type { NamedGraph, ParameterOf, Rewrite } from "../../compress/rewrite.js";
import { Module } from "../../nn/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { bindGraph, costOf, resolveForUse } from "../../ops/index.js";
import { DescentError } from "../../util/errors.js";
import type { TaskContext, TaskInfo, Tensors } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import { useFile, UseFileModule } from "../use/use-file.js";
import { usingContext } from "../use/traced-graph.js";

/** The original model, and its weights. */
export type BaseModel = Pick<TrainedModel, "task" | "modelName" | "info" | "model" | "weights">;

const FEATURES = "features of the model";
const USE = "use";

/** The weights of a rewritten model, under the paths that they had. */
export class PartsModule extends Module {
  static override readonly pathNames = { parts: "" };
  readonly parts: ReadonlyMap<string, Parameter>;

  constructor(parts: ReadonlyMap<string, Parameter>) {
    super();
    this.parts = parts;
  }

  override forward(): never {
    throw new DescentError("rewritten model: expected to be traced by its task; this is a fault in Descent");
  }
}

/** Traces a task's model on a batch. */
export function traced({ task, model }: BaseModel, batch: Tensors, context: TaskContext<TaskInfo>): Tensors {
  // An imported file computes its features inside.
  if (model instanceof UseFileModule) return model.forward(batch);
  const features = task.features(batch, context, model);
  return task.outputs(model, features, batch, context);
}

export class SmallerModel {
  readonly base: BaseModel;
  readonly rewrites: readonly Rewrite[];
  /** Owns the parameters; has no forward of its own. */
  readonly module: Module;
  readonly weights: ReadonlyMap<string, TensorData>;
  /** The outputs in training and in use, with N free, after all rewrites. */
  readonly named: NamedGraph;
  readonly #training: TaskContext<TaskInfo>;
  readonly #parameters = new Map<string, Parameter>();

  /** `training`: the context in which the model will be trained. */
  constructor(base: BaseModel, rewrites: readonly Rewrite[], training: TaskContext<TaskInfo>) {
    this.base = base;
    this.rewrites = rewrites;
    this.#training = training;
    const { task, info } = base;
    const using = usingContext(task, info);
    const inUse = traced(base, inputsOf(task.inputs(using, symbol("N"))), using);
    const inTraining = traced(base, inputsOf(task.inputs(training, 8)), training);
    const both = { ...prefixed(USE, inUse), ...prefixed("training", inTraining) };
    this.named = this.#rewritten(new Graph(both));
    const parameters = new Map<string, Parameter>();
    for (const [t, path] of this.named.paths) if (t instanceof Parameter) parameters.set(path, t);
    this.module = new PartsModule(parameters);
    const all = rewrites.reduce((weights, rewrite) => rewrite.weights(weights), base.weights);
    this.weights = new Map([...parameters.keys()].map((path) => [path, all.get(path) as TensorData]));
  }

  /** The task's outputs for a batch, in training or in use. */
  outputs(batch: Tensors, context: TaskContext<TaskInfo>): Tensors {
    return Object.fromEntries(this.#rewritten(new Graph(traced(this.base, batch, context))).graph.outputs);
  }

  /** The outputs in use, with N free, as they are in `named`. */
  get outputsInUse(): Map<string, Tensor> {
    return new Map([...this.named.graph.outputs].filter(([name]) => name.startsWith(USE)));
  }

  get trainingContext(): TaskContext<TaskInfo> {
    return this.#training;
  }

  /** Counts the trained elements that inference needs. */
  get parameterCount(): number {
    const { task, info } = this.base;
    const context = usingContext(task, info);
    const graph = new Graph(this.outputs(inputsOf(task.inputs(context, symbol("N"))), context));
    return graph.parameters.reduce((sum, t) => (t instanceof Parameter && t.trainable ? sum + t.size : sum), 0);
  }

  /** Multiply-adds of one example, of `tokens` tokens where it is a sequence. */
  multiplyAdds(tokens = TOKENS): number {
    const { task, info } = this.base;
    const context = usingContext(task, info);
    return multiplyAddsOf(new Graph(this.outputs(inputsOf(task.inputs(context, 1)), context)), tokens);
  }

  /** The portable file with these weights. */
  toFile(weights: ReadonlyMap<string, TensorData> = this.weights): ModelProto {
    const { task, modelName, info, model } = this.base;
    const context = usingContext(task, info);
    const batch = inputsOf(task.inputs(context, symbol("N")));
    const seen =
      task.explained === undefined
        ? undefined
        : model instanceof UseFileModule
          ? model.features(batch)
          : (task.explained.features?.(batch, context, model) ?? task.features(batch, context, model));
    const outputs =
      model instanceof UseFileModule && seen !== undefined ? model.outputsOf(seen, batch) : traced(this.base, batch, context);
    const { graph } = this.#rewritten(new Graph(seen === undefined ? outputs : { ...outputs, [FEATURES]: seen }));
    const { [FEATURES]: features, ...rest } = resolveForUse(Object.fromEntries(graph.outputs));
    const state = [...this.module.state()];
    return useFile({
      task,
      modelName,
      info,
      outputs: rest,
      features,
      names: new Map(state.map(([path, p]) => [p, path])),
      values: new Map(state.map(([path, p]) => [p, weights.get(path) as TensorData])),
    });
  }

  #rewritten(graph: Graph): NamedGraph {
    const paths = new Map<Tensor, string>([...this.base.model.state()].map(([path, p]) => [p, path]));
    const inside = new Set([FEATURES]);
    return this.rewrites.reduce<NamedGraph>((named, rewrite, i) => rewrite.apply({ ...named, inside }, this.#parameterOf(i)), {
      graph,
      paths: new Map(graph.parameters.map((t) => [t, paths.get(t) as string])),
    });
  }

  /** The parameters that the i-th rewrite makes, the same for every trace. */
  #parameterOf(i: number): ParameterOf {
    return (path, dims, like) => {
      const key = `${i} ${path}`;
      let parameter = this.#parameters.get(key);
      if (parameter === undefined) {
        const initializer = (): ArrayLike<number> => {
          throw new DescentError(`${path}: expected weights, got none; this is a fault in Descent`);
        };
        parameter = new Parameter(dims, { dtype: like.dtype, trainable: like.trainable, initializer });
        this.#parameters.set(key, parameter);
      }
      return parameter;
    };
  }
}

/** Tokens of the example that multiply-adds are counted for, where examples are sequences. */
const TOKENS = 64;

const prefixed = (prefix: string, tensors: Tensors): Tensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [`${prefix}: ${name}`, t]));

/** Multiply-adds of running a graph once, its free dimensions as one row of `tokens` tokens. */
export function multiplyAddsOf(graph: Graph, tokens = TOKENS): number {
  const bindings = new Map<string, Dim>([
    ["N", 1],
    ["T", tokens],
  ]);
  const bound = bindGraph(new Graph(resolveForUse(Object.fromEntries(graph.outputs))), bindings);
  let flops = 0;
  for (const node of bound.nodes) if (PRODUCTS.has(node.op)) flops += costOf(node).flops;
  return flops / 2;
}

/** Ops whose multiply-adds count; others are ignored, as in the literature. */
const PRODUCTS: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum", "LSTM", "GRU", "RNN"]);
