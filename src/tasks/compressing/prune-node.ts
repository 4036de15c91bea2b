/**
 * @module Pruning of a run: cuts units out of its graph until a target is met, or sets single weights to zero, then trains to recover.
 */
import type { Group } from "../../compress/prune/groups.js";
import { groupsOf } from "../../compress/prune/groups.js";
import type { Kept } from "../../compress/prune/cut.js";
import { cutting, cutUnits, weightCuts } from "../../compress/prune/cut.js";
import type { ImportanceSources } from "../../compress/prune/importance.js";
import { unitScores } from "../../compress/prune/importance.js";
import { droppingLayers } from "../../compress/prune/layers.js";
import type { ScoredGroup, Selection } from "../../compress/prune/select.js";
import { selectForCost, selectUnits } from "../../compress/prune/select.js";
import type { Couplings } from "../../compress/prune/coupling.js";
import type { Rewrite } from "../../compress/rewrite.js";
import type { Dataset } from "../../data/node.js";
import type { Tensor, TensorData } from "../../graph/index.js";
import { Parameter } from "../../graph/index.js";
import type { SaliencyKind } from "../../optim/index.js";
import { saliency, saliencyKey } from "../../optim/index.js";
import type { RunConfig } from "../../run/run-folder.js";
import { ConfigError } from "../../util/errors.js";
import type { TaskContext, TaskInfo } from "../task.js";
import { meanActivations } from "./activations-node.js";
import type { Judge } from "./judge-node.js";
import type { LayerChoice } from "./layer-choice-node.js";
import { layerPaths, leastMissed, narrowLayers } from "./layer-choice-node.js";
import type { RankChange } from "./low-rank-node.js";
import { lowRank } from "./low-rank-node.js";
import type { PruneOptions } from "./prune-options.js";
import { chosenBy } from "./prune-options.js";
import type { BaseModel } from "./smaller-model.js";
import { multiplyAddsOf, SmallerModel } from "./smaller-model.js";
import type { SmallTraining } from "./options.js";
import type { TrainingControl } from "./train-smaller-node.js";
import type { SparseResult } from "./sparse-node.js";
import { pruneWeights } from "./sparse-node.js";
import { trainingContextOf, trainSmaller } from "./train-smaller-node.js";
import { widthStep } from "./width-step-node.js";

/** The result of pruning. */
export interface Pruned {
  readonly smaller: SmallerModel;
  readonly weights: ReadonlyMap<string, TensorData>;
  readonly groups: readonly PrunedGroup[];
  readonly macs: { readonly before: number; readonly after: number };
  readonly layers: readonly string[];
  /** Layers that became two, with their ranks. */
  readonly ranks?: readonly RankChange[];
  /** Zeros and clusters of single weights. */
  readonly sparse?: SparseResult["facts"];
}

/** One group before and after. */
export interface PrunedGroup {
  /** The first weight of the group. */
  readonly path: string;
  readonly before: number;
  readonly after: number;
}

/** The inputs of all rounds of a pruning; they do not change. */
interface Pruning {
  readonly base: BaseModel;
  readonly config: RunConfig;
  readonly rows: Dataset;
  readonly options: PruneOptions;
  readonly training: SmallTraining;
  readonly control: TrainingControl;
  readonly note: (text: string) => void;
  /** Judges files by the metric of `rankBudget`. */
  readonly judge?: Judge;
}

/** Batches that Taylor scores are gathered over. */
const SALIENCY_STEPS = 16;
const FEW_ROUNDS = 4;

/** Records the saliency of each weight during a short training; the one for Taylor leaves the weights as they are. */
async function recordedSaliency(
  p: Pruning,
  smaller: SmallerModel,
  weights: ReadonlyMap<string, TensorData>,
  kind: SaliencyKind,
): Promise<ReadonlyMap<string, TensorData>> {
  const still: SmallTraining = { optimizer: "sgd", schedule: "constant", lr: Number.MIN_VALUE, weightDecay: 0 };
  const choice = { ...p.training, steps: SALIENCY_STEPS, ...(kind === "taylor" ? still : {}) };
  const extensions = { before: [saliency(kind)], weights };
  const { state } = await trainSmaller(smaller, p.config, p.rows, choice, { ...p.control, label: "score" }, extensions);
  const paths = [...smaller.module.parameters().keys()];
  return new Map(paths.map((path) => [path, state.get(saliencyKey(path)) as TensorData]));
}

/** Finds the scales of batch normalizations. */
function scalesOf({ graph }: Couplings): (t: Tensor) => boolean {
  const scales = new Set(graph.nodes.flatMap(({ op, inputs }) => (op.startsWith("BatchNorm") && inputs[1] ? [inputs[1]] : [])));
  return (t) => scales.has(t);
}

