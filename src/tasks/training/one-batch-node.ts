/**
 * @module The check before a training: overfitting one batch, which shows a faulty label, loss or model at once.
 */
import { adam, withGroups } from "../../optim/index.js";
import type { DeviceChoice } from "../../runtime/index.js";
import { TrainingState, trainingStep } from "../../train/index.js";
import { DescentError } from "../../util/errors.js";
import type { TrainingSetup } from "./setup-node.js";
import { trainingTypes } from "./setup-node.js";
import { fetcherFor } from "../shared/rows-node.js";

const CHECK_STEPS = 200;
/** The fraction of the initial loss below which the batch counts as overfit. */
const CHECK_FRACTION = 0.2;

/** Suggests what to look at: where columns were left out, the others may not tell the labels apart. */
function suspects({ unused = [] }: Pick<TrainingSetup["prepared"], "unused">): string {
  if (unused.length === 0) return "look at the labels";
  const named = unused.slice(0, 5).map((name) => `"${name}"`);
  const more = unused.length > 5 ? ` and ${unused.length - 5} more` : "";
  return `column${unused.length === 1 ? "" : "s"} ${named.join(", ")}${more} ${unused.length === 1 ? "was" : "were"} left out: look at what is left of the data, and at the labels`;
}

/** Overfits one batch, which any sound model can; a faulty label, loss or model shows here and not after an hour. */
export async function checkOneBatch(setup: TrainingSetup, device: DeviceChoice, signal: AbortSignal | undefined): Promise<void> {
  const { weights, prepared, step, checkRate, task, training, batchSize, resolved } = setup;
  const rows = prepared.train.take(Math.min(batchSize, 32));
  const indices = Uint32Array.from({ length: rows.length }, (_, i) => i);
  // Without augmentation: the batch to overfit must be the same each time, and its examples of one class each.
  using fetcher = fetcherFor(task, { ...training, options: { ...training.options, augment: undefined } }, rows);
  const columns = Object.keys(trainingTypes(setup, 1));
  const batch =
    (await fetcher?.fetch({ indices, seed: resolved.seed ?? 1, epoch: 0, offset: 0 })) ?? rows.pick(...columns).batch();
  const free = adam({ learningRate: checkRate });
  // A base in codes is there because its gradients would not fit.
  const optimizer = step.codedBase === undefined ? free : withGroups(free, step.optimizer.groups);
  const quick = trainingStep({ ...step, accumulate: 1, passes: undefined, optimizer });
  const state = await TrainingState.create(quick, {
    seed: resolved.seed,
    device,
    threads: resolved.threads,
    weights,
  });
  try {
    const first = (await state.run(batch)).loss;
    let best = first;
    for (let i = 0; i < CHECK_STEPS && best > CHECK_FRACTION * first; i++) {
      if (signal?.aborted === true) return;
      best = Math.min(best, (await state.run(batch)).loss);
    }
    // Contradictory copies of one example cannot be learned: only a loss that hardly moves is a fault.
    if (!(best < 0.7 * first)) {
      throw new DescentError(
        `check: expected one batch of ${rows.length} examples to be overfit, got a loss of ${best.toPrecision(3)} after ${CHECK_STEPS} steps from ${first.toPrecision(3)}; ${suspects(prepared)}, or skip the check with --no-check`,
      );
    }
  } finally {
    await state.dispose();
  }
}
