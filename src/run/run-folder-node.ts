/**
 * @module A run is a folder. `openRun` reads one, `createRun` and `resumeRun` write one; whatever was written last is always
 * whole. It keeps bytes and knows nothing of models.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";
import { makeFolders } from "../util/folders-node.js";
import { isRecord } from "../util/record.js";
import type { SaveOptions } from "./checkpoint-node.js";
import { CheckpointWriter } from "./checkpoint-node.js";
import type { MetricsRecord } from "./metrics-log.js";
import { formatRecord } from "./metrics-log.js";
import type { FileContent, FileSystem } from "./run-folder-files-node.js";
import { AppendOnlyFile, ASIDE, checkWritable, nodeFileSystem, writeWhole } from "./run-folder-files-node.js";
import { RunLock } from "./run-folder-lock-node.js";
import type { Checkpoint } from "./run-folder-reader-node.js";
import { openRun, RunFolder, splitRunPath } from "./run-folder-reader-node.js";
import type { RunConfig, RunSummary } from "./run-folder.js";
import { RUN_FILES } from "./run-folder.js";

export type { Checkpoint, CheckpointName } from "./run-folder-reader-node.js";
export { openRun, RunFolder, splitRunPath } from "./run-folder-reader-node.js";

/** Options of a run folder: how many checkpoints are kept. */
export interface RunWriterOptions {
  /** Number of the newest checkpoints to keep, besides the best. */
  readonly keepCheckpoints?: number;
  readonly files?: FileSystem;
}

/**
 * Makes a run folder and locks it. ConfigError if `path` holds a run already (unless `overwrite`, which
 * removes all that is in it), or holds anything else, or another process writes it.
 */
