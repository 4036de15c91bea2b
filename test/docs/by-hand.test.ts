/** @module The numbers of `examples/by-hand.ts`, plain arrays, are the library's: loss, every gradient, the weights after a step. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate, fromNumbers, grad, input, toNumbers } from "descentjs";
import type { Tensor, TensorData } from "descentjs";
import { crossEntropy } from "descentjs/losses";
import { Linear, Module, relu } from "descentjs/nn";
import { sgd } from "descentjs/optim";
import { TrainingState, trainingStep } from "descentjs/train";
import type { Network } from "../../examples/by-hand.js";
import { backward, descend, forward, initialNetwork } from "../../examples/by-hand.js";
import { tenFeatures } from "../../examples/ten-features.js";

const ETA = 0.5;
const { train } = await tenFeatures();
const net = initialNetwork(10, 10, 10);
const { loss, gradient } = backward(net, train.x, train.label);
const stepped = descend(net, gradient, ETA);

const shapes = { W1: [10, 10], b1: [10], W2: [10, 10], b2: [10] } as const;
type Name = keyof typeof shapes;
const NAMES = Object.keys(shapes) as Name[];
const flat = (network: Network, name: Name): number[] => (network[name] as (number | number[])[]).flat();
const batch = (dtype: "float32" | "float64"): { x: TensorData; label: TensorData } => ({
  x: fromNumbers(dtype, [train.x.length, 10], train.x.flat()),
  label: fromNumbers("int32", [train.label.length], train.label),
});

function near(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(got.length, expected.length, what);
  const scale = Math.max(...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((got[i] as number) - (expected[i] as number));
    assert.ok(difference <= tolerance * scale, `${what}[${i}]: expected ${expected[i]}, got ${got[i]}`);
  }
}

test("the backward pass by hand is the slope of the loss", () => {
  const e = 1e-5;
  const lossAt = (network: Network): number => backward(network, train.x.slice(0, 20), train.label.slice(0, 20)).loss;
  const { gradient: analytic } = backward(net, train.x.slice(0, 20), train.label.slice(0, 20));
  for (const [i, j] of [
    [0, 0],
    [3, 7],
    [9, 2],
  ] as const) {
    const moved = (d: number): Network => ({
      ...net,
      W1: net.W1.map((row, r) => row.map((w, c) => (r === i && c === j ? w + d : w))),
    });
    const slope = (lossAt(moved(e)) - lossAt(moved(-e))) / (2 * e);
    assert.ok(Math.abs(slope - (analytic.W1[i]?.[j] as number)) < 1e-8, `W1[${i}][${j}]: ${slope}`);
  }
});

test("in float64 the library gives the same predictions, loss, gradients and updated weights", async () => {
  const w = Object.fromEntries(NAMES.map((name) => [name, input(name, shapes[name], "float64")])) as Record<Name, Tensor>;
  const x = input("x", [train.x.length, 10], "float64");
  const label = input("label", [train.label.length], "int32");
  const h = x.matMul(w.W1.transpose()).add(w.b1).relu();
  const logits = h.matMul(w.W2.transpose()).add(w.b2);
  const total = crossEntropy(logits, label);
  const gradients = grad(
    total,
    NAMES.map((name) => w[name]),
  );
  const outputs: Record<string, Tensor> = { loss: total, probabilities: logits.softmax(1) };
  NAMES.forEach((name, i) => {
    const dw = gradients[i] as Tensor;
    outputs[`d${name}`] = dw;
    outputs[`next${name}`] = w[name].sub(dw.mul(ETA));
  });
  const feeds: Record<string, TensorData> = { ...batch("float64") };
  for (const name of NAMES) feeds[name] = fromNumbers("float64", shapes[name], flat(net, name));
  const got = await evaluate(outputs, feeds, { device: "cpu" });
  const of = (name: string): Float64Array => toNumbers(got[name] as TensorData);
  near(of("loss"), [loss], 1e-12, "loss");
  near(
    of("probabilities"),
    train.x.flatMap((row) => forward(net, row).p),
    1e-12,
    "probabilities",
  );
  for (const name of NAMES) {
    near(of(`d${name}`), flat(gradient, name), 1e-10, `∂L/∂${name}`);
    near(of(`next${name}`), flat(stepped, name), 1e-12, name);
  }
});

class TwoLayers extends Module {
  one = new Linear(10, 10);
  two = new Linear(10, 10);

  override forward(x: Tensor): Tensor {
    return x.pipe(this.one, relu, this.two);
  }
}

test("layers, the loss and SGD in float32 make the same step, to 1e-6", async () => {
  const model = new TwoLayers();
  const step = trainingStep({
    model,
    loss: ({ x, label }: { x: Tensor; label: Tensor }) => crossEntropy(model.forward(x), label),
    optimizer: sgd({ learningRate: ETA }),
  });
  const paths: Record<Name, string> = { W1: "one.weight", b1: "one.bias", W2: "two.weight", b2: "two.bias" };
  const weights = new Map(NAMES.map((name) => [paths[name], fromNumbers("float32", shapes[name], flat(net, name))]));
  const state = await TrainingState.create(step, { weights, device: "cpu" });
  try {
    const metrics = await state.run(batch("float32"));
    near([metrics.loss], [loss], 1e-6, "loss");
    const after = await state.parameters();
    for (const name of NAMES) near(toNumbers(after.get(paths[name]) as TensorData), flat(stepped, name), 1e-6, name);
  } finally {
    await state.dispose();
  }
});
