/**
 * @module Learning from explanations: a penalty on input gradients outside the evidence that people marked.
 */
import type { Tensor } from "../../graph/index.js";
import { evidencePenalty, meanWeight } from "../../losses/index.js";
import type { Module } from "../../nn/index.js";
import { randomInputs, resolveMode } from "../../ops/index.js";
import type { Objective } from "../../train/index.js";
import { ConfigError } from "../../util/errors.js";
import { number, text } from "../../util/option.js";
import type { OptionTable } from "../../util/option.js";
import type { AnyTask, TaskContext, TaskInfo, Tensors } from "../task.js";

/** The weight of the penalty beside the task's loss, where none is given. */
export const EVIDENCE_WEIGHT = 10;

/**
 * How far tokens outside the evidence are there where the gradient to their presence is taken: a network can be flat at the whole text, and steep on the way
 * there from the text without them.
 */
const PRESENCES = [0.1, 0.5, 1];

/** Vectors [N, T, D] of tokens, those outside the evidence scaled. */
const faded = (x: Tensor, outside: Tensor, share: number): Tensor =>
  share === 1
    ? x
    : x.mul(
        outside
          .mul(share - 1)
          .add(1)
          .unsqueeze(2),
      );

const meanOver = (shares: readonly number[], of: (share: number) => Tensor): Tensor =>
  shares
    .map(of)
    .reduce((sum, each) => sum.add(each))
    .div(shares.length);

/** The option `--evidence`, with a task's own help text. */
export const evidenceOptions = (what: string, metavar: string) =>
  ({
    evidence: text({ help: `${what}: training penalizes input gradients outside it`, metavar }),
    evidenceWeight: number({
      help: "weight of the evidence penalty",
      above: 0,
      metavar: "WEIGHT",
      defaultText: `${EVIDENCE_WEIGHT}, with --evidence`,
    }),
  }) satisfies OptionTable;

/** ConfigError for a weight without evidence. */
export function checkEvidence({
  evidence,
  evidenceWeight,
}: {
  readonly evidence?: string | undefined;
  readonly evidenceWeight?: number | undefined;
}): void {
  if (evidence === undefined && evidenceWeight !== undefined)
    throw new ConfigError(`--evidence-weight ${evidenceWeight}: expected --evidence beside it, got none`);
}

/**
 * A task's loss with the evidence penalty, which is watched as `evidence`.
 *
 * The penalty is of the model in use, without dropout and with running statistics: that is the model whose explanations count.
 */
export function withEvidence(
  own: Tensor | Objective,
  task: AnyTask,
  model: Module,
  features: Tensor,
  batch: Tensors,
  context: TaskContext<TaskInfo>,
): Tensor | Objective {
  const { evidence, evidenceWeight = EVIDENCE_WEIGHT } = context.options;
  if (evidence === undefined || task.outsideEvidence === undefined) return own;
  const objective: Objective = "loss" in own ? own : { loss: own };
  const outside = task.outsideEvidence(batch);
  const isText = task.explained?.kind === "tokens";
  const penaltyAt = (x: Tensor): Tensor => {
    const { logits } = task.outputs(model, x, batch, { ...context, use: "eval" });
    const { map } = resolveMode([logits as Tensor], "eval", randomInputs());
    return evidencePenalty(map(logits as Tensor), map(x), outside, { presence: isText });
  };
  const penalty = isText
    ? meanOver(PRESENCES, (share) => penaltyAt(faded(features, outside, share)).div(share ** 2))
    : penaltyAt(features);
  return {
    weight: meanWeight(objective.loss),
    ...objective,
    loss: objective.loss.add(penalty.mul(evidenceWeight)),
    metrics: { ...objective.metrics, evidence: penalty },
  };
}
