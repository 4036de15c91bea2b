/**
 * @module Batches in pieces, whose tokens are not equally many: the gradients of the whole batch (transformers#34191).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../graph/index.js";
import { BertForTokenClassification, Gpt2, Transformer } from "../../models/index.js";
import type { Module } from "../../nn/index.js";
import { sgd } from "../../optim/index.js";
import { soleProcess } from "../../parallel/index.js";
import { planParallel } from "../../train/parallel-node.js";
import { TrainingState } from "../../train/state.js";
import type { BatchData, Objective } from "../../train/step.js";
import { trainingStep } from "../../train/step.js";
import { Random } from "../../util/random.js";
import { IGNORED } from "../texts/packed-text.js";
import type { TaskInfo, Tensors } from "../task.js";
import { taskNamed } from "../table.js";

const [ROWS, LENGTH, WORDS] = [8, 12, 20];

/** Whole numbers below a bound, ROWS × LENGTH. */
function ids(name: string, below: number): Int32Array {
  const random = new Random(5, name);
  return Int32Array.from({ length: ROWS * LENGTH }, () => random.integer(below));
}

/** Marks the tokens of each row that count: few in the first rows, none in one, all in the last. */
const COUNTED = [1, 2, 0, 3, 5, 12, 9, 12];
const isPadding = (i: number): boolean => i % LENGTH >= (COUNTED[Math.floor(i / LENGTH)] as number);

const table = (data: TensorData["data"], dtype: TensorData["dtype"]): TensorData => ({ dtype, shape: [ROWS, LENGTH], data });
const labels = (below: number): TensorData =>
  table(
    ids("labels", below).map((label, i) => (isPadding(i) ? IGNORED : label)),
    "int32",
  );
const mask = table(
  Int32Array.from({ length: ROWS * LENGTH }, (_, i) => Number(!isPadding(i) || i % LENGTH === 0)),
  "int32",
);
const tokens = (name: string): TensorData => table(ids(name, WORDS), "int32");

interface Case {
  readonly make: () => Module;
  readonly loss: (model: Module, batch: Tensors) => Tensor | Objective;
  readonly batch: BatchData;
}

/** A task's loss of outputs. */
const taskLoss = (name: string, outputs: Tensors, batch: Tensors, info: object, options: object = {}): Tensor | Objective =>
  taskNamed(name).loss(outputs, batch, {
    info: info as TaskInfo,
    use: "train",
    options,
  });

const bert = {
  vocabSize: WORDS,
  hiddenSize: 16,
  numLayers: 2,
  numHeads: 2,
  intermediateSize: 32,
  maxPositions: LENGTH,
  dropout: 0,
  attentionDropout: 0,
};
const CASES: Readonly<Record<string, Case>> = {
  "language modelling": {
    make: () =>
      new Gpt2({
        vocabSize: WORDS,
        hiddenSize: 16,
        numLayers: 2,
        numHeads: 2,
        maxPositions: LENGTH,
        dropout: 0,
        attentionDropout: 0,
      }),
    loss: (model, batch) =>
      taskLoss("language-modeling", { logits: (model as Gpt2).forward(batch["input_ids"] as Tensor) }, batch, { masked: 0.15 }),
    batch: { input_ids: tokens("words"), labels: labels(WORDS) },
  },
  tagging: {
    make: () => new BertForTokenClassification({ ...bert, numLabels: 5 }),
    loss: (model, batch) => {
      const emissions = (model as BertForTokenClassification).forward(batch["input_ids"] as Tensor, {
        mask: batch["attention_mask"] as Tensor,
      });
      return taskLoss(
        "token-classification",
        { emissions },
        batch,
        { tags: ["O", "B-a", "I-a", "B-b", "I-b"], subwords: true, tokenizer: {} },
        { falseNegativeCost: 0 },
      );
    },
    batch: { input_ids: tokens("words"), attention_mask: mask, tags: labels(5) },
  },
  translation: {
    make: () =>
      new Transformer({
        vocabSize: WORDS,
        hiddenSize: 16,
        encoderLayers: 1,
        decoderLayers: 1,
        encoderHeads: 2,
        decoderHeads: 2,
        encoderIntermediateSize: 32,
        decoderIntermediateSize: 32,
        maxPositions: LENGTH,
        dropout: 0,
      }),
    loss: (model, batch) => {
      const logits = (model as Transformer).forward(batch["input_ids"] as Tensor, {
        sourceMask: batch["attention_mask"],
        target: batch["decoder_input_ids"] as Tensor,
      });
      return taskLoss("sequence-to-sequence", { logits }, batch, {}, { labelSmoothing: 0.1 });
    },
    batch: { input_ids: tokens("words"), attention_mask: mask, decoder_input_ids: tokens("target"), labels: labels(WORDS) },
  },
};

/** The rows of a batch from one to before another. */
const rows = (batch: BatchData, from: number, to: number): BatchData =>
  Object.fromEntries(
    Object.entries(batch).map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape: [to - from, ...shape.slice(1)], data: data.slice(from * LENGTH, to * LENGTH) },
    ]),
  );

type Way = "in place" | "in the graph" | "passes of ranks";

/** The gradients of an update from a batch in pieces of so many rows: a velocity begins as the first one. */
async function gradients({ make, loss, batch }: Case, pieces: readonly number[], way: Way): Promise<Map<string, Float32Array>> {
  const model = make();
  const accumulate = pieces.length;
  const parallel =
    way === "passes of ranks"
      ? planParallel(
          { group: soleProcess(), exact: true, microBatch: ROWS / accumulate },
          { batchSize: ROWS, accumulate: 1 },
          ROWS,
        )
      : undefined;
  const optimizer = sgd({ learningRate: 1, momentum: 0.9 });
  const step = trainingStep({
    model,
    optimizer,
    loss: (tensors) => loss(model, tensors),
    accumulate,
    passes: parallel?.allPasses,
  });
  const exchange = parallel?.exchangeFor(step);
  const updatesInPlace = way === "in place";
  await using state = await TrainingState.create(step, { seed: 1, threads: 1, updatesInPlace, ...(exchange && { exchange }) });
  let from = 0;
  for (const count of pieces) await state.run(rows(batch, from, (from += count)));
  assert.equal(state.updates, 1);
  const slots = [...(await state.snapshot())].filter(([name]) => name.startsWith("momentum.velocity/"));
  return new Map(slots.map(([name, { data }]) => [name, data as Float32Array]));
}

for (const [name, each] of Object.entries(CASES)) {
  for (const [way, pieces] of [
    ["in place", [2, 2, 2, 2]],
    ["in the graph", [1, 1, 1, 5]],
    ["in the graph", [3, 5]],
    ["passes of ranks", [2, 2, 2, 2]],
  ] as const) {
    test(`${name}: pieces of ${pieces.join(", ")} rows make one batch's gradients, ${way}`, async () => {
      const whole = await gradients(each, [ROWS], "in the graph");
      const summed = await gradients(each, pieces, way);
      const scale = Math.max(...[...whole.values()].map((g) => g.reduce((most, x) => Math.max(most, Math.abs(x)), 0)));
      assert.ok(scale > 0.01);
      assert.deepEqual([...summed.keys()], [...whole.keys()]);
      for (const [path, g] of whole) {
        const other = summed.get(path) as Float32Array;
        const off = g.reduce((most, x, i) => Math.max(most, Math.abs(x - (other[i] as number))), 0);
        assert.ok(off <= 1e-6 * scale, `${path}: off by ${off}, the largest is ${scale}`);
      }
    });
  }
}
