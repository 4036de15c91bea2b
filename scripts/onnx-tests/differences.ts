/**
 * @module A gradient beside difference quotients of the engine in its own precision, where a kink or a jump is told from a wrong gradient.
 */
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, toNumbers } from "../../src/graph/index.js";
import { Random } from "../../src/util/random.js";

/** `pass`: within 1 % along every smooth direction tried; `kink`: no direction was smooth as far as its numbers can tell. */
export type Verdict = "pass" | "kink" | `none: ${string}` | `wrong: ${string}` | `failed: ${string}`;

export interface Differentiated {
  /** The point, by input. */
  readonly xs: ReadonlyMap<string, TensorData>;
  readonly ys: readonly string[];
  readonly evaluate: (moved: ReadonlyMap<string, TensorData>) => Promise<readonly TensorData[]>;
  /** Gradients by input of Σ dy · y. */
  readonly gradients: (dys: readonly TensorData[]) => Promise<ReadonlyMap<string, TensorData>>;
}

const DIRECTIONS = 4;
/** From steps that rounding hardly touches to ones that a kink is seldom inside. */
const STEPS = [6.4e-2, 1.6e-2, 4e-3, 1e-3];
/** The largest distance of a gradient from a difference quotient, as a fraction of the larger of the two. */
const LIMIT = 0.01;
/** The largest distance between two quotients, each improved by Richardson's rule, at which they are trusted. */
const AGREEMENT = 0.002;

/** Compares along random directions: all inputs moved at once, and then one by one. */
export async function checkGradient(c: Differentiated): Promise<Verdict> {
  const random = new Random("onnx node tests");
  const base = await c.evaluate(new Map());
  // What is infinite (a masked score that is shown) has no slope.
  const weigh = (v: number): number => (Number.isFinite(v) ? random.normal() : 0);
  const dys = base.map((y) => fromNumbers(y.dtype, y.shape, toNumbers(y).map(weigh))); // prettier-ignore
  const gradients = await c.gradients(dys);
  const weights = dys.map(toNumbers);
  const terms = (ys: readonly TensorData[]): number[] =>
    ys.flatMap((y, i) => [...toNumbers(y)].map((v, k) => (weights[i]?.[k] === 0 ? 0 : v * (weights[i]?.[k] as number)))); // prettier-ignore
  const value = (ys: readonly TensorData[]): number => terms(ys).reduce((a, b) => a + b, 0);
  const precision = base.every(({ dtype }) => dtype === "float64") ? 2 ** -52 : 2 ** -23;
  const rounding = precision * Math.hypot(...terms(base));
  const names = [...c.xs.keys()];
  const groups = names.length > 1 ? [names, ...names.map((name) => [name])] : [names];
  let smooth = 0;
  for (const group of groups) {
    for (let k = 0; k < (group === names ? DIRECTIONS : 2); k++) {
      const direction = new Map(
        group.map((name) => [name, toNumbers(c.xs.get(name) as TensorData).map(() => random.normal())] as const),
      );
      const [got, reach] = along(direction, gradients);
      const slope = await quotient(async (t) => value(await c.evaluate(movedBy(c.xs, direction, t))), reach, rounding);
      if (slope === undefined) continue;
      smooth++;
      if (!(Math.abs(slope - got) <= LIMIT * Math.max(Math.abs(slope), Math.abs(got), 0.1 * reach)))
        return `wrong: along ${group.join(", ")} ${got.toPrecision(4)}, difference quotient ${slope.toPrecision(4)}`;
    }
  }
  return smooth > 0 ? "pass" : "kink";
}

/** Σ direction · gradient, and the sum of the terms' magnitudes. */
function along(direction: ReadonlyMap<string, Float64Array>, gradients: ReadonlyMap<string, TensorData>): [number, number] {
  let [sum, reach] = [0, 0];
  for (const [name, d] of direction) {
    toNumbers(gradients.get(name) as TensorData).forEach((g, i) => {
      sum += g * (d[i] as number);
      reach += Math.abs(g * (d[i] as number));
    });
  }
  return [sum, reach];
}

/** The slope of f at 0; undefined where there is a kink, a jump, no number, or where rounding hides it. */
async function quotient(f: (t: number) => Promise<number>, reach: number, rounding: number): Promise<number | undefined> {
  const middle = await f(0);
  const slopes: number[] = [];
  const bends: number[] = [];
  for (const h of STEPS) {
    const [right, left] = [(await f(h)) - middle, middle - (await f(-h))];
    slopes.push((right + left) / (2 * h));
    bends.push(Math.abs(right - left) / h);
  }
  const better = slopes.slice(1).map((slope, i) => (16 * slope - (slopes[i] as number)) / 15);
  for (let i = 1; i < better.length; i++) {
    const [a, b] = [better[i - 1] as number, better[i] as number];
    const scale = Math.max(Math.abs(a), Math.abs(b), Number.isFinite(reach) ? 0.1 * reach : 0);
    if (!(Math.abs(a - b) <= AGREEMENT * scale) || rounding / (STEPS[i + 1] as number) > AGREEMENT * scale) continue;
    // A second derivative bends a quarter as much over a quarter of the step, a kink as much as before.
    const [wide, narrow] = [bends[i] as number, bends[i + 1] as number];
    if (narrow <= 0.02 * scale || narrow <= 0.4 * wide) return b;
  }
  return undefined;
}

function movedBy(
  xs: ReadonlyMap<string, TensorData>,
  direction: ReadonlyMap<string, Float64Array>,
  t: number,
): Map<string, TensorData> {
  const moved = new Map<string, TensorData>();
  for (const [name, d] of direction) {
    const { dtype, shape, ...x } = xs.get(name) as TensorData;
    const numbers = toNumbers({ dtype, shape, ...x });
    moved.set(name, fromNumbers(dtype, shape, numbers.map((v, i) => v + t * (d[i] as number)))); // prettier-ignore
  }
  return moved;
}
