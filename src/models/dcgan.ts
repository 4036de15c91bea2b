/**
 * @module `Dcgan`: a generator that makes images from noise, and a discriminator that tells them from real ones.
 */
import type { Dim, Layer, Tensor } from "../graph/index.js";
import { BatchNorm2d, Conv2d, ConvTranspose2d, leakyRelu, Module, normalInit, relu, Sequential, tanh } from "../nn/index.js";
import { ConfigError } from "../util/errors.js";

/** Options of DCGAN; `imageSize` in pixels. */
export interface DcganOptions {
  /** Height and width: 4 to 7, doubled at least once (28, 32, 64, …). */
  readonly imageSize?: number;
  readonly channels?: number;
  /** Length of the noise vector that an image is generated from. */
  readonly latentSize?: number;
  /** Channels beside the image, in both networks; they double with each halving of the size. */
  readonly width?: number;
}

type Stage = Layer | ((x: Tensor) => Tensor);

/** The paper's initial weights. */
const weightInit = normalInit(0.02);
const HALVING = { kernelSize: 4, stride: 2, padding: 1, bias: false, weightInit } as const;

/** The smallest map, and how often it is doubled. ConfigError for a size that cannot be halved to between 4 and 7. */
function sizesOf(imageSize: number): { base: number; doublings: number } {
  let base = imageSize;
  let doublings = 0;
  for (; base % 2 === 0 && base > 7; base /= 2) doublings++;
  if (doublings === 0 || base > 7)
    throw new ConfigError(`dcgan: expected square images whose side is 4 … 7 doubled (28, 32, 64, …), got ${imageSize}`);
  return { base, doublings };
}

/**
 * Noise to image: transposed convolutions, each of which doubles the size.
 *
 * Shapes: latent [N, Z] → image [N, C, S, S] in −1…1.
 */
export class DcganGenerator extends Module {
  readonly latentSize: number;
  readonly main: Sequential;

  constructor({ imageSize = 64, channels = 3, latentSize = 100, width = 64 }: DcganOptions = {}) {
    super();
    this.latentSize = latentSize;
    const { base, doublings } = sizesOf(imageSize);
    let size = width * 2 ** (doublings - 1);
    const stages: Stage[] = [
      new ConvTranspose2d(latentSize, size, { kernelSize: base, bias: false, weightInit }), // [N, size, base, base]
      new BatchNorm2d(size),
      relu,
    ];
    for (let i = 1; i < doublings; i++, size /= 2)
      stages.push(new ConvTranspose2d(size, size / 2, HALVING), new BatchNorm2d(size / 2), relu);
    this.main = new Sequential(...stages, new ConvTranspose2d(size, channels, HALVING), tanh);
  }

  override forward(latent: Tensor): Tensor {
    return this.main.forward(latent.unsqueeze(2).unsqueeze(3)); // [N, C, S, S]
  }
}

/**
 * Image to one logit: above 0 for "real".
 *
 * Shapes: image [N, C, S, S] in −1…1 → logits [N].
 */
export class DcganDiscriminator extends Module {
  readonly main: Sequential;

  constructor({ imageSize = 64, channels = 3, width = 64 }: DcganOptions = {}) {
    super();
    const { base, doublings } = sizesOf(imageSize);
    const slope = (x: Tensor): Tensor => leakyRelu(x, 0.2);
    const stages: Stage[] = [new Conv2d(channels, width, HALVING), slope]; // [N, width, S/2, S/2]
    let size = width;
    for (let i = 1; i < doublings; i++, size *= 2)
      stages.push(new Conv2d(size, size * 2, HALVING), new BatchNorm2d(size * 2), slope);
    this.main = new Sequential(...stages, new Conv2d(size, 1, { kernelSize: base, bias: false, weightInit }));
  }

  override forward(image: Tensor): Tensor {
    return this.main.forward(image).reshape([image.shape[0] as Dim]); // [N]
  }
}

/**
 * Both networks of a deep convolutional GAN: 3,576,704 and 2,765,568 parameters for 64 × 64 in colour.
 *
 * Shapes: latent [N, Z] → image [N, C, S, S] in −1…1.
 * Source: Radford, Metz and Chintala 2016, arXiv:1511.06434, section 3 and figure 1; parameter names as in PyTorch's DCGAN
 * example (`generator.main.0.weight` for its `netG`, `discriminator.main.0.weight` for its `netD`).
 * Differs from the source: the discriminator gives a logit, its sigmoid is in the loss; batch norm's scales begin at 1, not about
 * it; for 28 × 28 the smallest map is 7 × 7, for sizes below 64 there are fewer stages.
 * Checked against: PyTorch 2.13, both networks in both modes, dcgan.test.ts.
 */
export class Dcgan extends Module {
  readonly generator: DcganGenerator;
  readonly discriminator: DcganDiscriminator;

  constructor(options: DcganOptions = {}) {
    super();
    this.generator = new DcganGenerator(options);
    this.discriminator = new DcganDiscriminator(options);
  }

  override forward(latent: Tensor): Tensor {
    return this.generator.forward(latent); // [N, C, S, S]
  }
}
