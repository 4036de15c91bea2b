/**
 * @module `npm run leak-check [TRAININGS] [STEPS]`: many short trainings one after another, then one long one, in one process,
 * and what the process holds after each part. Run Node with `--expose-gc`, or garbage counts as a leak.
 */
import type { Tensor } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import { Mlp } from "../src/models/index.js";
import { adam } from "../src/optim/index.js";
import { TrainingState, trainingStep } from "../src/train/index.js";
import { Random } from "../src/util/random.js";

const ROWS = 32;

async function train(hidden: number, steps: number, each: (step: number) => void = () => undefined): Promise<void> {
  const random = new Random("leak-check");
  const model = new Mlp({ inFeatures: 64, hidden: [hidden, hidden], outFeatures: 10, dropout: 0.1 });
  const step = trainingStep({
    model,
    optimizer: adam({ learningRate: 1e-3 }),
    loss: (batch) => crossEntropy(model.forward(batch["x"] as Tensor), batch["y"] as Tensor),
  });
  await using state = await TrainingState.create(step);
  for (let i = 0; i < steps; i++) {
    const x = Float32Array.from({ length: ROWS * 64 }, () => random.uniform());
    const y = Int32Array.from({ length: ROWS }, () => random.integer(10));
    await state.run({ x: { dtype: "float32", shape: [ROWS, 64], data: x }, y: { dtype: "int32", shape: [ROWS], data: y } });
    each(i + 1);
  }
}

const residentMiB = (): number => {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
};

/** Resident memory in MiB: grown over the second half of the trainings, and over the second half of the steps. */
export async function measureGrowth(trainings: number, steps: number): Promise<{ trainingsMiB: number; stepsMiB: number }> {
  let before = 0;
  for (let i = 0; i < trainings; i++) {
    if (i === Math.floor(trainings / 2)) before = residentMiB();
    // Widths change, so that sessions are made and released and not found in the cache.
    await train(64 + (i % 37), 5);
  }
  const trainingsMiB = residentMiB() - before;
  await train(128, steps, (step) => void (step === Math.floor(steps / 2) && (before = residentMiB())));
  return { trainingsMiB, stepsMiB: residentMiB() - before };
}

/** The C library's heap moves by some MiB from run to run; a state that stayed would be 0.4 MiB a training, a batch 8 KiB a step. */
const MOST_MIB = 32;

if (process.argv[1] === import.meta.filename) {
  const [trainings = 200, steps = 10_000] = process.argv.slice(2).map(Number);
  const { trainingsMiB, stepsMiB } = await measureGrowth(trainings, steps);
  const perTraining = `${((trainingsMiB * 2048) / trainings).toFixed(1)} KiB each`;
  console.log(
    `second half of ${trainings} trainings: ${trainingsMiB.toFixed(1)} MiB, ${perTraining}; of ${steps} steps: ${stepsMiB.toFixed(1)} MiB`,
  );
  if (trainingsMiB > MOST_MIB || stepsMiB > MOST_MIB) {
    console.error("leak-check: memory grows");
    process.exitCode = 1;
  }
}
