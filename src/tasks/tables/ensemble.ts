/**
 * @module The default network of tables, as large and as restrained as the training part suits.
 */
import type { Dataset, TabularPreprocessor } from "../../data/index.js";
import { toNumbers } from "../../graph/index.js";
import type { TabularEnsembleOptions } from "../../models/index.js";
import type { TrainingDefaults } from "../task.js";
import { tableDefaults } from "./defaults.js";

export const ENSEMBLE = "tabm";

/** The settings of an ensemble that follow the data, besides its inputs and outputs. */
export type EnsembleShape = Pick<TabularEnsembleOptions, "members" | "hidden" | "dropout" | "bins">;

declare module "../task.js" {
  interface Inherited {
    /** The ensemble of the run that a training starts from. */
    readonly ensemble?: EnsembleShape;
  }
}

/** Rows below which a table is small: its networks are narrow, and drop much. */
const SMALL = 1_000;

const BINS = 16;

/** The value below which a fraction of the sorted ones lies. */
function quantile(sorted: Float64Array, fraction: number): number {
  const at = fraction * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number];
  return low + (at - Math.floor(at)) * (high - low);
}

/** Bins of about equal numbers of rows for each number; none for one of two values. */
function binsOf(train: Dataset, { spec, featureNames }: TabularPreprocessor): NonNullable<EnsembleShape["bins"]> {
  const features = toNumbers(train.tensor("features"));
  const numbers = spec.encoders.flatMap(({ kind, name }) =>
    kind === "number" ? [featureNames.indexOf(name)] : kind === "date" ? [featureNames.indexOf(`${name}:day`)] : [],
  );
  return numbers.flatMap((feature) => {
    const sorted = Float64Array.from({ length: train.length }, (_, i) => features[i * featureNames.length + feature] as number);
    sorted.sort();
    const edges = [...new Set(Array.from({ length: BINS + 1 }, (_, b) => Math.fround(quantile(sorted, b / BINS))))];
    return edges.length < 3 ? [] : [{ feature, edges }];
  });
}

/** Scores of all networks together beyond which these cost more than all else; there are fewer of them then, and one at least. */
const MOST_SCORES = 8_192;

/** A shape with as many networks as so many outputs of each allow. */
export const forOutputs = (shape: EnsembleShape, outputs: number): EnsembleShape => ({
  ...shape,
  members: Math.max(1, Math.min(shape.members, Math.floor(MOST_SCORES / outputs))),
});

/** Fits an ensemble to the size of the training part, or makes it as one that it starts from. */
export function ensembleShape(train: Dataset, preprocessor: TabularPreprocessor, before?: EnsembleShape): EnsembleShape {
  const { target } = preprocessor;
  const shape =
    before ?? forOutputs(train.length < SMALL ? SMALL_SHAPE : LARGE_SHAPE, target.kind === "classes" ? target.classes.length : 1);
  return shape.bins === undefined ? shape : { ...shape, bins: binsOf(train, preprocessor) };
}

const SMALL_SHAPE: EnsembleShape = { members: 8, hidden: [64, 64], dropout: 0.2 };
const LARGE_SHAPE: EnsembleShape = { members: 8, hidden: [128, 128], dropout: 0.1, bins: [] };

/** Weights are held small: with rows this few that is worth more than anything else. */
export const ensembleDefaults = (examples: number): TrainingDefaults => ({
  ...tableDefaults(examples, 3e-3),
  weightDecay: examples < SMALL ? 1 : 0.05,
});
