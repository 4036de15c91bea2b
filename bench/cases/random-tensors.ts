/**
 * @module Weights and data of the cases, from the package's own counter-based generator: the same numbers on every machine.
 */
import { Random } from "../../src/util/random.js";
import type { NamedTensor } from "../tensor-file.js";
import { sizeOf } from "../../src/graph/index.js";

/** Uniform in [−bound, bound), keyed by the tensor's name. */
export function uniformTensor(name: string, shape: readonly number[], bound: number): NamedTensor {
  const random = new Random(1, "bench", name);
  const values = Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound));
  return { name, shape, values };
}

/** Normal with mean 0, keyed by the tensor's name. */
export function normalTensor(name: string, shape: readonly number[], standardDeviation: number): NamedTensor {
  const random = new Random(1, "bench", name);
  const values = Float32Array.from({ length: sizeOf(shape) }, () => random.normal(0, standardDeviation));
  return { name, shape, values };
}

/** Every value the same: biases of 0, scales of 1. */
export function constantTensor(name: string, shape: readonly number[], value: number): NamedTensor {
  return { name, shape, values: new Float32Array(sizeOf(shape)).fill(value) };
}

/**
 * Pictures `images` and their classes `labels` that can be learned (a class's prototype, half drowned in noise), so that a wrong gradient shows in
 * the losses after a few steps. Shape: [batches, batch, …picture]; values from `low` to 1.
 */
export function learnablePictures(caseName: string, shape: readonly number[], classes: number, low = 0): NamedTensor[] {
  const random = new Random(1, caseName, "pictures");
  const [batches = 0, batch = 0, ...picture] = shape;
  const pixels = sizeOf(picture);
  const prototypes = Array.from({ length: classes * pixels }, () => random.uniform(low, 1));
  const images = new Float32Array(batches * batch * pixels);
  const labels = new Int32Array(batches * batch);
  for (let i = 0; i < labels.length; i++) {
    const label = random.integer(classes);
    labels[i] = label;
    for (let p = 0; p < pixels; p++)
      images[i * pixels + p] = 0.5 * (prototypes[label * pixels + p] as number) + random.uniform(low / 2, 0.5);
  }
  return [
    { name: "images", shape, values: images },
    { name: "labels", shape: [batches, batch], values: labels },
  ];
}
