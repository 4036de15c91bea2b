/**
 * @module The models of test/golden/explain.json, with its numbers: a small convolutional network, one with batch normalization, and an MLP.
 */
import { readFileSync } from "node:fs";
import type { Explainable } from "../../src/explain/index.js";
import { explainableOf } from "../../src/explain/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { fromNumbers } from "../../src/graph/index.js";
import { AvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, Module } from "../../src/nn/index.js";
import { relu, tanh } from "../../src/ops/index.js";

/** Numbers with their shape, as the file has them. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface Golden {
  readonly models: Readonly<Record<"conv" | "normed" | "mlp", Readonly<Record<string, Numbers>>>>;
  readonly inputs: Readonly<Record<"image" | "blank" | "background" | "row" | "rows", Numbers>>;
  readonly target: readonly number[];
  readonly captum: Readonly<Record<string, Numbers>>;
  readonly measures: Readonly<Record<"infidelity" | "infidelity normalized" | "max-sensitivity", number>> &
    Readonly<Record<"predicted" | "drops" | "moved", Numbers>>;
  readonly gradCam: Readonly<Record<string, Numbers>>;
  readonly zennit: Readonly<Record<string, Numbers>>;
  readonly shap: {
    readonly exact: Numbers;
    readonly "kernel all": Numbers;
    readonly kernel: {
      readonly masks: readonly (readonly number[])[];
      readonly weights: readonly number[];
      readonly scores: readonly number[];
      readonly empty: number;
      readonly full: number;
      readonly values: readonly number[];
    };
    readonly linear: Numbers;
    readonly linearModel: { readonly weights: readonly number[]; readonly bias: number };
  };
  readonly lime: {
    readonly switches: readonly (readonly number[])[];
    readonly scores: readonly number[];
    readonly coefficients: readonly number[];
    readonly intercept: number;
    readonly r2: number;
  };
}

export const golden = JSON.parse(readFileSync("test/golden/explain.json", "utf8")) as Golden;

/** float32 numbers of the file. */
export const float32 = ({ shape, data }: Numbers): TensorData => fromNumbers("float32", shape, data);

class ConvNet extends Module {
  readonly conv1 = new Conv2d(2, 4, { kernelSize: 3, padding: 1 });
  readonly norm1: BatchNorm2d | null;
  readonly pool1: MaxPool2d | AvgPool2d;
  readonly conv2 = new Conv2d(4, 5, { kernelSize: 3, padding: 1 });
  readonly relu2 = new Relu();
  readonly pool2 = new AvgPool2d(2);
  readonly fc1 = new Linear(20, 6);
  readonly fc2 = new Linear(6, 3);
  readonly relu1 = new Relu();

  constructor({ isNormed = false, isAveraged = false }: { readonly isNormed?: boolean; readonly isAveraged?: boolean } = {}) {
    super();
    this.pool1 = isAveraged ? new AvgPool2d(2) : new MaxPool2d(2);
    this.norm1 = isNormed ? new BatchNorm2d(4) : null;
  }

  override forward(x: Tensor): Tensor {
    const first = this.conv1.forward(x);
    const normed = this.norm1 === null ? first : this.norm1.forward(first);
    const h = normed.pipe(this.relu1, this.pool1, this.conv2, this.relu2, this.pool2); // [N, 5, 2, 2]
    return h.flatten(1).pipe(this.fc1, relu, this.fc2); // [N, 3]
  }
}

/** relu with a path of its own. */
class Relu extends Module {
  override forward(x: Tensor): Tensor {
    return x.relu();
  }
}

class Mlp extends Module {
  readonly fc1 = new Linear(6, 8);
  readonly fc2 = new Linear(8, 4);
  readonly fc3 = new Linear(4, 3);

  override forward(x: Tensor): Tensor {
    return x.pipe(this.fc1, tanh, this.fc2, relu, this.fc3);
  }
}

function withNumbers(model: ConvNet | Mlp, numbers: Readonly<Record<string, Numbers>>, shape: readonly number[]): Explainable {
  const values = new Map([...model.state()].map(([path, p]) => [p, float32(numbers[path] as Numbers)]));
  return explainableOf((x) => model.forward(x), shape, 3, {
    name: model.constructor.name,
    values,
    kind: shape.length === 1 ? "table" : "image",
  });
}

export const conv = withNumbers(new ConvNet(), golden.models.conv, [2, 8, 8]);
export const pooled = withNumbers(new ConvNet({ isAveraged: true }), golden.models.conv, [2, 8, 8]);
export const normed = withNumbers(new ConvNet({ isNormed: true }), golden.models.normed, [2, 8, 8]);
export const mlp = withNumbers(new Mlp(), golden.models.mlp, [6]);
