/**
 * @module The heads on inner layers that some classifiers have: in training their losses are added to that of the last layer;
 * measuring, answering and the ONNX file know nothing of them.
 */
import type { Tensor } from "../../../graph/index.js";
import { constant } from "../../../graph/index.js";
import { meanWeight, withMeanWeight } from "../../../losses/index.js";
import { hasAuxiliary } from "../../../models/index.js";
import type { Module } from "../../../nn/index.js";
import { logitsOf } from "../../shared/classification.js";
import type { Tensors, Use } from "../../task.js";

const PREFIX = "auxiliary.";

/** Logits, and in training those of the auxiliary heads, `auxiliary.0` and so on, with their weight in the loss. */
export function outputsWithAuxiliary(model: Module, features: Tensor, _batch: Tensors, { use }: { readonly use: Use }): Tensors {
  if (use !== "train" || !hasAuxiliary(model)) return logitsOf(model, features);
  const { logits, auxiliary } = model.forwardWithAuxiliary(features);
  const heads = auxiliary.map((t, i) => [`${PREFIX}${i}`, t] as const);
  return { logits, ...Object.fromEntries(heads), auxiliaryWeight: constant(model.auxiliaryWeight) };
}

/** The loss of the logits, and those of auxiliary logits at their weight. */
export function addAuxiliaryLosses(outputs: Tensors, loss: (outputs: Tensors) => Tensor): Tensor {
  const { auxiliaryWeight: weight, ...all } = outputs;
  const heads = Object.entries(all).filter(([name]) => name.startsWith(PREFIX));
  const losses = heads.map(([, logits]) => loss({ logits }).mul(weight as Tensor));
  const last = loss(outputs);
  const sum = losses.reduce((all, each) => all.add(each), last);
  return withMeanWeight(sum, meanWeight(last));
}
