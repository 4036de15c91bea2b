/**
 * @module A process of `scaling.ts`: times training steps, or sums over ranks, in the group that it was started in.
 */
import { existsSync, writeFileSync } from "node:fs";
import type { Tensor } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import { Gpt2 } from "../src/models/index.js";
import { adamW } from "../src/optim/index.js";
import { joinGroup, leaveGroup, soleProcess } from "../src/parallel/index.js";
import { planParallel } from "../src/train/parallel-node.js";
import { TrainingState, trainingStep } from "../src/train/index.js";
import { Random } from "../src/util/random.js";

/** Settings of a timing. */
export interface RankTask {
  readonly model?: { readonly layers: number; readonly width: number; readonly vocabulary: number; readonly length: number };
  /** Sequences in a step, of all ranks together. */
  readonly batch?: number;
  readonly steps?: number;
  readonly threads?: number;
  readonly shardOptimizer?: boolean;
  /** Sends gradients during the backward pass in every other step. */
  readonly overlapsInTurns?: boolean;
  /** Trains as one rank of several would, alone: its passes and its update, without the others. */
  readonly cut?: boolean;
  /** Lengths in float32 values that are summed. */
  readonly lengths?: readonly number[];
  /** A file whose making another process waits for. */
  readonly ready?: string;
  readonly waitFor?: string;
}

/** Milliseconds of each step, or of each sum by length. */
export interface RankTimes {
  readonly parameters?: number;
  readonly stepMs?: readonly number[];
  /** Steps whose gradients travelled during the backward pass. */
  readonly overlappedMs?: readonly number[];
  readonly sumMs?: Readonly<Record<string, readonly number[]>>;
}

const SUMS = 12;
const task = JSON.parse(process.argv[2] as string) as RankTask;
const group = task.cut === true ? soleProcess() : await joinGroup();

async function stepTimes({
  model,
  batch = 8,
  steps = 4,
  threads = 1,
  shardOptimizer,
  overlapsInTurns,
  cut,
}: RankTask): Promise<RankTimes> {
  const { layers, width, vocabulary, length } = model as NonNullable<RankTask["model"]>;
  const gpt = new Gpt2({
    vocabSize: vocabulary,
    maxPositions: length,
    hiddenSize: width,
    numLayers: layers,
    numHeads: width / 64,
    dropout: 0,
    attentionDropout: 0,
  });
  const asked = { batchSize: batch, accumulate: 1 };
  const plan = group.size === 1 && cut !== true ? undefined : planParallel({ group, shardOptimizer, overlap: "off" }, asked, 1e9);
  const loss = crossEntropy();
  const step = trainingStep({
    model: gpt,
    optimizer: adamW({ learningRate: 1e-4 }),
    passes: plan?.allPasses,
    loss: ({ ids, next }: { ids: Tensor; next: Tensor }) => loss(gpt.forward(ids).reshape([-1, vocabulary]), next.reshape([-1])),
  });
  const exchange = plan?.exchangeFor(step);
  const state = await TrainingState.create(step, {
    device: "cpu",
    threads,
    seed: 1,
    exchange,
    owners: plan?.ownersFor(step),
  });
  const rows = plan?.microBatch ?? batch;
  const random = new Random(1, "tokens", group.rank);
  const tokens = (): BigInt64Array => BigInt64Array.from({ length: rows * length }, () => BigInt(random.integer(vocabulary)));
  const times = { stepMs: [] as number[], overlappedMs: [] as number[] };
  // The first step of each kind compiles.
  const warm = overlapsInTurns === true ? 2 : 1;
  for (let i = 0; i < warm + steps; i++) {
    const isOverlapped = overlapsInTurns === true && i % 2 === 1;
    if (exchange !== undefined) exchange.overlap.isOn = isOverlapped;
    const column = { dtype: "int64", shape: [rows, length] } as const;
    const given = { ids: { ...column, data: tokens() }, next: { ...column, data: tokens() } };
    await group.meet();
    if (i === 1) await begin(task);
    const start = performance.now();
    await state.run(given);
    await group.meet();
    if (i >= warm) times[isOverlapped ? "overlappedMs" : "stepMs"].push(performance.now() - start);
  }
  await state.dispose();
  return { parameters: gpt.parameterCount, ...times };
}

/** Says that this process is ready, and waits until another is. */
async function begin({ ready, waitFor }: RankTask): Promise<void> {
  if (ready !== undefined) writeFileSync(ready, "");
  if (waitFor !== undefined) while (!existsSync(waitFor)) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function sumTimes({ lengths = [] }: RankTask): Promise<RankTimes> {
  const sumMs: Record<string, number[]> = {};
  for (const length of lengths) {
    const values = new Float32Array(length).fill(1);
    const times: number[] = [];
    for (let i = 0; i <= SUMS; i++) {
      await group.meet();
      const start = performance.now();
      await group.sum(values);
      if (i > 0) times.push(performance.now() - start);
    }
    sumMs[`${length} values`] = times;
  }
  return { sumMs };
}

const times = task.lengths === undefined ? await stepTimes(task) : await sumTimes(task);
if (group.rank === 0) process.stdout.write(`${JSON.stringify(times)}\n`);
await leaveGroup();
