/**
 * @module Profiles a training that has ended: some of its steps once more with the engine's profiler, and how long its loop waited for batches.
 */
import { join } from "node:path";
import { engineEvents, PROFILE_FILES, writeProfile } from "../cost/profile-node.js";
import type { StepProfile } from "../cost/profile.js";
import { chromeTrace, profileOf, withoutFirstRuns } from "../cost/profile.js";
import type { DataLoader } from "../data/index.js";
import { median } from "../util/median.js";
import type { TrainingState } from "./state.js";
import type { FitResult } from "./trainer.js";

/** Steps that do not count, since the first one makes room, and those that do. */
const [WARM_UP, PROFILED] = [2, 8];
/** Steps of the loop that the trace shows. */
const SHOWN_STEPS = 50;

/** Profiles steps on the next batch of the loader, and writes a trace and its sums into the run's folder. */
export async function profileTraining(
  state: TrainingState,
  loader: DataLoader,
  { stepMs, loadMs }: Pick<FitResult, "stepMs" | "loadMs">,
  run: string,
): Promise<StepProfile> {
  const sessions = await engineEvents(async (folder) => {
    let isDone = false;
    // A pass over the data may just have ended: then the next one has a batch.
    for (let pass = 0; pass < 2 && !isDone; pass++) {
      for await (const batch of loader) {
        await state.profile(batch, join(folder, "engine"), WARM_UP + PROFILED);
        isDone = true;
        break;
      }
    }
  });
  const events = [...sessions.values()].map((one) => withoutFirstRuns(one, WARM_UP));
  const profile = profileOf(events, { runs: PROFILED, loadingMs: median(loadMs), stepMs: median(stepMs) });
  const waits = loopEvents(stepMs.slice(-SHOWN_STEPS), loadMs.slice(-SHOWN_STEPS));
  writeProfile(join(run, PROFILE_FILES.folder), profile, chromeTrace(events, waits));
  return profile;
}

/** The loop's last steps, one after the other: waiting for a batch, then the step. */
function loopEvents(
  stepMs: readonly number[],
  loadMs: readonly number[],
): { startMs: number; milliseconds: number; what: string }[] {
  let at = 0;
  return stepMs.flatMap((milliseconds, i) => {
    const wait = loadMs[i] ?? 0;
    const events = [
      { startMs: at, milliseconds: wait, what: "wait for a batch" },
      { startMs: at + wait, milliseconds, what: "step" },
    ];
    at += wait + milliseconds;
    return events;
  });
}
