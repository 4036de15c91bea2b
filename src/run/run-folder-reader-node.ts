/**
 * @module Reading a run folder: its JSON, its logs, and its checkpoints, each byte checked.
 */
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError, DataError } from "../util/errors.js";
import { readRegularFile, exists } from "../util/regular-file-node.js";
import { fileReason } from "../util/file-reason.js";
import { parseJsonWith } from "../util/schema.js";
import type { MetricsRecord } from "./metrics-log.js";
import { parseMetricsLog } from "./metrics-log.js";
import { ASIDE, digestOf, readWhole, sha256 } from "./run-folder-files-node.js";
import type { Manifest, RunConfig, RunSummary } from "./run-folder.js";
import { manifestSchema, RUN_FILES, runConfigSchema, runSummarySchema } from "./run-folder.js";
import { setOwn } from "../util/record.js";

/** A checkpoint that lies in a run, with its files checked. */
export interface Checkpoint {
  readonly step: number;
  readonly path: string;
  readonly manifest: Manifest;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** A checkpoint: its step, or the name of a pointer to one. */
export type CheckpointName = number | "last" | "best";

export const MANIFEST = "manifest.json";
export const STEP_FOLDER = /^step-(\d+)$/;

/** Splits what `--resume` and `eval` take: a run, or a checkpoint in it (`runs/x/checkpoints/step-200`, `…/best`). */
export function splitRunPath(path: string): { readonly run: string; readonly checkpoint?: CheckpointName } {
  const absolute = resolve(path);
  const name = basename(absolute);
  if (basename(dirname(absolute)) !== RUN_FILES.checkpoints) return { run: path };
  const step = STEP_FOLDER.exec(name)?.[1];
  const run = dirname(dirname(path.replace(/[/\\]+$/, "")));
  if (step !== undefined) return { run, checkpoint: Number(step) };
  return name === "best" || name === "last" ? { run, checkpoint: name } : { run: path };
}

/**
 * Opens a run for reading; another process may be writing it. ConfigError if `path` holds no run.
 *
 * @example
 * import { openRun } from "descentjs/run";
 * const { task, model } = await (await openRun("runs/churn")).config();
 * console.log(task, model); // tabular-classification …
 */
export async function openRun(path: string): Promise<RunFolder> {
  const folder = new RunFolder(path);
  if (!(await folder.has(RUN_FILES.config))) {
    throw new ConfigError(
      `${path}: expected a run folder, got ${(await exists(path)) ? `no ${RUN_FILES.config} in it` : "nothing there"}`,
    );
  }
  return folder;
}

/** Reads a run folder. */
export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  has(name: string): Promise<boolean> {
    return exists(join(this.path, name));
  }

  /** The bytes of one of its files; ConfigError where it is missing. */
  async read(name: string): Promise<Uint8Array> {
    const path = join(this.path, name);
    try {
      return await readWhole(path);
    } catch (cause) {
      throw new ConfigError(`${path}: expected a readable file, got ${fileReason(cause)}`, { cause });
    }
  }

