/**
 * @module Decides which tensors of a file are parameters, by the nodes that read them and by their values, since a file does not say.
 */
import { type DType, isFloat, sizeOf } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { expectMatches, matchesPath } from "../util/patterns.js";
import type { ModelProto, TensorProto } from "./messages.js";
import { storedTypeNamed } from "./numbers.js";
import { type Named, type Scope, scopesOf, type Use } from "./uses.js";

/** Corrections of which tensors are parameters, by patterns of names (`*.bias`, `/regular expression/`). */
export interface ParameterChoice {
  readonly include?: string | readonly string[];
  readonly exclude?: string | readonly string[];
}

/** `buffer`: values that belong to the model but are not trained, such as running statistics. */
export type Role = "parameter" | "buffer" | "constant";

/** A stored tensor of the file, and its role. */
export interface StoredTensor {
  readonly name: string;
  readonly tensor: TensorProto;
  readonly dtype: DType | undefined;
  readonly role: Role;
  /** Reason for the decision, in words: "weight of Conv", "read by Where only". */
  readonly why: string;
}

/** Gives the first values of a tensor, up to `limit`, to decide by them. */
export type ReadNumbers = (tensor: TensorProto, limit: number) => ArrayLike<number>;

/** Number of values that are read to tell a mask or a table from a weight. */
const LOOKED_AT = 4096;

interface Verdict {
  readonly role: Role;
  readonly why: string;
}

/** Ops by which inputs are weights, from `first` on; without their domain, since fused ones of com.microsoft go by the same names. */
const WEIGHT_INPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  ...["Conv", "ConvTranspose", "FusedConv", "DeformConv", "NhwcFusedConv"].map((op): [string, number[]] => [op, [1, 2]]),
  ...["Gemm", "FusedGemm"].map((op): [string, number[]] => [op, [0, 1, 2]]),
  ...[
    "BatchNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "GroupNorm",
    "RMSNormalization",
  ].map((op): [string, number[]] => [op, [1, 2]]),
  ["SimplifiedLayerNormalization", [1]],
  ["SkipLayerNormalization", [2, 3, 4]],
  ["SkipSimplifiedLayerNormalization", [2, 3]],
  ["EmbedLayerNormalization", [2, 3, 4, 5, 6]],
  ...["LSTM", "GRU", "RNN"].map((op): [string, number[]] => [op, [1, 2, 3, 7]]),
  ["PRelu", [1]],
  ["BiasGelu", [1]],
  ["FastGelu", [1]],
  ["Attention", [1, 2]],
  ["MultiHeadAttention", [3]],
]);

/** Ops of ONNX's own domain whose inputs at these positions are values, though one of com.microsoft has weights there. */
const ONNX_VALUES: ReadonlySet<string> = new Set(["Attention"]);

/** A weight stays one on its way through these. */
const PASSES: ReadonlySet<string> = new Set(
  "Identity Transpose Cast CastLike DequantizeLinear QuantizeLinear Reshape Squeeze Unsqueeze Flatten Slice Split".split(" "),
);

/** Names that exporters make up for what they computed, as against those of a model's own tensors. */
const isGenerated = (name: string): boolean =>
  /^(onnx::|\/|val_?\d|_val|const(ant)?[_.]?\d*$)|_output_\d+$|^ortshared_|folded/i.test(name);

/** Names of tables and masks in the libraries that most files come from. */
const FIXED_NAME =
  /(^|[._/])(inv_freq|cos|sin|cos_cached|sin_cached|rotary\w*|attn_mask|causal_mask|mask|position_ids|anchors?)$/i;

/** Tensors of up to this many values may hold one for each channel of a picture, and prepare it. */
const PIXEL = 4;

/** Values beyond this are added to masked scores, and are not learned. */
const MASKING = 5e3;

/** Axes of more than one element. */
const wideAxes = (dims: readonly number[]): number => dims.filter((d) => d !== 1).length;

class Judge {
  readonly #read: ReadNumbers;

  constructor(read: ReadNumbers) {
    this.#read = read;
  }

  verdict(tensor: TensorProto, at: Named): Verdict {
    const verdicts = this.#places(at, new Set()).map((use) => this.#use(tensor, at.name, use));
    const found = (role: Role): Verdict | undefined => verdicts.find((v) => v.role === role);
    const weight = found("parameter");
    if (weight !== undefined && FIXED_NAME.test(at.name)) return constant("a table or mask by its name");
    return weight ?? found("buffer") ?? verdicts[0] ?? constant("read by nothing");
  }