/** Finds the groups whose units may be cut. ConfigError if there are none. */
function prunable(groups: readonly Group[], paths: ReadonlyMap<Tensor, string>, options: PruneOptions): Group[] {
  const isChosen = chosenBy(options);
  const chosen = groups.filter(
    ({ isMixed, axes }) => (options.width || !isMixed) && isChosen(axes.map(({ tensor }) => paths.get(tensor) ?? "")),
  );
  if (chosen.length === 0)
    throw new ConfigError(
      `prune: expected layers whose units can be removed, got none of ${groups.length} groups${groups.length > 0 ? "; --only and --except choose among them, --width adds those that normalization layers mix" : ""}`,
    );
  return chosen;
}

/** The cost of a model's graph after cutting: multiply-adds, or trained elements. */
function costIn(couplings: Couplings, { parameters }: PruneOptions): (kept: Kept) => number {
  return (kept) => {
    const { graph } = cutUnits(couplings, kept);
    if (parameters === undefined) return multiplyAddsOf(graph);
    return graph.parameters.reduce((sum, t) => (t instanceof Parameter && t.trainable ? sum + t.size : sum), 0);
  };
}

/** The least share of a model's cost that a choice of units can leave. */
function leastShare({ named }: SmallerModel, selection: Selection, options: PruneOptions): number {
  const { couplings, groups } = groupsOf(named.graph);
  const scored = prunable(groups, named.paths, options).map((group) => ({ group, scores: new Float64Array(group.units) }));
  const costOf = costIn(couplings, options);
  return costOf(selectUnits(scored, 0, { ...selection, scope: "layer" })) / costOf(new Map());
}

/** Refuses a target that would remove all units of a layer. */
function checkReach(smaller: SmallerModel, target: number, selection: Selection, options: PruneOptions): void {
  const least = leastShare(smaller, selection, options);
  if (least <= target) return;
  const { multipleOf = 1 } = selection;
  const what = options.parameters === undefined ? "--macs" : "--parameters";
  const units =
    multipleOf > 1
      ? `the ${multipleOf} units that this machine computes at once (--multiple-of) of each layer that has more, and one of the others`
      : "one unit of each layer";
  throw new ConfigError(`${what} ${target}: expected a target that leaves ${units}, which is ${least.toFixed(3)}, got less`);
}

/** How a target is reached: layers that go as a whole, the rest of the model, the share of its cost that is to be left, and the choice of units in it. */
interface Reach {
  readonly layers: readonly string[];
  readonly smaller: SmallerModel;
  readonly target: number;
  readonly selection: Selection;
}

/**
 * Settles how a target is reached in widths that this machine computes at once. Layers that are no wider gain no time from fewer units: where the others are not enough,
 * whole ones of them go, as large a share of them as of the rest; where that is not enough either, or parameters are the target, they are made narrower nevertheless.
 */
async function reachFor(p: Pruning, { smaller, target, selection }: Omit<Reach, "layers">): Promise<Reach> {
  const { base, rows, options, training, note } = p;
  const { multipleOf = 1 } = selection;
  if (multipleOf === 1 || leastShare(smaller, selection, options) <= target) return { layers: [], smaller, target, selection };
  const narrow = options.parameters === undefined ? narrowLayers(smaller, multipleOf) : [];
  const context = smaller.trainingContext;
  const first = Math.max(1, Math.round(narrow.length * (1 - target)));
  const order = narrow.length < 2 ? [] : await leastMissed({ base, rows, context, ...used(training) }, narrow, narrow.length - 1);
  for (let count = first; count <= order.length; count++) {
    const layers = order.slice(0, count);
    const rest = new SmallerModel(base, [...smaller.rewrites, droppingLayers(layers)], context);
    const left = (target * smaller.multiplyAdds()) / rest.multiplyAdds();
    if (left >= 1 || leastShare(rest, selection, options) > left) continue;
    note(`layers of no more than ${multipleOf} units would be no faster with fewer: cut out whole, ${layers.join(", ")}`);
    return { layers, smaller: rest, target: left, selection };
  }
  const narrower = { ...selection, narrow: 1 };
  if (leastShare(smaller, narrower, options) <= target)
    note(`layers of no more than ${multipleOf} units are made narrower too, which makes them smaller, not faster`);
  return { layers: [], smaller, target, selection: narrower };
}

/** Where a model is measured. */
const used = ({ device, threads }: SmallTraining): Pick<LayerChoice, "device" | "threads"> => ({
  device: device ?? "cpu",
  threads,
});

