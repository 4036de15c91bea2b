/**
 * @module The common part of the tests of language models: the fixtures' inputs traced through a model, and values compared.
 */
import assert from "node:assert/strict";
import { vjpOf } from "../../src/autodiff/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { constant, input, toNumbers } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import * as models from "../../src/models/index.js";
import { randomInputs, resolveMode } from "../../src/ops/index.js";
import { compile } from "../../src/runtime/index.js";
import type { Pretrained } from "../../src/train/node.js";

export type Traced = (model: models.PretrainedModel, inputs: Readonly<Record<string, Tensor>>) => Record<string, Tensor>;

export const given = (inputs: Readonly<Record<string, Tensor>>, name: string): Tensor => {
  const t = inputs[name];
  assert.ok(t !== undefined, name);
  return t;
};

/** The loss of the next token, padding left out, as the script has it. */
export const causal: Traced = (model, inputs) => {
  assert.ok(model instanceof models.Gpt2 || model instanceof models.Llama);
  const [tokens, mask] = [given(inputs, "tokens"), given(inputs, "mask")];
  const logits = model.forward(tokens, { mask });
  const labels = mask.greater(0).where(tokens, -100).slice(1, 1);
  return { logits, loss: crossEntropy(logits.slice(1, 0, -1), labels, { ignoreIndex: -100 }) };
};

export const bertInputs = (inputs: Readonly<Record<string, Tensor>>): models.BertInputs => ({
  mask: given(inputs, "mask"),
  tokenTypes: given(inputs, "types"),
});

export const labelled: Traced = (model, inputs) => {
  assert.ok(
    model instanceof models.BertForMaskedLm ||
      model instanceof models.BertForSequenceClassification ||
      model instanceof models.BertForTokenClassification,
  );
  const logits = model.forward(given(inputs, "tokens"), bertInputs(inputs));
  return { logits, loss: crossEntropy(logits, given(inputs, "labels"), { ignoreIndex: -100 }) };
};

export function assertClose(actual: TensorData | undefined, expected: TensorData, what: string): void {
  assert.deepEqual(actual?.shape, expected.shape, what);
  const numbers = toNumbers(expected);
  const largest = numbers.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  numbers.forEach((value, i) => {
    const error = Math.abs(Number(actual?.data[i]) - value);
    assert.ok(error <= 1e-4 * Math.max(1, largest), `${what}[${i}]: expected ${value}, got ${actual?.data[i]}`);
  });
}

/** Outputs of a case on the engine, and gradients of the parameters that are wanted. */
export async function computed(
  { model, weights }: Pick<Pretrained, "model" | "weights">,
  trace: Traced,
  expected: ReadonlyMap<string, TensorData>,
  wanted: readonly string[] = [...model.parameters().keys()],
): Promise<Record<string, TensorData>> {
  const feeds = new Map([...expected].filter(([name]) => name.startsWith("input.")).map(([name, data]) => [name.slice(6), data]));
  const inputs = Object.fromEntries([...feeds].map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));
  const traced = trace(model, inputs);
  const { map } = resolveMode(Object.values(traced), "eval", randomInputs());
  const outputs: Record<string, Tensor> = Object.fromEntries(
    Object.entries(traced).map(([name, t]) => [`output.${name}`, map(t)]),
  );
  const parameters = model.parameters();
  const gradients = vjpOf(
    [outputs["output.loss"] as Tensor],
    [constant(1)],
    wanted.map((path) => parameters.get(path) as Tensor),
  );
  wanted.forEach((path, i) => {
    outputs[`gradient.${path}`] = gradients[i] as Tensor;
  });
  await using executable = await compile(outputs, { names: new Map([...model.state()].map(([path, p]) => [p, path])) });
  const all = new Map<string, TensorData>([...feeds, ...weights]);
  return executable.call(Object.fromEntries(executable.inputs.map((name) => [name, all.get(name) as TensorData])));
}
