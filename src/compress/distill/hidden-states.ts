/**
 * @module Tensors inside a traced model that a student learns from: hidden states behind its layers, attention and values within them, found by the
 * graph's own ops.
 */
import type { Graph, Node, Tensor } from "../../graph/index.js";
import { findLayers } from "../prune/layers.js";

/** Inner tensors of a model. */
export interface Taps {
  /** The output of each layer, in order. */
  readonly hidden: readonly Tensor[];
  /** Attention of each layer [N, h, T, T], where it has one. */
  readonly attentions: readonly Tensor[];
  /** Values of each layer [N, h, T, d]. */
  readonly values: readonly Tensor[];
}

/** The softmax that a tensor comes from, through dropout. */
function softmaxOf(t: Tensor | null | undefined): Node | undefined {
  let node = t?.node;
  while (node?.op === "Dropout" || node?.op === "Cast" || node?.op === "Mul") node = node.inputs[0]?.node;
  return node?.op === "Softmax" ? node : undefined;
}

/** Finds the inner tensors of a traced model. */
export function tapsOf(graph: Graph): Taps {
  const layers = findLayers(graph);
  const mixed = graph.nodes.flatMap((node): { readonly attention: Tensor; readonly values: Tensor }[] => {
    const [weights, values] = node.inputs;
    const attention = node.op === "MatMul" ? softmaxOf(weights)?.outputs[0] : undefined;
    return attention === undefined || !values || attention.rank < 3 ? [] : [{ attention, values }];
  });
  return {
    hidden: layers.map(({ output }) => output),
    attentions: mixed.map(({ attention }) => attention),
    values: mixed.map(({ values }) => values),
  };
}

/** For each of `students` layers, the teacher's layer whose depth is the same share: the last for the last. */
export const matchingLayers = (students: number, teachers: number): number[] =>
  Array.from({ length: students }, (_, i) => Math.ceil(((i + 1) * teachers) / students) - 1);
