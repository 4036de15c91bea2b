/**
 * @module Weights and data of the cases, from the package's own counter-based generator: the same numbers on every machine.
 */
import { Random } from "../../src/util/random.js";
import type { NamedTensor } from "../tensor-file.js";

/** Uniform in [−bound, bound), keyed by the tensor's name. */
export function uniformTensor(name: string, shape: readonly number[], bound: number): NamedTensor {
  const random = new Random(1, "bench", name);
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform(-bound, bound));
  return { name, shape, values };
}

/** Normal with mean 0, keyed by the tensor's name. */
export function normalTensor(name: string, shape: readonly number[], standardDeviation: number): NamedTensor {
  const random = new Random(1, "bench", name);
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal(0, standardDeviation));
  return { name, shape, values };
}

/** Every value the same: biases of 0, scales of 1. */
export function constantTensor(name: string, shape: readonly number[], value: number): NamedTensor {
  return { name, shape, values: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value) };
}
