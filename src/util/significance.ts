/**
 * @module Tests of whether a difference is more than chance, and their correction where there are several.
 */

/** ln Γ(x) for x > 0: Stirling's series, from x ≥ 12 on. Abramowitz and Stegun 1964, 6.1.41. */
export function logGamma(x: number): number {
  if (x < 12) return logGamma(x + 1) - Math.log(x);
  const square = 1 / (x * x);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

const logChoose = (n: number, k: number): number => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);

/**
 * The chance of at least `hits` marked ones among `drawn`, where `marked` of `total` are marked: Fisher's exact test, one-sided. Fisher 1922.
 */
export function fisherTail(hits: number, drawn: number, marked: number, total: number): number {
  const all = logChoose(total, drawn);
  let p = 0;
  for (let k = Math.max(hits, drawn + marked - total); k <= Math.min(drawn, marked); k++)
    p += Math.exp(logChoose(marked, k) + logChoose(total - marked, drawn - k) - all);
  return Math.min(1, p);
}

/** The regularized incomplete beta function I_x(a, b), by its continued fraction. Lentz 1976; Abramowitz and Stegun 1964, 26.5.8. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  // The fraction converges quickly on one side of the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const tiny = 1e-300;
  const kept = (v: number): number => (Math.abs(v) < tiny ? tiny : v);
  let c = 1;
  let d = 1 / kept(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept(1 + even * d);
    c = kept(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept(1 + odd * d);
    c = kept(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return front * fraction;
}

/** P(T ≥ t) of Student's distribution. */
export function studentTail(t: number, degrees: number): number {
  const half = incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  return t >= 0 ? half : 1 - half;
}

/** A sample's size, mean and variance (divided by n − 1). */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
}

/** The moments of some numbers; variance 0 of fewer than two. */
export function momentsOf(values: ArrayLike<number>): Moments {
  const count = values.length;
  const mean = Array.from(values).reduce((sum, v) => sum + v, 0) / count;
  const variance = count < 2 ? 0 : Array.from(values).reduce((sum, v) => sum + (v - mean) ** 2, 0) / (count - 1);
  return { count, mean, variance };
}

/** The chance that a's mean is so far above b's or further where both are equal: Welch's test, one-sided. Welch 1947. */
export function welchTail(a: Moments, b: Moments): number {
  if (a.count < 2 || b.count < 2) return 1;
  const [u, v] = [a.variance / a.count, b.variance / b.count];
  if (u + v === 0) return a.mean > b.mean ? 0 : 1;
  const degrees = (u + v) ** 2 / (u ** 2 / (a.count - 1) + v ** 2 / (b.count - 1));
  return studentTail((a.mean - b.mean) / Math.sqrt(u + v), degrees);
}

/** Adjusted chances, in the order given: below α with a chance of at most α that any of them is by chance. Holm 1979. */
export function holm(chances: readonly number[]): number[] {
  const order = chances.map((_, i) => i).sort((i, j) => (chances[i] as number) - (chances[j] as number));
  const adjusted = new Array<number>(chances.length);
  let most = 0;
  order.forEach((i, rank) => {
    most = Math.max(most, Math.min(1, (chances.length - rank) * (chances[i] as number)));
    adjusted[i] = most;
  });
  return adjusted;
}
