/**
 * @module Shapes that do not fit: each layer and loss names itself and where it stands in the model, and says what it expected and what it
 * got.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor } from "../graph/index.js";
import { input } from "../graph/index.js";
import { binaryCrossEntropyWithLogits, crossEntropy, huber, meanSquaredError } from "../losses/index.js";
import { ShapeError } from "../util/errors.js";
import * as nn from "./index.js";

const x = (...shape: number[]): Tensor => input("x", shape);

/** A layer with a path, as it has in a model. */
class Model<L extends nn.Module> extends nn.Module {
  readonly encoder: L;
  constructor(layer: L) {
    super();
    this.encoder = layer;
  }
  forward(call: (layer: L) => unknown): unknown {
    return call(this.encoder);
  }
}

const inModel = <L extends nn.Module>(layer: L, call: (layer: L) => unknown): (() => unknown) => {
  const model = new Model(layer);
  return () => model.forward(call);
};

/** The call, and the whole message. */
const WRONG: Readonly<Record<string, readonly [call: () => unknown, message: string]>> = {
  Linear: [inModel(new nn.Linear(4, 2), (l) => l.forward(x(3, 5))), "encoder: Linear: expected [.., 4], got [3, 5]"],
  Conv1d: [
    inModel(new nn.Conv1d(3, 8, { kernelSize: 3 }), (l) => l.forward(x(2, 1, 9))),
    "encoder: Conv1d: expected [N, 3, L], got [2, 1, 9]",
  ],
  Conv2d: [
    inModel(new nn.Conv2d(3, 8, { kernelSize: 3 }), (l) => l.forward(x(2, 1, 28, 28))),
    "encoder: Conv2d: expected [N, 3, H, W], got [2, 1, 28, 28]",
  ],
  "Conv2d, rank": [
    inModel(new nn.Conv2d(3, 8, { kernelSize: 3 }), (l) => l.forward(x(2, 28, 28))),
    "encoder: Conv2d: expected [N, 3, H, W], got [2, 28, 28]",
  ],
  "Conv2d, size": [
    inModel(new nn.Conv2d(3, 8, { kernelSize: 5 }), (l) => l.forward(x(2, 3, 4, 4))),
    "encoder: Conv: expected at least 5 padded elements at axis 2, got [2, 3, 4, 4]",
  ],
  ConvTranspose2d: [
    inModel(new nn.ConvTranspose2d(3, 8, { kernelSize: 3 }), (l) => l.forward(x(2, 1, 4, 4))),
    "encoder: ConvTranspose2d: expected [N, 3, H, W], got [2, 1, 4, 4]",
  ],
  MaxPool2d: [
    inModel(new nn.MaxPool2d(9), (l) => l.forward(x(2, 3, 4, 4))),
    "encoder: MaxPool: expected at least 9 padded elements at axis 2, got [2, 3, 4, 4]",
  ],
  BatchNorm1d: [inModel(new nn.BatchNorm1d(8), (l) => l.forward(x(2, 3))), "encoder: BatchNorm1d: expected [.., 8], got [2, 3]"],
  BatchNorm2d: [
    inModel(new nn.BatchNorm2d(8), (l) => l.forward(x(2, 3, 4, 4))),
    "encoder: BatchNorm2d: expected [N, 8, H, W], got [2, 3, 4, 4]",
  ],
  LayerNorm: [inModel(new nn.LayerNorm(8), (l) => l.forward(x(2, 7))), "encoder: LayerNorm: expected [.., 8], got [2, 7]"],
  MultiheadAttention: [
    inModel(new nn.MultiheadAttention(8, 2), (l) => l.forward(x(2, 7, 6))),
    "encoder: MultiheadAttention: expected [.., 8], got [2, 7, 6]",
  ],
  crossEntropy: [() => crossEntropy(x(4, 3), input("y", [5], "int32")), "crossEntropy: expected labels [4], got [5]"],
  meanSquaredError: [
    () => meanSquaredError(x(4, 1), x(4)),
    "meanSquaredError: expected a target [4, 1], got [4]; reshape one of them",
  ],
  huber: [() => huber(x(4, 1), x(4)), "huber: expected a target [4, 1], got [4]; reshape one of them"],
  binaryCrossEntropyWithLogits: [
    () => binaryCrossEntropyWithLogits(x(4, 1), x(4)),
    "binaryCrossEntropyWithLogits: expected a target [4, 1], got [4]; reshape one of them",
  ],
  matMul: [() => x(4, 3).matMul(x(4, 3)), "MatMul: expected [.., m, k] · [.., k, n], got [4, 3] · [4, 3]"],
  add: [() => x(4, 3).add(x(4, 2)), "Add: expected shapes that broadcast, got [4, 3] and [4, 2]"],
};

for (const [name, [call, message]] of Object.entries(WRONG)) {
  test(`a shape that does not fit: ${name}`, () => {
    assert.throws(call, (error) => {
      assert.ok(error instanceof ShapeError, String(error));
      assert.equal(error.message, message);
      return true;
    });
  });
}

test("tokens that are no integers: Embedding", () => {
  const call = inModel(new nn.Embedding(10, 4), (l) => l.forward(x(2, 7)));
  assert.throws(call, { name: "DTypeError", message: "encoder: Embedding: expected integer tokens, got float32" });
});
