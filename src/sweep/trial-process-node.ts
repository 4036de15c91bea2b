/**
 * @module The process that trains for a sweep: one training, asked for by a message. It ends with the sweep that started it.
 */
import { trainTask } from "../tasks/training/train-task-node.js";
import { DescentError } from "../util/errors.js";
import type { TrialReply, TrialRequest } from "./trial-node.js";

// A sweep that was killed leaves no training behind.
process.once("disconnect", () => process.exit(1));

async function train({ options, out, resume, overwrite }: TrialRequest): Promise<TrialReply> {
  const { summary } = await trainTask(options, { out, overwrite, resume: resume ? out : undefined });
  return { metrics: summary?.metrics.validation ?? {}, steps: summary?.steps ?? 0, seconds: summary?.trainSeconds ?? 0 };
}

process.once("message", (request: TrialRequest) => {
  train(request)
    .catch((error: unknown): TrialReply => ({
      error: error instanceof Error ? error.message : String(error),
      isExpected: error instanceof DescentError,
    }))
    .then((reply) => process.send?.(reply))
    .catch(() => process.exit(1));
});
