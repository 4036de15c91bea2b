/**
 * @module The plain recurrent layer, h′ = f(x·Wᵀ + h·Rᵀ + b), in ONNX's layout, with any of ONNX's activations.
 */
import type { Tensor } from "../graph/index.js";
import { UnsupportedOpError } from "../util/errors.js";
import type { Op } from "./op.js";
import { type Direction, inferRecurrent, type LstmInputs, part, recurrentCost, unroll } from "./recurrent.js";
import { own } from "../util/record.js";

interface RnnAttributes {
  readonly [name: string]: string | number | readonly string[] | readonly number[] | undefined;
  readonly direction: Direction;
  readonly hidden_size: number;
  /** One for each direction. */
  readonly activations: readonly string[];
  /** Numbers of those activations that take an α, in their order; left out, ONNX's own. */
  readonly activation_alpha: readonly number[] | undefined;
  readonly activation_beta: readonly number[] | undefined;
}

interface Activation {
  readonly f: (x: Tensor, alpha: number, beta: number) => Tensor;
  /** Defaults of α and β; missing where the activation takes none. */
  readonly alpha?: number;
  readonly beta?: number;
}

/** By name in lower case: ONNX's files have them in both. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  relu: { f: (x) => x.relu() },
  tanh: { f: (x) => x.tanh() },
  sigmoid: { f: (x) => x.sigmoid() },
  softsign: { f: (x) => x.div(x.abs().add(1)) },
  softplus: { f: (x) => x.softplus() },
  affine: { f: (x, alpha, beta) => x.mul(alpha).add(beta), alpha: 1, beta: 0 },
  leakyrelu: { f: (x, alpha) => x.greater(0).where(x, x.mul(alpha)), alpha: 0.01 },
  thresholdedrelu: { f: (x, alpha) => x.greater(alpha).where(x, 0), alpha: 1 },
  scaledtanh: { f: (x, alpha, beta) => x.mul(beta).tanh().mul(alpha), alpha: 1, beta: 1 },
  hardsigmoid: { f: (x, alpha, beta) => x.mul(alpha).add(beta).clip(0, 1), alpha: 0.2, beta: 0.5 },
  elu: { f: (x, alpha) => x.greater(0).where(x, x.min(0).exp().sub(1).mul(alpha)), alpha: 1 },
};

/** The activation of each direction, with its numbers. */
function activationsOf(
  { activations, activation_alpha: alphas = [], activation_beta: betas = [] }: RnnAttributes,
  where: string,
) {
  const [alpha, beta] = [[...alphas], [...betas]];
  return activations.map((name) => {
    const known = own(ACTIVATIONS, name.toLowerCase());
    if (known === undefined)
      throw new UnsupportedOpError(`${where}: expected one of ${Object.keys(ACTIVATIONS).join(", ")} as activation, got ${name}`);
    const a = known.alpha === undefined ? 0 : (alpha.shift() ?? known.alpha);
    const b = known.beta === undefined ? 0 : (beta.shift() ?? known.beta);
    return (x: Tensor): Tensor => known.f(x, a, b);
  });
}

/**
 * Elman's recurrent layer.
 *
 * Shapes: X [T, N, I], W [D, H, I], R [D, H, H], B [D, 2H], sequence_lens int32 [N], initial_h [D, N, H] → Y [T, D, N, H], Y_h [D, N, H].
 * Source: Elman 1990; ONNX, RNN 7 to 22.
 */
export const RNN: Op<RnnAttributes, LstmInputs> = {
  name: "RNN",
  domain: "",
  attributes: {
    direction: "string",
    hidden_size: "int",
    activations: "strings",
    activation_alpha: "floats",
    activation_beta: "floats",
  },
  infer: (inputs, attributes, where) => {
    activationsOf(attributes, where);
    return inferRecurrent(inputs, attributes, 1, where);
  },
  gradient: { none: "it is differentiated by its expansion" },
  cost: recurrentCost(1),
  batch: { unroll: "the weights may be mapped as well" },
  expand: ({ inputs, attributes }) => {
    const { direction, hidden_size: hidden } = attributes;
    const [, , r, b, , h0] = inputs;
    const activations = activationsOf(attributes, "RNN");
    return unroll(inputs, direction, [h0 ?? null], (d) => {
      const recurrent = (part(r, d) as Tensor).transpose();
      const [fromInput, fromState] = part(b, d)?.split([hidden, hidden], 0) ?? [];
      return {
        bias: fromInput !== undefined && fromState !== undefined ? fromInput.add(fromState) : null,
        step: (share, [h]) => [(activations[d] as (x: Tensor) => Tensor)(share.add((h as Tensor).matMul(recurrent)))],
      };
    });
  },
  lower: ({ inputs, attributes, target }) => (target === "webgpu" ? RNN.expand?.({ inputs, attributes }) : undefined),
};
