/**
 * @module Fine-tuning as a command line asks for it: what is frozen, how fast layers learn, adapters beside a model that stays as it is.
 */
import { formatInteger } from "../../util/text.js";
import type { Parameter } from "../../graph/index.js";
import { nameOfArchitecture, ARCHITECTURES } from "../../models/index.js";
import type { Lora, Module } from "../../nn/index.js";
import { lora } from "../../nn/index.js";
import type { Optimizer } from "../../optim/index.js";
import { layerFactors, matchesPath, splitPatterns } from "../../optim/index.js";
import type { FineTuneOptions } from "../../train/index.js";
import { fineTune } from "../../train/index.js";
import { ConfigError } from "../../util/errors.js";
import type { OptionValues } from "../../util/option.js";
import type { fineTuningOptions } from "../options.js";
import { graphIn } from "../use/model.js";

/** As the command line names them. */
export type FineTuningOptions = Partial<OptionValues<typeof fineTuningOptions>>;

/** The module that a parameter belongs to. */
const partOf = (path: string): string => path.slice(0, path.lastIndexOf("."));

/** Modules that adapters leave alone: those that begin anew, and the head of a classifier. */
function wholeModules(model: Module, fresh: readonly string[], hasLabels: boolean): string[] {
  const architecture = nameOfArchitecture(model);
  const base = architecture === undefined ? "" : ARCHITECTURES[architecture].base;
  const heads = base === "" || !hasLabels ? [] : [...model.parameters().keys()].filter((path) => !path.startsWith(`${base}.`));
  return [...new Set([...fresh, ...heads].map(partOf))];
}

/**
 * The adapters that are asked for; undefined where none are. A head that begins anew is trained whole.
 *
 * Errors: ConfigError for options of adapters without a rank, and where there is nothing that adapters could belong to.
 */
export function adaptersFor(
  options: FineTuningOptions,
  model: Module,
  start: { readonly fresh: readonly string[]; readonly hasLabels: boolean } | undefined,
): Lora | undefined {
  const { lora: rank, loraAlpha: alpha, loraDropout: dropout, loraTargets: targets, base } = options;
  const coded = base === "float32" ? undefined : base;
  const unranked = Object.entries({
    "--lora-alpha": alpha,
    "--lora-dropout": dropout,
    "--lora-targets": targets,
    "--base": coded,
  });
  const [stray] = unranked.find(([, value]) => value !== undefined) ?? [];
  if (rank === undefined) {
    if (stray !== undefined) throw new ConfigError(`${stray}: expected --lora RANK as well, got none`);
    return undefined;
  }
  if (start === undefined) throw new ConfigError("--lora: expected --init with a trained model to adapt, got none");
  return lora({
    rank,
    alpha,
    dropout,
    targets: splitPatterns(targets),
    modulesToSave: wholeModules(model, start.fresh, start.hasLabels),
  });
}

const sizeOf = (parameters: ReadonlyMap<string, Parameter>): number =>
  [...parameters.values()].reduce((sum, { size }) => sum + size, 0);

/**
 * The rates of layers. In an imported graph they go by the order in which nodes read the weights, and by the numbers in the scope of the node
 * (`/layer1/layer1.0/conv1/Conv`) where the weight's own name has none.
 */
function layerRates(model: Module, layerDecay: number): Pick<FineTuneOptions, "layerDecay" | "learningRates"> {
  const graph = graphIn(model);
  if (graph === undefined) return { layerDecay };
  const parameters = model.parameters();
  const paths = new Set([...graph.readers.keys(), ...parameters.keys()].filter((path) => parameters.has(path)));
  const placeOf = (path: string): string => {
    const scope = /\d\./.test(path) ? undefined : graph.readers.get(path)?.find((node) => node.includes("/"));
    return scope === undefined ? path : `${scope.replace(/^\//, "").replaceAll("/", ".")}.${path}`;
  };
  const factors = layerFactors([...paths].map(placeOf), layerDecay);
  return { learningRates: Object.fromEntries([...paths].map((path) => [path, factors.get(placeOf(path)) ?? 1])) };
}

/** Patterns of paths, where those that name nodes of an imported file become the paths of the weights that the nodes read. */
export function byNodes(model: Module, patterns: readonly string[]): string[] {
  const graph = graphIn(model);
  if (graph === undefined) return [...patterns];
  const paths = [...model.parameters().keys()];
  return patterns.flatMap((pattern) => {
    const read = paths.filter((path) => graph.readers.get(path)?.some((node) => matchesPath(pattern, node)));
    const isPath = read.length === 0 || paths.some((path) => matchesPath(pattern, path));
    return isPath ? [pattern, ...read] : read;
  });
}

/**
 * Puts adapters into the model, in place, and gives the optimizer what is frozen and how fast layers learn; `trained` is the number of elements that
 * are.
 *
 * Errors: ConfigError for patterns that match nothing.
 */
export function fineTuned(
  model: Module,
  optimizer: Optimizer,
  { freeze, layerDecay }: FineTuningOptions,
  adapters: Lora | undefined,
): { readonly optimizer: Optimizer; readonly trained: number } {
  const tuned = fineTune(model, optimizer, {
    freeze: freeze === undefined ? undefined : byNodes(model, splitPatterns(freeze)),
    ...(layerDecay === undefined ? {} : layerRates(model, layerDecay)),
    adapters,
  });
  return { optimizer: tuned, trained: sizeOf(tuned.trained(model.parameters())) };
}

/** `trains 592,130 of 4,385,282 parameters`, where it is not all of them. */
export const trainedNote = (model: Module, trained: number): readonly string[] =>
  trained === model.parameterCount
    ? []
    : [`trains ${formatInteger(trained)} of ${formatInteger(model.parameterCount)} parameters`];
