/**
 * @module Weights that start a training: those of another run, or of a file, matched by name and shape with those of a model.
 */
import { loadOnnxWeights, loadSafetensors } from "../../data/node.js";
import type { Parameter, TensorData } from "../../graph/index.js";
import { formatShape, isFloat, sameShape } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";

/**
 * Reads the weights to start from, by name; a head for other classes is left out, with a note.
 *
 * Errors: ConfigError that names the first tensors that are missing or of another shape, and the first superfluous ones.
 */
export function weightsFrom(
  path: string,
  given: ReadonlyMap<string, TensorData>,
  parameters: ReadonlyMap<string, Parameter>,
  note: (text: string) => void,
): ReadonlyMap<string, TensorData> {
  // PyTorch's batch norm counts its batches, which nothing reads.
  const weights = new Map([...given].filter(([name]) => !name.endsWith(".num_batches_tracked")));
  const others = [...weights].filter(([name]) => !parameters.has(name));
  // An ONNX file has constants among its tensors: vectors may be such, and are superfluous only where something else does not fit.
  const isOnnx = path.endsWith(".onnx");
  const candidates = others.filter(([, { dtype, shape }]) => !isOnnx || (isFloat(dtype) && shape.length > 0));
  const superfluous = candidates.filter(([, { shape }]) => !isOnnx || shape.length > 1);
  const heads = superfluous.length > 0 ? [] : headsOfOtherClasses(weights, parameters);
  if (heads.length > 0) note(`--init ${path}: made for other classes, so these start anew: ${heads.join(", ")}`);
  for (const name of [...heads, ...others.map(([other]) => other)]) weights.delete(name);
  const problems = [...parameters].flatMap(([name, p]) => {
    const given = weights.get(name);
    if (given === undefined) return heads.includes(name) ? [] : [`${name} ${formatShape(p.dims)} is missing`];
    const fits = given.dtype === p.dtype && sameShape(given.shape, p.dims);
    return fits ? [] : [`${name}: expected ${p.dtype} ${formatShape(p.dims)}, got ${given.dtype} ${formatShape(given.shape)}`];
  });
  const unknown = (problems.length > 0 ? candidates : superfluous).map(
    ([name, { shape }]) => `${name} ${formatShape(shape)} is not in this model`,
  );
  if (problems.length + unknown.length === 0) return weights;
  const misfits = [...firstOf(problems, "that are missing or do not fit"), ...firstOf(unknown, "that are not in this model")];
  throw new ConfigError(`--init ${path}: expected the weights of this model; ${misfits.join("; ")}`);
}

/** Number of tensors that a message names of each kind. */
const NAMED = 5;

/** The first of some problems, and how many more there are of the kind. */
const firstOf = (problems: readonly string[], kind: string): readonly string[] =>
  problems.length <= NAMED + 1 ? problems : [...problems.slice(0, NAMED), `${problems.length - NAMED} more ${kind}`];

/**
 * Finds the parameters that misfit only by the number of classes: the first dimensions of all of them are one number in the file
 * and another in the model, and all the rest is there and fits.
 */
function headsOfOtherClasses(
  weights: ReadonlyMap<string, TensorData>,
  parameters: ReadonlyMap<string, Parameter>,
): readonly string[] {
  const unfit = [...parameters].flatMap(([name, p]) => {
    const given = weights.get(name);
    return given === undefined || sameShape(given.shape, p.dims) ? [] : [{ name, given: given.shape, dims: p.dims }];
  });
  const classes = new Set(unfit.map(({ given, dims }) => `${given[0]} ${dims[0]}`));
  const firstOnly = unfit.every(({ given, dims }) => sameShape(given.slice(1), dims.slice(1)));
  const isRestThere = [...parameters.keys()].every((name) => weights.has(name)) && unfit.length < parameters.size;
  return classes.size === 1 && firstOnly && isRestThere ? unfit.map(({ name }) => name) : [];
}

/** Reads the tensors of a safetensors or ONNX file. */
export const readWeights = async (path: string): Promise<ReadonlyMap<string, TensorData>> =>
  path.endsWith(".onnx") ? loadOnnxWeights(path) : (await loadSafetensors(path)).tensors;
