/**
 * @module Scores at one position, for explanations of answers with many.
 */
import type { Tensor } from "../../graph/index.js";
import type { Asked } from "../task.js";

/** The scores at the position that is asked about. Shapes: [N, T, K] → [N, K]. */
export const scoresAt = (scores: Tensor, { position = 0 }: Asked): Tensor => scores.slice(1, position, position + 1).squeeze(1);
