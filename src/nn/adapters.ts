/**
 * @module Low-rank adapters of a whole model: put in place by the paths of its linear layers, merged into their weights and taken out again.
 */
import type { TensorData } from "../graph/index.js";
import { fromNumbers, toNumbers } from "../graph/index.js";
import { expectInteger, expectOption } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { expectMatches, matchesPath } from "../util/patterns.js";
import { GraphAdapter } from "./graph-adapter.js";
import type { GraphModule } from "./graph-module.js";
import { Linear } from "./linear.js";
import { LoraLinear } from "./lora-linear.js";
import type { Module } from "./module.js";
import { joinPath } from "./module.js";

/** Options of low-rank adapters, named as PEFT names them: rank, scale alpha, layers that get one, and modules that are trained whole. */
export interface LoraOptions {
  /** Width of the change; 8 by default. */
  readonly rank?: number;
  /** The change counts alpha / rank; as large as the rank by default. */
  readonly alpha?: number;
  /** Dropout of the adapter's inputs, while training. */
  readonly dropout?: number;
  /** Patterns of the paths of linear layers, or of the ends of paths: `query`, `encoder.layer.[0-3].*.value`. Left out, queries and values. */
  readonly targets?: readonly string[];
  /** Patterns of the paths of modules, or of the ends of paths, that are trained whole: a new head. */
  readonly modulesToSave?: readonly string[];
}

/** The adapters that `addAdapters` puts into a model: plain JSON, kept in a run's configuration. */
export interface Lora extends Required<Omit<LoraOptions, "targets">>, Pick<LoraOptions, "targets"> {}

/**
 * Describes low-rank adapters.
 *
 * Source: Hu et al. 2021, arXiv:2106.09685. Errors: ConfigError for a rank below 1, or another number out of range.
 */
export function lora({ rank = 8, alpha = rank, dropout = 0, targets, modulesToSave = [] }: LoraOptions = {}): Lora {
  expectInteger("lora: rank", rank, 1);
  expectOption("lora: alpha", alpha, 0);
  expectOption("lora: dropout", dropout, 0, 1, true);
  return { rank, alpha, dropout, targets, modulesToSave };
}

/** Layers of queries and values by the last part of their paths, in every architecture: what PEFT adapts where nothing is said. */
const USUAL_TARGETS = ["query", "value", "q_proj", "v_proj", "q_lin", "v_lin", "c_attn"];

/** A path and its ends: what a pattern may match. */
const endsOf = (path: string): string[] => path.split(".").map((_, i, segments) => segments.slice(i).join("."));

/** A regular expression is held against the whole path, as PEFT does. */
const chosen = (patterns: readonly string[], path: string): boolean =>
  patterns.some((pattern) => (pattern.startsWith("/") ? [path] : endsOf(path)).some((end) => matchesPath(pattern, end)));

/** A layer or module as patterns may name it. */
interface Named {
  readonly path: string;
  /** Other names: those of nodes. */
  readonly names?: readonly string[];
}

const namesOfPart = ({ path, names = [] }: Named): readonly string[] => [path, ...names];

const isChosen = (patterns: readonly string[], part: Named): boolean => namesOfPart(part).some((name) => chosen(patterns, name));

/** The paths that patterns choose. ConfigError for a pattern that chooses none. */
function choose(where: string, patterns: readonly string[], parts: readonly Named[]): string[] {
  for (const pattern of patterns)
    if (!parts.some((part) => isChosen([pattern], part))) expectMatches(where, [pattern], parts.flatMap(namesOfPart));
  return parts.filter((part) => isChosen(patterns, part)).map(({ path }) => path);
}

/** The trainable and frozen parts of an adapted model. */
export interface Adapted {
  /** Paths of the linear layers that have an adapter. */
  readonly layers: readonly string[];
  /** Paths of the modules that are trained whole. */
  readonly saved: readonly string[];
  /** Paths of the parameters that are learned: the adapters', and those of modules that are trained whole. */
  readonly trained: readonly string[];
  /** Paths of all others: what an optimizer must freeze. */
  readonly frozen: readonly string[];
}

