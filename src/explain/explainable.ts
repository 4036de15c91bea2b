/**
 * @module `Explainable`: what can be explained, whoever made it. Tasks, imported graphs and plain functions of tensors give one;
 * explainers see nothing else.
 */
import type { TreeEnsemble } from "../classical/index.js";
import type { Dim, DType, Shape, Tensor, TensorData } from "../graph/index.js";
import { formatShape, isFloat } from "../graph/index.js";
import { ConfigError, DTypeError, ShapeError } from "../util/errors.js";
import { own } from "../util/record.js";
import type { Remark } from "./remark.js";

/** The part of an input that attributions are given for: floating-point numbers, between which a path can be walked. */
export interface Features {
  /** Name in messages: that of the input, or of the node that computes the features. */
  readonly name: string;
  /** Shape of one example: [C, H, W], [T, D], [F]. A free dimension takes any length. */
  readonly shape: Shape;
  /** Meaning of the axes, for superpixels, token grids and pictures. `image` is [C, H, W], `pixels` [H, W, C], `tokens` [T, D], `table` [F]. */
  readonly kind: "image" | "pixels" | "tokens" | "table" | "tensor";
  /** Names of the elements along the first axis: a table's columns, a text's tokens. */
  readonly names?: readonly string[];
  /** Reported with every attribution where the features are not the input itself: "the embeddings of input_ids". */
  readonly standsFor?: Remark;
}

/** The tensors of an example: its features, and the model's other inputs, which stay as they are. */
export interface ExplainInput {
  /** [N, …]. */
  readonly features: TensorData;
  /** Other inputs by name, [N, …] each: an attention mask, token types. */
  readonly others?: Readonly<Record<string, TensorData>>;
}

/** Shapes of a model's other inputs, without the batch. */
export interface OtherInput {
  readonly shape: Shape;
  readonly dtype: DType;
}

/**
 * Parts of one example that can be present or absent: words, superpixels, columns. Where an explainable gives its own, sampling methods switch these
 * on and off instead of elements of the features.
 */
export interface Parts {
  /** One name a part, for pictures and tables. */
  readonly names: readonly string[];
  /** The part of each element of the features, −1 for one that is always there; left out where a part is more than its elements. */
  readonly partOf?: Int32Array;
  /** M: how many examples of a background stand for each coalition, whose mean score counts; left out, 1. */
  readonly backgrounds?: number;
  /** Makes the S · M inputs that coalitions stand for, those of one together. Coalitions are [S, parts], row-major, 1 for a part that is present. */
  readonly compose: (coalitions: Uint8Array, count: number) => ExplainInput;
}

/**
 * A model as explainers see it: from features [B, …] to scores [B, K], of which an explanation is about one.
 *
 * Every row must depend on its own example only. Gradient methods need `forward`; sampling methods are content with `answer`. At least one of
 * the two is given; a traced model needs no `answer`.
 */
export interface Explainable {
  readonly name: string;
  readonly features: Features;
  readonly others?: Readonly<Record<string, OtherInput>>;
  /** K: how many scores an example has. */
  readonly scoreCount: number;
  /** The scores' names, K of them. */
  readonly labels?: readonly string[];
  /** The graph: features [B, …] and the other inputs [B, …] → scores [B, K]. Called anew for each batch size. */
  readonly forward?: (features: Tensor, others: Readonly<Record<string, Tensor>>) => Tensor;
  /** Values of the parameters that `forward` uses. */
  readonly values?: ReadonlyMap<Tensor, TensorData>;
  /** Scores [B, K] of an opaque model. */
  readonly answer?: (input: ExplainInput) => Promise<TensorData>;
  /** Whether an opaque model answers with probabilities; left out, its answers are scores. */
  readonly gives?: "scores" | "probabilities";
  /** Why an opaque model cannot be differentiated; quoted by methods that need gradients. */
  readonly opaque?: string;
  /** The trees that the scores are made of, where the model is of trees. */
  readonly trees?: () => TreeEnsemble;
  /** Parts of one example, in place of those found in its features. */
  readonly parts?: (input: ExplainInput) => Parts;
  /** Default replacement of absent features: values that broadcast to the features' shape. */
  readonly baseline?: TensorData;
  /** Decisions made when the model was loaded, one sentence each; reported with every attribution. */
  readonly remarks?: readonly Remark[];
}

