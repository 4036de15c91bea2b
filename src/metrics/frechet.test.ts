import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../util/random.js";
import { frechetDistance, type Moments, MomentsGatherer } from "./frechet.js";

const momentsOf = (vectors: readonly (readonly number[])[]): Moments => {
  const gatherer = new MomentsGatherer(vectors[0]?.length ?? 0);
  for (const vector of vectors) gatherer.update(vector);
  return gatherer.result();
};

const vectors = (seed: number, count: number, size: number): number[][] => {
  const random = new Random(seed, "frechet", count, size);
  // As after a ReLU: many features are 0 in every image.
  const alive = Array.from({ length: size }, () => random.uniform(0, 1) < 0.5);
  return Array.from({ length: count }, () => alive.map((yes) => (yes ? Math.max(0, random.normal()) : 0)));
};

test("two vectors a set: covariances of rank 1, whose distance has a closed form", () => {
  for (const size of [2, 64, 128])
    for (let seed = 0; seed < 5; seed++) {
      const [a, b] = [vectors(seed, 2, size), vectors(seed + 100, 2, size)] as [number[][], number[][]];
      // C = u·uᵀ with u = (x − y)/√2, so tr (C₁^½·C₂·C₁^½)^½ = |u·w|.
      const half = (set: number[][]): number[] => (set[0] as number[]).map((x, i) => (x - (set[1]?.[i] as number)) / Math.SQRT2);
      const mean = (set: number[][]): number[] => (set[0] as number[]).map((x, i) => (x + (set[1]?.[i] as number)) / 2);
      const dot = (x: number[], y: number[]): number => x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
      const [u, w] = [half(a), half(b)];
      const between = mean(a).map((x, i) => x - (mean(b)[i] as number));
      const expected = dot(between, between) + dot(u, u) + dot(w, w) - 2 * Math.abs(dot(u, w));
      const distance = frechetDistance(momentsOf(a), momentsOf(b));
      assert.ok(
        Math.abs(distance - expected) <= 1e-9 * (1 + expected),
        `${size}, ${seed}: expected ${expected}, got ${distance}`,
      );
    }
});

test("small sets of 2 to 50 vectors have a distance, 0 from themselves and the same both ways", () => {
  for (const count of [2, 3, 5, 10, 20, 50])
    for (const size of [64, 128]) {
      const [a, b] = [momentsOf(vectors(1, count, size)), momentsOf(vectors(2, count, size))];
      const distance = frechetDistance(a, b);
      assert.ok(Number.isFinite(distance) && distance > 0, `${count} × ${size}: ${distance}`);
      assert.ok(Math.abs(distance - frechetDistance(b, a)) <= 1e-6 * distance, `${count} × ${size}: not symmetric`);
      assert.ok(frechetDistance(a, a) <= 1e-6, `${count} × ${size}: ${frechetDistance(a, a)} from itself`);
    }
});

test("images that are all alike: only their means are apart", () => {
  const alike = (value: number): Moments => momentsOf(Array.from({ length: 10 }, () => Array.from({ length: 64 }, () => value)));
  assert.equal(frechetDistance(alike(1), alike(3)), 64 * 4);
  const varied = momentsOf(vectors(3, 10, 64));
  const trace = varied.covariance.reduce((sum, value, i) => sum + (i % 65 === 0 ? value : 0), 0);
  const means = varied.mean.reduce((sum, value) => sum + value ** 2, 0);
  assert.ok(Math.abs(frechetDistance(alike(0), varied) - trace - means) <= 1e-9);
});
