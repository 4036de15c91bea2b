/**
 * @module Low rank of a model's linear layers: the least ranks that keep a share of their outputs' energy on the data.
 */
import { factoring, type Factors, factorsOf, linearWeights, matrixOf, saves } from "../../compress/low-rank/factor.js";
import type { LinearWeight } from "../../compress/low-rank/factor.js";
import type { Rewrite } from "../../compress/rewrite.js";
import type { Dataset } from "../../data/node.js";
import type { TensorData } from "../../graph/index.js";
import { Graph } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import type { PruneOptions } from "./prune-options.js";
import { chosenBy } from "./prune-options.js";
import { batchMeans, meanAlong } from "./activations-node.js";
import type { SmallerModel } from "./smaller-model.js";

export interface LowRankOptions extends Pick<PruneOptions, "only" | "except"> {
  /** The share of the energy that stays, 0…1. */
  readonly energy: number;
}

/** A layer's rank before and after. */
export interface RankChange {
  readonly path: string;
  readonly before: number;
  readonly after: number;
}

/** Below this many numbers a weight is left as it is. */
const SMALLEST = 1024;

/**
 * Finds the rewrite into two thinner layers of each whose factors take fewer numbers, inputs weighted by how strong they are on the rows.
 *
 * Errors: ConfigError for a model without linear layers of that many numbers.
 */
export async function lowRank(
  smaller: SmallerModel,
  weights: ReadonlyMap<string, TensorData>,
  rows: Dataset,
  { energy, ...which }: LowRankOptions,
): Promise<{ readonly rewrite: Rewrite; readonly ranks: readonly RankChange[] }> {
  const isChosen = chosenBy(which);
  const inUse = { graph: new Graph(smaller.outputsInUse), paths: smaller.named.paths };
  const everywhere = new Set(linearWeights(smaller.named).map(({ path }) => path));
  const layers = linearWeights(inUse).filter(
    ({ path, inFeatures, outFeatures }) => everywhere.has(path) && isChosen([path]) && inFeatures * outFeatures >= SMALLEST,
  );
  if (layers.length === 0)
    throw new ConfigError(`low rank: expected a model with linear layers of ${SMALLEST} numbers or more, got none`);
  const squares = await batchMeans(
    { smaller, weights, rows },
    layers.map(({ reads, axis }) => meanAlong(reads.square(), axis)),
  );
  const factors = new Map<string, Factors & LinearWeight>();
  const ranks: RankChange[] = [];
  for (const [i, layer] of layers.entries()) {
    const { path, inFeatures, outFeatures } = layer;
    const matrix = matrixOf(weights.get(path) as TensorData, layer);
    const found = factorsOf(matrix, inFeatures, outFeatures, energy, squares[i]?.map(Math.sqrt));
    if (!saves(found, layer)) continue;
    factors.set(path, { ...found, ...layer });
    ranks.push({ path, before: Math.min(inFeatures, outFeatures), after: found.rank });
  }
  return { rewrite: factoring(factors), ranks };
}
