/**
 * @module A profile of a model in use: some of its examples answered again and again under the engine's profiler.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { UseProfile } from "../../cost/profile.js";
import { checkProfiled, chromeTrace, nodesInBlocks, profileOf, withNamesInBlocks, withoutFirstPass } from "../../cost/profile.js";
import { engineEvents, PROFILE_FILES, writeProfile } from "../../cost/profile-node.js";
import type { Dataset } from "../../data/index.js";
import type { Language } from "../../charts/charts.js";
import { useProfilePage } from "../../report/profile.js";
import type { DeviceChoice } from "../../runtime/index.js";
import { clearCompiled, platformRuntime, resolveDevice } from "../../runtime/index.js";
import type { TimedRun } from "../../runtime/profiling.js";
import { profilingRuntime } from "../../runtime/profiling.js";
import { decodeModel } from "../../onnx/index.js";
import { median } from "../../util/median.js";
import type { TrainedModel, UseOptions } from "../trained-model.js";
import { rowsAtOnce } from "./traced-graph.js";

/** Batches of examples in a pass; fewest and most passes besides the first; seconds after which no more begin. */
const [BATCHES, FEWEST, MOST, SECONDS] = [2, 3, 20, 2];

/** The model, its examples, and where the profile goes. */
export interface UseProfileRequest {
  /** Opens the model once more, with another engine. */
  readonly open: (use: UseOptions) => Promise<TrainedModel>;
  readonly model: TrainedModel;
  readonly examples: Dataset;
  /** Milliseconds of reading and encoding them. */
  readonly readingMs: number;
  readonly folder: string;
  readonly language?: Language | undefined;
}

/** Refuses a device that cannot be profiled. ConfigError. */
export async function checkUseProfile(device: DeviceChoice | undefined): Promise<void> {
  checkProfiled(await resolveDevice(await platformRuntime(), device));
}

/** Milliseconds of passes over examples, without the first. */
async function passes(model: TrainedModel, examples: Dataset): Promise<{ readonly times: number[]; readonly startMs: number }> {
  const pass = async (): Promise<number> => {
    const start = performance.now();
    await model.run(examples, () => undefined);
    return performance.now() - start;
  };
  await pass();
  const [startMs, times] = [performance.now(), [] as number[]];
  while (times.length < FEWEST || (times.length < MOST && performance.now() - startMs < 1000 * SECONDS)) times.push(await pass());
  return { times, startMs };
}

/** The engine's runs, and what lay between them. */
function loopEvents(
  runs: readonly TimedRun[],
  startMs: number,
): { readonly startMs: number; readonly milliseconds: number; readonly what: string }[] {
  let end = startMs;
  return runs.flatMap((run) => {
    const wait = { startMs: end, milliseconds: run.startMs - end, what: "wait for a batch" };
    end = run.startMs + run.milliseconds;
    return [wait, { ...run, what: "run" }];
  });
}

/** Profiles passes over the first examples; writes a page, the sums and a trace into the folder. */
export async function profileUse(request: UseProfileRequest): Promise<UseProfile> {
  const { model, readingMs, folder } = request;
  const count = Math.min(request.examples.length, BATCHES * rowsAtOnce(model.task, model.info));
  const examples = request.examples.select(Uint32Array.from({ length: count }, (_, i) => i));
  const plain = await passes(model, examples);
  const runs: TimedRun[] = [];
  let profiled = plain;
  const named = new Map<string, ReadonlyMap<string, string>>();
  const written = await engineEvents(async (into) => {
    const runtime = profilingRuntime(await platformRuntime(), into, {
      onRun: (run) => runs.push(run),
      onOpen: (name, file) =>
        named.set(name, nodesInBlocks(decodeModel(typeof file === "string" ? readFileSync(file) : file, name).graph)),
    });
    const other = await request.open({ runtime, device: "cpu" });
    try {
      profiled = await passes(other, examples);
    } finally {
      await other.dispose();
      await clearCompiled(runtime);
    }
  });
  const { times, startMs } = profiled;
  const sessions = [...written].map(([name, events]) => {
    const names = [...named].find(([beginning]) => name.startsWith(beginning))?.[1] ?? new Map<string, string>();
    return withNamesInBlocks(withoutFirstPass(events, times.length + 1), names);
  });
  const events = sessions.filter((one) => one.length > 0);
  const counted = runs.filter((run) => run.startMs >= startMs);
  const engineMs = counted.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / times.length;
  const loadingMs = Math.max(0, times.reduce((sum, ms) => sum + ms, 0) / times.length - engineMs);
  const sums = profileOf(events, { runs: times.length, loadingMs, stepMs: median(plain.times) });
  const profile = { ...sums, examples: count, readingMs };
  writeProfile(folder, profile, chromeTrace(events, loopEvents(counted, startMs)));
  writeFileSync(join(folder, PROFILE_FILES.page), useProfilePage(profile, model.modelName, request.language));
  return profile;
}
