/**
 * @module Profiles a training that has ended: some of its steps once more with the engine's profiler, and how long its loop waited for batches.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineEvent, StepProfile } from "../cost/profile.js";
import { chromeTrace, engineProfileSchema, profileOf, withoutFirstRuns } from "../cost/profile.js";
import type { DataLoader } from "../data/index.js";
import { SessionError } from "../util/errors.js";
import { median } from "../util/median.js";
import { parseJsonWith } from "../util/schema.js";
import type { TrainingState } from "./state.js";
import type { FitResult } from "./trainer.js";

/** Files of a profile in a run. */
export const PROFILE_FILES = { folder: "profile", trace: "trace.json", profile: "profile.json" } as const;

/** Steps that do not count, since the first one makes room, and those that do. */
const [WARM_UP, PROFILED] = [2, 8];
/** Steps of the loop that the trace shows. */
const SHOWN_STEPS = 50;

/** The events of the files that begin with `prefix` in a folder. */
function eventsIn(folder: string): EngineEvent[] {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  if (files.length === 0) throw new SessionError("--profile: expected a profile of the engine, got none");
  return files.flatMap((name) => parseJsonWith(engineProfileSchema, readFileSync(join(folder, name), "utf8"), name));
}

/** Profiles steps on the next batch of the loader, and writes a trace and its sums into the run's folder. */
export async function profileTraining(
  state: TrainingState,
  loader: DataLoader,
  { stepMs, loadMs }: Pick<FitResult, "stepMs" | "loadMs">,
  run: string,
): Promise<StepProfile> {
  const folder = mkdtempSync(join(tmpdir(), "descent-profile-"));
  try {
    let isDone = false;
    // A pass over the data may just have ended: then the next one has a batch.
    for (let pass = 0; pass < 2 && !isDone; pass++) {
      for await (const batch of loader) {
        await state.profile(batch, join(folder, "engine"), WARM_UP + PROFILED);
        isDone = true;
        break;
      }
    }
    const events = withoutFirstRuns(eventsIn(folder), WARM_UP);
    const profile = profileOf(events, { runs: PROFILED, loadingMs: median(loadMs), stepMs: median(stepMs) });
    const waits = loopEvents(stepMs.slice(-SHOWN_STEPS), loadMs.slice(-SHOWN_STEPS));
    const target = join(run, PROFILE_FILES.folder);
    await mkdir(target, { recursive: true });
    writeFileSync(join(target, PROFILE_FILES.trace), JSON.stringify(chromeTrace(events, waits)));
    writeFileSync(join(target, PROFILE_FILES.profile), `${JSON.stringify(profile, undefined, 2)}\n`);
    return profile;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
