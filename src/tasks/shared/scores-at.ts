/**
 * @module Scores at one position, for explanations of answers with many.
 */
import type { Tensor } from "../../graph/index.js";
import { arange } from "../../ops/index.js";
import type { Asked } from "../task.js";

/** The scores at the position that is asked about, the same for all rows or one for each. Shapes: [N, T, K] → [N, K]. */
export function scoresAt(scores: Tensor, { position = 0, at }: Asked): Tensor {
  if (at === undefined) return scores.slice(1, position, position + 1).squeeze(1);
  const chosen = arange(scores.shape[1] ?? 1)
    .cast("int32")
    .equal(at.unsqueeze(1)); // [N, T]
  return chosen.cast(scores.dtype).unsqueeze(1).matMul(scores).squeeze(1);
}
