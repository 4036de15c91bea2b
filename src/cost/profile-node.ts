/**
 * @module Files of profiles: those that the engine writes, and those that are kept.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SessionError } from "../util/errors.js";
import { makeFolders } from "../util/folders-node.js";
import { parseJsonWith } from "../util/schema.js";
import type { chromeTrace, EngineEvent, StepProfile } from "./profile.js";
import { engineProfileSchema } from "./profile.js";

/** Files of a profile; `folder` is theirs in a run. */
export const PROFILE_FILES = { folder: "profile", trace: "trace.json", profile: "profile.json", page: "profile.html" } as const;

/** Has the engine write profiles into a folder; gives their events by the names of the files. */
export async function engineEvents(work: (folder: string) => Promise<void>): Promise<Map<string, EngineEvent[]>> {
  const folder = mkdtempSync(join(tmpdir(), "descent-profile-"));
  try {
    await work(folder);
    const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
    if (files.length === 0) throw new SessionError("--profile: expected a profile of the engine, got none");
    return new Map(
      files.map((name) => [name, parseJsonWith(engineProfileSchema, readFileSync(join(folder, name), "utf8"), name)]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the sums and the trace into a folder. */
export function writeProfile(folder: string, profile: StepProfile, trace: ReturnType<typeof chromeTrace>): void {
  makeFolders(folder);
  writeFileSync(join(folder, PROFILE_FILES.trace), JSON.stringify(trace));
  writeFileSync(join(folder, PROFILE_FILES.profile), `${JSON.stringify(profile, undefined, 2)}\n`);
}
