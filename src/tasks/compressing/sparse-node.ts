/**
 * @module Unstructured pruning: sets single weights to zero while a model trains, and masks keep them there; the others may share a few values.
 */
import { clustered, storedBits } from "../../compress/cluster/cluster.js";
import { cubicSparsity, isMasked, magnitudeMasks } from "../../compress/prune/masks.js";
import type { TensorData } from "../../graph/index.js";
import { fromNumbers, toNumbers } from "../../graph/index.js";
import { maskKey, weightMask } from "../../optim/index.js";
import type { Callback, TrainingState } from "../../train/index.js";
import type { SmallTraining } from "./options.js";
import type { Trainable, TrainingControl } from "./train-smaller-node.js";
import { trainSmaller } from "./train-smaller-node.js";
import type { Dataset } from "../../data/node.js";
import type { RunConfig } from "../../run/run-folder.js";

export interface SparseOptions {
  /** The share of weights that become 0. */
  readonly sparsity: number;
  readonly scope: "global" | "layer";
  /** All at the start of the training, or gradually. */
  readonly gradual: boolean;
  /** Values that the weights of a tensor share. */
  readonly clusters?: number;
}

/** The model and its figures after pruning. */
export interface SparseResult {
  readonly weights: ReadonlyMap<string, TensorData>;
  readonly facts: {
    readonly zeros: number;
    readonly left: number;
    /** The ratio of all parameters to those that are not 0. */
    readonly fewer: number;
    /** The ratio of float32's bits to those of Deep Compression's storage; only with clusters. */
    readonly fewerBits?: number;
  };
}

/** Number of times that masks are renewed while the share of zeros rises. */
const EVENTS = 50;

const product = (a: TensorData, b: TensorData): TensorData => {
  const other = toNumbers(b);
  return fromNumbers(
    a.dtype,
    a.shape,
    toNumbers(a).map((v, i) => v * (other[i] as number)),
  );
};

/** Applies masks to the weights. */
async function mask(
  state: TrainingState,
  paths: readonly string[],
  sparsity: number,
  scope: SparseOptions["scope"],
): Promise<void> {
  const all = await state.snapshot();
  const weights = new Map(paths.map((path) => [path, all.get(path) as TensorData]));
  const masks = magnitudeMasks(weights, sparsity, scope);
  state.restore(
    new Map(
      [...masks].flatMap(([path, m]) => [
        [maskKey(path), m],
        [path, product(weights.get(path) as TensorData, m)],
      ]),
    ),
  );
}

/** Renews the masks during training. */
function masking({ sparsity, scope, gradual }: SparseOptions, paths: readonly string[]) {
  return async (state: TrainingState, totalSteps: number): Promise<Callback> => {
    if (!gradual) await mask(state, paths, sparsity, scope);
    const interval = Math.max(1, Math.floor((0.6 * totalSteps) / EVENTS));
    let isDone = !gradual;
    return {
      async onStep({ step }) {
        if (isDone || step % interval !== 0) return;
        const share = cubicSparsity(sparsity, step / totalSteps);
        await mask(state, paths, share, scope);
        isDone = share >= sparsity;
      },
    };
  };
}

/** Prunes single weights while the model trains. Errors: those of `trainSmaller`. */
export async function pruneWeights(
  model: Trainable,
  config: RunConfig,
  rows: Dataset,
  options: SparseOptions,
  training: SmallTraining,
  control: TrainingControl,
): Promise<SparseResult> {
  const paths = [...model.module.parameters()].filter(([, p]) => isMasked({ shape: p.dims })).map(([path]) => path);
  const trained = await trainSmaller(model, config, rows, training, control, {
    behind: [weightMask()],
    watch: masking(options, paths),
  });
  // A last time, exactly: a short training may have ended between two events.
  const masks = magnitudeMasks(
    new Map(paths.map((path) => [path, trained.weights.get(path) as TensorData])),
    options.sparsity,
    options.scope,
  );
  const { clusters } = options;
  const weights = new Map(
    [...trained.weights].map(([path, t]) => {
      const m = masks.get(path);
      const left = m === undefined ? t : product(t, m);
      return [path, clusters === undefined || m === undefined ? left : clustered(left, clusters)];
    }),
  );
  return { weights, facts: factsOf(model, weights, paths, clusters) };
}

function factsOf(
  model: Trainable,
  weights: ReadonlyMap<string, TensorData>,
  paths: readonly string[],
  clusters: number | undefined,
): SparseResult["facts"] {
  const trained = [...model.module.parameters().keys()].map((path) => weights.get(path) as TensorData);
  const size = trained.reduce((sum, t) => sum + t.data.length, 0);
  const left = trained.reduce((sum, t) => sum + toNumbers(t).reduce((count, v) => count + (v === 0 ? 0 : 1), 0), 0);
  const bits = (path: string): number => {
    const t = weights.get(path) as TensorData;
    return clusters !== undefined && paths.includes(path) ? storedBits(t, clusters) : 32 * t.data.length;
  };
  const stored = [...model.module.parameters().keys()].reduce((sum, path) => sum + bits(path), 0);
  const facts = { zeros: 1 - left / size, left, fewer: size / left };
  return clusters === undefined ? facts : { ...facts, fewerBits: (32 * size) / stored };
}