/** Gathers what units are ranked by. */
async function sourcesFor(
  p: Pruning,
  smaller: SmallerModel,
  weights: ReadonlyMap<string, TensorData>,
  couplings: Couplings,
  groups: readonly Group[],
): Promise<ImportanceSources> {
  const { importance } = p.options;
  const byTensor = (values: ReadonlyMap<string, TensorData>): Map<Tensor, TensorData> =>
    new Map(
      [...smaller.named.paths].flatMap(([t, path]): [Tensor, TensorData][] => {
        const value = values.get(path);
        return value === undefined ? [] : [[t, value]];
      }),
    );
  const plain = { weights: byTensor(weights), seed: p.training.seed ?? 1 };
  if (importance === "taylor" || importance === "movement")
    return { ...plain, recorded: byTensor(await recordedSaliency(p, smaller, weights, importance)) };
  if (importance === "activation")
    return { ...plain, activations: await meanActivations({ smaller, weights, couplings, groups, rows: p.rows }) };
  return plain;
}

/** Chooses the cut of one round: the widest one that costs no more than `most`. */
async function cutOnce(
  p: Pruning,
  smaller: SmallerModel,
  weights: ReadonlyMap<string, TensorData>,
  most: number,
  selection: Selection,
): Promise<Rewrite> {
  const { options } = p;
  const { couplings, groups } = groupsOf(smaller.named.graph);
  const costOf = costIn(couplings, options);
  // Widths come in steps, so that a round before may have cut as much as this one may leave.
  if (costOf(new Map()) <= most) return cutting(weightCuts(couplings, new Map(), smaller.named.paths));
  const chosen = prunable(groups, smaller.named.paths, options);
  const sources = await sourcesFor(p, smaller, weights, couplings, chosen);
  const isScale = scalesOf(couplings);
  const scored: ScoredGroup[] = chosen.map((group) => ({
    group,
    scores: unitScores(group, options.importance, sources, isScale),
  }));
  const kept = selectForCost(scored, selection, costOf, most) ?? selectUnits(scored, 0, selection);
  return cutting(weightCuts(couplings, kept, smaller.named.paths));
}

/** The share of the cost that is left after each round: cubic after Zhu and Gupta 2017 (arXiv:1710.01878), or less by equal factors. */
export function sharesOf(target: number, { cuts, rounds }: Pick<PruneOptions, "cuts" | "rounds">): number[] {
  const count = cuts === "one-shot" ? 1 : (rounds ?? FEW_ROUNDS);
  return Array.from({ length: count }, (_, i) =>
    cuts === "gradual" ? target + (1 - target) * (1 - (i + 1) / count) ** 3 : target ** ((i + 1) / count),
  );
}

/** Chooses the layers to cut out. ConfigError for more layers than there are. */
async function droppedLayers({ base, rows, training }: Pruning, whole: SmallerModel, staying: number): Promise<string[]> {
  const found = layerPaths(whole);
  if (found.length < 2)
    throw new ConfigError(
      `--layers ${staying}: expected a model with several layers that can be removed, got ${found.length === 0 ? "none" : "one"}`,
    );
  if (staying >= found.length)
    throw new ConfigError(
      `--layers: expected fewer than the ${found.length} layers that can be removed (${found.join(", ")}), got ${staying}`,
    );
  return leastMissed({ base, rows, context: whole.trainingContext, ...used(training) }, found, found.length - staying);
}

/** Widths before and after by the first weight of each group: the group that is left of one is that which has most of its axes. */
function widths(whole: SmallerModel, smaller: SmallerModel): PrunedGroup[] {
  const named = ({ named: { graph, paths } }: SmallerModel) =>
    groupsOf(graph).groups.map(({ axes, units }) => {
      const known = axes.flatMap(({ tensor, axis }) => (paths.has(tensor) ? [{ path: paths.get(tensor) as string, axis }] : []));
      return { units, path: known[0]?.path ?? "", axes: new Set(known.map(({ path, axis }) => `${path} ${axis}`)) };
    });
  const left = named(smaller);
  return named(whole).map(({ path, units, axes }) => {
    const shares = left.map((each) => {
      const common = [...axes].filter((axis) => each.axes.has(axis)).length;
      return common / (axes.size + each.axes.size - common);
    });
    const most = Math.max(0, ...shares);
    return { path, before: units, after: most === 0 ? 0 : (left[shares.indexOf(most)]?.units ?? 0) };
  });
}

/**
 * Prunes a model, in rounds where the schedule has several, and trains after each cut.
 *
 * Errors: ConfigError, before anything runs, for a target that would remove all units of a layer; those of `trainSmaller`.
 */
