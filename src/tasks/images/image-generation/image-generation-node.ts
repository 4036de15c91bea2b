/**
 * @module Image generation with files: samples as pictures, the Fréchet distance, and its part of a report.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Dataset } from "../../../data/node.js";
import type { TensorData } from "../../../graph/index.js";
import { frechetDistance } from "../../../metrics/index.js";
import type { PixelImage } from "../../../charts/image.js";
import { imageGrid, imagePng, pngDataUrl } from "../../../charts/image.js";
import type { Callback } from "../../../train/index.js";
import type { Metrics } from "../../../metrics/index.js";
import { card, paragraph } from "../../../report/page.js";
import { both } from "../../../report/words.js";
import { exists } from "../../../util/regular-file-node.js";
import { makeFolders } from "../../../util/folders-node.js";
import { ConfigError } from "../../../util/errors.js";
import { Random } from "../../../util/random.js";
import { featuresOf, FeatureSpace, prepareFeatures } from "./features-node.js";
import type { GenerationInfo } from "./image-generation.js";
import { imageGeneration } from "./image-generation.js";
import { picturesOf } from "../pictures-node.js";
import type { InputOptions, Measured, NamedInputs, NodeTask, ReportSources, TaskReport, Watched } from "../../task-node.js";
import type { Answer, TaskContext } from "../../task.js";
import type { OpenTrained, TrainedModel } from "../../trained-model.js";
import { sizeOf } from "../../../graph/index.js";
import { evenly } from "../../shared/rows-node.js";

/** At most so many images on each side of a distance: its value depends on their number. */
const MOST_IMAGES = 5000;

/** Samples of a grid. */
const GRID = 64;
const BATCH = 256;
const SAMPLES = "samples";

/** Rows of noise, the same for the same seed. */
function latents({ latentSize }: GenerationInfo, count: number, seed: number): Dataset {
  const random = new Random(seed, "latent");
  const data = Float32Array.from({ length: count * latentSize }, () => random.normal());
  return new Dataset({ latent: { dtype: "float32", shape: [count, latentSize], data } });
}

const pictureOf = ({ imageShape, maximum }: GenerationInfo, data: ArrayLike<number>): PixelImage => {
  const [channels = 1, height = 1, width = 1] = imageShape;
  return { width, height, channels: channels === 3 ? 3 : 1, data, maximum };
};

/** Images in a row as pictures. */
function picturesIn(info: GenerationInfo, image: TensorData): PixelImage[] {
  const [count = 0, ...shape] = image.shape;
  const size = sizeOf(shape);
  return Array.from({ length: count }, (_, i) => pictureOf(info, image.data.subarray(i * size, (i + 1) * size) as Uint8Array));
}

/** Batches of images joined to a data set. */
function asImages(batches: readonly TensorData[]): Dataset {
  const [first, ...rest] = batches.map((image) => new Dataset({ image }));
  return (first as Dataset).concat(...rest);
}

/** Makes a generator from the state of a training, for `size` rows of noise at a time. */
async function generatorOf({ state, prepared }: Watched, size: number): Promise<(noise: Dataset) => Promise<TensorData[]>> {
  const context: TaskContext<GenerationInfo> = { info: prepared.info as GenerationInfo, use: "eval", options: {} };
  const run = await state.evaluator(imageGeneration.inputs(context, size), (batch) =>
    imageGeneration.outputs(state.step.model, imageGeneration.features(batch, context, state.step.model), batch, context),
  );
  return async (noise) => {
    const images: TensorData[] = [];
    for (let start = 0; start + size <= noise.length; start += size)
      images.push((await run(noise.slice(start, start + size).batch()))["image"] as TensorData);
    return images;
  };
}

/** The Fréchet distance of what is made so far to validation images. */
async function evaluate(watched: Watched): Promise<() => Promise<Metrics>> {
  const isSpread = watched.prepared.validation.length > 1;
  if (!isSpread) watched.note("no Fréchet distance: it compares at least 2 images for validation; give more");
  const path = isSpread ? await prepareFeatures(watched) : undefined;
  if (path === undefined) return () => Promise.resolve({});
  const real = evenly(watched.prepared.validation, MOST_IMAGES);
  const generate = await generatorOf(watched, BATCH);
  const noise = latents(watched.prepared.info as GenerationInfo, Math.ceil(real.length / BATCH) * BATCH, watched.seed);
  await using space = await FeatureSpace.open(path, watched.open);
  const truth = await space.moments(real);
  return async () => {
    // Opened each time: an engine's session at rest still holds its threads.
    await using now = await FeatureSpace.open(path, watched.open);
    const made = asImages(await generate(noise)).take(real.length);
    return { frechetDistance: frechetDistance(await now.moments(made), truth) };
  };
}

/** A grid of samples from the same noise at each evaluation, in the run's folder `samples`. */
async function watch(watched: Watched): Promise<Callback> {
  const info = watched.prepared.info as GenerationInfo;
  const folder = join(watched.writer.path, SAMPLES);
  makeFolders(folder);
  const generate = await generatorOf(watched, GRID);
  const noise = latents(info, GRID, watched.seed);
  const write = async (epoch: number): Promise<void> => {
    const [image] = await generate(noise);
    const png = await imagePng(imageGrid(picturesIn(info, image as TensorData)));
    await writeFile(join(folder, `epoch-${String(Math.round(epoch)).padStart(4, "0")}.png`), png);
  };
  if (watched.state.updates === 0) await write(0);
  return { onEvaluation: ({ epoch }) => write(epoch) };
}

