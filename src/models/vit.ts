/**
 * @module `VisionTransformer`: an image as a sequence of patches.
 */
import type { Dim, Tensor } from "../graph/index.js";
import { Parameter } from "../graph/index.js";
import {
  affine,
  Dropout,
  gelu,
  LayerNorm,
  Linear,
  Module,
  MultiheadAttention,
  normalInit,
  Sequential,
  truncatedNormalInit,
  xavierUniform,
  zerosInit,
} from "../nn/index.js";
import { concat } from "../ops/index.js";
import { ConfigError } from "../util/errors.js";

const norm = (width: number): LayerNorm => new LayerNorm(width, { epsilon: 1e-6 });

/**
 * A convolution whose windows lie side by side: as rows of a matrix, that is one product; the gradient of a convolution would be one
 * for each pixel of a patch.
 */
class PatchEmbedding extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #patches: readonly [rows: number, columns: number];

  constructor(inChannels: number, width: number, side: number, patches: readonly [number, number]) {
    super();
    const weightInit = truncatedNormalInit(Math.sqrt(1 / (inChannels * side ** 2)));
    this.weight = new Parameter([width, inChannels, side, side], { initializer: weightInit });
    this.bias = new Parameter([width], { initializer: zerosInit });
    this.#patches = patches;
  }

  override forward(x: Tensor): Tensor {
    const [width, channels, side] = this.weight.dims as [number, number, number];
    const [rows, columns] = this.#patches;
    const n = x.shape[0] as Dim;
    const cut = x.reshape([n, channels, rows, side, columns, side]).transpose([0, 2, 4, 1, 3, 5]); // [N, R, C, in, p, p]
    const patches = cut.reshape([n, rows * columns, channels * side * side]); // [N, T, in·p·p]
    return affine(patches, this.weight.reshape([width, channels * side * side]), this.bias); // [N, T, D]
  }
}

/** Attention, then two layers of units at each position, each after a norm and beside what came in. Equations 2 and 3. */
class EncoderLayer extends Module {
  static override readonly pathNames = { ln1: "ln_1", ln2: "ln_2" };
  readonly ln1: LayerNorm;
  readonly selfAttention: MultiheadAttention;
  readonly dropout: Dropout;
  readonly ln2: LayerNorm;
  readonly mlp: Sequential;

  constructor(width: number, numHeads: number, mlpWidth: number, dropout: number) {
    super();
    this.ln1 = norm(width);
    this.selfAttention = new MultiheadAttention(width, numHeads);
    this.dropout = new Dropout(dropout);
    this.ln2 = norm(width);
    const linear = { weightInit: xavierUniform(), biasInit: normalInit(1e-6) };
    this.mlp = new Sequential(
      new Linear(width, mlpWidth, linear),
      (x: Tensor) => gelu(x),
      new Dropout(dropout),
      new Linear(mlpWidth, width, linear),
      new Dropout(dropout),
    );
  }

  override forward(x: Tensor): Tensor {
    const attended = this.selfAttention.forward(this.ln1.forward(x)).pipe(this.dropout).add(x); // [N, T, D]
    return attended.pipe(this.ln2, this.mlp).add(attended); // [N, T, D]
  }
}

class Encoder extends Module {
  readonly posEmbedding: Parameter;
  readonly dropout: Dropout;
  /** `encoder_layer_0`, `encoder_layer_1`, … */
  readonly layers: Readonly<Record<string, EncoderLayer>>;
  readonly ln: LayerNorm;

  constructor(length: number, depth: number, width: number, numHeads: number, mlpWidth: number, dropout: number) {
    super();
    this.posEmbedding = new Parameter([1, length, width], { initializer: normalInit(0.02) });
    this.dropout = new Dropout(dropout);
    this.layers = Object.fromEntries(
      Array.from({ length: depth }, (_, i) => [`encoder_layer_${i}`, new EncoderLayer(width, numHeads, mlpWidth, dropout)]),
    );
    this.ln = norm(width);
  }

  override forward(x: Tensor): Tensor {
    return x.add(this.posEmbedding).pipe(this.dropout, ...Object.values(this.layers), this.ln); // [N, T, D]
  }
}

/** Options of a vision transformer; sizes in pixels. */
export interface VisionTransformerOptions {
  readonly inChannels?: number;
  readonly numClasses?: number;
  /** Height and width, multiples of the patch's. */
  readonly imageSize: readonly [number, number];
  readonly patchSize: number;
  readonly depth: number;
  readonly width: number;
  readonly numHeads: number;
  readonly mlpWidth: number;
  readonly dropout?: number;
}

/**
 * Patches as tokens, a token for the class, and an encoder of attention layers.
 *
 * Shapes: x [N, C, H, W] of the size that the model is made for → logits [N, K].
 * Errors: ConfigError if the patches do not fill the image.
 * Source: Dosovitskiy et al., An image is worth 16x16 words, 2020, arXiv:2010.11929; ViT-Ti is that of Touvron et al. 2020,
 * arXiv:2012.12877 (192 wide, 3 heads), with patches of 4 × 4 for small images.
 * Differs from the source: no hidden layer in the head, as after fine-tuning there, and in torchvision.
 * Checked against: torchvision 0.28, whose parameter paths it has, test/models/vision.test.ts.
 */
export class VisionTransformer extends Module {
  readonly convProj: PatchEmbedding;
  readonly classToken: Parameter;
  readonly encoder: Encoder;
  readonly heads: { readonly head: Linear };

  constructor(options: VisionTransformerOptions) {
    super();
    const { inChannels = 3, numClasses = 1000, imageSize, patchSize, depth, width, numHeads, mlpWidth, dropout = 0 } = options;
    const [rows, columns] = imageSize.map((side) => side / patchSize) as [number, number];
    if (!Number.isInteger(rows) || !Number.isInteger(columns))
      throw new ConfigError(
        `vit: expected sides that are multiples of ${patchSize}, got ${imageSize.join(" × ")}; resize the images`,
      );
    this.convProj = new PatchEmbedding(inChannels, width, patchSize, [rows, columns]);
    this.classToken = new Parameter([1, 1, width], { initializer: zerosInit });
    this.encoder = new Encoder(1 + rows * columns, depth, width, numHeads, mlpWidth, dropout);
    this.heads = { head: new Linear(width, numClasses, { weightInit: zerosInit, biasInit: zerosInit }) };
  }

  override forward(x: Tensor): Tensor {
    const tokens = this.convProj.forward(x); // [N, T, D]
    const [n, , width] = tokens.shape as [Dim, Dim, Dim];
    const first = this.classToken.expand([n, 1, width]); // [N, 1, D]
    const h = this.encoder.forward(concat([first, tokens], 1)); // [N, 1 + T, D]
    return h.slice(1, 0, 1).squeeze(1).pipe(this.heads.head); // [N, K]
  }
}

/** ViT-B/16: 86,567,656 parameters with 1,000 classes and 224 × 224. */
export const vitB16 = (options: Pick<VisionTransformerOptions, "imageSize" | "inChannels" | "numClasses" | "dropout">) =>
  new VisionTransformer({ ...options, patchSize: 16, depth: 12, width: 768, numHeads: 12, mlpWidth: 3072 });

/** ViT-Ti with patches of 4 × 4, for small images: 5,362,762 parameters with 10 classes and 32 × 32. */
export const vitTiny = (options: Pick<VisionTransformerOptions, "imageSize" | "inChannels" | "numClasses" | "dropout">) =>
  new VisionTransformer({ ...options, patchSize: 4, depth: 12, width: 192, numHeads: 3, mlpWidth: 768 });