export async function prune(p: Pruning): Promise<Pruned> {
  const { base, config, rows, options, note } = p;
  const context = trainingContextOf(base.task, base.info, config, rows, p.training);
  const whole = new SmallerModel(base, [], context);
  const chosen = options.layers === undefined ? [] : await droppedLayers(p, whole, options.layers);
  const before = whole.multiplyAdds();
  const dropped = new SmallerModel(base, chosen.length === 0 ? [] : [droppingLayers(chosen)], context);
  if (options.sparsity !== undefined) return sparse(p, dropped, chosen, options.sparsity);
  const asked = options.macs ?? options.parameters;
  const block = asked === undefined ? 1 : (options.multipleOf ?? (await widthStep(whole.named.graph, note)));
  const reach = await reachFor(p, {
    smaller: dropped,
    target: asked ?? 1,
    selection: { scope: options.scope, multipleOf: block },
  });
  const { target, selection } = reach;
  const layers = [...chosen, ...reach.layers];
  let { smaller } = reach;
  let { rewrites, weights } = smaller;
  if (asked !== undefined) checkReach(smaller, target, selection, options);
  const shares = asked === undefined ? [1] : sharesOf(target, options);
  const cost = costIn(groupsOf(smaller.named.graph).couplings, options)(new Map());
  let ranks: readonly RankChange[] = [];
  for (const [round, share] of shares.entries()) {
    if (asked !== undefined) {
      const rewrite = await cutOnce(p, smaller, weights, share * cost, selection);
      rewrites = [...rewrites, rewrite];
      weights = rewrite.weights(weights);
      smaller = new SmallerModel(base, rewrites, context);
      note(
        `round ${round + 1} of ${shares.length}: ${(smaller.multiplyAdds() / before).toFixed(3)} of the multiply-adds are left`,
      );
    }
    if ((options.energy ?? p.judge) !== undefined && round === shares.length - 1) {
      const found = await thinned(p, smaller, weights, context);
      ranks = found.ranks;
      rewrites = [...rewrites, found.rewrite];
      weights = found.rewrite.weights(weights);
      smaller = new SmallerModel(base, rewrites, context);
      note(
        `${ranks.length} layers became two of lower rank; ${(smaller.multiplyAdds() / before).toFixed(3)} of the multiply-adds are left`,
      );
    }
    if (!options.fineTune) continue;
    // Rewinding: each round trains the run's own weights again, in the shape that is left (Renda et al. 2020, arXiv:2003.02389).
    const begin = options.cuts === "iterative" ? smaller.weights : weights;
    const length = options.cuts === "gradual" ? 1 / shares.length : 1;
    weights = (await trainSmaller(smaller, config, rows, shortened(p.training, length), p.control, { weights: begin })).weights;
  }
  const macs = { before, after: smaller.multiplyAdds() };
  return { smaller, weights, groups: widths(whole, smaller), layers, macs, ranks: ranks.length === 0 ? undefined : ranks };
}

/** Shares of the energy that are tried for a budget. */
const ENERGIES = [0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999];

/** Finds the thinner layers of a share of the energy, or of the least share that the budget allows, by halving. */
async function thinned(
  { base, rows, options, judge, note }: Pruning,
  smaller: SmallerModel,
  weights: ReadonlyMap<string, TensorData>,
  context: TaskContext<TaskInfo>,
): Promise<Awaited<ReturnType<typeof lowRank>>> {
  const keeping = (energy: number) => lowRank(smaller, weights, rows, { ...options, energy });
  if (judge === undefined) return keeping(options.energy ?? 1);
  const before = await judge.valueOf(smaller.toFile(weights));
  let [least, most] = [0, ENERGIES.length];
  let best: Awaited<ReturnType<typeof lowRank>> | undefined;
  while (least < most) {
    const at = Math.floor((least + most) / 2);
    const tried = await keeping(ENERGIES[at] as number);
    const thin = new SmallerModel(base, [...smaller.rewrites, tried.rewrite], context);
    if (judge.isWithin(before, await judge.valueOf(thin.toFile(tried.rewrite.weights(weights))))) [best, most] = [tried, at];
    else least = at + 1;
  }
  note(
    best === undefined
      ? "no ranks are within the budget"
      : `${ENERGIES[most]} of the energy is kept, the least within the budget`,
  );
  return best ?? keeping(1);
}

/** Sets single weights of a model to 0. */
async function sparse(p: Pruning, smaller: SmallerModel, layers: readonly string[], sparsity: number): Promise<Pruned> {
  const { scope, cuts, clusters } = p.options;
  const options = { sparsity, scope, gradual: cuts === "gradual", clusters };
  const { weights, facts } = await pruneWeights(smaller, p.config, p.rows, options, p.training, p.control);
  const macs = smaller.multiplyAdds();
  p.note(
    `${facts.fewer.toFixed(1)} × fewer parameters are not 0; the file and its speed stay as they are, since the engine computes with zeros`,
  );
  return { smaller, weights, groups: [], layers, macs: { before: macs, after: macs }, sparse: facts };
}

/** Settings of a training with a share of the epochs. */
const shortened = (training: SmallTraining, share: number): SmallTraining => ({
  ...training,
  epochs: training.epochs && training.epochs * share,
  steps: training.steps && Math.max(1, Math.round(training.steps * share)),
});