/** Distances to other images: of what the generator makes, and of training images, which is the least to hope for. */
async function measure({ model, run, examples, train, open }: Measured): Promise<Metrics> {
  const path = featuresOf(run);
  if (!(await exists(path)) || examples.length < 2) return {};
  await using space = await FeatureSpace.open(path, open);
  const real = evenly(examples, MOST_IMAGES);
  const truth = await space.moments(real);
  const images: TensorData[] = [];
  await model.run(latents(model.info as GenerationInfo, real.length, 1), ({ image }) => images.push(image as TensorData));
  const distance = frechetDistance(await space.moments(asImages(images)), truth);
  if (train === undefined) return { frechetDistance: distance };
  return { frechetDistance: distance, frechetFloor: frechetDistance(await space.moments(evenly(train, real.length)), truth) };
}

/** Noise in place of inputs. */
function readInputs(
  model: TrainedModel,
  inputs: readonly string[],
  { count = 16, seed = 1 }: InputOptions,
): Promise<NamedInputs> {
  if (inputs.length > 0)
    throw new ConfigError(
      `predict: expected no input for ${model.task.name}, got ${inputs[0]}; --count and --seed choose the samples`,
    );
  const names = Array.from({ length: count }, (_, i) => `sample-${seed}-${String(i).padStart(4, "0")}`);
  return Promise.resolve({ examples: latents(model.info as GenerationInfo, count, seed), names, badRows: 0 });
}

const pixelsIn = (model: TrainedModel, answer: Answer): PixelImage =>
  pictureOf(model.info as GenerationInfo, answer["pixels"] as readonly number[]);

const embedded = (png: Uint8Array, width: number, alt: string): string =>
  `<img style="width:100%;max-width:${width}px;image-rendering:pixelated" alt="${alt}" src="${pngDataUrl(png)}">`;

async function report({ used, test, writer, summary, open }: ReportSources): Promise<TaskReport> {
  const info = used.info as GenerationInfo;
  const made: PixelImage[] = [];
  await used.run(latents(info, GRID, 1), ({ image }) => made.push(...picturesIn(info, image as TensorData)));
  const rows = Array.from({ length: Math.min(GRID, test.length) }, (_, i) => Math.floor((i * test.length) / GRID));
  const real = [...(await picturesOf(info, imageGeneration, test, rows)).values()];
  const side = info.imageShape.at(-1) as number;
  const width = 8 * (side + 1) * Math.max(1, Math.round(48 / side));
  const pair = await Promise.all(
    [made, real].map(async (images) => embedded(await imagePng(imageGrid(images, 8)), width, "samples")),
  );
  const folder = join(writer.path, SAMPLES);
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".png")).sort();
  const shown = files.filter((_, i) => i % Math.max(1, Math.ceil(files.length / 8)) === 0 || i === files.length - 1);
  const course = await Promise.all(
    shown.map(
      async (name) =>
        `<figure>${embedded(await readFile(join(folder, name)), width / 2, name)}<figcaption>${Number(name.replace(/\D/g, ""))}</figcaption></figure>`,
    ),
  );
  const { frechetDistance: distance, frechetFloor: floor } = summary.metrics.test ?? {};
  const classifier = (await exists(featuresOf(writer.path))) ? await openAndMeasure(writer.path, test, open) : "";
  return {
    primaryMetric: "frechetDistance",
    sections: [
      {
        title: { en: "What it makes", zh: "生成的图像" },
        html: `<div class="row">${card(`<h3>${both({ en: "made", zh: "生成" })}</h3>${pair[0]}`)}${card(`<h3>${both({ en: "real", zh: "真实" })}</h3>${pair[1]}`)}</div>`,
      },
      {
        title: { en: "As it learned", zh: "学习过程" },
        html: `${paragraph("Always from the same noise; the number is the epoch.", "噪声始终相同；数字为轮次。", "soft")}<div class="examples">${course.join("")}</div>`,
      },
      ...(distance === undefined || floor === undefined
        ? []
        : [
            {
              title: { en: "How near to real images", zh: "与真实图像的距离" },
              html: paragraph(
                `The Fréchet distance of ${distance.toFixed(2)} is between features of made and of test images; training images have ${floor.toFixed(2)}, which is the least to hope for. The features are those before the last layer of a classifier that Descent trained${classifier}: the figure compares runs on these data, not with other papers' FID.`,
                `生成图像与测试图像特征之间的 Fréchet 距离为 ${distance.toFixed(2)}；训练图像为 ${floor.toFixed(2)}，即可期望的下限。特征取自 Descent 训练的分类器最后一层之前${classifier}：该数值只能比较本数据上的各次训练，不能与其他论文的 FID 比较。`,
              ),
            },
          ]),
    ],
  };
}

/** Measures the classifier whose features are compared; its accuracy in brackets. */
async function openAndMeasure(run: string, test: Dataset, open: OpenTrained): Promise<string> {
  await using space = await FeatureSpace.open(featuresOf(run), open);
  const accuracy = (await space.classifier.measure(test))?.result()["accuracy"];
  return accuracy === undefined ? "" : ` (${space.classifier.modelName}, ${(accuracy * 100).toFixed(1)} %)`;
}

export const imageGenerationNode: NodeTask = {
  readInputs,
  evaluate,
  watch,
  measure,
  report,
  present: {
    pictures: {
      format: "png",
      draw: (model, _input, answer) => imagePng(pixelsIn(model, answer)),
      drawTogether: (model, answers) => imagePng(imageGrid(answers.map((answer) => pixelsIn(model, answer)))),
    },
  },
};
