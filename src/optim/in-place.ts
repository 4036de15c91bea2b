/**
 * @module Updates in place: which optimizers have a kernel (`kernels/update.wat`), and what it is given. The graph of the same optimizer serves all
 * other devices, and checks it. Why there is a kernel at all: docs/how-it-works.md.
 */
import type { GroupSettings, Optimizer, Part } from "./optimizer.js";

/** The kernel's functions; addresses in bytes, `n` counts vectors of four numbers. Parameters as `kernels/update.wat` says. */
export interface UpdateKernels {
  sgd(...args: readonly number[]): void;
  adam(...args: readonly number[]): void;
  rms(...args: readonly number[]): void;
  lion(...args: readonly number[]): void;
  decode(codes: number, scales: number, table: number, out: number, blocks: number): void;
  encode(x: number, codes: number, scales: number, table: number, signed: number, blocks: number): void;
}

/** A parameter in the kernel's memory: addresses of it, its gradient and its slots, 0 for a slot that it does not have. */
export interface FlatParameter {
  readonly w: number;
  readonly g: number;
  readonly slot: (name: string) => number;
  readonly vectors: number;
  /** The gradient's factor, and that of the weights in it, as the parts before leave them. */
  readonly scale: number;
  readonly decay: number;
}

/** The end of an optimizer that a kernel does. */
export interface InPlaceRule {
  /** The parts before it, which a graph does. None has slots. */
  readonly before: number;
  /** The prefix of its slots' keys; undefined where it has none. */
  readonly prefix: string | undefined;
  /** The slots that are never negative. */
  readonly nonNegative: readonly string[];
  /** Updates one parameter. `scalars` are the optimizer's of the step. */
  readonly run: (
    kernels: UpdateKernels,
    p: FlatParameter,
    scalars: Readonly<Record<string, number>>,
    settings: GroupSettings,
  ) => void;
}

/**
 * Trained numbers from which on the kernel is used. A GPT's whole step with AdamW, graph / in place, in turns on a loaded machine (best of 40, ms):
 * 0.11 M 2.5 / 1.9, 0.41 M 37 / 20, 1.4 M 55 / 42, 3.2 M 332 / 310, 12.8 M 1,489 / 1,371.
 */
export const IN_PLACE_FROM = 1e5;

/** Float32 arithmetic, as the graph's scalars have it. */
const f = Math.fround;

interface Step extends FlatParameter {
  readonly kernels: UpdateKernels;
  readonly scalar: (name: string) => number;
  readonly rate: number;
  readonly keep: number;
}

type Numbers = Readonly<Record<string, number>>;

/** By the name of the part that looks at gradients: what its numbers make of a parameter. */
const CORES: ReadonlyMap<string, (numbers: Numbers) => (step: Step) => void> = new Map([
  [
    "momentum",
    ({ momentum = 0, nesterov, dampening }: Numbers) =>
      ({ kernels, w, g, slot, vectors, scale, decay, scalar, keep, rate }: Step) => {
        const gain = dampening === 0 ? 1 : scalar("gain");
        kernels.sgd(w, g, slot("velocity"), vectors, scale, decay, momentum, gain, Number(nesterov), keep, rate);
      },
  ],
  [
    "adam",
    ({ beta1 = 0, beta2 = 0 }: Numbers) =>
      ({ kernels, w, g, slot, vectors, scale, decay, scalar, keep, rate }: Step) => {
        const [m, v] = [slot("momentum"), slot("square")];
        const scaled = f(rate * f(scalar("scale")));
        kernels.adam(w, g, m, v, slot("largest"), vectors, scale, decay, beta1, beta2, scalar("epsilon"), keep, scaled);
      },
  ],
  [
    "rms",
    ({ alpha = 0, epsilon = 0 }: Numbers) =>
      ({ kernels, w, g, slot, vectors, scale, decay, keep, rate }: Step) => {
        const root = Math.sqrt(1 - alpha);
        const [v, mean] = [slot("square"), slot("mean")];
        kernels.rms(w, g, v, mean, vectors, scale, decay, alpha, 1 - alpha, epsilon / root, keep, f(rate * f(1 / root)));
      },
  ],
  [
    "adagrad",
    ({ epsilon = 0 }: Numbers) =>
      ({ kernels, w, g, slot, vectors, scale, decay, keep, rate }: Step) =>
        kernels.rms(w, g, slot("sum"), 0, vectors, scale, decay, 1, 0, epsilon, keep, rate),
  ],
  [
    "lion",
    ({ beta1 = 0, beta2 = 0 }: Numbers) =>
      ({ kernels, w, g, slot, vectors, scale, decay, keep, rate }: Step) => {
        const [old, ratio] = beta1 === 0 ? [0, 1] : [1, (1 - beta1) / (beta1 * (1 - beta2))];
        kernels.lion(w, g, slot("momentum"), vectors, scale, decay, old, ratio, beta2, keep, rate);
      },
  ],
]);

const plain = ({ kernels, w, g, vectors, scale, decay, keep, rate }: Step): void =>
  kernels.sgd(w, g, 0, vectors, scale, decay, 0, 1, 0, keep, rate);

const nameOf = (part: Part | undefined): string => part?.description.name ?? "";

/**
 * The kernel of an optimizer: of a chain that ends with SGD, momentum, Adam, RMSprop, Adagrad or Lion, weight decay where there is one, and the learning
 * rate, behind any parts without slots (clipping, L2). Undefined where there is none: averages, masks, limits of weights, momentum of scaled gradients.
 */
export function inPlaceRule({ parts }: Optimizer): InPlaceRule | undefined {
  const last = parts.length - 1;
  if (nameOf(parts[last]) !== "learningRate") return undefined;
  // Weight decay behind the part that looks at gradients is decoupled; without such a part it comes to the same.
  let core = last - 1;
  while (nameOf(parts[core]) === "weightDecay") core--;
  const part = parts[core];
  const make = part === undefined ? undefined : CORES.get(nameOf(part));
  const before = make === undefined ? core + 1 : core;
  const isPlain = parts.every((p, i) => p.finish === undefined && (i >= before || p.slots === undefined));
  const isNamedOnce = make === undefined || parts.filter((p) => nameOf(p) === nameOf(part)).length === 1;
  if (!isPlain || !isNamedOnce) return undefined;
  const prefix = make === undefined ? undefined : nameOf(part);
  const update = make === undefined ? plain : make(part?.description as unknown as Numbers);
  const lambdas = parts.slice(make === undefined ? before : core + 1, last).map((p) => Number(p.description["lambda"]));
  return {
    before,
    prefix,
    nonNegative: (make === undefined ? undefined : part?.nonNegativeSlots) ?? [],
    run: (kernels, p, scalars, { learningRateMultiplier = 1, weightDecay }) => {
      const rate = f(f(scalars["learningRate.value"] ?? 0) * f(learningRateMultiplier));
      const lambda = lambdas.reduce((sum, each) => sum + (weightDecay ?? each), 0);
      const keep = f(1 - f(rate * f(lambda)));
      update({ ...p, kernels, rate, keep, scalar: (name) => scalars[`${prefix}.${name}`] ?? 0 });
    },
  };
}
