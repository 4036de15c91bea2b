/**
 * @module Minimizing a smooth function of a few variables: BFGS with a backtracking line search (Nocedal and Wright 2006, algorithms 3.1 and 6.1), gradients
 * by central differences.
 */

export type Vector = readonly number[];

const dot = (a: Vector, b: Vector): number => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
const along = (x: Vector, step: number, d: Vector): number[] => x.map((v, i) => v + step * (d[i] as number));

function gradientOf(f: (x: Vector) => number, x: Vector): number[] {
  return x.map((v, i) => {
    const h = 1e-6 * Math.max(1, Math.abs(v));
    const shifted = (step: number): number => f(x.map((w, j) => (j === i ? w + step : w)));
    return (shifted(h) - shifted(-h)) / (2 * h);
  });
}

/** The nearest minimum downhill of `start`, and its value. */
export function minimize(f: (x: Vector) => number, start: Vector, steps = 300): { readonly x: Vector; readonly value: number } {
  const n = start.length;
  const identity = (): number[][] => start.map((_, i) => start.map((_, j) => (i === j ? 1 : 0)));
  let inverse = identity();
  let x = [...start];
  let value = f(x);
  let gradient = gradientOf(f, x);
  for (let step = 0; step < steps; step++) {
    let direction = inverse.map((row) => -dot(row, gradient));
    let slope = dot(direction, gradient);
    if (!(slope < 0)) {
      // The estimate has gone astray: steepest descent again.
      inverse = identity();
      direction = gradient.map((g) => -g);
      slope = -dot(gradient, gradient);
    }
    if (slope === 0) break;
    let size = 1;
    let next = along(x, size, direction);
    let nextValue = f(next);
    while (!(nextValue <= value + 1e-4 * size * slope) && size > 1e-12) {
      size /= 2;
      next = along(x, size, direction);
      nextValue = f(next);
    }
    if (!(nextValue < value)) break;
    const nextGradient = gradientOf(f, next);
    const s = next.map((v, i) => v - (x[i] as number));
    const y = nextGradient.map((g, i) => g - (gradient[i] as number));
    const curvature = dot(s, y);
    if (curvature > 1e-14) {
      const hy = inverse.map((row) => dot(row, y));
      const scale = (1 + dot(y, hy) / curvature) / curvature;
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) {
          const [si, sj, hi, hj] = [s[i], s[j], hy[i], hy[j]] as [number, number, number, number];
          (inverse[i] as number[])[j] =
            ((inverse[i] as number[])[j] as number) + scale * si * sj - (hi * sj + si * hj) / curvature;
        }
    }
    const gain = value - nextValue;
    [x, value, gradient] = [next, nextValue, nextGradient];
    if (gain <= 1e-14 * Math.max(1e-10, Math.abs(value))) break;
  }
  return { x, value };
}

/** The lowest of the minima that are found from several starts. */
export function minimizeFrom(
  f: (x: Vector) => number,
  starts: readonly Vector[],
  steps?: number,
): { readonly x: Vector; readonly value: number } {
  const found = starts.map((start) => minimize(f, start, steps)).filter(({ value }) => Number.isFinite(value));
  return found.reduce((best, one) => (one.value < best.value ? one : best), found[0] ?? { x: starts[0] ?? [], value: Infinity });
}
