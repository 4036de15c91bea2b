/**
 * @module Steps against an answer: margins, signed gradients within a radius, and the change that they make.
 */
import type { TensorData } from "../graph/index.js";
import { toNumbers } from "../graph/index.js";
import type { Sampled, SamplingContext } from "./method.js";

/** Scores as margins: of the target over the best other, for one row. */
export async function marginOf(context: SamplingContext, x: TensorData): Promise<{ margin: number; rival: number }> {
  const scores = await context.answers(x);
  const [, k = 1] = scores.shape;
  let rival = -1;
  for (let c = 0; c < k; c++) {
    if (c !== context.target && (rival === -1 || Number(scores.data[c]) > Number(scores.data[rival]))) rival = c;
  }
  const own = Number(scores.data[context.target]);
  return { margin: rival === -1 ? own : own - Number(scores.data[rival]), rival };
}

/** One step of sign(∂ margin/∂x) down, within `radius` of x. */
async function step(context: SamplingContext, x: TensorData, now: TensorData, size: number, radius: number): Promise<TensorData> {
  const { rival } = await marginOf(context, now);
  const own = toNumbers(await context.gradient(now));
  const other = rival === -1 ? undefined : toNumbers(await context.gradient(now, rival));
  const data = Float32Array.from(now.data as Float32Array, (v, e) => {
    const start = Number(x.data[e]);
    const moved = v - size * Math.sign((own[e] as number) - (other?.[e] ?? 0));
    return Math.min(Math.max(moved, start - radius), start + radius);
  });
  return { ...now, data };
}

/** Projected descent of the margin. */
export async function descend(context: SamplingContext, radius: number, steps: number): Promise<TensorData> {
  const { x, settings } = context;
  let now: TensorData = { ...x, data: Float32Array.from(x.data as Float32Array) };
  const size = steps === 1 ? radius : settings.stepSize > 0 ? settings.stepSize * radius : (2.5 * radius) / steps;
  for (let i = 0; i < steps; i++) {
    context.signal?.throwIfAborted();
    now = await step(context, x, now, size, radius);
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
    figures: { radius, l2, marginBefore: before.margin, marginAfter: after.margin, turned: after.margin < 0 ? 1 : 0 },
  };
}
