/**
 * @module ONNX files as explainables: where the graph is cut, and how it takes more examples than the file was made for.
 */
import { vmap } from "../autodiff/index.js";
import type { Dim, Shape, TensorData } from "../graph/index.js";
import { formatShape, Graph, isFloat, reachableNodes, SymbolicDim, symbolName, Tensor } from "../graph/index.js";
import type { ImportedModel, OnnxModelOptions } from "../onnx/index.js";
import { importOnnx } from "../onnx/index.js";
import { bindGraph } from "../ops/index.js";
import { evaluate } from "../runtime/index.js";
import { ConfigError, DescentError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import type { Explainable, ExplainInput, FunctionOptions } from "./explainable.js";
import { kindOf } from "./explainable.js";
import { substitution } from "./substitution.js";
import { own } from "../util/record.js";
import type { Remark } from "./remark.js";

/** Options of an ONNX file that is explained: which input, output and labels. */
export interface OnnxExplainableOptions
  extends
    Pick<OnnxModelOptions, "where" | "externalData" | "bindings" | "shapes">,
    Pick<FunctionOptions, "labels" | "kind" | "names"> {
  /** The input that is explained; left out, the file's first. */
  readonly input?: string;
  /** The output that holds the scores [N, K]; left out, the file's first of floating-point numbers. */
  readonly output?: string;
  /** From that output to scores [N, K], where it is not that already: one token of many, one box. */
  readonly select?: (output: Tensor) => Tensor;
  /** Explain probabilities where the file ends with a softmax, in place of what goes into it. */
  readonly keepSoftmax?: boolean;
}

/** An imported graph as an explainable. */
export interface OnnxExplainable extends Explainable {
  /** Turns the file's inputs by name, [N, …] each, into those to explain: if the graph is cut behind the input, the tensors that arrive there. */
  readonly encode: (inputs: Readonly<Record<string, TensorData>>) => Promise<ExplainInput>;
}

/** The graph for a batch: scores, features, and the other inputs by name. */
interface Cut {
  readonly scores: Tensor;
  readonly features: Tensor;
  readonly others: ReadonlyMap<string, Tensor>;
  /** Weights of a file that was read again, and those whose numbers are at hand. */
  readonly weights: ReadonlyMap<Tensor, Tensor>;
}

/**
 * An ONNX file as an explainable.
 *
 * Attributions belong to the first floating-point tensor behind the input: the input itself, or what a Cast, an embedding or a DequantizeLinear makes of
 * it. A file with a fixed batch of 1 is read again with a larger one, otherwise mapped example by example in one graph.
 * Errors: those of `importOnnx`; ConfigError if the file has no such input or output, or scores of another shape.
 */
export function explainableOnnx(bytes: Uint8Array, options: OnnxExplainableOptions = {}): OnnxExplainable {
  const where = options.where ?? "ONNX model";
  const read = (shapes: Readonly<Record<string, Shape>> = {}): ImportedModel =>
    importOnnx(bytes, {
      where,
      externalData: options.externalData,
      bindings: options.bindings,
      shapes: { ...options.shapes, ...shapes },
    });
  const model = read();
  const remarks: Remark[] = [];
  const first = cutOf(model, where, options, remarks);
  const batch = first.features.shape[0];
  const forward =
    batch instanceof SymbolicDim
      ? boundForward(first, batch)
      : (fixedForward(model, (shapes) => readAgain(model, read(shapes), where, options), first) ?? mappedForward(first));
  const [name] = inputOf(model, where, options);
  const [, k] = first.scores.shape;
  const shape = first.features.shape.slice(1);
  const isInput = first.features.node.op === "Input";
  return {
    name: where,
    features: {
      name: isInput ? name : `${name} → ${first.features.node.op}`,
      shape,
      kind: options.kind ?? kindOf(shape),
      names: options.names,
      standsFor: isInput
        ? undefined
        : { en: `what ${first.features.node.op} makes of ${name}`, zh: `${first.features.node.op} 由 ${name} 得出的结果` },
    },
    others: Object.fromEntries([...first.others].map(([other, t]) => [other, { shape: t.shape.slice(1), dtype: t.dtype }])),
    scoreCount: k as number,
    labels: options.labels,
    values: model.values,
    remarks,
    forward,
    encode: async (inputs) => {
      const given = own(inputs, name);
      if (given === undefined) throw new ConfigError(`${where}: expected a value for input "${name}", got none`);
      const others = Object.fromEntries(
        [...first.others.keys()].flatMap((other) => {
          const value = own(inputs, other);
          return value === undefined ? [] : [[other, value]];
        }),
      );
      if (isInput) return { features: given, others };
      const { features } = await evaluate({ features: first.features }, pickInputs(first.features, inputs), {
        values: model.values,
      });
      return { features, others };
    },
  };
}

const pickInputs = (t: Tensor, inputs: Readonly<Record<string, TensorData>>): Record<string, TensorData> =>
  Object.fromEntries(
    new Graph({ t }).inputs.flatMap((leaf) => {
      const name = String(leaf.node.attributes["name"]);
      const value = own(inputs, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );

function inputOf(model: ImportedModel, where: string, { input }: OnnxExplainableOptions): readonly [string, Tensor] {
  if (input !== undefined) {
    const t = model.inputs.get(input);
    if (t === undefined) throw new ConfigError(`${where}: ${unknownName("input", input, model.inputs.keys())}`);
    return [input, t];
  }
  const [first] = model.inputs;
  if (first === undefined) throw new ConfigError(`${where}: expected a model with an input, got none`);
  return first;
}

function cutOf(model: ImportedModel, where: string, options: OnnxExplainableOptions, remarks: Remark[] = []): Cut {
  const [inputName, given] = inputOf(model, where, options);
  const scores = scoresIn(model, where, options, remarks);
  const features = firstFloat(given, scores);
  if (features === undefined)
    throw new ConfigError(
      `${where}: expected input "${inputName}" to reach the scores through floating-point numbers, got none; give another input`,
    );
  const reached = reachableNodes([substitution(new Map([[features, stand(features)]]))(scores)]);
  const others = new Map(
    [...model.inputs].filter(([name, t]) => reached.includes(t.node) && t !== features && name !== inputName),
  );
  for (const [name, t] of others)
    if (t.rank === 0 || String(t.shape[0]) !== String(features.shape[0]))
      throw new ConfigError(
        `${where}: input "${name}": expected a first axis that is the batch, as ${formatShape(features.shape)} has, got ${formatShape(t.shape)}`,
      );
  return { scores, features, others, weights: new Map() };
}

function readAgain(before: ImportedModel, model: ImportedModel, where: string, options: OnnxExplainableOptions): Cut {
  const weights = [...model.parameters].map(([name, p]): [Tensor, Tensor] => [p, before.parameters.get(name) ?? p]);
  return { ...cutOf(model, where, options), weights: new Map(weights) };
}

/** The same tensor without what made it. */
const stand = (t: Tensor): Tensor =>
  new Tensor({ ...t.node, op: "Input", inputs: [], attributes: { name: "features" } }, t.index, t);

/** The first floating-point tensor on the way from an input to the scores. */
function firstFloat(given: Tensor, scores: Tensor): Tensor | undefined {
  const depends = new Set([given.node]);
  if (isFloat(given.dtype)) return given;
  for (const node of reachableNodes([scores])) {
    if (!node.inputs.some((t) => t !== null && depends.has(t.node))) continue;
    depends.add(node);
    const t = node.outputs.find((output) => isFloat(output.dtype));
    if (t !== undefined) return t;
  }
  return undefined;
}

function scoresIn(model: ImportedModel, where: string, options: OnnxExplainableOptions, remarks: Remark[]): Tensor {
  const { outputs } = model.graph;
  const named = options.output === undefined ? [...outputs].find(([, t]) => isFloat(t.dtype)) : undefined;
  const y = options.output === undefined ? named?.[1] : outputs.get(options.output);
  if (y === undefined)
    throw new ConfigError(
      options.output === undefined
        ? `${where}: expected an output of floating-point numbers, got ${[...outputs.keys()].join(", ")}`
        : `${where}: ${unknownName("output", options.output, outputs.keys())}`,
    );
  const ends = y.node.op === "Softmax" && options.keepSoftmax !== true && options.select === undefined;
  if (ends) remarks.push({ en: "Scores: what goes into the final softmax.", zh: "得分：最后的 softmax 的输入。" });
  let scores = ends ? (y.node.inputs[0] as Tensor) : (options.select?.(y) ?? y);
  if (scores.rank === 1) scores = scores.unsqueeze(1);
  const extra = scores.shape.slice(2);
  if (scores.rank > 2 && extra.every((d) => d === 1)) scores = scores.squeeze(...extra.map((_, i) => i + 2));
  if (scores.rank !== 2 || typeof scores.shape[1] !== "number")
    throw new ConfigError(
      `${where}: expected an output [N, K], got ${formatShape(y.shape)}; choose a score with \`select\`, or another output among ${[...outputs.keys()].join(", ")}`,
    );
  return scores;
}

type Forward = NonNullable<Explainable["forward"]>;

/** Replaces the leaves of the cut by the given tensors. */
function applied({ scores, features, others, weights }: Cut, x: Tensor, given: Readonly<Record<string, Tensor>>): Tensor {
  const pairs = [...others].map(([name, t]): [Tensor, Tensor] => [t, own(given, name) as Tensor]);
  return substitution(new Map([...weights, [features, x], ...pairs]))(scores);
}

/** For a free batch: it becomes the features'. Other free dimensions become what the features have. */
function boundForward(cut: Cut, batch: SymbolicDim): Forward {
  return (x, given) => {
    const bindings = new Map<string, Dim>();
    bind(bindings, batch, x.shape[0] ?? 1);
    cut.features.shape.forEach((d, axis) => bind(bindings, d, x.shape[axis] ?? 1));
    for (const [name, t] of cut.others) t.shape.forEach((d, axis) => bind(bindings, d, own(given, name)?.shape[axis] ?? 1));
    const outputs = new Map<string, Tensor>([
      ["scores", cut.scores],
      ["features", cut.features],
      ...[...cut.others].map(([name, t]): [string, Tensor] => [`other ${name}`, t]),
    ]);
    const bound = bindGraph(new Graph(outputs), bindings).outputs;
    const others = new Map([...cut.others.keys()].map((name) => [name, bound.get(`other ${name}`) as Tensor]));
    const [scores, features] = [bound.get("scores") as Tensor, bound.get("features") as Tensor];
    return applied({ scores, features, others, weights: cut.weights }, x, given);
  };
}

function bind(bindings: Map<string, Dim>, d: Dim, to: Dim): void {
  const name = symbolName(d);
  if (name !== undefined) bindings.set(name, to);
}

/** For a fixed batch: the file read again with another one; undefined where it does not take it. */
function fixedForward(
  model: ImportedModel,
  cutFor: (shapes: Readonly<Record<string, Shape>>) => Cut,
  cut: Cut,
): Forward | undefined {
  const withBatch = (batch: Dim): Cut =>
    cutFor(Object.fromEntries([...model.inputs].map(([name, t]) => [name, [batch, ...t.shape.slice(1)]])));
  const fits = ({ scores }: Cut): boolean => scores.shape[0] === 2;
  try {
    if (!fits(withBatch(2))) return undefined;
  } catch (error) {
    if (error instanceof DescentError) return undefined;
    throw error;
  }
  return (x, given) => {
    const batch = x.shape[0] ?? 1;
    return applied(batch === cut.features.shape[0] ? cut : withBatch(batch), x, given);
  };
}

/** For a fixed batch that is baked into the file: one example at a time, mapped over all. */
function mappedForward(cut: Cut): Forward {
  return (x, given) => {
    const names = [...cut.others.keys()];
    const one = (...examples: readonly Tensor[]): Tensor => {
      const [first, ...rest] = examples.map((t) => t.unsqueeze(0));
      return applied(cut, first as Tensor, Object.fromEntries(names.map((name, i) => [name, rest[i] as Tensor]))).squeeze(0);
    };
    return vmap(one)(x, ...names.map((name) => own(given, name) as Tensor));
  };
}
