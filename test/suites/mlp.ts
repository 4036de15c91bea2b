/**
 * @module A multilayer perceptron and its SGD step as one graph, with made-up data: what the suites train on every home.
 */
import { grad } from "../../src/autodiff/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { Graph, input, sizeOf } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { Dropout, LayerNorm, Linear, Sequential } from "../../src/nn/index.js";
import { relu } from "../../src/ops/index.js";
import { adamW } from "../../src/optim/index.js";
import type { CompileOptions, Device, Runtime, Value } from "../../src/runtime/index.js";
import { compile } from "../../src/runtime/index.js";
import { TrainingState } from "../../src/train/state.js";
import type { BatchTensors } from "../../src/train/step.js";
import { trainingStep } from "../../src/train/step.js";
import { Random } from "../../src/util/random.js";

export interface Mlp {
  /** Inputs `x`, `target` (one-hot), `rate` and one per weight; outputs `loss` and each weight's next value, `next.*`. */
  readonly graph: Graph;
  readonly weights: ReadonlyMap<string, TensorData>;
  readonly batch: (step: number) => { x: TensorData; target: TensorData };
}

/** Layers of the given widths with relu between them, softmax cross-entropy after them, and plain SGD. */
export function buildMlp(widths: readonly number[], batchSize: number): Mlp {
  const [first, classes] = [widths[0] as number, widths.at(-1) as number];
  const x = input("x", [batchSize, first]);
  const target = input("target", [batchSize, classes]);
  const rate = input("rate", []);
  const parameters: Tensor[] = [];
  const weights = new Map<string, TensorData>();
  const random = new Random("mlp");
  const parameter = (name: string, shape: number[], scale: number): Tensor => {
    const data = Float32Array.from({ length: sizeOf(shape) }, () => scale * random.normal());
    weights.set(name, { dtype: "float32", shape, data });
    const t = input(name, shape);
    parameters.push(t);
    return t;
  };
  let h = x;
  for (let i = 0; i + 1 < widths.length; i++) {
    const [fanIn, fanOut] = [widths[i] as number, widths[i + 1] as number];
    if (i > 0) h = relu(h);
    h = h.matMul(parameter(`weight${i}`, [fanIn, fanOut], Math.sqrt(2 / fanIn))).add(parameter(`bias${i}`, [fanOut], 0));
  }
  const loss = h.logSumExp(1).sub(h.mul(target).sum(1)).mean();
  const outputs: Record<string, Tensor> = { loss };
  grad(loss, parameters).forEach((dw, i) => {
    const w = parameters[i] as Tensor;
    outputs[`next.${String(w.node.attributes["name"])}`] = w.sub(dw.mul(rate));
  });
  // A teacher that is linear in x: there is something to learn.
  const teacher = Float32Array.from({ length: first * classes }, () => random.normal());
  const batch = (step: number): { x: TensorData; target: TensorData } => {
    const r = new Random("mlp batch", step);
    const pixels = Float32Array.from({ length: batchSize * first }, () => r.normal());
    const oneHot = new Float32Array(batchSize * classes);
    for (let n = 0; n < batchSize; n++) {
      const scores = Array.from({ length: classes }, (_, k) => {
        let sum = 0;
        for (let i = 0; i < first; i++) sum += (pixels[n * first + i] as number) * (teacher[i * classes + k] as number);
        return sum;
      });
      oneHot[n * classes + scores.indexOf(Math.max(...scores))] = 1;
    }
    return {
      x: { dtype: "float32", shape: [batchSize, first], data: pixels },
      target: { dtype: "float32", shape: [batchSize, classes], data: oneHot },
    };
  };
  return { graph: new Graph(outputs), weights, batch };
}

export interface Trained {
  readonly losses: number[];
  /** Locations of the state after the last step. */
  readonly locations: readonly Value["location"][];
  /** The last weights, read back. */
  readonly weights: ReadonlyMap<string, TensorData>;
}

/** Trains for some steps; the state stays wherever the device keeps it. */
export async function trainMlp(mlp: Mlp, steps: number, options: CompileOptions): Promise<Trained> {
  const next = [...mlp.weights.keys()].map((name) => `next.${name}`);
  await using step = await compile(mlp.graph, { ...options, deviceOutputs: next });
  const { runtime } = step;
  let state: Record<string, Value> = {};
  for (const [name, data] of mlp.weights) state[name] = runtime.upload(data);
  using rate = runtime.upload({ dtype: "float32", shape: [], data: Float32Array.of(0.1) });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const { x, target } = mlp.batch(i);
    using pixels = runtime.upload(x);
    using labels = runtime.upload(target);
    const { loss, ...made } = await step.run({ ...state, x: pixels, target: labels, rate });
    losses.push((await runtime.read(loss as Value)).data[0] as number);
    loss?.[Symbol.dispose]();
    for (const value of Object.values(state)) value[Symbol.dispose]();
    state = Object.fromEntries(Object.entries(made).map(([name, value]) => [name.replace("next.", ""), value]));
  }
  const weights = new Map<string, TensorData>();
  for (const [name, value] of Object.entries(state)) weights.set(name, await runtime.read(value));
  const locations = Object.values(state).map((value) => value.location);
  return { losses, locations, weights };
}

/**
 * Trains through the layers that people use: modules with dropout, a loss, AdamW, a `TrainingState`. Returns the losses.
 * Labels are int32, which every device reads.
 */
export async function trainModel(home: { runtime?: Runtime; device: Device }, steps: number): Promise<number[]> {
  const model = new Sequential(new Linear(12, 16), relu, new Dropout(0.25), new LayerNorm(16), new Linear(16, 4));
  const loss = ({ x, label }: BatchTensors): Tensor => crossEntropy(model.forward(x as Tensor), label as Tensor);
  const step = trainingStep({ model, loss, optimizer: adamW({ learningRate: 0.02 }) });
  await using state = await TrainingState.create(step, { seed: 3, threads: 2, ...home });
  const { batch } = buildMlp([12, 4], 8);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const { x, target } = batch(i);
    const label = Int32Array.from({ length: 8 }, (_, n) => target.data.subarray(4 * n, 4 * n + 4).findIndex((v) => v === 1));
    losses.push((await state.run({ x, label: { dtype: "int32", shape: [8], data: label } })).loss);
  }
  return losses;
}
