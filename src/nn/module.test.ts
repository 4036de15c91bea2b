import assert from "node:assert/strict";
import { test } from "node:test";
import { grad } from "../autodiff/index.js";
import type { Tensor } from "../graph/index.js";
import { input, Parameter, reachableNodes, symbol } from "../graph/index.js";
import { Mlp } from "../models/mlp.js";
import { ConfigError, ShapeError } from "../util/errors.js";
import { relu } from "./activation.js";
import { zerosInit } from "./init.js";
import { Linear, Sequential } from "./linear.js";
import { Module } from "./module.js";

class Attention extends Module {
  readonly inProj = new Linear(4, 12);
  readonly runningMean = new Parameter([4], { initializer: zerosInit, trainable: false });
  override forward(x: Tensor): Tensor {
    return this.inProj.forward(x).slice(-1, 0, 4).sub(this.runningMean);
  }
}

class Model extends Module {
  readonly embedding = new Linear(4, 4, { bias: false });
  readonly layers = [new Attention(), new Attention()];
  readonly head = new Sequential(new Linear(4, 4), relu, this.embedding);
  override forward(x: Tensor): Tensor {
    return this.head.forward(x.pipe(this.embedding, ...this.layers));
  }
}

test("paths are snake_case field names and places in lists; a tied parameter has its first path", () => {
  const model = new Model();
  assert.deepEqual(
    [...model.parameters().keys()],
    [
      "embedding.weight",
      "layers.0.in_proj.weight",
      "layers.0.in_proj.bias",
      "layers.1.in_proj.weight",
      "layers.1.in_proj.bias",
      "head.0.weight",
      "head.0.bias",
    ],
  );
  assert.deepEqual([...model.buffers().keys()], ["layers.0.running_mean", "layers.1.running_mean"]);
  assert.equal(model.parameterCount, 16 + 2 * 60 + 20);
  assert.deepEqual([...model.children().keys()], ["embedding", "layers.0", "layers.1", "head"]);
  assert.deepEqual([...new Sequential(new Linear(1, 1), relu, new Linear(1, 1)).parameters().keys()].slice(2), [
    "2.weight",
    "2.bias",
  ]);
});

test("nodes carry the path of the module that made them, gradients and later traces alike", () => {
  const model = new Model();
  for (let trace = 0; trace < 2; trace++) {
    const y = model.forward(input("x", [2, 4]));
    const scopes = new Set(reachableNodes([y]).map((node) => node.scope));
    assert.deepEqual([...scopes].sort(), [
      "",
      "embedding",
      "head",
      "head.0",
      "layers.0",
      "layers.0.in_proj",
      "layers.1",
      "layers.1.in_proj",
    ]);
  }
  // A part called by itself is outermost.
  const alone = (model.layers[1] as Attention).forward(input("x", [2, 4]));
  assert.equal(alone.node.scope, "");
});

test("a wrong shape names the layer's path and both shapes, and leaves no scope behind", () => {
  const model = new Mlp({ inFeatures: 4, hidden: [3, 2], outFeatures: 2 });
  (model.layers as Linear[])[1] = new Linear(5, 2);
  const message = "layers.1: Linear: expected [.., 5], got [N, 3]";
  const trace = (): Tensor => model.forward(input("x", [symbol("N"), 4]));
  assert.throws(trace, (error: Error) => error instanceof ShapeError && error.message === message);
  assert.equal(input("x", [1]).node.scope, "");
});

test("two parameters with one path are refused", () => {
  class Clash extends Module {
    static override readonly pathNames = { b: "a" };
    readonly a = new Linear(1, 1);
    readonly b = new Linear(1, 1);
    override forward(x: Tensor): Tensor {
      return x;
    }
  }
  assert.throws(() => new Clash().state(), ConfigError);
});

test("the summary has shapes, parameters and FLOPs of each layer, functions counted where they are called", () => {
  const model = new Mlp({ inFeatures: 784, hidden: [512, 512], outFeatures: 10 });
  const summary = model.summary([symbol("N"), 1, 28, 28]);
  assert.equal(summary.parameters, 669_706);
  assert.equal(summary.parameters, model.parameterCount);
  assert.deepEqual(
    summary.rows.map((row) => [row.path, row.layer, row.parameters]),
    [
      ["layers.0", "Linear", 401_920],
      ["layers.1", "Linear", 262_656],
      ["layers.2", "Linear", 5_130],
      ["", "Mlp", 0],
    ],
  );
  assert.deepEqual(summary.rows[0]?.flops, 2 * 784 * 512);
  assert.equal(summary.rows[3]?.flops, 2 * 512);
  assert.match(String(summary), /layers\.0\s+Linear\s+\[N, 512\]\s+401,920\s+802,816/);
  assert.match(String(summary).split("\n").at(-1) as string, /^Mlp\s+669,706\s+1,338,368$/);
});

test("a model's trace can be differentiated with respect to its parameters", () => {
  const model = new Mlp({ inFeatures: 3, hidden: [4], outFeatures: 2, activation: "tanh" });
  const parameters = [...model.parameters().values()];
  const gradients = grad(model.forward(input("x", [5, 3])).sum(), parameters);
  assert.deepEqual(
    gradients.map((g) => g.shape),
    parameters.map((p) => p.shape),
  );
});
