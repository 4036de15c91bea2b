/**
 * @module The share of a training step that passes in JavaScript: `node dist/scripts/javascript-time.js [STEPS] [uint8|float32]`. The engine's native
 * run is timed by itself; what is left of the step is ours. The step is that of an MLP 784-512-512-10, batch 128, SGD.
 */
import { Dataset } from "../src/data/index.js";
import type { Tensor } from "../src/graph/index.js";
import { DTYPES } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import { Mlp } from "../src/models/index.js";
import { DirectEngine } from "../src/runtime/ort-direct-node.js";
import { sgd } from "../src/optim/index.js";
import { TrainingState, trainingStep } from "../src/train/index.js";
import { Progress } from "../src/run/progress.js";
import { peakMemoryMiB } from "../src/run/progress-node.js";
import { trainRun } from "../src/train/train-node.js";
import { Random } from "../src/util/random.js";
import { median } from "../src/util/median.js";

/** Counts the time inside the engine's run. */
function timeNative(): { milliseconds: number } {
  const spent = { milliseconds: 0 };
  const engine = DirectEngine.prototype as { run: (this: DirectEngine, ...args: Parameters<DirectEngine["run"]>) => void };
  const run = engine.run;
  engine.run = function (...args): void {
    const start = performance.now();
    try {
      run.apply(this, args);
    } finally {
      spent.milliseconds += performance.now() - start;
    }
  };
  return spent;
}

/** Milliseconds of a step, and of its part outside the engine: medians. */
export interface StepTime {
  readonly wholeMs: number;
  readonly javascriptMs: number;
}

export interface JavaScriptTime {
  /** `TrainingState.run` on one batch again and again. */
  readonly step: StepTime;
  /** The loop of `descent train` from one step to the next: shuffling, gathering, the step, metrics, callbacks, a progress line. */
  readonly loop: StepTime;
  /** Outside the engine, of the loop's whole time: collections and the start of each epoch count here, and medians hide them. */
  readonly loopShare: number;
}

/** Images as bytes, as Fashion-MNIST's are (60,000 of them), or as float32 (64 MB: more than a cache holds as well). */
export type Pixels = "uint8" | "float32";

export async function measureJavaScript(steps: number, pixels: Pixels): Promise<JavaScriptTime> {
  const native = timeNative();
  /** Calls `lap` after each step; medians of the laps, and their sum. */
  const lapTimer = (): { lap: () => void; result: () => StepTime & { readonly share: number } } => {
    let [mark, inside] = [performance.now(), native.milliseconds];
    const wholes: number[] = [];
    const ours: number[] = [];
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    return {
      lap: () => {
        const now = performance.now();
        wholes.push(now - mark);
        ours.push(now - mark - (native.milliseconds - inside));
        [mark, inside] = [performance.now(), native.milliseconds];
      },
      result: () => ({ wholeMs: median(wholes), javascriptMs: median(ours), share: sum(ours) / sum(wholes) }),
    };
  };
  const [features, classes, batchSize] = [784, 10, 128];
  const rows = pixels === "uint8" ? 60_000 : 20_480;
  const random = new Random("javascript-time");
  const values = DTYPES[pixels].create(rows * features) as Uint8Array | Float32Array;
  const image = { dtype: pixels, shape: [rows, features], data: values.map(() => random.integer(2)) };
  const data = new Dataset({ image, label: Int32Array.from({ length: rows }, () => random.integer(classes)) });
  const model = new Mlp({ inFeatures: features, hidden: [512, 512], outFeatures: classes });
  const step = trainingStep({
    model,
    optimizer: sgd({ learningRate: 0.01 }),
    loss: (batch) => crossEntropy(model.forward((batch["image"] as Tensor).cast("float32")), batch["label"] as Tensor),
  });
  await using state = await TrainingState.create(step);
  const batch = data.take(batchSize).batch();
  for (let i = 0; i < 10; i++) await state.run(batch);
  const single = lapTimer();
  for (let i = 0; i < steps; i++) {
    await state.run(batch);
    single.lap();
  }
  let loop = lapTimer();
  const sink = { write: () => undefined, isTTY: true };
  const progress = new Progress(sink, { label: "train", total: steps + 10, unit: "examples", peakMemoryMiB });
  const { state: trained } = await trainRun({
    step,
    train: data,
    batchSize,
    totalSteps: steps + 10,
    seed: 1,
    device: "cpu",
    progress,
    callbacks: [{ onStep: ({ step: done }) => (done === 10 ? void (loop = lapTimer()) : loop.lap()) }],
  });
  await trained.dispose();
  const whole = loop.result();
  return { step: single.result(), loop: whole, loopShare: whole.share };
}

if (process.argv[1] === import.meta.filename) {
  const [steps = "1000", pixels = "uint8"] = process.argv.slice(2);
  const { step, loop, loopShare } = await measureJavaScript(Number(steps), pixels as Pixels);
  const said = ({ wholeMs, javascriptMs }: StepTime): string =>
    `${wholeMs.toFixed(2)} ms, ${javascriptMs.toFixed(3)} of them in JavaScript (${((100 * javascriptMs) / wholeMs).toFixed(1)} %)`;
  console.log(`step ${said(step)}; in the training loop ${said(loop)}, ${(100 * loopShare).toFixed(1)} % of its whole time`);
}
