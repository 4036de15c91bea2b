/**
 * @module `Embedder`: any network whose output becomes a direction, so that likeness is an angle.
 */
import type { Layer, Tensor } from "../graph/index.js";
import { BatchNorm1d, CosineLinear, Module } from "../nn/index.js";
import { l2Normalize } from "../ops/index.js";

/** Options of a network that embeds images for recognition. */
export interface EmbedderOptions {
  /** Width of the backbone's output, and of an embedding. */
  readonly embeddingSize: number;
  /** Classes to train on. */
  readonly numClasses: number;
}

/**
 * A backbone's output, normalized over the batch and then to length 1; and, for training, the cosines to a centre of each class.
 *
 * Shapes: x → embedding [N, D] of unit vectors; `cosines` [N, D] → [N, K].
 * Source: Deng et al. 2019, arXiv:1801.07698, section 3.1 (ArcFace): the embedding layer is followed by batch norm.
 * Differs from the source: the backbone is any network that gives D values, and there is no dropout before them.
 */
export class Embedder extends Module {
  readonly backbone: Module & Layer;
  readonly bn: BatchNorm1d;
  readonly centers: CosineLinear;

  constructor(backbone: Module & Layer, { embeddingSize, numClasses }: EmbedderOptions) {
    super();
    this.backbone = backbone;
    this.bn = new BatchNorm1d(embeddingSize);
    this.centers = new CosineLinear(embeddingSize, numClasses);
  }

  override forward(x: Tensor): Tensor {
    return l2Normalize(x.pipe(this.backbone, this.bn)); // [N, D]
  }

  /** Computes the cosine of each embedding to each class's centre. */
  cosines(embedding: Tensor): Tensor {
    return this.centers.forward(embedding); // [N, K]
  }
}
