/**
 * @module The weights of a training's classes and examples, found in its data.
 */
import type { LoadedData } from "../../data/node.js";
import { isMissing, isText, placeAt, rowSize } from "../../data/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { classWeightsOf } from "../shared/weighting.js";
import type { Prepared, TaskInfo, TaskOptions } from "../task.js";

/** Adds the weights of classes to what is known of the data, in their order. */
function withClassWeights(prepared: Prepared<TaskInfo>, asked: string): Prepared<TaskInfo> {
  const { classes = [], multiLabel } = prepared.info as { classes?: readonly string[]; multiLabel?: boolean };
  if (multiLabel === true || !prepared.train.has("label"))
    throw new ConfigError("--class-weights: expected one class for each example, got several");
  const counts = classes.map(() => 0);
  for (const label of prepared.train.tensor("label").data) counts[Number(label)] = (counts[Number(label)] ?? 0) + 1;
  const classWeights = classWeightsOf(asked, classes, counts);
  const shown = classes.slice(0, 6).map((name, k) => `"${name}" ${Number((classWeights[k] as number).toPrecision(4))}`);
  const note = `weights of the classes in the loss: ${shown.join(", ")}${classes.length > 6 ? ", …" : ""}`;
  return { ...prepared, info: { ...prepared.info, classWeights }, notes: [...prepared.notes, note] };
}

/** Adds the weights of the training part's examples as the column `weight`. */
function withExampleWeights(
  prepared: Prepared<TaskInfo>,
  { train, roles, name }: LoadedData,
  column: string,
): Prepared<TaskInfo> {
  if (column === roles.target || roles.text?.split(",").includes(column) === true)
    throw new ConfigError(`--weight-column ${column}: expected a column other than the target and the inputs`);
  const given = train.column(column);
  if (isText(given) || rowSize(given) !== 1 || given.classes !== undefined)
    throw new DataError(`${name}: column "${column}": expected numbers as weights, got something else`);
  const data = Float32Array.from(given.data, Number);
  for (const [i, weight] of data.entries()) {
    if (isMissing(given, i) || !Number.isFinite(weight) || weight < 0)
      throw new DataError(
        `${name}: column "${column}", ${placeAt(given, i)}: expected a weight of at least 0, got ${isMissing(given, i) ? "none" : weight}`,
      );
  }
  if (data.every((weight) => weight === 0))
    throw new DataError(`${name}: column "${column}": expected an example that counts, got weights of 0 alone`);
  return { ...prepared, train: prepared.train.with({ weight: { dtype: "float32", shape: [data.length], data } }) };
}

/**
 * Adds what `--class-weights` and `--weight-column` ask for to prepared data; the weights of examples hold for the training part alone.
 *
 * Errors: ConfigError, DataError for classes that are not there, and for what is not a weight.
 */
export function weighted(prepared: Prepared<TaskInfo>, data: LoadedData, options: TaskOptions): Prepared<TaskInfo> {
  const { classWeights, weightColumn } = options;
  const classed = classWeights === undefined ? prepared : withClassWeights(prepared, classWeights);
  return weightColumn === undefined ? classed : withExampleWeights(classed, data, weightColumn);
}

/** Columns that are not features: those that the user leaves out, and the weights. */
export const notFeatures = (ignored: readonly string[] | undefined, { weightColumn }: TaskOptions): readonly string[] => [
  ...(ignored ?? []),
  ...(weightColumn === undefined ? [] : [weightColumn]),
];
