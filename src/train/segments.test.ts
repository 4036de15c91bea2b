import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../graph/index.js";
import { crossEntropy } from "../losses/index.js";
import { Gpt2 } from "../models/index.js";
import { adamW } from "../optim/index.js";
import { compile } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { outputGroups, segmentsOf } from "./segments.js";
import { initialValues, nextName, trainingStep } from "./step.js";

const [LENGTH, VOCABULARY, ROWS] = [6, 11, 2];

/** A pass of a language model with dropout and a tied embedding, and values for it. */
function pass(): { step: ReturnType<typeof trainingStep>; feeds: Record<string, TensorData> } {
  const model = new Gpt2({ vocabSize: VOCABULARY, maxPositions: LENGTH, hiddenSize: 8, numLayers: 3, numHeads: 2, dropout: 0.1 });
  const loss = crossEntropy();
  const step = trainingStep({
    model,
    optimizer: adamW({ learningRate: 1e-3 }),
    passes: 2,
    loss: ({ ids, next }: { ids: Tensor; next: Tensor }) =>
      loss(model.forward(ids).reshape([-1, VOCABULARY]), next.reshape([-1])),
  });
  const random = new Random(1, "tokens");
  const tokens = (): TensorData => ({
    dtype: "int64",
    shape: [ROWS, LENGTH],
    data: BigInt64Array.from({ length: ROWS * LENGTH }, () => BigInt(random.integer(VOCABULARY))),
  });
  const counter = (value: number): TensorData => ({ dtype: "uint32", shape: [], data: Uint32Array.of(value) });
  const feeds = {
    ids: tokens(),
    next: tokens(),
    seed: counter(5),
    step: counter(3),
    ...Object.fromEntries(initialValues(step.types, 1)),
  };
  return { step, feeds };
}

test("a pass in segments gives what it gives as a whole, each value by the first segment that has it", async () => {
  const { step, feeds } = pass();
  const ids = { dtype: "int64", shape: [ROWS, LENGTH] } as const;
  const { graph, changes, metrics } = step.graphFor({ ids, next: ids });
  const names = new Map([...step.types.parameters].map(([path, p]) => [p as Tensor, path]));
  const settings = { device: "cpu", threads: 1, names } as const;
  const run = async (of: typeof graph, given: Record<string, TensorData>): Promise<Record<string, TensorData>> => {
    await using executable = await compile(of, settings);
    return executable.call(Object.fromEntries(executable.inputs.map((name) => [name, given[name] as TensorData])));
  };
  const whole = await run(graph, feeds);

  const groups = outputGroups(graph, changes, 4, nextName);
  assert.equal(groups.length, 4);
  assert.deepEqual(groups.flat().sort(), [...changes].sort());
  // The last layer's gradients come first; the embedding, which also is the head, comes last.
  assert.ok(
    groups[0]?.some((name) => name.includes("h.2.")) && !groups[0].some((name) => name.includes("h.0.")),
    String(groups[0]),
  );
  assert.ok(groups[3]?.includes("gradient:transformer.wte.weight"), String(groups[3]));
  const [first = [], ...others] = groups.map((group) => group.map(nextName));
  const segments = segmentsOf(graph, [[...metrics, ...first], ...others]) ?? [];
  assert.equal(segments.length, 4);

  const given = { ...feeds };
  const got: Record<string, TensorData> = {};
  for (const { graph: part, handed } of segments) {
    const outputs = await run(part, given);
    for (const [name, value] of Object.entries(outputs)) (handed.includes(name) ? given : got)[name] = value;
  }
  assert.deepEqual(Object.keys(got).sort(), Object.keys(whole).sort());
  // To rounding: the engine fuses other nodes where a part ends.
  for (const [name, { data }] of Object.entries(whole))
    data.forEach((value: number | bigint, i: number) => {
      const apart = Math.abs(Number(value) - Number(got[name]?.data[i]));
      assert.ok(apart <= 1e-6, `${name}[${i}]: ${apart}`);
    });
  // Nothing of size is computed twice: what makes the loss is in the first segment alone.
  const products = ({ nodes }: typeof graph): number => nodes.filter((node) => node.op === "MatMul" || node.op === "Gemm").length;
  assert.equal(
    segments.reduce((sum, { graph: part }) => sum + products(part), 0),
    products(graph),
  );
});
