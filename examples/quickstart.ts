/**
 * @module A small network from numbers to predictions: 10 inputs, a hidden layer of 10, an output layer; Adam at 0.01; 1,000 steps.
 *
 *     npm run build && node dist/examples/quickstart.js
 */
import type { Tensor } from "descentjs";
import { fromNumbers, tensor, toNumbers } from "descentjs";
import { crossEntropy } from "descentjs/losses";
import { Linear, relu, Sequential } from "descentjs/nn";
import { adam } from "descentjs/optim";
import { TrainingState, trainingStep } from "descentjs/train";
import { tenFeatures } from "./ten-features.js";

const { train, test } = await tenFeatures();

// The model: numbers appear only when a state is made.
const model = new Sequential(new Linear(10, 10), relu, new Linear(10, 10));
console.log(String(model.summary([1, 10])));

const step = trainingStep({
  model,
  loss: ({ x, label }: { x: Tensor; label: Tensor }) => crossEntropy(model.forward(x), label),
  optimizer: adam({ learningRate: 0.01 }),
});
const state = await TrainingState.create(step, { seed: 1 });

const batch = {
  x: fromNumbers("float32", [train.x.length, 10], train.x.flat()),
  label: fromNumbers("int32", [train.label.length], train.label),
};
for (let i = 1; i <= 1000; i++) {
  const { loss } = await state.run(batch); // forward pass, gradients and update: one graph, one run
  if (i % 100 === 0) console.log(`step ${i}: loss ${loss.toFixed(4)}`);
}

// Predictions: softmax gives probabilities, argmax the likeliest class.
const unseen = { x: fromNumbers("float32", [test.x.length, 10], test.x.flat()) };
const predict = await state.evaluator(unseen, ({ x }: { x: Tensor }) => {
  const probabilities = model.forward(x).softmax(1); // [N, 10]
  return { probabilities, label: probabilities.argMax(1) }; // [N]
});
const { probabilities, label } = (await predict(unseen)) as { probabilities: typeof unseen.x; label: typeof unseen.x };
const predicted = toNumbers(label);
const right = test.label.filter((digit, n) => predicted[n] === digit).length;
console.log(`${right} of ${test.label.length} unseen digits right (${((100 * right) / test.label.length).toFixed(1)} %)`);
for (let n = 0; n < 5; n++) {
  const k = predicted[n] as number;
  console.log(
    `digit ${test.label[n]}: predicted ${k}, probability ${(toNumbers(probabilities)[10 * n + k] as number).toFixed(3)}`,
  );
}
await state.dispose();

// The same functions on tensors alone: describe, then ask for the numbers.
console.log(
  await tensor([[2, 1, 0]])
    .softmax(1)
    .data(),
);
