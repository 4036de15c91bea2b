/**
 * @module `Crf`: the parameters of a linear-chain conditional random field; `losses/crf.ts` computes with them.
 */
import { Parameter } from "../graph/index.js";
import { expectSizes } from "./check.js";
import { uniformInit } from "./init.js";
import { Module } from "./module.js";

/** Scores of tags beside those of each element: of beginning with one, of following one by another, of ending with one. */
export interface CrfWeights {
  /** [K] */
  readonly start: Parameter;
  /** [K, K], from a row's tag to a column's. */
  readonly transitions: Parameter;
  /** [K] */
  readonly end: Parameter;
}

/**
 * The parameters of a linear-chain CRF over K tags. `forward()` names them for `crfNegativeLogLikelihood` and `viterbi`.
 *
 * Shapes: start_transitions [K], end_transitions [K], transitions [K, K] (from, to).
 * Source: Lafferty, McCallum and Pereira 2001; names and initial values (uniform within ±0.1) as pytorch-crf's.
 */
export class Crf extends Module {
  readonly startTransitions: Parameter;
  readonly endTransitions: Parameter;
  readonly transitions: Parameter;

  constructor(numTags: number) {
    super();
    expectSizes("Crf", { numTags });
    const initializer = uniformInit(-0.1, 0.1);
    this.startTransitions = new Parameter([numTags], { initializer });
    this.endTransitions = new Parameter([numTags], { initializer });
    this.transitions = new Parameter([numTags, numTags], { initializer });
  }

  override forward(): CrfWeights {
    return { start: this.startTransitions, transitions: this.transitions, end: this.endTransitions };
  }
}
