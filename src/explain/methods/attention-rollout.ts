/**
 * @module Attention rollout, plain and weighted by gradients: how tokens flow into the answer through the layers of a transformer.
 */
import { grad } from "../../autodiff/index.js";
import type { Node, Tensor } from "../../graph/index.js";
import { constant, formatShape, fromNumbers } from "../../graph/index.js";
import { ConfigError } from "../../util/errors.js";
import { imageAxes } from "../explainable.js";
import { isAttention, nodesBetween, tokenGrid } from "../layers.js";
import type { GradientMethod, RowContext, Rows } from "../method.js";
import { enlarged } from "./grad-cam.js";

/** The attention weights [R, h, T, T] of all layers, in order. Errors: ConfigError if there are none, or they see windows only. */
function attentionsOf(y: Tensor, x: Tensor): readonly Tensor[] {
  const nodes: readonly Node[] = nodesBetween(y, x).filter(isAttention);
  const weights = nodes.map((node) => node.outputs[0] as Tensor);
  if (weights.length === 0)
    throw new ConfigError(
      "attention rollout: expected a model with attention, softmax over [.., T, T], got none; take integrated-gradients",
    );
  const odd = weights.find((w) => w.rank !== 4 || w.shape[0] !== x.shape[0] || w.shape[3] !== weights[0]?.shape[3]);
  if (odd !== undefined)
    throw new ConfigError(
      `attention rollout: expected attention over all tokens, [N, heads, T, T], got ${formatShape(odd.shape)}; take grad-cam or integrated-gradients`,
    );
  return weights;
}

function rolloutRows(context: RowContext, weigh: (weights: Tensor, gradient: Tensor) => Tensor, isMean: boolean): Rows {
  const { x, score } = context;
  const y = score(x);
  const weights = attentionsOf(y, x);
  const gradients = grad(y.sum(), weights);
  const tokens = Number(weights[0]?.shape[3]);
  const eye = constant(
    fromNumbers(
      "float32",
      [tokens, tokens],
      Float64Array.from({ length: tokens ** 2 }, (_, i) => (i % (tokens + 1) === 0 ? 1 : 0)),
    ),
  );
  const flow = weights
    .map((w, i) => {
      const layer = weigh(w, gradients[i] as Tensor); // [R, T, T]
      return isMean ? layer.add(eye).mul(0.5) : layer.add(eye);
    })
    .reduce((below, layer) => layer.matMul(below));
  return placed(
    readFrom(weights.at(-1) as Tensor, gradients.at(-1) as Tensor)
      .matMul(flow)
      .squeeze(1),
    context,
  );
}

/** How much the score takes from each token after the last layer, [R, 1, T]: by the gradients there, which are 0 of tokens that it does not read. */
function readFrom(weights: Tensor, gradients: Tensor): Tensor {
  const amounts = weights.mul(gradients.abs()).sum([1, 3]).add(1e-30); // [R, T]
  return amounts.div(amounts.sum([1], true)).unsqueeze(1);
}

/** Amounts of tokens [R, T] as a map of the image, or over the features of a text's tokens. */
function placed(amounts: Tensor, { x, features }: RowContext): Rows {
  const axes = imageAxes(features);
  const [rows = 1, tokens] = amounts.shape;
  if (axes === undefined) {
    if (x.rank !== 3 || x.shape[1] !== tokens)
      throw new ConfigError(
        `attention rollout: expected features [N, ${String(tokens)}, D], a row a token, got ${formatShape(x.shape)}`,
      );
    return {
      attribution: amounts
        .unsqueeze(2)
        .mul(1 / Number(x.shape[2]))
        .expand(x.shape),
    };
  }
  const grid = tokenGrid(Number(tokens), Number(x.shape[axes.rows + 1]) / Number(x.shape[axes.columns + 1]));
  if (grid === undefined)
    throw new ConfigError(`attention rollout: expected tokens that fill a grid over the image, got ${String(tokens)}`);
  const layer = amounts.slice(1, grid.extra, Number(tokens)).reshape([rows, 1, grid.rows, grid.columns]);
  return { attribution: enlarged(layer, x, features), layer };
}

/**
 * The product over layers of ½·(mean over heads of A) + ½·I, read where the score reads.
 *
 * Shapes: images [N, C, H, W] → [N, 1, H, W]; tokens [N, T, D] → [N, T, D], each token's amount spread evenly over D.
 * Errors: ConfigError for models without attention over all tokens.
 * Cost:   one forward pass, one backward.
 * Source: Abnar and Zuidema, Quantifying attention flow in transformers, 2020, section 3, arXiv:2005.00928.
 * Differs from the source: the row of the class token is not assumed; tokens are read as the gradient at the last layer says the score reads them.
 * Checked against: the definition, on a one-layer model by hand.
 */
export const attentionRollout: GradientMethod = {
  name: "attention-rollout",
  kind: "gradient",
  asserts: "By its attention the model took this much from each token, through all layers.",
  misleads: "It knows neither the values that attention mixes nor the class asked about: what is looked at need not count.",
  source: "Abnar and Zuidema 2020, arXiv:2005.00928",
  needs: ["gradients", "attention"],
  defaults: {},
  rows: (context) => rolloutRows(context, (weights) => weights.mean([1]), true),
};

/**
 * The product over layers of I + mean over heads of relu(A ⊙ ∂f/∂A).
 *
 * Shapes: as attention rollout.
 * Source: Chefer et al., Generic attention-model explainability, 2021, equations 5 and 6, arXiv:2103.15679.
 * Differs from the source: as attention rollout.
 * Checked against: the definition, on a one-layer model by hand.
 */
export const gradientRollout: GradientMethod = {
  ...attentionRollout,
  name: "gradient-rollout",
  asserts: "Attention that raises the score took this much from each token, through all layers.",
  misleads: "Only attention is followed: what the layers between do to the values is not.",
  source: "Chefer et al. 2021, arXiv:2103.15679",
  rows: (context) => rolloutRows(context, (weights, gradient) => weights.mul(gradient).relu().mean([1]), false),
};