/** Description of a function of tensors. */
export interface FunctionOptions
  extends Partial<Pick<Explainable, "name" | "labels" | "values" | "baseline">>, Partial<Pick<Features, "kind" | "names">> {}

/**
 * A function of tensors as an explainable: `explainableOf((x) => model.forward(x), [3, 224, 224], 1000)`.
 *
 * Shapes: f takes [B, …shape] and gives [B, scoreCount].
 */
export function explainableOf(
  f: (features: Tensor) => Tensor,
  shape: Shape,
  scoreCount: number,
  options: FunctionOptions = {},
): Explainable {
  const { name = "function", kind = kindOf(shape), names, labels, values, baseline } = options;
  return {
    name,
    features: { name: "x", shape, kind, names },
    scoreCount,
    forward: f,
    labels,
    values,
    baseline,
  };
}

/** Guesses the meaning of axes from a shape: [C, H, W] and [H, W, C] with 1, 3 or 4 channels are images, [F] is a row of a table. */
export function kindOf(shape: Shape): Features["kind"] {
  if (shape.length === 1) return "table";
  if (shape.length === 2) return "tokens";
  const isChannels = (d: Dim | undefined): boolean => d === 1 || d === 3 || d === 4;
  if (shape.length !== 3) return "tensor";
  return isChannels(shape[0]) ? "image" : isChannels(shape[2]) ? "pixels" : "tensor";
}

/** Where an image's channels, rows and columns stand among the axes after the batch; undefined of what is not an image. */
export function imageAxes(
  features: Features,
): { readonly channels: number; readonly rows: number; readonly columns: number } | undefined {
  if (features.kind === "image") return { channels: 0, rows: 1, columns: 2 };
  return features.kind === "pixels" ? { channels: 2, rows: 0, columns: 1 } : undefined;
}

/**
 * An input checked against what the model takes. Errors: ShapeError, DTypeError, ConfigError, naming the input. Shapes are those that the model takes,
 * [N, ..].
 */
export function checkedInput(model: Explainable, given: TensorData | ExplainInput): ExplainInput {
  const input: ExplainInput = "features" in given ? given : { features: given };
  const n = input.features.shape[0] ?? 0;
  expectRows(model.name, model.features.name, input.features, model.features.shape, n);
  if (!isFloat(input.features.dtype))
    throw new DTypeError(
      `${model.name}: input "${model.features.name}": expected floating-point features, got ${input.features.dtype}`,
    );
  if (input.features.dtype === "float16")
    throw new DTypeError(
      `${model.name}: input "${model.features.name}": expected float32 or float64 features, got float16; convert them`,
    );
  if (n === 0) throw new ConfigError(`${model.name}: expected at least one example to explain, got none`);
  for (const [name, type] of Object.entries(model.others ?? {})) {
    const other = own(input.others, name);
    if (other === undefined) throw new ConfigError(`${model.name}: expected a value for input "${name}", got none`);
    if (other.dtype !== type.dtype)
      throw new DTypeError(`${model.name}: input "${name}": expected ${type.dtype}, got ${other.dtype}`);
    expectRows(model.name, name, other, type.shape, n);
  }
  return input;
}

/** A ShapeError unless the numbers are n examples of the shape. */
export function expectRows(where: string, name: string, data: TensorData, shape: Shape, n: number): void {
  const [rows, ...rest] = data.shape;
  const fits = rows === n && rest.length === shape.length && shape.every((d, i) => typeof d !== "number" || d === rest[i]);
  if (!fits)
    throw new ShapeError(`${where}: input "${name}": expected ${formatShape([n, ...shape])}, got ${formatShape(data.shape)}`);
}
