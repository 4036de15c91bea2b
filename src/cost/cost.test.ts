import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../graph/index.js";
import { Graph, input, symbol } from "../graph/index.js";
import { LeNet5 } from "../models/lenet.js";
import { Mlp } from "../models/mlp.js";
import { BatchNorm2d, Conv2d, Dropout, Embedding, Linear, Module, Sequential } from "../nn/index.js";
import { adafactor, adamW, sgd, withGroups } from "../optim/index.js";
import { ShapeError } from "../util/errors.js";
import { cost, peakIntermediateBytes } from "./index.js";

test("an MLP: FLOPs by hand, forward and in a training step", () => {
  const [n, a, b, c] = [128, 784, 512, 10];
  const predicted = cost(new Mlp({ inFeatures: a, hidden: [b], outFeatures: c }), [n, a]);
  assert.equal(predicted.parameters, a * b + b + b * c + c);
  const gemm = predicted.forward.ops.find((op) => op.op === "Gemm");
  assert.deepEqual([gemm?.nodes, gemm?.flops], [2, 2 * n * (a * b + b * c)]);
  assert.equal(predicted.forward.flops, 2 * n * (a * b + b * c) + n * b); // and relu
  // Each layer's weights have a gradient, and the second layer's input; nobody asks for the images'.
  const inStep = predicted.training.step.ops.find((op) => op.op === "Gemm");
  assert.deepEqual([inStep?.nodes, inStep?.flops], [5, 2 * n * (a * b + b * c) + 2 * n * (a * b + 2 * b * c)]);
});

test("memory: parameters, buffers, the optimizer's state, and the second copy of all that changes", () => {
  const model = new Sequential(new Conv2d(3, 4, { kernelSize: 3, bias: false }), new BatchNorm2d(4), new Dropout(0.5));
  const optimizer = withGroups(adamW(), [{ match: "1.*", frozen: true }]);
  const { memory, training } = cost(model, [2, 3, 6, 6], { optimizer });
  const weights = 4 * 3 * 9 * 4;
  assert.equal(training.memory.parameters, weights + 2 * 4 * 4);
  assert.equal(training.memory.buffers, 2 * 4 * 4);
  assert.equal(training.memory.optimizerState, 2 * weights);
  const kept = 3 * weights + 4 * 4 * 4;
  assert.equal(training.memory.secondCopy, kept);
  assert.equal(training.memory.total, 2 * kept + training.memory.working);
  assert.deepEqual([memory.optimizerState, memory.secondCopy], [0, 0]);
  assert.ok(training.memory.working > memory.working && memory.working > 0);
});

test("an update in place has no second copy, and all gradients at its end; one without a kernel has", () => {
  const model = new Sequential(new Linear(400, 400), new Linear(400, 3));
  const [flat, graph] = [adamW(), adafactor()].map((optimizer) => cost(model, [2, 400], { optimizer }).training.memory);
  const weights = 4 * (400 * 400 + 400 + 400 * 3 + 3);
  assert.equal(flat?.secondCopy, 0);
  assert.ok((flat?.working ?? 0) >= weights && (flat?.working ?? 0) < 1.1 * weights, `${flat?.working} ${weights}`);
  assert.equal(graph?.secondCopy, weights + (graph?.optimizerState ?? 0));
  assert.ok((graph?.optimizerState ?? 0) < 0.02 * weights);
});

test("the peak of results that are alive at once, by hand", () => {
  const x = input("x", [10]); // 40 bytes each
  const a = x.exp();
  const b = a.exp(); // a and b
  const y = b.add(a).reshape([2, 5]).log(); // a, b and their sum, whose view takes nothing
  assert.equal(peakIntermediateBytes(new Graph({ y })), 120);
  const chain = x.exp().exp().exp().exp();
  assert.equal(peakIntermediateBytes(new Graph({ chain })), 80);
  // The engine makes what one output needs after the other, whatever was traced first.
  const [one, two] = [x.exp(), x.neg()];
  assert.equal(peakIntermediateBytes(new Graph({ one: one.sum(), two: two.sum() })), 40);
  // Outputs are the caller's memory.
  assert.equal(peakIntermediateBytes(new Graph({ y: x.exp() })), 0);
});

test("several inputs, free dimensions, integer inputs", () => {
  class Pair extends Module {
    readonly embedding = new Embedding(50, 8);
    readonly head = new Mlp({ inFeatures: 8, hidden: [], outFeatures: 2 });
    override forward(tokens: Tensor, weights: Tensor): { logits: Tensor } {
      return { logits: this.head.forward(this.embedding.forward(tokens).mul(weights.unsqueeze(-1)).sum(1)) };
    }
  }
  const n = symbol("N");
  const inputs = [input("tokens", [n, 7], "int64"), input("weights", [n, 7])];
  const one = cost(new Pair(), inputs);
  const many = cost(new Pair(), inputs, { bindings: { N: 4 }, optimizer: sgd() });
  assert.equal(many.forward.flops, 4 * one.forward.flops);
  assert.equal(many.parameters, 50 * 8 + 18);
});

test("the table names model, shapes and ops; a wrong shape is refused", () => {
  const table = cost(new LeNet5(), [32, 1, 28, 28], { optimizer: adamW() }).table();
  assert.match(table, /^LeNet5 \[32, 1, 28, 28\] +in use +in training\n/);
  assert.match(table, /\nparameters +61,706 +61,706\n/);
  assert.match(table, /\nConvWeightGradient +2 /);
  assert.throws(() => cost(new LeNet5(), [32, 3, 28, 28]), ShapeError);
});
