/**
 * @module The update of each optimizer that has a kernel, on the 29.5 million parameters of the bench case gpt-30m-step, beside PyTorch's: `npm run optimizer-speed`.
 *
 * With DESCENT_BENCH_PYTHON, a Python with PyTorch and timm. Descent's kernels use one thread, PyTorch two. The two take turns, a process of PyTorch in each; medians of all.
 * The share of AdamW is that of a whole step.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { THIRTY } from "../bench/cases/gpt-30m-step.js";
import type { Tensor } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import { Gpt2 } from "../src/models/index.js";
import type { Optimizer } from "../src/optim/index.js";
import { adagrad, adam, adamW, lion, rmsprop, sgd } from "../src/optim/index.js";
import { trainingStep, TrainingState } from "../src/train/index.js";
import { factorNumbers, inPlaceFor } from "../src/train/flat-state.js";
import { gradientName } from "../src/train/step.js";
import { median } from "../src/util/median.js";
import { Random } from "../src/util/random.js";
import { formatTable } from "../src/util/text.js";

const RATE = 3e-4;
const OPTIMIZERS: ReadonlyMap<string, () => Optimizer> = new Map([
  ["sgd", () => sgd({ learningRate: RATE, momentum: 0.9 })],
  ["adam", () => adam({ learningRate: RATE })],
  ["adamw", () => adamW({ learningRate: RATE, weightDecay: 0.1 })],
  ["rmsprop", () => rmsprop({ learningRate: RATE })],
  ["adagrad", () => adagrad({ learningRate: RATE })],
  ["lion", () => lion({ learningRate: RATE })],
]);
const TURNS = 3;
const UPDATES = 12;
const STEPS = 8;

const { layers, heads, width, length, batch, vocabulary } = THIRTY;
const makeModel = (): Gpt2 =>
  new Gpt2({
    vocabSize: vocabulary,
    maxPositions: length,
    hiddenSize: width,
    numLayers: layers,
    numHeads: heads,
    dropout: 0,
    attentionDropout: 0,
  });

function stepWith(optimizer: Optimizer): ReturnType<typeof trainingStep> {
  const model = makeModel();
  return trainingStep({
    model,
    optimizer,
    loss: ({ text }) => crossEntropy(model.forward((text as Tensor).slice(1, 0, length)), (text as Tensor).slice(1, 1)),
  });
}

/** Milliseconds of updates by the kernel, the first two left out. */
function updates(name: string, optimizer: Optimizer): number[] {
  const made = inPlaceFor(stepWith(optimizer), true, 2);
  if (made === undefined) throw new Error(`${name}: expected an optimizer with a kernel`);
  const { cut, flat } = made;
  const random = new Random(1, "gradients");
  for (const path of cut.trained.keys()) {
    const gradient = flat.arrayOf(gradientName(path))?.data as Float32Array;
    for (let i = 0; i < gradient.length; i++) gradient[i] = random.uniform() - 0.5;
  }
  const times = Array.from({ length: UPDATES }, (_, i) => {
    const scalars = optimizer.scalars({ step: i + 1, learningRate: RATE });
    const start = performance.now();
    flat.update(scalars, factorNumbers(new Map(), {}), (path) => flat.arrayOf(gradientName(path)) as never);
    return performance.now() - start;
  });
  return times.slice(2);
}

/** PyTorch's, by optimizer. */
function torchUpdates(shapes: readonly (readonly number[])[]): Record<string, { readonly how: string; readonly ms: number[] }> {
  const python = process.env["DESCENT_BENCH_PYTHON"];
  if (python === undefined) throw new Error("expected DESCENT_BENCH_PYTHON, a Python with PyTorch and timm");
  const script = fileURLToPath(new URL("../../scripts/peers/optimizers.py", import.meta.url));
  const input = JSON.stringify({ shapes, updates: UPDATES });
  const { status, stdout, stderr } = spawnSync(python, [script], { input, encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as ReturnType<typeof torchUpdates>;
}

/** Milliseconds of whole steps of AdamW, the first two left out. */
async function steps(): Promise<number[]> {
  await using state = await TrainingState.create(stepWith(adamW({ learningRate: RATE, weightDecay: 0.1 })), { threads: 2 });
  const random = new Random(1, "tokens");
  const text = {
    dtype: "int32",
    shape: [batch, length + 1],
    data: Int32Array.from({ length: batch * (length + 1) }, () => random.integer(vocabulary)),
  } as const;
  const times: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    const start = performance.now();
    await state.run({ text });
    times.push(performance.now() - start);
  }
  return times.slice(2);
}

const shapes = [...makeModel().parameters().values()].map(({ dims }) => dims);
const own = new Map<string, number[]>();
const theirs = new Map<string, number[]>();
const ways = new Map<string, string>();
for (let turn = 0; turn < TURNS; turn++) {
  for (const [name, make] of OPTIMIZERS) own.set(name, [...(own.get(name) ?? []), ...updates(name, make())]);
  for (const [name, { how, ms }] of Object.entries(torchUpdates(shapes))) {
    theirs.set(name, [...(theirs.get(name) ?? []), ...ms]);
    ways.set(name, how);
  }
}
const whole = median(await steps());
const rows = [...OPTIMIZERS.keys()].map((name) => {
  const [ours, peer] = [median(own.get(name) ?? []), median(theirs.get(name) ?? [])];
  return [name, ours.toFixed(1), peer.toFixed(1), ways.get(name) ?? "", (ours / peer).toFixed(2)];
});
console.log(formatTable(["optimizer", "Descent, ms", "PyTorch, ms", "how", "ratio"], rows));
console.log(
  `a whole step with AdamW: ${whole.toFixed(0)} ms, of which ${((100 * median(own.get("adamw") ?? [])) / whole).toFixed(1)} % are the update`,
);
