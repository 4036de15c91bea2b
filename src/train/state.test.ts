import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../graph/index.js";
import { fromNumbers } from "../graph/index.js";
import { crossEntropy } from "../losses/index.js";
import { Embedding, Linear, Module } from "../nn/index.js";
import { adamW } from "../optim/index.js";
import { Random } from "../util/random.js";
import { TrainingState } from "./state.js";
import type { BatchData } from "./step.js";
import { trainingStep } from "./step.js";

class Classifier extends Module {
  readonly hidden = new Linear(4, 8);
  readonly out = new Linear(8, 3);

  override forward(x: Tensor): Tensor {
    return this.out.forward(this.hidden.forward(x).tanh());
  }
}

const batchAt = (k: number): BatchData => {
  const random = new Random(7, "batch", k);
  return {
    x: fromNumbers(
      "float32",
      [6, 4],
      Float64Array.from({ length: 24 }, () => random.normal()),
    ),
    label: fromNumbers(
      "int32",
      [6],
      Int32Array.from({ length: 6 }, () => random.integer(3)),
    ),
  };
};

async function stateOf(options: { accumulate?: number; ignoreIndex?: number } = {}): Promise<TrainingState> {
  const model = new Classifier();
  const { accumulate, ignoreIndex } = options;
  const loss = crossEntropy(ignoreIndex === undefined ? {} : { ignoreIndex });
  const step = trainingStep({
    model,
    loss: ({ x, label }: { x: Tensor; label: Tensor }) => loss(model.forward(x), label),
    optimizer: adamW({ learningRate: 0.05 }),
    ...(accumulate === undefined ? {} : { accumulate }),
  });
  return TrainingState.create(step, { seed: 3, threads: 1 });
}

const evaluatorOf = (state: TrainingState) =>
  state.evaluator(batchAt(0), ({ x }: { x: Tensor }) => ({ y: (state.step.model as Classifier).forward(x) }));

for (const accumulate of [1, 2]) {
  test(`steps that are not awaited give the numbers of those that are, whatever is asked between them; ${accumulate} a step`, async () => {
    // The truth: one thing after another.
    await using awaited = await stateOf({ accumulate });
    const evaluate = await evaluatorOf(awaited);
    const [losses, outputs, parameters]: [number[], TensorData[], Map<string, TensorData>[]] = [[], [], []];
    for (let k = 0; k < 12; k++) {
      losses.push((await awaited.run(batchAt(k))).loss);
      if (k % 3 === 0) outputs.push((await evaluate(batchAt(100 + k)))["y"] as TensorData);
      if (k % 4 === 1) parameters.push(await awaited.parameters());
    }
    const whole = await awaited.snapshot();
    // The same at once, with arrays that are filled anew as soon as they were handed over.
    await using state = await stateOf({ accumulate });
    const evaluateLater = await evaluatorOf(state);
    const reused = batchAt(0);
    const [running, evaluating, reading]: [
      Promise<{ loss: number }>[],
      Promise<Record<string, TensorData>>[],
      Promise<Map<string, TensorData>>[],
    ] = [[], [], []];
    for (let k = 0; k < 12; k++) {
      const next = batchAt(k);
      for (const [name, { data }] of Object.entries(next)) (reused[name]!.data as Float32Array).set(data as Float32Array);
      running.push(state.run(reused));
      // The first is not copied, since nothing is under way: it runs on these very arrays.
      if (k === 0) await running[0];
      if (k % 3 === 0) evaluating.push(evaluateLater(batchAt(100 + k)));
      if (k % 4 === 1) reading.push(state.parameters());
    }
    const last = state.snapshot();
    assert.deepEqual(
      (await Promise.all(running)).map(({ loss }) => loss),
      losses,
    );
    assert.deepEqual(
      (await Promise.all(evaluating)).map(({ y }) => y),
      outputs,
    );
    assert.deepEqual(await Promise.all(reading), parameters);
    assert.deepEqual(await last, whole);
  });
}

test("disposing comes after what is under way; then everything is refused in one line", async () => {
  const state = await stateOf();
  const evaluate = await evaluatorOf(state);
  const running = [state.run(batchAt(0)), state.run(batchAt(1))];
  const disposing = state.dispose();
  const late = state.run(batchAt(2));
  await assert.rejects(late, {
    name: "SessionError",
    message: /^training state: expected one in use, got one that was disposed$/,
  });
  for (const { loss } of await Promise.all(running)) assert.ok(Number.isFinite(loss));
  await disposing;
  await state.dispose();
  for (const refused of [() => evaluate(batchAt(0)), () => state.snapshot(), () => state.parameters(), () => evaluatorOf(state)])
    await assert.rejects(refused(), /got one that was disposed/);
  assert.throws(() => state.restore(new Map()), /expected no step under way|disposed/);
});

