/**
 * @module `npm run leak-check [TRAININGS] [STEPS] [KEPT]`: many short trainings one after another, then one long one, in one process,
 * and what the process holds more after each second half. `KEPT` leaks on purpose, to show that it would be seen: `batch` keeps each step's
 * batch, `native` as many bytes of the C library's, `state` each training's state. Run Node with `--expose-gc`.
 */
import koffi from "koffi";
import type { Tensor } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import { Mlp } from "../src/models/index.js";
import { adam } from "../src/optim/index.js";
import { TrainingState, trainingStep } from "../src/train/index.js";
import { Random } from "../src/util/random.js";
import { heldMiB } from "./held-memory.js";

/** The object to leak on purpose. */
export type Kept = "nothing" | "batch" | "native" | "state";

const ROWS = 32;
const BATCH_BYTES = ROWS * (64 + 1) * 4;
const kept: unknown[] = [];

async function train(hidden: number, steps: number, keep: Kept, each?: (step: number) => Promise<void>): Promise<void> {
  const random = new Random("leak-check");
  const model = new Mlp({ inFeatures: 64, hidden: [hidden, hidden], outFeatures: 10, dropout: 0.1 });
  const step = trainingStep({
    model,
    optimizer: adam({ learningRate: 1e-3 }),
    loss: (batch) => crossEntropy(model.forward(batch["x"] as Tensor), batch["y"] as Tensor),
  });
  const state = await TrainingState.create(step);
  for (let i = 0; i < steps; i++) {
    const x = Float32Array.from({ length: ROWS * 64 }, () => random.uniform());
    const y = Int32Array.from({ length: ROWS }, () => random.integer(10));
    const batch = { x: { dtype: "float32", shape: [ROWS, 64], data: x }, y: { dtype: "int32", shape: [ROWS], data: y } } as const;
    await state.run(batch);
    if (keep === "batch") kept.push(batch);
    if (keep === "native") koffi.alloc("uint8_t", BATCH_BYTES);
    await each?.(i + 1);
  }
  if (keep === "state") kept.push(state);
  else await state.dispose();
}

/** MiB held more after the second half of the trainings, and of the steps, than after the first. */
export async function measureGrowth(
  trainings: number,
  steps: number,
  keep: Kept = "nothing",
): Promise<{ trainingsMiB: number; stepsMiB: number }> {
  const marks: number[] = [];
  for (let i = 0; i < trainings; i++) {
    if (i === Math.floor(trainings / 2)) marks.push(await heldMiB());
    // Widths change, so that sessions are made and released and not found in the cache.
    await train(64 + (i % 37), 5, keep);
  }
  marks.push(await heldMiB());
  await train(128, steps, keep, async (step) => {
    if (step === Math.floor(steps / 2) || step === steps) marks.push(await heldMiB());
  });
  const [a = NaN, b = NaN, c = NaN, d = NaN] = marks;
  return { trainingsMiB: b - a, stepsMiB: d - c };
}

/** A state that stays is at least 0.15 MiB a training, a batch 8.1 KiB a step: a third of that is allowed. */
const MOST = { trainingMiB: 0.05, stepMiB: BATCH_BYTES / 3 / 2 ** 20 };

if (process.argv[1] === import.meta.filename) {
  const [trainings = "200", steps = "10000", keep = "nothing"] = process.argv.slice(2);
  const { trainingsMiB, stepsMiB } = await measureGrowth(Number(trainings), Number(steps), keep as Kept);
  const [perTraining, perStep] = [(2 * trainingsMiB) / Number(trainings), (2 * stepsMiB) / Number(steps)];
  const said = (each: number): string => `${(1024 * each).toFixed(2)} KiB each`;
  console.log(
    `second half of ${trainings} trainings: ${trainingsMiB.toFixed(2)} MiB, ${said(perTraining)}; of ${steps} steps: ${stepsMiB.toFixed(2)} MiB, ${said(perStep)}`,
  );
  if (perTraining > MOST.trainingMiB || perStep > MOST.stepMiB) {
    console.error("leak-check: memory grows");
    process.exitCode = 1;
  }
}
