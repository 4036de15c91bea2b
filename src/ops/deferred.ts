/**
 * @module Deferred rules: where a gradient's rule needs to know dimensions that are still free, a node keeps the rule, and
 * applies it once they are bound.
 */
import type { Body, Tensor } from "../graph/index.js";
import { isStatic } from "../graph/index.js";
import type { Op } from "./op.js";
import { emit, emitOne, moves } from "./op.js";

type DeferredAttributes = { readonly rule: Body; readonly like: readonly number[] };

/** The results of `rule` on the inputs; the k-th has the type of input `like[k]`. */
export const Deferred: Op<DeferredAttributes, readonly Tensor[]> = {
  name: "Deferred",
  domain: "descent",
  attributes: { rule: "rule", like: "ints" },
  infer: (inputs, { like }) => like.map((i) => inputs[i] as Tensor),
  gradient: { none: "it is differentiated by what it expands to" },
  cost: moves,
  batch: { unroll: "its rule is written for the shapes of one example" },
  expand: ({ inputs, attributes: { rule } }) => rule(inputs),
  lower: ({ inputs, attributes: { rule } }) => rule(inputs),
};

/** Identity of the first input. The second is there for its shape alone: it makes it an input of the graph, so that free dimensions can be read off it. */
export const Sized: Op<Record<never, never>, readonly [Tensor, Tensor]> = {
  name: "Sized",
  domain: "descent",
  attributes: {},
  infer: ([y]) => [y],
  gradient: ({ dy }) => [dy, null],
  cost: moves,
  batch: { unroll: "the second input stands for the shape of one example" },
  lower: ({ inputs: [y] }) => [y],
};

/** Entries of the op table: values that are made later. */
export const deferring = [Deferred, Sized] as const;

/** Ties a tensor to an input of its graph from which its free dimensions are read. Shape and type of y. */
export const sizedBy = (y: Tensor, input: Tensor): Tensor => emitOne(Sized, [y, input], {});

/**
 * The results of a rule on tensors, now or once their shapes are known.
 *
 * `like`: for each result, the place of the input that has its type.
 */
export const deferred = (inputs: readonly Tensor[], rule: Body, like: readonly number[]): readonly Tensor[] =>
  inputs.every((t) => isStatic(t.shape)) ? rule(inputs) : emit(Deferred, inputs, { rule, like });
