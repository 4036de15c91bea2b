/**
 * @module Checkpoints on the disk: written aside, then renamed, so that what bears a checkpoint's name is whole.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DescentError } from "../util/errors.js";
import type { FileContent, FileSystem } from "./run-folder-files-node.js";
import { asideOf, digestOf, sha256, sizeOfContent, writeError, writeWhole } from "./run-folder-files-node.js";
import type { Checkpoint, RunFolder } from "./run-folder-reader-node.js";
import { MANIFEST, STEP_FOLDER } from "./run-folder-reader-node.js";
import { exists } from "../util/regular-file-node.js";
import type { Manifest } from "./run-folder.js";
import { RUN_FILES } from "./run-folder.js";

/** Options of saving: whether it is the best so far, and files by name that all checkpoints of the run share, written once at its top. */
export interface SaveOptions {
  readonly best?: boolean;
  readonly shared?: Readonly<Record<string, FileContent>>;
}

/** Writes the checkpoints of one run. */
export class CheckpointWriter {
  readonly #folder: RunFolder;
  readonly #files: FileSystem;
  readonly #keep: number;
  readonly #root: string;
  #every = Infinity;
  /** Entries of the manifest for files that checkpoints share, by name, once they are written. */
  readonly #shared = new Map<string, Manifest["files"][string]>();

  /** `keep` of the newest stay, besides the best. */
  constructor(folder: RunFolder, files: FileSystem, keep: number) {
    this.#folder = folder;
    this.#files = files;
    this.#keep = keep;
    this.#root = join(folder.path, RUN_FILES.checkpoints);
  }

  /** Keeps the checkpoints of steps that are multiples of `steps`, too. */
  keepEvery(steps: number): void {
    this.#every = steps;
  }

  /**
   * Writes `step-N/`, then points `last` to it, and `best` too if it is the best so far; older ones are removed. Until it is whole it does not bear its
   * name: a full disk or a kill leaves the earlier ones as they were, and what there was of this one is removed (now, or by the next process that writes
   * the run). `syncLogs` makes the logs durable, and says how long they are.
   */
  async save(
    step: number,
    contents: Readonly<Record<string, FileContent>>,
    options: SaveOptions,
    syncLogs: () => Manifest["logBytes"],
  ): Promise<void> {
    const name = `step-${step}`;
    const path = join(this.#root, name);
    const aside = asideOf(path);
    const entries = Object.entries(contents);
    const totalBytes = entries.reduce((sum, [, content]) => sum + sizeOfContent(content), 0);
    try {
      const shared = await this.#share(options.shared ?? {});
      const logBytes = syncLogs();
      const best = options.best === true ? step : await this.#folder.pointer("best");
      const manifest: Manifest = {
        version: 1,
        step,
        best,
        createdAt: new Date().toISOString(),
        files: {
          ...Object.fromEntries(
            entries.map(([file, content]) => [file, { sizeBytes: sizeOfContent(content), sha256: sha256(content) }]),
          ),
          ...shared,
        },
        logBytes,
      };
      const text = `${JSON.stringify(manifest, undefined, 2)}\n`;
      const present = await this.#folder.readCheckpoint(step, []).catch(() => undefined);
      if (present !== undefined && JSON.stringify(present.manifest.files) === JSON.stringify(manifest.files)) {
        // A run that goes on from here and stops at once: the same bytes; only the logs may have grown.
        await writeWhole(this.#files, join(path, MANIFEST), text);
      } else {
        await this.#files.mkdir(aside);
        for (const [file, content] of entries) await this.#files.writeFile(join(aside, file), content);
        await this.#files.writeFile(join(aside, MANIFEST), new TextEncoder().encode(text));
        const replaced = asideOf(path);
        if (await exists(path)) await this.#files.rename(path, replaced);
        await this.#files.rename(aside, path);
        await this.#files.remove(replaced);
      }
    } catch (cause) {
      await this.#files.remove(aside).catch(() => undefined);
      throw writeError(path, totalBytes, cause, await this.#remedy());
    }
    try {
      await this.#point("last", name);
      if (options.best === true) await this.#point("best", name);
    } catch (cause) {
      throw new DescentError(`${(cause as Error).message}${await this.#remedy()}`, { cause });
    }
    await this.#prune(step);
  }

  /** Writes what checkpoints share, at the top of the run, unless it is there. */
  async #share(contents: Readonly<Record<string, FileContent>>): Promise<Manifest["files"]> {
    for (const [name, content] of Object.entries(contents)) {
      if (this.#shared.has(name)) continue;
      const path = join(this.#folder.path, name);
      const entry = { sizeBytes: sizeOfContent(content), sha256: sha256(content), inRun: true };
      const present = await digestOf(path).catch(() => undefined);
      if (present?.sha256 !== entry.sha256) await writeWhole(this.#files, path, content);
      this.#shared.set(name, entry);
    }
    return Object.fromEntries(this.#shared);
  }

  /** Points to a checkpoint that a run is resumed from, and to the best that it knew of; a better one of a later step does not count any more. */
  async goBackTo({ step, manifest: { best: known } }: Checkpoint): Promise<void> {
    const best = await this.#folder.pointer("best");
    if (known !== undefined && known !== best && (await exists(join(this.#root, `step-${known}`))))
      await this.#point("best", `step-${known}`);
    else if (best !== undefined && best > step) await this.#files.remove(join(this.#root, "best"));
    await this.#point("last", `step-${step}`);
  }

  /** Suggests a remedy for a checkpoint that could not be written. */
  async #remedy(): Promise<string> {
    const whole = (await this.#folder.checkpoints().catch(() => []))[0];
    return whole === undefined
      ? ""
      : `; the checkpoint of step ${whole} is whole: make room, then resume with --resume ${this.#folder.path}`;
  }

  async #point(pointer: "last" | "best", name: string): Promise<void> {
    await writeWhole(this.#files, join(this.#root, pointer), `${name}\n`);
  }

  /** Removes what is no longer needed; later steps than the newest belong to a course that was cut back. */
  async #prune(newest: number): Promise<void> {
    const best = await this.#folder.pointer("best");
    // Of a run that somebody removed nothing is left to remove; what is written to it next says so.
    const names = await readdir(this.#root).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw cause;
    });
    const steps = names.flatMap((name) => STEP_FOLDER.exec(name)?.[1] ?? []).map(Number);
    const kept = new Set(
      steps
        .filter((step) => step <= newest)
        .sort((a, b) => b - a)
        .slice(0, Math.max(1, this.#keep)),
    );
    const isSpread = (step: number): boolean => step <= newest && step % this.#every === 0;
    for (const step of steps)
      if (!kept.has(step) && step !== best && !isSpread(step)) await this.#files.remove(join(this.#root, `step-${step}`));
  }
}
