/**
 * @module Image generation: new images like those of a folder, by a generator and a discriminator that learn from each other in one
 * step. What is used, measured and exported is the generator: noise in, pixels out.
 */
import type { LoadedData } from "../../../data/node.js";
import type { Dim, Tensor, TensorData } from "../../../graph/index.js";
import { sizeOf, toNumbers } from "../../../graph/index.js";
import { binaryCrossEntropyWithLogits } from "../../../losses/index.js";
import { Dcgan } from "../../../models/index.js";
import { ones, randomNormal } from "../../../ops/index.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import type { ImageInfo } from "../images.js";
import { collateImages, encodeImages, imageLoading, imageTypes, prepareImages } from "../images.js";
import type { ColumnTypes, BuiltChoice, Prepared, Task, Tensors } from "../../task.js";
import { generationOptions, generationPredictOptions } from "./options.js";

export interface GenerationInfo extends ImageInfo {
  /** Length of the noise vector that an image is generated from, normally distributed. */
  readonly latentSize: number;
}

const LATENT_SIZE = 100;
/** The discriminator's target for real images: not quite 1, so that it stays unsure (one-sided label smoothing). */
const REAL = 0.9;

/** A DCGAN of some width; examples decide how long it trains. */
const dcgan = (name: string, summary: string, width: number): BuiltChoice<GenerationInfo> => ({
  name,
  summary,
  build: ({ imageShape: [channels = 1, height = 0, side = 0], latentSize }) => {
    if (height !== side)
      throw new ConfigError(`${name}: expected square images, got ${height} × ${side}; give --image-size ${side}`);
    return new Dcgan({ imageSize: side, channels, latentSize, width });
  },
  defaults: (examples) => ({
    // About 5,000 updates, or 6 passes over large data.
    epochs: Math.max(6, Math.min(400, Math.round((5000 * 64) / Math.max(1, examples)))),
    batchSize: 64,
    lr: 2e-4,
    beta1: 0.5,
    optimizer: "adam",
    schedule: "constant",
    weightDecay: 0,
  }),
});

const chance = (logits: Tensor): Tensor => logits.sigmoid().mean();

export const imageGeneration: Task<GenerationInfo> = {
  name: "image-generation",
  label: { en: "Image generation", zh: "图像生成" },
  summary: "generate new images like those of a data set",
  usage: ["--data fashion-mnist --out runs/clothes"],
  options: generationOptions,
  predictOptions: generationPredictOptions,
  checksOneBatch: false,
  models: [
    dcgan("dcgan-small", "Radford et al. 2015, half as wide as in the paper: for small images on a CPU", 32),
    dcgan("dcgan", "Radford et al. 2015, as wide as in PyTorch's example", 64),
  ],
  defaultModel: "dcgan-small",
  reads: { boxTables: false },
  monitor: { metric: "frechetDistance", mode: "min" },

  prepare(data: LoadedData): Prepared<GenerationInfo> {
    if (data.roles.image === undefined)
      throw new DataError(`${data.name}: expected images, got a table with ${data.train.names.join(", ")}`);
    const prepared = prepareImages(data);
    return { ...prepared, info: { ...prepared.info, latentSize: LATENT_SIZE } };
  },

  inputs: ({ info, use }, batch: Dim): ColumnTypes =>
    use === "train" ? imageTypes({ info }, batch) : { latent: { shape: [batch, info.latentSize], dtype: "float32" } },
  targets: () => ({}),
  loading: imageLoading,
  collate: (context, rows) => (rows.has("image") ? collateImages(context, rows) : undefined),

  /** Images in −1…1 while training, noise in use. */
  features: (batch, { info, use }) =>
    use === "train"
      ? (batch["image"] as Tensor)
          .cast("float32")
          .mul(2 / info.maximum)
          .sub(1)
      : (batch["latent"] as Tensor),

  outputs(model, features, _batch, { info, use }): Tensors {
    const { generator, discriminator } = model as Dcgan;
    if (use === "train") {
      const made = generator.forward(randomNormal([features.shape[0] as Dim, info.latentSize]));
      return { real: discriminator.forward(features), made: discriminator.forward(made) };
    }
    // −1…1 to 0…maximum; the cast cuts off, so half is added.
    const pixels = generator
      .forward(features)
      .add(1)
      .mul(info.maximum / 2)
      .add(0.5);
    return { image: pixels.cast("uint8") };
  },

  /**
   * The discriminator learns to tell real from made, the generator to be taken for real (the non-saturating loss).
   * Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3; one-sided smoothing: Salimans et al. 2016, arXiv:1606.03498.
   * Differs from the source: both are updated in one step, from the same discriminator.
   */
  loss(outputs) {
    const [real, made] = [outputs["real"] as Tensor, outputs["made"] as Tensor];
    const all = ones(made.shape);
    const discriminatorLoss = binaryCrossEntropyWithLogits(real, all.mul(REAL)).add(
      binaryCrossEntropyWithLogits(made, all.mul(0)),
    );
    const generatorLoss = binaryCrossEntropyWithLogits(made, all);
    return {
      loss: discriminatorLoss.add(generatorLoss),
      losses: { discriminator: discriminatorLoss, generator: generatorLoss },
      metrics: { discriminatorLoss, generatorLoss, realTakenForReal: chance(real), madeTakenForReal: chance(made) },
    };
  },

  /** Pixels 0…maximum, channel by channel. */
  answers(outputs) {
    const image = outputs["image"] as TensorData;
    const [count = 0, ...shape] = image.shape;
    const size = sizeOf(shape);
    const numbers = toNumbers(image);
    return Array.from({ length: count }, (_, i) => ({ shape, pixels: [...numbers.subarray(i * size, (i + 1) * size)] }));
  },

  examples: (data, part, info) => {
    const rows = part.with({ image: part.column(data.roles.image ?? "image") }).pick("image");
    return encodeImages(rows, info);
  },
  targetColumn: () => undefined,
  encode: (rows) => rows,
};
