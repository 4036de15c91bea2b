/**
 * @module Steps against an answer: margins, signed gradients within a radius, and the change that they make.
 */
import type { TensorData } from "../graph/index.js";
import { toNumbers } from "../graph/index.js";
import type { Sampled, SamplingContext } from "./method.js";

/** The target's margin over the best other score, for one row. */
export async function marginOf(context: SamplingContext, x: TensorData): Promise<number> {
  const scores = toNumbers(await context.answers(x));
  const own = scores[context.target] as number;
  const best = scores.reduce((most, score, c) => (c === context.target ? most : Math.max(most, score)), -Infinity);
  return scores.length === 1 ? own : own - best;
}

/** Projected descent of the margin: steps of the sign of its gradient, within `radius` of x. `first`: the gradient at x. */
export async function descend(context: SamplingContext, radius: number, steps: number, first?: TensorData): Promise<TensorData> {
  const { x, settings } = context;
  let now: TensorData = x;
  const size = steps === 1 ? radius : settings.stepSize > 0 ? settings.stepSize * radius : (2.5 * radius) / steps;
  for (let i = 0; i < steps; i++) {
    context.signal?.throwIfAborted();
    const gradient = (i === 0 ? first : undefined) ?? (await context.marginGradient(now));
    const data = Float32Array.from(now.data as Float32Array, (v, e) => {
      const start = Number(x.data[e]);
      const moved = v - size * Math.sign(Number(gradient.data[e]));
      return Math.min(Math.max(moved, start - radius), start + radius);
    });
    now = { ...now, data };
  }
  return now;
}

/** Highest − lowest feature of the example; radii are fractions of it. */
export function rangeOf({ x }: SamplingContext): number {
  const numbers = toNumbers(x);
  const range = numbers.reduce((a, b) => Math.max(a, b), -Infinity) - numbers.reduce((a, b) => Math.min(a, b), Infinity);
  return range > 0 ? range : 1;
}

/** The change as an attribution, with what it did. */
export async function changeTo(context: SamplingContext, attacked: TensorData, radius: number): Promise<Sampled> {
  const { x } = context;
  const before = await marginOf(context, x);
  const after = await marginOf(context, attacked);
  const data = Float32Array.from(attacked.data as Float32Array, (v, e) => v - Number(x.data[e]));
  const l2 = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0));
  return {
    values: { dtype: "float32", shape: x.shape, data },
    figures: { radius, l2, marginBefore: before, marginAfter: after, turned: after < 0 ? 1 : 0 },
  };
}
