/**
 * @module The savings of freezing and adapters: `node dist/scripts/fine-tuning-steps.js [ROUNDS]`. Training steps of one BERT classifier (4 layers, 256 wide, 16 texts
 * of 128 tokens, AdamW), whole, in part and by adapters, in turns on one thread; the median time of each, its graph's nodes, and what the
 * optimizer keeps. Prints a table for `benchmarks/fine-tuning.md`.
 */
import type { TensorData } from "../src/graph/index.js";
import { fromNumbers } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import { BertForSequenceClassification } from "../src/models/index.js";
import { lora } from "../src/nn/index.js";
import { adamW } from "../src/optim/index.js";
import type { FineTuneOptions } from "../src/train/index.js";
import { fineTune, TrainingState, trainingStep } from "../src/train/index.js";
import { formatInteger } from "../src/util/text.js";
import { median } from "../src/util/median.js";

const ROUNDS = Number(process.argv[2] ?? 10);
const [N, T, VOCABULARY] = [16, 128, 5000];

const WAYS: Readonly<Record<string, FineTuneOptions>> = {
  "the whole model": {},
  "embeddings and the lower half frozen": { freeze: ["bert.embeddings.*", "bert.encoder.layer.[01].*"] },
  "all but pooler and classifier frozen": { freeze: ["bert.embeddings.*", "bert.encoder.*"] },
  "adapters of rank 8 (queries and values) and the head": {
    adapters: lora({ rank: 8, modulesToSave: ["pooler", "classifier"] }),
  },
};

interface Contender {
  readonly way: string;
  readonly state: TrainingState;
  readonly trained: number;
  readonly kept: number;
  readonly times: number[];
}

async function contender(way: string, tuning: FineTuneOptions): Promise<Contender> {
  const model = new BertForSequenceClassification({
    vocabSize: VOCABULARY,
    hiddenSize: 256,
    numLayers: 4,
    numHeads: 4,
    intermediateSize: 1024,
    maxPositions: T,
    numLabels: 2,
  });
  const optimizer = fineTune(model, adamW({ learningRate: 1e-4 }), tuning);
  const step = trainingStep({
    model,
    optimizer,
    loss: (b) => {
      const { tokens, label } = b;
      if (tokens === undefined || label === undefined) throw new Error("a column is missing");
      return crossEntropy(model.forward(tokens), label);
    },
  });
  const size = (shape: readonly unknown[]): number => shape.reduce<number>((n, d) => n * Number(d), 1);
  const trained = [...optimizer.trained(model.parameters()).values()].reduce((sum, p) => sum + p.size, 0);
  const kept = [...step.types.slots.values()].reduce((sum, slot) => sum + 4 * size(slot.shape), 0);
  return { way, state: await TrainingState.create(step, { seed: 1, threads: 1 }), trained, kept, times: [] };
}

const batch: Readonly<Record<string, TensorData>> = {
  tokens: fromNumbers(
    "int64",
    [N, T],
    Array.from({ length: N * T }, (_, i) => (i * 7919) % VOCABULARY),
  ),
  label: fromNumbers(
    "int32",
    [N],
    Array.from({ length: N }, (_, i) => i % 2),
  ),
};

const contenders: Contender[] = [];
for (const [way, tuning] of Object.entries(WAYS)) contenders.push(await contender(way, tuning));
for (const { state } of contenders) for (let i = 0; i < 2; i++) await state.run(batch);
for (let round = 0; round < ROUNDS; round++) {
  for (const { state, times } of contenders) {
    const start = performance.now();
    await state.run(batch);
    times.push(performance.now() - start);
  }
}
console.log("| learned | trained parameters | nodes of the step | kept by AdamW, MiB | median ms a step | of the whole |");
console.log("|---|---:|---:|---:|---:|---:|");
const whole = median(contenders[0]?.times ?? []);
for (const { way, state, trained, kept, times } of contenders) {
  const { nodes } = await state.graphFor(batch);
  const ms = median(times);
  console.log(
    `| ${way} | ${formatInteger(trained)} | ${formatInteger(nodes.length)} | ${(kept / 2 ** 20).toFixed(1)} | ${ms.toFixed(0)} | ${(100 * (ms / whole)).toFixed(0)} % |`,
  );
  await state.dispose();
}