/**
 * Puts adapters beside linear layers of a model, in place; what it computes is the same until they have learned something. Train with
 * `withFineTuning(optimizer, model.parameters().keys(), { freeze: adapted.frozen })`.
 *
 * Errors: ConfigError for targets that match no linear layer, and where nothing is said and the model has no layers of the usual names.
 *
 * @example
 * import { addAdapters, Linear, lora, relu, Sequential } from "descentjs/nn";
 * const model = new Sequential(new Linear(64, 64), relu, new Linear(64, 2));
 * const { trained, layers } = addAdapters(model, lora({ rank: 4, targets: ["0"] }));
 * console.log(layers, trained.length); // [ '0' ] 2
 */
export function addAdapters(model: Module, { rank, alpha, dropout, targets, modulesToSave }: Lora): Adapted {
  if (adaptersOf(model).size > 0)
    throw new ConfigError("lora: expected a model without adapters, got one that has some; merge or remove them first");
  const linear = linearLayers(model);
  const layers =
    targets === undefined
      ? linear.filter((part) => isChosen(USUAL_TARGETS, part)).map(({ path }) => path)
      : choose("lora: targets", targets, linear);
  const saved = savedModules(model, modulesToSave);
  const selected = new Set(layers.filter((path) => !saved.some((module) => isBelow(path, module))));
  if (selected.size === 0)
    throw new ConfigError(
      `lora: expected linear layers named ${USUAL_TARGETS.join(", ")}, got none; give targets among ${linear.map(({ path }) => path).join(", ") || "linear layers, of which the model has none"}`,
    );
  model.replaceParts((module, path) =>
    module instanceof Linear && selected.has(path) ? new LoraLinear(module, { rank, alpha, dropout }) : undefined,
  );
  for (const [path, graph] of graphsIn(model))
    graph.adaptLayers(
      [...graph.layers.keys()].filter((layer) => selected.has(joinPath(path, layer))),
      { rank, alpha, dropout },
    );
  return adaptedParts(model, modulesToSave);
}

/** Graphs of others inside a model, by path; told by what they can do, since their class would bring the ONNX reader into every page. */
const graphsIn = (model: Module): [string, GraphModule][] =>
  [...model.modules()].filter((entry): entry is [string, GraphModule] => "adaptLayers" in entry[1]);

/** Every linear layer of a model: modules, and those inside of graphs. */
const linearLayers = (model: Module): Named[] => [
  ...[...model.modules()].flatMap(([path, module]) => (module instanceof Linear ? [{ path }] : [])),
  ...graphsIn(model).flatMap(([path, graph]) =>
    [...graph.layers].map(([layer, { names }]) => ({ path: joinPath(path, layer), names })),
  ),
];

/** Lists the trainable and frozen parts of a model with adapters; `modulesToSave` as for `lora`. */
export function adaptedParts(model: Module, modulesToSave: readonly string[]): Adapted {
  const layers = [...adaptersOf(model).keys()];
  const saved = savedModules(model, modulesToSave);
  const adapters = new Set(layers.flatMap(namesOf));
  const isTrained = (path: string): boolean => adapters.has(path) || saved.some((module) => isBelow(path, module));
  const paths = [...model.parameters().keys()];
  return { layers, saved, trained: paths.filter(isTrained), frozen: paths.filter((path) => !isTrained(path)) };
}

const savedModules = (model: Module, patterns: readonly string[]): string[] =>
  outermost(
    choose("lora: modules to save", patterns, [
      ...[...model.modules().keys()].filter((path) => path !== "").map((path) => ({ path })),
      ...graphsIn(model).flatMap(([path, graph]) =>
        [...graph.weights.keys()].map((name) => ({ path: joinPath(path, name.replace(/\.[^.]*$/, "")) })),
      ),
    ]),
  );

const isBelow = (path: string, module: string): boolean => path === module || path.startsWith(`${module}.`);