export async function createRun(
  path: string,
  options: RunWriterOptions & { readonly config: RunConfig; readonly overwrite?: boolean },
): Promise<RunWriter> {
  makeFolders(path);
  // Looked at before the lock is ours: a lock that lies there is the mark of a run that was killed.
  checkFree(path, options.overwrite === true);
  const lock = RunLock.acquire(path);
  try {
    const files = options.files ?? nodeFileSystem;
    // Once more: another process may have made a run here in between.
    const present = checkFree(path, options.overwrite === true);
    // The config goes first: a folder without one is not a run, so half a removal does not leave half a run.
    for (const name of [RUN_FILES.config, ...present]) await files.remove(join(path, name));
    await files.mkdir(join(path, RUN_FILES.checkpoints));
    await writeWhole(files, join(path, RUN_FILES.config), `${JSON.stringify(options.config, undefined, 2)}\n`);
    return new RunWriter(path, lock, options);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** ConfigError if no run can be written to `path`: it holds one, or something else, another process writes it, or it is not writable. */
export function checkPlace(path: string, overwrite: boolean): void {
  checkFree(path, overwrite);
  let place = resolve(path);
  while (!existsSync(place)) place = dirname(place);
  checkWritable(place, path);
  RunLock.check(path);
}

/** Lists what lies in a folder that may become a run, and nothing for a folder that is not there. ConfigError if it may not become one. */
function checkFree(path: string, overwrite: boolean): readonly string[] {
  if (!existsSync(path)) return [];
  let names: string[];
  try {
    names = readdirSync(path);
  } catch (cause) {
    throw new ConfigError(`${path}: expected a folder to write to, got ${fileReason(cause)}`, { cause });
  }
  const present = names.filter((name) => name !== RUN_FILES.lock && !ASIDE.test(name));
  const isRun = present.includes(RUN_FILES.config);
  if (present.length > 0 && !(overwrite && (isRun || isLeftOver(path, names)))) {
    throw new ConfigError(
      isRun
        ? `${path}: expected a new folder, got one that holds a run; ${isResumable(path) ? "resume it with --resume, " : ""}replace it with --overwrite, or choose another --out`
        : `${path}: expected a new or empty folder, got one with ${present.length} files in it; choose another --out`,
    );
  }
  return present;
}

/** Tells whether a run may be resumed: what was fitted at once, and what compression made, has no checkpoints to go on from. */
function isResumable(path: string): boolean {
  try {
    const config: unknown = JSON.parse(readFileSync(join(path, RUN_FILES.config), "utf8"));
    return !isRecord(config) || !(Object.hasOwn(config, "compression") || config["fitted"] === true);
  } catch {
    return true;
  }
}

/** Files that lie in a run before its configuration has its name. */
const BEFORE_CONFIG: ReadonlySet<string> = new Set([RUN_FILES.checkpoints, RUN_FILES.metrics, RUN_FILES.events]);

/** Tells whether a folder is what a killed process left of a run: locked and never unlocked, or with only a run's empty beginning in it. */
function isLeftOver(path: string, names: readonly string[]): boolean {
  if (names.includes(RUN_FILES.lock)) return true;
  const others = names.filter((name) => !ASIDE.test(name));
  return (
    others.every((name) => BEFORE_CONFIG.has(name)) &&
    (!others.includes(RUN_FILES.checkpoints) || readdirSync(join(path, RUN_FILES.checkpoints)).length === 0)
  );
}

/**
 * Locks a run to resume it: reads the checkpoint (checked), and cuts the logs back to where they were when it was
 * written. `path` is a run, or one of its checkpoints.
 */
export async function resumeRun(
  path: string,
  options: RunWriterOptions = {},
): Promise<{ readonly writer: RunWriter; readonly checkpoint: Checkpoint }> {
  const { run, checkpoint: name } = splitRunPath(path);
  const folder = await openRun(run);
  const lock = RunLock.acquire(run);
  try {
    const checkpoint = await folder.readCheckpoint(name);
    const writer = new RunWriter(run, lock, options);
    await writer.cutBackTo(checkpoint);
    return { writer, checkpoint };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** Writes a run, in the one process that holds its lock. Dispose of it when the run ends. */
export class RunWriter {
  readonly folder: RunFolder;
  readonly #lock: RunLock;
  readonly #files: FileSystem;
  readonly #checkpoints: CheckpointWriter;
  readonly #metrics: AppendOnlyFile;
  readonly #events: AppendOnlyFile;

  /** Use `createRun` or `resumeRun`. */
  constructor(path: string, lock: RunLock, options: RunWriterOptions) {
    this.folder = new RunFolder(path);
    this.#lock = lock;
    this.#files = options.files ?? nodeFileSystem;
    this.#checkpoints = new CheckpointWriter(this.folder, this.#files, options.keepCheckpoints ?? 2);
    this.#metrics = new AppendOnlyFile(join(path, RUN_FILES.metrics));
    this.#events = new AppendOnlyFile(join(path, RUN_FILES.events));
  }

  get path(): string {
    return this.folder.path;
  }

  /** Appends to `metrics.jsonl`. */
  logMetrics(record: MetricsRecord): void {
    this.#metrics.append(new TextEncoder().encode(formatRecord(record)));
  }

  /** Appends records of `tensorboard.ts` to the event file; the file's first record is the caller's to write. */
  logEvents(records: Uint8Array): void {
    this.#events.append(records);
  }

  /** Size of the event log in bytes: 0 in a new run. */
  get eventBytes(): number {
    return this.#events.sizeBytes;
  }

  /** Writes a file at the top of the folder, whole. */
  async write(name: string, content: Uint8Array | string): Promise<void> {
    if (name !== basename(name)) throw new ConfigError(`${name}: expected a plain file name, got a path`);
    await writeWhole(this.#files, join(this.path, name), content);
  }

  writeConfig(config: RunConfig): Promise<void> {
    return this.write(RUN_FILES.config, `${JSON.stringify(config, undefined, 2)}\n`);
  }

  writeSummary(summary: RunSummary): Promise<void> {
    return this.write(RUN_FILES.summary, `${JSON.stringify(summary, undefined, 2)}\n`);
  }

  /**
   * Writes `checkpoints/step-N/`, then points `last` to it, and `best` too if it is the best so far; older ones beyond
   * `keepCheckpoints` are removed. Until it is whole it does not bear its name: a full disk or a kill leaves the earlier
   * ones as they were, and what there was of this one is removed (now, or by the next process that writes the run).
   */
  async saveCheckpoint(step: number, contents: Readonly<Record<string, FileContent>>, options: SaveOptions = {}): Promise<void> {
    await this.#checkpoints.save(step, contents, options, () => {
      this.#metrics.sync();
      this.#events.sync();
      return { metrics: this.#metrics.sizeBytes, events: this.#events.sizeBytes };
    });
  }

  /** Keeps the checkpoints of steps that are multiples of `steps`, besides the newest and the best: the whole course of a training. */
  keepEvery(steps: number): void {
    this.#checkpoints.keepEvery(steps);
  }

  /** Cuts the logs back to where they were at the checkpoint, and removes what a killed writer left half-written. */
  async cutBackTo(checkpoint: Checkpoint): Promise<void> {
    const { metrics, events } = checkpoint.manifest.logBytes;
    this.#metrics.cut(metrics);
    this.#events.cut(events);
    for (const folder of [this.path, join(this.path, RUN_FILES.checkpoints)]) {
      for (const name of await readdir(folder)) if (ASIDE.test(name)) await this.#files.remove(join(folder, name));
    }
    await this.#checkpoints.goBackTo(checkpoint);
  }

  /** Closes the logs and gives the folder free. */
  [Symbol.dispose](): void {
    this.#metrics[Symbol.dispose]();
    this.#events[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
  }
}
