/**
 * @module The lock of a run folder: one process writes at a time. A lock names its process; one whose process is gone is
 * taken over.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { ConfigError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";
import { RUN_FILES } from "./run-folder.js";

const ownerSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  startedAt: z.string(),
  /** Start time of that process, where the system tells it (Linux): a later process may have got the same id. */
  processStart: z.string().optional(),
});
type Owner = z.infer<typeof ownerSchema>;

/** Linux's start time of a process in clock ticks since boot, with the boot's id; undefined elsewhere, or if it is gone. */
function processStart(pid: number): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // Fields are counted after the command, which stands in parentheses and may hold spaces: start time is field 22.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return `${boot} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Gone for certain: on this host, and no process has that id, or another one has it now. */
function isGone(owner: Owner): boolean {
  if (owner.host !== hostname()) return false;
  if (!isAlive(owner.pid)) return true;
  return owner.processStart !== undefined && processStart(owner.pid) !== owner.processStart;
}

/** A run folder's lock, held until it is disposed of. */
export class RunLock {
  readonly #path: string;
  readonly #content: string;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  /** ConfigError if another live process, or another run in this one, writes to `folder` now. */
  static check(folder: string): void {
    removeIfStale(folder, join(folder, RUN_FILES.lock));
  }

  /** ConfigError if another live process, or another run in this one, writes to `folder`. */
  static acquire(folder: string): RunLock {
    const path = join(folder, RUN_FILES.lock);
    const owner: Owner = {
      pid: process.pid,
      host: hostname(),
      startedAt: new Date().toISOString(),
      processStart: processStart(process.pid),
    };
    const content = `${JSON.stringify(owner)}\n`;
    // The content must be there when the name appears: written aside, then linked, which fails where the name is taken.
    const aside = join(folder, `.${RUN_FILES.lock}.${process.pid}-${Date.now()}.tmp`);
    try {
      writeFileSync(aside, content, { flag: "wx" });
    } catch (cause) {
      throw new ConfigError(`${folder}: expected a folder to write to, got ${fileReason(cause)}`, { cause });
    }
    try {
      for (let attempt = 0; attempt < 3; attempt++) {
        try {
          appear(aside, path, content);
          return new RunLock(path, content);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        }
        removeIfStale(folder, path);
      }
      throw new ConfigError(`${folder}: expected a free run folder, got one that several processes want; try again`);
    } finally {
      rmSync(aside, { force: true });
    }
  }

  [Symbol.dispose](): void {
    try {
      if (readFileSync(this.#path, "utf8") === this.#content) rmSync(this.#path);
    } catch {
      // Somebody removed the folder: there is nothing left to unlock.
    }
  }
}

/** Gives a written file its name, if that is free; EEXIST if it is not. */
function appear(aside: string, path: string, content: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
    // A file system without hard links (exFAT, some network shares).
    writeFileSync(path, content, { flag: "wx" });
  }
}

/** Removes the lock if its owner is gone; ConfigError if it lives. */
function removeIfStale(folder: string, path: string): void {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch {
    return;
  }
  const owner = parseOwner(content);
  if (owner !== undefined && !isGone(owner)) {
    const elsewhere = owner.host === hostname() ? "" : `; if that process is gone, remove ${path}`;
    throw new ConfigError(
      `${folder}: expected a run that no process is writing, got one held by process ${owner.pid} on ${owner.host} ` +
        `since ${owner.startedAt}${elsewhere}`,
    );
  }
  // Between reading and removing, another process may have taken the stale lock over: take the name away first, look at
  // what it was, and give it back if it was not the stale one.
  const taken = `${path}.${process.pid}-stale`;
  try {
    renameSync(path, taken);
  } catch {
    return;
  }
  if (readFileSync(taken, "utf8") !== content) {
    try {
      linkSync(taken, path);
    } catch {
      // A third process has it by now, and will be the one that is named.
    }
  }
  rmSync(taken, { force: true });
}

function parseOwner(content: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(content));
  } catch {
    return undefined;
  }
}