  /** The final readers of a value, past nodes that only pass it on. */
  #places({ scope, name }: Named, seen: Set<string>): Use[] {
    const inside = scope.leadsOf(name).flatMap((to) => this.#places(to, seen));
    const here = scope.usesOf(name).flatMap((use): Use[] => {
      const passes = use.index === 0 && PASSES.has(use.node.opType);
      const key = `${use.node.outputs[0]} ${use.index}`;
      if (!passes || seen.has(key)) return [use];
      seen.add(key);
      const further = use.node.outputs.flatMap((output) => this.#places({ scope: use.scope, name: output }, seen));
      return further.length > 0 ? further : [use];
    });
    return [...here, ...inside];
  }

  #use(tensor: TensorProto, name: string, use: Use): Verdict {
    const { node, index, scope } = use;
    const { opType, domain } = node;
    const others = node.inputs.filter((_, i) => i !== index);
    const meetsInput = others.some((other) => scope.isDynamic(other));
    if (opType === "BatchNormalization" && index >= 3) return { role: "buffer", why: "running statistics of BatchNormalization" };
    if (WEIGHT_INPUTS.get(opType)?.includes(index) && !(domain === "" && ONNX_VALUES.has(opType))) return this.#weight(use);
    if (opType === "MatMul" || opType === "FusedMatMul" || opType === "Einsum")
      return meetsInput ? this.#weight(use) : constant(`${opType} of constants`);
    if (opType.endsWith("Normalization") && index === 0) return parameter(`normalized by ${opType}`);
    if (opType === "Gather" && index === 0) return this.#embedding(tensor, use);
    if ((opType === "Add" || opType === "Sum" || opType === "Mul") && meetsInput)
      return this.#elementwise(tensor, name, use, others);
    // Tokens that a model learned, put beside those of the input.
    if (opType === "Concat" || opType === "Expand" || opType === "Tile") {
      if (tensor.dims.length >= 2 && !isGenerated(name) && !this.#isFlat(tensor)) return parameter(`joined by ${opType}`);
    }
    return constant(`read by ${opType}`);
  }

  #weight(use: Use): Verdict {
    if (this.#endsInAngles(use)) return constant("frequencies of sine and cosine");
    return parameter(`weight of ${use.node.opType}`);
  }

  #embedding(tensor: TensorProto, { node, scope }: Use): Verdict {
    if (tensor.dims.length < 2 || !scope.isDynamic(node.inputs[1] ?? "")) {
      // Positions are often counted, which depends on shapes alone.
      const counted = scope.producerOf(node.inputs[1] ?? "") !== undefined;
      if (tensor.dims.length < 2 || !counted) return constant("picked from by Gather");
    }
    if (this.#masks(tensor)) return constant("numbers of a mask");
    return this.#isAngleTable(tensor) ? constant("a table of sines and cosines") : parameter("embedding read by Gather");
  }

  #elementwise(tensor: TensorProto, name: string, use: Use, others: readonly string[]): Verdict {
    const { opType } = use.node;
    if (this.#masks(tensor)) return constant("numbers of a mask");
    if (this.#endsInAngles(use)) return constant("frequencies of sine and cosine");
    const isFew = sizeOf(tensor.dims) <= PIXEL;
    if (isFew && others.every((other) => this.#isInput(use.scope, other)))
      return constant(`${opType} on an input: preparation of data`);
    const wide = wideAxes(tensor.dims);
    if (wide === 0) {
      const producer = use.scope.producerOf(others[0] ?? "")?.opType ?? "";
      const isBias = opType === "Add" && ["MatMul", "Conv", "Gemm"].includes(producer) && !isGenerated(name);
      return isBias ? parameter("bias by Add") : constant(`a number for ${opType}`);
    }
    if (wide === 1) return parameter(opType === "Mul" ? "scale by Mul" : "bias by Add");
    if (opType === "Mul" && /[._]weight$/.test(name)) return parameter("scale by Mul");
    if (opType === "Mul" || isGenerated(name)) return constant(`folded into ${opType}`);
    return this.#isAngleTable(tensor) ? constant("a table of sines and cosines") : parameter("added to every example");
  }

  /** Whether it is an input of the model, at most converted. */
  #isInput(scope: Scope, name: string): boolean {
    const producer = scope.producerOf(name);
    if (producer === undefined) return scope.isDynamic(name);
    return (producer.opType === "Cast" || producer.opType === "Identity") && this.#isInput(scope, producer.inputs[0] ?? "");
  }

  /** Whether what is computed here is only ever an angle: rotary embeddings. */
  #endsInAngles(use: Use, depth = 0): boolean {
    const ends = use.node.outputs.flatMap((output) => use.scope.usesOf(output));
    const MOVES = new Set(["Transpose", "Cast", "Identity", "Concat", "Reshape", "Unsqueeze", "Squeeze", "Expand", "Mul"]);
    return (
      depth < 8 &&
      ends.length > 0 &&
      ends.every(({ node, index, scope }) => {
        if (node.opType === "Cos" || node.opType === "Sin") return true;
        return MOVES.has(node.opType) && this.#endsInAngles({ node, index, scope }, depth + 1);
      })
    );
  }

  #masks(tensor: TensorProto): boolean {
    const numbers = this.#read(tensor, LOOKED_AT);
    const values = new Set<number>();
    let least = 0;
    for (let i = 0; i < numbers.length; i++) {
      const value = numbers[i] as number;
      if (!Number.isFinite(value) || Math.abs(value) > MASKING) return true;
      least = Math.min(least, value);
      if (values.size < 4) values.add(value);
    }
    // 0 and −100, as windowed attention has it.
    return least <= -50 && values.size <= 2;
  }

  /** Whether all elements are the same number. */
  #isFlat(tensor: TensorProto): boolean {
    const numbers = Array.from(this.#read(tensor, LOOKED_AT));
    return numbers.length > 1 && numbers[0] !== 0 && numbers.every((value) => value === numbers[0]);
  }

  /** Sines and cosines by position: no value beyond 1, and the first row is that of the angle 0. */
  #isAngleTable(tensor: TensorProto): boolean {
    const numbers = Array.from(this.#read(tensor, LOOKED_AT));
    const width = tensor.dims.at(-1) ?? 1;
    if (width < 2 || sizeOf(tensor.dims) < 2 * width || numbers.length < 2 * width) return false;
    const [first, second] = [numbers.slice(0, width), numbers.slice(width, 2 * width)];
    const isFixed = (value: number): boolean => value === 0 || value === 1;
    // At the next place no angle is beyond 1 radian, so nothing is negative; a row of zeros for padding is followed by anything.
    return (
      numbers.every((value) => Math.abs(value) <= 1) &&
      first.every(isFixed) &&
      second.every((value) => value >= 0) &&
      !second.every(isFixed)
    );
  }
}

const parameter = (why: string): Verdict => ({ role: "parameter", why });
const constant = (why: string): Verdict => ({ role: "constant", why });

/** Every stored tensor of a model with its name and scope: initializers, then Constant nodes. */
function tensorsOf(scopes: readonly Scope[]): [TensorProto, Named][] {
  const found: [TensorProto, Named][] = [];
  for (const scope of scopes) {
    for (const t of scope.initializers) found.push([t, { scope, name: t.name }]);
    for (const node of scope.nodes) {
      const value =
        node.opType === "Constant" && node.domain === "" ? node.attributes.find((a) => a.name === "value") : undefined;
      if (value?.type === "tensor") found.push([value.value, { scope, name: node.outputs[0] ?? "" }]);
    }
  }
  return found;
}

/**
 * The role of each tensor of a file: parameter, buffer or constant. A tensor that a function's body or several calls share is listed once.
 *
 * Errors: ConfigError for a pattern that fits no name, or an included tensor that holds no floating-point numbers.
 */
export function storedTensors(
  model: ModelProto,
  read: ReadNumbers,
  choice: ParameterChoice = {},
): ReadonlyMap<TensorProto, StoredTensor> {
  const judge = new Judge(read);
  const result = new Map<TensorProto, StoredTensor>();
  const taken = new Set<string>();
  for (const [tensor, at] of tensorsOf(scopesOf(model))) {
    if (result.has(tensor)) continue;
    let name = at.name;
    for (let i = 0; taken.has(name); i++) name = `${at.name}.${i}`;
    taken.add(name);
    const dtype = storedTypeNamed(tensor.dataType);
    const isNumber = dtype !== undefined && isFloat(dtype);
    const verdict = !isNumber
      ? constant("whole numbers")
      : tensor.dims.length === 0
        ? constant("a single number")
        : judge.verdict(tensor, at);
    result.set(tensor, { name, tensor, dtype, ...corrected(name, verdict, isNumber, choice) });
  }
  const names = [...taken];
  expectMatches("parameters.include", listOf(choice.include), names);
  expectMatches("parameters.exclude", listOf(choice.exclude), names);
  return result;
}

const listOf = (patterns: string | readonly string[] | undefined): readonly string[] =>
  patterns === undefined ? [] : typeof patterns === "string" ? [patterns] : patterns;

function corrected(name: string, verdict: Verdict, isNumber: boolean, { include, exclude }: ParameterChoice): Verdict {
  if (exclude !== undefined && matchesPath(exclude, name) && verdict.role !== "buffer") return constant("excluded");
  if (include === undefined || !matchesPath(include, name)) return verdict;
  if (!isNumber)
    throw new ConfigError(
      `parameters.include: expected tensors of floating-point numbers, got "${name}", which has others; leave it out`,
    );
  return parameter("included");
}
