/**
 * @module A program for tests: trains small models one after another, in the processes that it was started in.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Dataset } from "../../src/data/index.js";
import type { Tensor } from "../../src/graph/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { BatchNorm2d, Conv2d, Dropout, Embedding, flatten, Linear, Module, relu } from "../../src/nn/index.js";
import { adamW, chain, clipByGlobalNorm } from "../../src/optim/index.js";
import type { Overlap } from "../../src/parallel/index.js";
import { joinGroup, leaveGroup } from "../../src/parallel/index.js";
import { train } from "../../src/train/node.js";
import { Random } from "../../src/util/random.js";

/** Trainings of all models, into folders `OUT-MODEL`. */
export interface Trainings {
  readonly out: string;
  readonly steps: number;
  readonly batchSize: number;
  readonly accumulate?: number;
  readonly exact?: boolean;
  readonly shardOptimizer?: boolean;
  readonly overlap?: Overlap;
  /** Left out, those with dropout. */
  readonly models?: readonly (keyof typeof MODELS)[];
}

class Plain extends Module {
  readonly fc1 = new Linear(12, 17);
  readonly fc2 = new Linear(17, 3);
  forward(x: Tensor): Tensor {
    return x.pipe(this.fc1, relu, this.fc2);
  }
}

class Mlp extends Module {
  readonly fc1 = new Linear(12, 17);
  readonly dropout = new Dropout(0.3);
  readonly fc2 = new Linear(17, 3);
  forward(x: Tensor): Tensor {
    return x.pipe(this.fc1, relu, this.dropout, this.fc2);
  }
}

class Convolutional extends Module {
  readonly conv1 = new Conv2d(1, 5, { kernelSize: 3, padding: 1 });
  readonly norm = new BatchNorm2d(5);
  readonly conv2 = new Conv2d(5, 4, { kernelSize: 3 });
  readonly dropout = new Dropout(0.2);
  readonly fc = new Linear(16, 3);
  forward(x: Tensor): Tensor {
    const h = x.pipe(this.conv1, this.norm, relu, this.conv2, relu); // [N, 4, 2, 2]
    return flatten(h).pipe(this.dropout, this.fc);
  }
}

class Texts extends Module {
  readonly embedding = new Embedding(11, 6);
  readonly dropout = new Dropout(0.2);
  readonly fc = new Linear(6, 3);
  forward(ids: Tensor): Tensor {
    return this.embedding.forward(ids).pipe(this.dropout).mean(1).pipe(this.fc);
  }
}

/** 70 examples of three classes that the numbers tell a little about. */
function made(shape: readonly number[], integers?: number): Dataset {
  const [count, random] = [70, new Random(5, "rows", shape.length)];
  const size = shape.reduce((a, b) => a * b, 1);
  const label = BigInt64Array.from({ length: count }, (_, i) => BigInt(i % 3));
  const numbers = Float32Array.from({ length: count * size }, (_, i) => random.normal((Math.floor(i / size) % 3) / 2));
  const features =
    integers === undefined
      ? { dtype: "float32" as const, shape: [count, ...shape], data: numbers }
      : {
          dtype: "int64" as const,
          shape: [count, ...shape],
          data: BigInt64Array.from(numbers, (x) => BigInt(Math.min(integers - 1, Math.max(0, Math.round(3 * x + 4))))),
        };
  return new Dataset({ x: features, y: { dtype: "int64", shape: [count], data: label } });
}

const MODELS = {
  plain: [() => new Plain(), made([12])],
  mlp: [() => new Mlp(), made([12])],
  convolutional: [() => new Convolutional(), made([1, 4, 4])],
  texts: [() => new Texts(), made([9], 11)],
} as const;

const group = await joinGroup();
for (const trainings of JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as Trainings[]) {
  const { out, exact, shardOptimizer, overlap, models = ["mlp", "convolutional", "texts"], ...options } = trainings;
  for (const name of models) {
    const [model, data] = MODELS[name];
    await using run = await train(model(), {
      ...options,
      data: { train: data, validation: data.take(21) },
      loss: crossEntropy(),
      optimizer: chain(clipByGlobalNorm(1), adamW({ learningRate: 5e-3, weightDecay: 0.1 })),
      transform: (x) => x,
      seed: 3,
      threads: 1,
      parallel: { group, exact, shardOptimizer, overlap },
      out: `${out}-${name}`,
      quiet: true,
    });
    if (group.rank === group.size - 1) writeFileSync(`${out}-${name}.last-rank.json`, JSON.stringify(run.summary.metrics));
  }
}
await leaveGroup();
