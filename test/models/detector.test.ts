import assert from "node:assert/strict";
import { test } from "node:test";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { fromNumbers, input } from "../../src/graph/index.js";
import { taskAlignedLoss } from "../../src/losses/index.js";
import { Detector, ResNetBackbone, resNet18, resNet18Cifar, SmallBackbone } from "../../src/models/index.js";
import { adam } from "../../src/optim/index.js";
import { prepareGraph } from "../../src/runtime/index.js";
import { nodesWithoutKernel } from "../../src/runtime/kernels.js";
import { TrainingState, trainingStep } from "../../src/train/index.js";
import { ConfigError } from "../../src/util/errors.js";
import { Random } from "../../src/util/random.js";

const small = (): Detector =>
  new Detector({ numClasses: 2, width: 16, backbone: new SmallBackbone({ widths: [8, 16, 16, 16] }) });

test("a place for each stride, in the order of the points; sizes that do not halve evenly are rounded up", () => {
  for (const [height, width] of [
    [64, 96],
    [240, 320],
    [72, 56],
  ] as const) {
    const { logits, boxes } = small().forward(input("x", [1, 3, height, width]));
    const places = Detector.points(height, width).length;
    assert.deepEqual(logits.shape, [1, places, 2]);
    assert.deepEqual(boxes.shape, [1, places, 4]);
  }
  assert.deepEqual(Detector.points(64, 96)[0], [4, 4]);
  assert.deepEqual(Detector.points(64, 96).at(-1), [80, 48]);
});

test("any backbone of three strides: ResNet-18 without its classifier, under its own paths", () => {
  const backbone = new ResNetBackbone(resNet18({ numClasses: null }));
  assert.deepEqual(backbone.featureChannels, [128, 256, 512]);
  const detector = new Detector({ numClasses: 3, backbone });
  assert.ok(detector.parameters().has("backbone.layer4.1.conv2.weight"));
  assert.ok(![...detector.parameters().keys()].some((path) => path.includes("fc")));
  // 11,689,512 less the classifier's 513,000.
  assert.equal(backbone.parameterCount, 11_176_512);
  assert.equal(detector.forward(input("x", [2, 3, 64, 64])).boxes.shape[1], 64 + 16 + 4);
  assert.throws(() => new ResNetBackbone(resNet18Cifar({ numClasses: null })), ConfigError);
  assert.throws(() => new ResNetBackbone(resNet18()), /without classifier/);
});

test("every node of a training step has a kernel on WebGPU, the assignment of places to boxes too", () => {
  const model = small();
  const step = trainingStep({
    model,
    optimizer: adam({ learningRate: 1e-3 }),
    loss: ({ image, truth }: { image: Tensor; truth: Tensor }) =>
      taskAlignedLoss({ ...model.forward(image), points: Detector.points(64, 96), truth }).loss,
  });
  const batch = {
    image: { dtype: "float32", shape: [2, 3, 64, 96] },
    truth: { dtype: "float32", shape: [2, 4, 5] },
  } as const;
  assert.deepEqual(nodesWithoutKernel(prepareGraph(step.graphFor(batch).graph, "webgpu"), "webgpu"), []);
});

/** Bright squares (class 0) and dark ones (class 1) on grey noise. */
function scene(height: number, width: number): { image: TensorData; truth: TensorData } {
  const random = new Random("detector scene");
  const pixels = Float64Array.from({ length: 2 * 3 * height * width }, () => 0.1 * random.normal());
  const boxes = [
    [10, 12, 34, 36, 0],
    [60, 20, 84, 44, 1],
    [30, 24, 50, 44, 1],
    [70, 30, 90, 50, 0],
  ] as const;
  boxes.forEach(([x1, y1, x2, y2, k], i) => {
    for (let c = 0; c < 3; c++)
      for (let y = y1; y < y2; y++)
        pixels.fill(
          k === 0 ? 1.5 : -1.5,
          ((Math.floor(i / 2) * 3 + c) * height + y) * width + x1,
          ((Math.floor(i / 2) * 3 + c) * height + y) * width + x2,
        );
  });
  return {
    image: fromNumbers("float32", [2, 3, height, width], pixels),
    truth: fromNumbers("float32", [2, 2, 5], boxes.flat()),
  };
}

test("it overfits two pictures: every box is found, at its place", async () => {
  const [height, width] = [64, 96];
  const model = small();
  const points = Detector.points(height, width);
  const data = scene(height, width);
  const step = trainingStep({
    model,
    optimizer: adam({ learningRate: 5e-3 }),
    loss: ({ image, truth }: { image: Tensor; truth: Tensor }) =>
      taskAlignedLoss({ ...model.forward(image), points, truth }).loss,
  });
  const state = await TrainingState.create(step, { seed: 1, threads: 2 });
  try {
    const first = (await state.run(data)).loss;
    let last = first;
    for (let i = 0; i < 100; i++) last = (await state.run(data)).loss;
    assert.ok(last < 0.25 * first, `expected the loss to fall from ${first}, got ${last}`);
    const run = await state.evaluator(data, ({ image }) => {
      const { logits, boxes } = model.forward(image as Tensor);
      return { scores: logits.sigmoid(), boxes: boxes.mul(1) };
    });
    const { scores, boxes } = (await run(data)) as { scores: TensorData; boxes: TensorData };
    const truth = data.truth.data as Float32Array;
    for (let i = 0; i < 4; i++) {
      const [x1, y1, x2, y2, k] = [...truth.subarray(i * 5, (i + 1) * 5)] as [number, number, number, number, number];
      // The surest place of this class inside the box.
      let best = { score: 0, at: 0 };
      points.forEach(([x, y], a) => {
        const at = Math.floor(i / 2) * points.length + a;
        const score = Number(scores.data[at * 2 + k]);
        const inside = (x as number) > x1 && (x as number) < x2 && (y as number) > y1 && (y as number) < y2;
        if (inside && score > best.score) best = { score, at };
      });
      assert.ok(best.score > 0.3, `box ${i}: score ${best.score}`);
      const found = [0, 1, 2, 3].map((c) => Number(boxes.data[best.at * 4 + c]));
      [x1, y1, x2, y2].forEach((side, c) => {
        assert.ok(Math.abs((found[c] as number) - side) < 4, `box ${i}: expected ${[x1, y1, x2, y2]}, got ${found}`);
      });
    }
  } finally {
    await state.dispose();
  }
});
