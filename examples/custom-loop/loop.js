/**
 * @module A training loop of your own around one compiled step: batches that you make, a gradient penalty in the loss, a measurement on unseen values every 50
 * steps, a stop where it no longer helps, and the best weights kept.
 */
import { fromNumbers, grad } from "descentjs";
import { saveSafetensors } from "descentjs/data/node";
import { meanSquaredError } from "descentjs/losses";
import { Linear, Sequential, tanh } from "descentjs/nn";
import { adamW, chain, clipByGlobalNorm, cosine } from "descentjs/optim";
import { TrainingState, trainingStep } from "descentjs/train";

const model = new Sequential(new Linear(1, 32), tanh, new Linear(32, 32), tanh, new Linear(32, 1));
const step = trainingStep({
  model,
  // A loss may have gradients inside: here the curve is to be smooth.
  loss: ({ x, y }) => {
    const output = model.forward(x); // [N, 1]
    const slope = grad(output.sum(), x); // [N, 1]
    return { loss: meanSquaredError(output, y).add(slope.square().mean().mul(1e-4)), metrics: { slope: slope.abs().mean() } };
  },
  optimizer: chain(clipByGlobalNorm(1), adamW({ learningRate: cosine({ peak: 1e-2, warmupSteps: 20 }) })),
});

/** Batches out of anything: here a noisy sine, whose noise comes from the position alone. */
const noise = (i) => ((Math.sin(127.1 * i) * 43758.5453) % 1) / 5;
const batch = (first, size, noisy) => {
  const x = Array.from({ length: size }, (_, i) => (((first + i) * 0.618034) % 1) * 6 - 3);
  const y = x.map((v, i) => Math.sin(v) + (noisy ? noise(first + i) : 0));
  return { x: fromNumbers("float32", [size, 1], x), y: fromNumbers("float32", [size, 1], y) };
};

const STEPS = 2000;
const state = await TrainingState.create(step, { seed: 1 });
state.totalSteps = STEPS; // where the cosine ends
const unseen = batch(100_000, 200, false);
const measure = await state.evaluator(unseen, ({ x, y }) => ({ error: meanSquaredError(model.forward(x), y) }));

let best = { error: Infinity, step: 0, weights: new Map() };
for (let k = 0; k < STEPS; k++) {
  const { loss, slope } = await state.run(batch(64 * k, 64, true));
  if ((k + 1) % 50 !== 0) continue;
  const error = Number((await measure(unseen)).error.data[0]);
  if (error < best.error) best = { error, step: k + 1, weights: await state.parameters() };
  console.log(
    `step ${k + 1}: loss ${loss.toFixed(4)}, slope ${slope.toFixed(2)}, error ${error.toFixed(5)}${best.step === k + 1 ? " *" : ""}`,
  );
  if (k + 1 - best.step >= 400) break;
}
await saveSafetensors("best.safetensors", best.weights);
console.log(`best after ${best.step} steps: error ${best.error.toFixed(5)}, kept in best.safetensors`);
await state.dispose();
