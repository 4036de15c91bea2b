/**
 * @module The time that training waits for images: `node dist/scripts/image-loading.js [STEPS] [--size 224] [--threads 2] [--augment LIST]`.
 * JPEG files of 500×375 are made (photographs of $DESCENT_DATA where there are some, scenes of shapes and noise otherwise), decoded
 * and augmented for each batch while a small network trains. The same steps on one batch that is there already show what loading
 * costs on top.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Sharp } from "sharp";
import sharp from "sharp";
import { DataLoader, loadData, WorkerFetcher } from "../src/data/node.js";
import type { Batch } from "../src/data/node.js";
import { TrainingState, trainingStep } from "../src/train/index.js";
import { makeOptimizer } from "../src/tasks/training/optimizer.js";
import { builtNamed, taskNamed } from "../src/tasks/table.js";
import type { TaskContext, TaskInfo } from "../src/tasks/task.js";
import { Random } from "../src/util/random.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: "string", default: "224" },
    model: { type: "string", default: "mobilenet-v3-small" },
    augment: { type: "string", default: "resized-crop,flip,color" },
    batch: { type: "string", default: "32" },
    threads: { type: "string", default: String(availableParallelism()) },
    workers: { type: "string", default: "1" },
    prefetch: { type: "string", default: "2" },
  },
});
const steps = Number(positionals[0] ?? 60);
const [size, batchSize, threads] = [Number(values.size), Number(values.batch), Number(values.threads)];

const [WIDTH, HEIGHT, CLASSES, PER_CLASS] = [500, 375, 4, 96];
const PHOTOS = ["bus", "daisy", "two-cats", "wolves", "tulip", "rose"];

/** One of a few photographs, cut at a random place; or shapes before a noisy ground. */
async function scene(random: Random): Promise<Sharp> {
  const photo = join(process.env["DESCENT_DATA"] ?? "", "photos", `${PHOTOS[random.integer(PHOTOS.length)]}.jpg`);
  if (existsSync(photo)) {
    const large = sharp(photo).resize(WIDTH + 100, HEIGHT + 75, { fit: "cover" });
    return sharp(await large.toBuffer()).extract({
      left: random.integer(100),
      top: random.integer(75),
      width: WIDTH,
      height: HEIGHT,
    });
  }
  const shapes = Array.from({ length: 24 }, () => {
    const color = `rgb(${random.integer(256)},${random.integer(256)},${random.integer(256)})`;
    return `<ellipse cx="${random.integer(WIDTH)}" cy="${random.integer(HEIGHT)}" rx="${random.integer(90)}" ry="${random.integer(90)}" fill="${color}"/>`;
  });
  const svg = Buffer.from(`<svg width="${WIDTH}" height="${HEIGHT}">${shapes.join("")}</svg>`);
  const noise = { type: "gaussian", mean: 128, sigma: 20 } as const;
  return sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: "grey", noise } }).composite([{ input: svg }]);
}

const folder = await mkdtemp(join(tmpdir(), "descent-image-loading-"));
try {
  let bytes = 0;
  for (let k = 0; k < CLASSES; k++) {
    await mkdir(join(folder, `class-${k}`));
    for (let i = 0; i < PER_CLASS; i++) {
      const file = await (await scene(new Random("image-loading", k, i))).jpeg({ quality: 90 }).toBuffer();
      bytes += file.length;
      await writeFile(join(folder, `class-${k}`, `${i}.jpg`), file);
    }
  }

  const task = taskNamed("image-classification");
  const data = await loadData(folder, {
    seed: 1,
    imageSize: [size, size],
    keepOriginals: () => true,
    testFraction: 0,
    validationFraction: 0,
  });
  const { info, train } = await task.prepare(data, { seed: 1, ignore: [], model: values.model });
  const context: TaskContext<TaskInfo> = { info, use: "train", options: { augment: values.augment } };
  const model = builtNamed(task, values.model).build(info);
  const step = trainingStep({
    model,
    optimizer: makeOptimizer({ optimizer: "adamw", schedule: "constant", lr: 1e-3, weightDecay: 0.02, totalSteps: steps }),
    loss: (batch) => task.loss(task.outputs(model, task.features(batch, context, model), batch, context), batch, context),
  });
  await using state = await TrainingState.create(step, { seed: 1, device: "cpu", threads });
  using fetcher = new WorkerFetcher(train, task.collate?.(context, train), { threads: Number(values.workers) });
  const loader = new DataLoader(train, {
    batchSize,
    shuffle: true,
    dropLast: true,
    seed: 1,
    fetcher,
    prefetch: Number(values.prefetch),
  });

  // The engine alone, on one batch, before and after; and the loader's part between.
  let ready: Batch | undefined;
  const alone = async (count: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < count; i++) await state.run(ready as Batch);
    return (performance.now() - start) / count;
  };
  const iterate = async function* (): AsyncGenerator<Batch> {
    for (;;) yield* loader;
  };
  const batches = iterate();
  for (let i = 0; i < 3; i++) {
    ready = (await batches.next()).value as Batch;
    await state.run(ready);
  }
  const before = await alone(Math.ceil(steps / 4));
  let [waited, computed] = [0, 0];
  const cpu = process.cpuUsage();
  for (let i = 0; i < steps; i++) {
    const asked = performance.now();
    const batch = (await batches.next()).value as Batch;
    const had = performance.now();
    await state.run(batch);
    waited += had - asked;
    computed += performance.now() - had;
  }
  const { user, system } = process.cpuUsage(cpu);
  const after = await alone(Math.ceil(steps / 4));
  const total = waited + computed;
  process.stdout.write(
    `${JSON.stringify(
      {
        images: `${CLASSES * PER_CLASS} JPEG files of ${WIDTH}×${HEIGHT}, ${(bytes / CLASSES / PER_CLASS / 1024).toFixed(0)} KiB each`,
        settings: { model: values.model, size, batchSize, augment: values.augment, threads, workers: Number(values.workers) },
        steps,
        busyFraction: Number((computed / total).toFixed(4)),
        waitMs: Number((waited / steps).toFixed(2)),
        stepMs: Number((total / steps).toFixed(1)),
        stepMsWithoutLoading: Number(((before + after) / 2).toFixed(1)),
        imagesPerSecond: Number(((steps * batchSize * 1000) / total).toFixed(1)),
        cpuCores: Number(((user + system) / 1000 / total).toFixed(2)),
      },
      undefined,
      2,
    )}\n`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
