/**
 * @module Inputs of a file that are given one value for good: a size, a threshold or a mask beside the image that a model is about.
 */
import type { DType } from "../graph/index.js";
import { DTYPES, fromNumbers, sizeOf } from "../graph/index.js";
import { ConfigError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { tensorProto } from "./export.js";
import type { ModelProto, NodeProto, TensorProto, ValueInfoProto } from "./messages.js";

type Sizes = readonly (number | string | null)[];

/** An input with its shape, in messages. */
export const shownInput = ({ name, shape }: ValueInfoProto): string =>
  `${name} [${(shape ?? []).map((d) => d ?? "?").join(", ")}]`;

/** Inputs of a file that are not weights. */
const inputsOf = ({ graph }: ModelProto): ValueInfoProto[] => {
  const weights = new Set(graph.initializers.map(({ name }) => name));
  return graph.inputs.filter(({ name }) => !weights.has(name));
};

const isPicture = ({ shape }: ValueInfoProto): boolean =>
  shape?.length === 4 && [shape[1], shape[3]].some((d) => d === 1 || d === 3);

/** Says what to do about a file that takes more than an image; undefined where it takes no image, or nothing else. */
export function otherInputsRemedy(model: ModelProto): string | undefined {
  const inputs = inputsOf(model);
  const pictures = inputs.filter(isPicture);
  const image = pictures.find(({ shape }) => shape?.[1] === 3 || shape?.[3] === 3) ?? pictures[0];
  if (image === undefined || inputs.length < 2) return undefined;
  const others = inputs.filter((one) => one !== image);
  const options = others.map(({ name }) => `--input ${name}=NUMBER`).join(" ");
  return `expected one input, the image "${image.name}", got also ${others.map(shownInput).join(", ")}; give ${others.length === 1 ? "it a value" : "them values"} with ${options}`;
}

/**
 * The model with inputs replaced by constants: `NAME=NUMBER`, or `NAME=NUMBER,…` for each element of one example. Free axes are those of the inputs that
 * are left: the batch, or an axis of the same name.
 *
 * Errors: ConfigError for what is no such text, for unknown inputs, and for numbers that do not fit the input.
 */
export function fixInputs(model: ModelProto, given: readonly string[], where: string): ModelProto {
  return given.reduce((fixed, text) => fixInput(fixed, text, where), model);
}

function fixInput(model: ModelProto, text: string, where: string): ModelProto {
  const [, name = "", list = ""] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const numbers = list.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  if (name === "" || numbers.some(Number.isNaN))
    throw new ConfigError(`--input: expected NAME=NUMBER or NAME=NUMBER,NUMBER,…, got "${text}"`);
  const inputs = inputsOf(model);
  const input = inputs.find((one) => one.name === name);
  if (input === undefined)
    throw new ConfigError(
      `--input: ${where}: ${unknownName(
        "input",
        name,
        inputs.map((one) => one.name),
      )}`,
    );
  const left = inputs.filter((one) => one !== input);
  if (left.length === 0)
    throw new ConfigError(`--input: expected an input of ${where} that is left, got a value for its last, ${name}`);
  const { value, nodes } = valueOf(input, left, numbers);
  const { graph } = model;
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [...nodes.nodes, ...graph.nodes],
      initializers: [...graph.initializers, value, ...nodes.initializers],
      inputs: graph.inputs.filter((one) => one !== input),
    },
  };
}

interface Part {
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
}

const NONE: Part = { nodes: [], initializers: [] };

/** The constant, and the nodes that spread it over free axes. */
function valueOf(
  input: ValueInfoProto,
  left: readonly ValueInfoProto[],
  numbers: readonly number[],
): { value: TensorProto; nodes: Part } {
  const { name, elementType } = input;
  const dtype = (Object.keys(DTYPES) as DType[]).find((one) => DTYPES[one].onnx === elementType);
  if (dtype === undefined) throw new ConfigError(`--input ${name}: expected an input of numbers, got one of another type`);
  const shape: Sizes = input.shape ?? (numbers.length === 1 ? [] : [numbers.length]);
  const fixed = shape.map((d) => (typeof d === "number" ? d : 1));
  const size = sizeOf(fixed);
  if (numbers.length !== 1 && numbers.length !== size)
    throw new ConfigError(
      `--input ${name}: expected ${size === 1 ? "one number" : `1 or ${size} numbers`} for ${shownInput(input)}, got ${numbers.length}`,
    );
  const isWhole = /int|bool/.test(dtype);
  const broken = isWhole ? numbers.find((v) => !Number.isInteger(v)) : undefined;
  if (broken !== undefined) throw new ConfigError(`--input ${name}: expected whole numbers (${dtype}), got ${broken}`);
  const data = fromNumbers(
    dtype,
    fixed,
    Float64Array.from({ length: size }, (_, i) => numbers[i % numbers.length] as number),
  );
  const free = shape.some((d) => typeof d !== "number");
  const named = (part: string): string => `${name} (${part})`;
  return free
    ? { value: tensorProto(named("value"), data), nodes: spread(input, left, shape, named) }
    : { value: tensorProto(name, data), nodes: NONE };
}

/** Nodes that give an input its free axes from those of the inputs that are left. */
function spread(input: ValueInfoProto, left: readonly ValueInfoProto[], shape: Sizes, named: (part: string) => string): Part {
  const node = (opType: string, inputs: string[], output: string, attributes: NodeProto["attributes"] = []): NodeProto => ({
    name: `${opType} of ${output}`,
    opType,
    domain: "",
    inputs,
    outputs: [output],
    attributes,
  });
  const whole = (key: string, value: number): TensorProto => tensorProto(named(key), fromNumbers("int64", [1], [value]));
  const parts = shape.map((d, axis): Part & { readonly size: string } => {
    const size = named(`axis ${axis}`);
    if (typeof d === "number") return { size, nodes: [], initializers: [{ ...whole(`axis ${axis}`, d), name: size }] };
    const [from, at] = sourceOf(d, axis, left) ?? [];
    if (from === undefined || at === undefined)
      throw new ConfigError(
        `--input ${input.name}: expected axes that other inputs have, or of a known size, got ${shownInput(input)}`,
      );
    const [sizes, place] = [named(`sizes for axis ${axis}`), whole(`place for axis ${axis}`, at)];
    const gathered = node("Gather", [sizes, place.name], size, [{ name: "axis", type: "int", value: 0 }]);
    return { size, nodes: [node("Shape", [from], sizes), gathered], initializers: [place] };
  });
  const target = named("shape");
  const joined = node(
    "Concat",
    parts.map((part) => part.size),
    target,
    [{ name: "axis", type: "int", value: 0 }],
  );
  return {
    nodes: [...parts.flatMap((part) => part.nodes), joined, node("Expand", [named("value"), target], input.name)],
    initializers: parts.flatMap((part) => part.initializers),
  };
}

/** The input and the axis that a free axis goes by: of the same name; for the first one, also whatever is first. */
function sourceOf(d: string | null, axis: number, left: readonly ValueInfoProto[]): readonly [string, number] | undefined {
  for (const { name, shape = [] } of left) {
    const at = d === null ? -1 : shape.indexOf(d);
    if (at >= 0) return [name, at];
  }
  const [first] = left;
  return axis === 0 && (first?.shape?.length ?? 0) > 0 ? [(first as ValueInfoProto).name, 0] : undefined;
}