  async config(): Promise<RunConfig> {
    return parseJsonWith(runConfigSchema, await this.#text(RUN_FILES.config), join(this.path, RUN_FILES.config));
  }

  async summary(): Promise<RunSummary> {
    return parseJsonWith(runSummarySchema, await this.#text(RUN_FILES.summary), join(this.path, RUN_FILES.summary));
  }

  async metrics(): Promise<MetricsRecord[]> {
    return parseMetricsLog(await this.#text(RUN_FILES.metrics), join(this.path, RUN_FILES.metrics));
  }

  /** Steps of the whole checkpoints, newest first. Every byte is checked, so this takes as long as reading them. */
  async checkpoints(): Promise<number[]> {
    const whole: number[] = [];
    for (const step of await this.#steps()) if ((await this.#load(step, [])) instanceof Object) whole.push(step);
    return whole;
  }

  /** The step that a pointer names; undefined where there is none. */
  async pointer(name: "last" | "best"): Promise<number | undefined> {
    try {
      const text = (await readRegularFile(join(this.path, RUN_FILES.checkpoints, name))).toString("utf8");
      const step = STEP_FOLDER.exec(text.trim())?.[1];
      return step === undefined ? undefined : Number(step);
    } catch {
      return undefined;
    }
  }

  /**
   * A checkpoint's files, each checked against the size and SHA-256 in its manifest. DataError for one that is missing,
   * truncated or altered; it names the newest whole one. Of several files only those of `only` are kept, where it is given.
   */
  async readCheckpoint(name: CheckpointName = "last", only?: readonly string[]): Promise<Checkpoint> {
    const steps = await this.#steps();
    const pointed = typeof name === "number" ? name : await this.pointer(name);
    // Killed while a checkpoint was replaced, a run has it under a name aside only: the newest that bears its name counts.
    const isAside = name === "last" && pointed !== undefined && !steps.includes(pointed) && (await this.#isAside(pointed));
    const step = isAside ? steps[0] : (pointed ?? steps[0]);
    if (step === undefined) throw new DataError(`${this.path}: expected a checkpoint, got none; train it again with --overwrite`);
    const loaded = await this.#load(step, only);
    if (typeof loaded !== "string") return loaded;
    const offered = (await this.checkpoints())[0];
    const remedy =
      offered === undefined
        ? "no whole checkpoint is left"
        : `the last whole one is ${join(this.path, RUN_FILES.checkpoints, `step-${offered}`)}`;
    throw new DataError(`${loaded}; ${remedy}`);
  }

  /** Tells whether a checkpoint stands aside, half replaced. */
  async #isAside(step: number): Promise<boolean> {
    const names = await readdir(join(this.path, RUN_FILES.checkpoints));
    return names.some((name) => name.startsWith(`.step-${step}.`) && ASIDE.test(name));
  }

  /** Steps that have a folder, newest first, whole or not. */
  async #steps(): Promise<number[]> {
    let names: string[];
    try {
      names = await readdir(join(this.path, RUN_FILES.checkpoints));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
      const path = join(this.path, RUN_FILES.checkpoints);
      throw new ConfigError(`${path}: expected a folder that can be read, got ${fileReason(cause)}`, { cause });
    }
    return names
      .flatMap((name) => STEP_FOLDER.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
  }

  /** The checkpoint, or a line that says what is wrong with it. */
  async #load(step: number, only?: readonly string[]): Promise<Checkpoint | string> {
    const path = join(this.path, RUN_FILES.checkpoints, `step-${step}`);
    let manifest: Manifest;
    try {
      manifest = parseJsonWith(
        manifestSchema,
        (await readRegularFile(join(path, MANIFEST))).toString("utf8"),
        join(path, MANIFEST),
      );
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return code === undefined ? message : `${path}: expected a checkpoint with a ${MANIFEST}, got ${fileReason(error)}`;
    }
    if (manifest.step !== step) return `${path}: expected the checkpoint of step ${step}, got that of step ${manifest.step}`;
    const files: Record<string, Uint8Array> = {};
    for (const [name, { sizeBytes, sha256: expected, inRun }] of Object.entries(manifest.files)) {
      const where = join(inRun === true ? this.path : path, basename(name));
      // What several checkpoints share is read with whatever is read of them.
      const isRead = only === undefined || only.includes(name) || (inRun === true && only.length > 0);
      let read: { readonly sizeBytes: number; readonly sha256: string; readonly bytes?: Uint8Array };
      try {
        read = await (isRead ? readDigested(where) : digestOf(where));
      } catch (error) {
        return `${where}: expected a readable file, got ${fileReason(error)}`;
      }
      if (read.sizeBytes !== sizeBytes) return `${where}: expected ${sizeBytes} bytes, got ${read.sizeBytes}`;
      const hash = read.sha256;
      if (hash !== expected) {
        return `${where}: expected sha256 ${expected.slice(0, 12)}…, got ${hash.slice(0, 12)}…: it was altered`;
      }
      if (read.bytes !== undefined) setOwn(files, name, read.bytes);
    }
    return { step, path, manifest, files };
  }

  async #text(name: string): Promise<string> {
    return new TextDecoder().decode(await this.read(name));
  }
}

/** A whole file with its size and SHA-256. */
async function readDigested(path: string): Promise<{ sizeBytes: number; sha256: string; bytes: Uint8Array }> {
  const bytes = await readWhole(path);
  return { sizeBytes: bytes.length, sha256: sha256(bytes), bytes };
}
