/**
 * @module How much of a training step passes in JavaScript: `node dist/scripts/javascript-time.js [STEPS]`. The engine's native
 * run is timed by itself; what is left of the step is ours. The step is that of an MLP 784-512-512-10, batch 128, SGD.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Dataset, DataLoader } from "../src/data/index.js";
import type { Tensor } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import { Mlp } from "../src/models/index.js";
import { sgd } from "../src/optim/index.js";
import { fit, TrainingState, trainingStep } from "../src/train/index.js";
import { Random } from "../src/util/random.js";

interface NativeSession {
  run(feeds: unknown, fetches: unknown, options: unknown): unknown;
}

/** Counts the time inside the engine, of sessions that are created from here on. */
function timeNative(): { milliseconds: number } {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve("onnxruntime-node/package.json"));
  const { binding } = require(join(folder, "dist", "binding.js")) as { binding: { InferenceSession: new () => NativeSession } };
  const spent = { milliseconds: 0 };
  binding.InferenceSession = class extends binding.InferenceSession {
    override run(feeds: unknown, fetches: unknown, options: unknown): unknown {
      const start = performance.now();
      try {
        return super.run(feeds, fetches, options);
      } finally {
        spent.milliseconds += performance.now() - start;
      }
    }
  };
  return spent;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Medians over the steps, in milliseconds: of a step, and of its part outside the engine. */
export async function measureJavaScript(steps: number): Promise<{ stepMs: number; javascriptMs: number; loopMs: number }> {
  const native = timeNative();
  const [rows, features, classes, batchSize] = [2560, 784, 10, 128];
  const random = new Random("javascript-time");
  const data = new Dataset({
    image: {
      dtype: "float32",
      shape: [rows, features],
      data: Float32Array.from({ length: rows * features }, () => random.normal()),
    },
    label: { dtype: "int32", shape: [rows], data: Int32Array.from({ length: rows }, () => random.integer(classes)) },
  });
  const model = new Mlp({ inFeatures: features, hidden: [512, 512], outFeatures: classes });
  const step = trainingStep({
    model,
    optimizer: sgd({ learningRate: 0.01 }),
    loss: (batch) => crossEntropy(model.forward(batch["image"] as Tensor), batch["label"] as Tensor),
  });
  await using state = await TrainingState.create(step);
  const batch = data.take(batchSize).batch();
  for (let i = 0; i < 10; i++) await state.run(batch);
  const wholes: number[] = [];
  const ours: number[] = [];
  for (let i = 0; i < steps; i++) {
    const [before, start] = [native.milliseconds, performance.now()];
    await state.run(batch);
    const whole = performance.now() - start;
    wholes.push(whole);
    ours.push(whole - (native.milliseconds - before));
  }
  // The loop adds the making of batches.
  const loop: number[] = [];
  let [mark, inside] = [performance.now(), native.milliseconds];
  const loader = new DataLoader(data, { batchSize, shuffle: true, dropLast: true });
  await fit({
    state,
    loader,
    totalSteps: steps,
    callbacks: [
      {
        onStep() {
          const now = performance.now();
          loop.push(now - mark - (native.milliseconds - inside));
          [mark, inside] = [now, native.milliseconds];
        },
      },
    ],
  });
  return { stepMs: median(wholes), javascriptMs: median(ours), loopMs: median(loop) };
}

if (process.argv[1] === import.meta.filename) {
  const { stepMs, javascriptMs, loopMs } = await measureJavaScript(Number(process.argv[2] ?? 300));
  const share = (ms: number): string => `${ms.toFixed(3)} ms, ${((100 * ms) / stepMs).toFixed(1)} %`;
  console.log(
    `step ${stepMs.toFixed(2)} ms; of it in JavaScript ${share(javascriptMs)}; with the loop and its batches ${share(loopMs)}`,
  );
}