/** Keeps the paths of modules that are not inside another one of the list. */
const outermost = (paths: readonly string[]): string[] =>
  paths.filter((path) => !paths.some((other) => other !== path && isBelow(path, other)));

const namesOf = (path: string): [string, string] => [`${path}.lora_A.weight`, `${path}.lora_B.weight`];

type Adapter = LoraLinear | GraphAdapter;

/** The layers of a model that have an adapter, by path. */
export const adaptersOf = (model: Module): Map<string, Adapter> =>
  new Map(
    [...model.modules()].filter(
      (entry): entry is [string, Adapter] => entry[1] instanceof LoraLinear || entry[1] instanceof GraphAdapter,
    ),
  );

/** The path of the weight that an adapter changes. */
function weightOf(model: Module, path: string, adapter: Adapter): string {
  if (adapter instanceof LoraLinear) return joinPath(path, "weight");
  const [graph = ""] = graphsIn(model).find(([, module]) => [...module.adapters.values()].includes(adapter)) ?? [];
  return joinPath(graph, adapter.weightName);
}

/** Takes the adapters out of a model, in place: the layers are as they were, for weights from `mergeAdapters`. */
export function removeAdapters(model: Module): void {
  for (const [, graph] of graphsIn(model)) graph.adapters.clear();
  model.replaceParts((module) => (module instanceof LoraLinear ? module.base : undefined));
}

function weightsAt(weights: ReadonlyMap<string, TensorData>, path: string): TensorData {
  const found = weights.get(path);
  if (found === undefined) throw new ConfigError(`adapters: expected weights for ${path}, got none`);
  return found;
}

/** sign · alpha/rank · B·A added to a weight, in its own layout. */
function shifted(layer: Adapter, weight: TensorData, a: TensorData, b: TensorData, sign: 1 | -1): TensorData {
  const { inFeatures, outFeatures, stored, scale } = layer;
  const [down, up] = [toNumbers(a), toNumbers(b)];
  const rank = down.length / inFeatures;
  const result = toNumbers(weight);
  for (let o = 0; o < outFeatures; o++) {
    for (let r = 0; r < rank; r++) {
      const factor = sign * scale * (up[o * rank + r] as number);
      for (let i = 0; i < inFeatures; i++) {
        const at = stored === "outIn" ? o * inFeatures + i : i * outFeatures + o;
        result[at] = (result[at] as number) + factor * (down[r * inFeatures + i] as number);
      }
    }
  }
  return fromNumbers(weight.dtype, weight.shape, result);
}

/**
 * Merges adapters: returns the weights of a model without adapters that computes the same, weight + alpha/rank · B·A in each layer that has one,
 * all others as they are.
 *
 * Errors: ConfigError for missing weights.
 */
export function mergeAdapters(model: Module, weights: ReadonlyMap<string, TensorData>): Map<string, TensorData> {
  const merged = new Map(weights);
  for (const [path, layer] of adaptersOf(model)) {
    const [a, b] = namesOf(path);
    const weight = weightOf(model, path, layer);
    merged.set(weight, shifted(layer, weightsAt(weights, weight), weightsAt(weights, a), weightsAt(weights, b), 1));
    merged.delete(a);
    merged.delete(b);
  }
  return merged;
}

/**
 * Takes adapters out of weights into which `mergeAdapters` put them, so that their training can continue. `adapters` are the weights of `lora_A` and
 * `lora_B`; rounding leaves differences of the weights' last bit.
 *
 * Errors: ConfigError for missing weights.
 */
export function unmergeAdapters(
  model: Module,
  merged: ReadonlyMap<string, TensorData>,
  adapters: ReadonlyMap<string, TensorData>,
): Map<string, TensorData> {
  const weights = new Map(merged);
  for (const [path, layer] of adaptersOf(model)) {
    const [a, b] = namesOf(path);
    const weight = weightOf(model, path, layer);
    weights.set(weight, shifted(layer, weightsAt(merged, weight), weightsAt(adapters, a), weightsAt(adapters, b), -1));
    weights.set(a, weightsAt(adapters, a)).set(b, weightsAt(adapters, b));
  }
  return weights;
}