test("values are not replaced during a step", async () => {
  await using state = await stateOf();
  const running = state.run(batchAt(0));
  assert.throws(() => state.restore(new Map()), /await each run first/);
  await running;
  state.restore(new Map());
});

const withLabels = (...labels: number[]): BatchData => ({
  x: fromNumbers("float32", [labels.length, 4], new Float64Array(4 * labels.length)),
  label: fromNumbers("int64", [labels.length], labels),
});

test("labels outside the classes are refused before a step, with the example; the state stays usable", async () => {
  await using state = await stateOf();
  const before = await state.parameters();
  await assert.rejects(state.run(withLabels(0, 2, -1)), {
    name: "DataError",
    message: 'column "label", example 3: expected a label in 0 … 2, got -1',
  });
  await assert.rejects(state.run(withLabels(1, 3, 2)), /example 2: expected a label in 0 … 2, got 3; labels begin at 0/);
  assert.deepEqual(await state.parameters(), before);
  const evaluate = await state.evaluator(withLabels(0), ({ x, label }: { x: Tensor; label: Tensor }) => ({
    loss: crossEntropy((state.step.model as Classifier).forward(x), label),
  }));
  await assert.rejects(evaluate(withLabels(-1)), /example 1: expected a label in 0 … 2, got -1/);
  assert.ok(Number.isFinite((await state.run(withLabels(0, 1, 2))).loss));
  await using masked = await stateOf({ ignoreIndex: -100 });
  assert.ok(Number.isFinite((await masked.run(withLabels(0, -100, 2))).loss));
  await assert.rejects(
    masked.run(withLabels(0, -1)),
    /example 2: expected a label in 0 … 2, or -100, which the loss ignores, got -1/,
  );
});

test("an index into a table of parameters is refused where it is none", async () => {
  const model = new Embedding(5, 2);
  const step = trainingStep({
    model,
    loss: ({ token }: { token: Tensor }) => model.forward(token).square().mean(),
    optimizer: adamW(),
  });
  await using state = await TrainingState.create(step);
  const tokens = (...ids: number[]): BatchData => ({ token: fromNumbers("int64", [2, ids.length / 2], ids) });
  await state.run(tokens(0, 4, 1, 2));
  await assert.rejects(state.run(tokens(0, 1, 5, 2)), /column "token", example 2, position 1: expected an index in 0 … 4, got 5/);
  await assert.rejects(state.run(tokens(0, -1, 1, 2)), /example 1, position 2: expected an index in 0 … 4, got -1/);
});

/** As from JavaScript, where no type is checked. */
const untyped = (batch: unknown): BatchData => batch as BatchData;

for (const [what, batch, message] of [
  ["an array of examples", [[1, 2, 3, 4]], "step: expected a batch of columns by name, got an array"],
  ["nothing", undefined, "step: expected a batch of columns by name, got undefined"],
  [
    "a plain array as a column",
    { x: [[1, 2, 3, 4]], label: [0] },
    'step: column "x": expected { dtype, shape, data } with a typed array, got an array',
  ],
  [
    "a typed array as a column",
    { x: new Float32Array(4) },
    'step: column "x": expected { dtype, shape, data } with a typed array, got Float32Array',
  ],
  [
    "float64 numbers called float32",
    { ...withLabels(0), x: { dtype: "float32", shape: [1, 4], data: new Float64Array(4) } },
    'step: column "x": expected a Float32Array for float32, got Float64Array; convert it',
  ],
  [
    "plain numbers called float32",
    { ...withLabels(0), x: { dtype: "float32", shape: [1, 4], data: [1, 2, 3, 4] } },
    'step: column "x": expected a Float32Array for float32, got an array',
  ],
  [
    "too few numbers",
    { ...withLabels(0), x: { dtype: "float32", shape: [1, 4], data: new Float32Array(3) } },
    'step: column "x": expected 4 numbers for [1, 4], got 3',
  ],
  [
    "a type that is none",
    { x: { dtype: "constructor", shape: [1], data: new Float32Array(1) } },
    'step: column "x": expected { dtype, shape, data }',
  ],
  ["no examples", withLabels(), 'step: column "x": expected at least one example, got [0, 4]'],
  ["a column too few", { x: withLabels(0)["x"] }, 'step: expected a batch with "label", got x ('],
] as const) {
  test(`${what} is no batch`, async () => {
    await using state = await stateOf();
    await assert.rejects(state.run(untyped(batch)), (error: Error) => {
      assert.ok(error.message.startsWith(message), error.message);
      assert.doesNotMatch(error.message, /\n|^Cannot read/);
      return true;
    });
  });
}
