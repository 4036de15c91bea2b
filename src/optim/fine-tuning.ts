/**
 * @module Fine-tuning: which parameters of a trained model are trainable, and at which learning rate. It says so as groups of an optimizer, so that what is frozen
 * has no gradient in the graph and no slots.
 */
import { expectOption } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { expectMatches, matchesPath } from "../util/patterns.js";
import { withGroups } from "./chain.js";
import type { GroupSettings, Optimizer, ParameterGroup } from "./optimizer.js";

/** Choice of what a training changes: patterns of frozen parameters, factors of learning rates by pattern, and their decay by layer. */
export interface FineTuning {
  /** Patterns of the paths of parameters that are never changed. */
  readonly freeze?: readonly string[];
  /** Factors on the learning rate, by pattern; the first that matches counts. */
  readonly learningRates?: Readonly<Record<string, number>>;
  /** Each layer learns at this fraction of the rate of the one above it. */
  readonly layerDecay?: number;
}

/** `encoder.layer.3` of `encoder.layer.3.output.dense.weight`: up to the first number, or name that ends in one behind `_`. */
const numbered = /^(.*?\.)?([^.]*_)?\d+(?=\.)/;

/**
 * Finds the depth of each parameter: 0 before the first numbered layer (embeddings, a stem), 1, 2, … in the layers, one more in what follows them.
 *
 * Errors: ConfigError where no part of a path is a number.
 */
export function layerDepths(paths: Iterable<string>): Map<string, number> {
  const layers = new Map<string, number>();
  const depths = new Map<string, number>();
  const outside: { path: string; isBefore: boolean }[] = [];
  for (const path of paths) {
    const layer = numbered.exec(path)?.[0];
    if (layer === undefined) outside.push({ path, isBefore: layers.size === 0 });
    else {
      if (!layers.has(layer)) layers.set(layer, layers.size + 1);
      depths.set(path, layers.get(layer) as number);
    }
  }
  if (layers.size === 0)
    throw new ConfigError("layer decay: expected a model with numbered layers (encoder.layer.0, h.0, …), got none in its paths");
  for (const { path, isBefore } of outside) depths.set(path, isBefore ? 0 : layers.size + 1);
  return depths;
}

/**
 * Factors on the learning rate that fall from the head to the embeddings.
 *
 *     factor = decay^(deepest − depth)
 *
 * Source: Bao et al. 2022, arXiv:2106.08254 (BEiT), and its code; Clark et al. 2020, arXiv:2003.10555 (ELECTRA), appendix A.
 * Differs from ELECTRA's code, in which the last layer stands two steps below the head: here it is one, as in BEiT's.
 * Errors: ConfigError unless 0 < decay ≤ 1, or where the paths have no numbers.
 */
export function layerFactors(paths: Iterable<string>, decay: number): Map<string, number> {
  expectOption("layer decay", decay, 0, 1);
  if (decay === 0)
    throw new ConfigError("layer decay: expected a number above 0, got 0; to change the head alone, freeze the rest");
  const depths = layerDepths(paths);
  const deepest = Math.max(...depths.values());
  return new Map([...depths].map(([path, depth]) => [path, decay ** (deepest - depth)]));
}

/** The groups of settings, each with the paths that have them. */
function grouped(settings: ReadonlyMap<string, GroupSettings>): ParameterGroup[] {
  const groups = new Map<string, { readonly match: string[] } & GroupSettings>();
  for (const [path, own] of settings) {
    const key = JSON.stringify(own);
    if (key === "{}") continue;
    const group = groups.get(key) ?? { match: [], ...own };
    groups.set(key, group);
    group.match.push(path);
  }
  return [...groups.values()];
}

/**
 * The optimizer with some parameters frozen and others slowed, on top of what its own groups say of them. `paths` are those of the parameters, in the
 * model's order: `model.parameters().keys()`.
 *
 * Errors: ConfigError for a pattern that matches nothing, with the nearest path; for a factor below 0; if nothing is left to train.
 * Checked against: PyTorch 2.13's parameter groups, test/models/fine-tuning.test.ts.
 *
 * @example
 * import { Linear, relu, Sequential } from "descentjs/nn";
 * import { adamW, withFineTuning } from "descentjs/optim";
 * const model = new Sequential(new Linear(8, 8), relu, new Linear(8, 2));
 * const optimizer = withFineTuning(adamW(), model.parameters().keys(), { freeze: ["0.*"] });
 * console.log(optimizer.groups.length > 0); // true
 */
export function withFineTuning(optimizer: Optimizer, paths: Iterable<string>, tuning: FineTuning): Optimizer {
  const { freeze = [], learningRates = {}, layerDecay } = tuning;
  const all = [...paths];
  expectMatches("freeze", freeze, all);
  expectMatches("learning rates", Object.keys(learningRates), all);
  const factors = layerDecay === undefined ? undefined : layerFactors(all, layerDecay);
  const settings = new Map<string, GroupSettings>();
  for (const path of all) {
    const own = optimizer.settings(path);
    const rate = Object.entries(learningRates).find(([pattern]) => matchesPath(pattern, path))?.[1] ?? 1;
    const multiplier = (own.learningRateMultiplier ?? 1) * rate * (factors?.get(path) ?? 1);
    settings.set(path, {
      ...(own.weightDecay === undefined ? {} : { weightDecay: own.weightDecay }),
      ...(multiplier === 1 && own.learningRateMultiplier === undefined ? {} : { learningRateMultiplier: multiplier }),
      ...(own.frozen === true || matchesPath(freeze, path) ? { frozen: true } : {}),
    });
  }
  if ([...settings.values()].every(({ frozen }) => frozen === true))
    throw new ConfigError(`freeze: expected something left to train, got patterns that match all ${all.length} parameters`);
  return withGroups(optimizer, grouped(settings));
}
