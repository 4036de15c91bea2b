/**
 * @module The command `descent` as a process of its own, for tests of what a person at a shell meets.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after } from "node:test";
import { sha256 } from "../../src/run/run-folder-files-node.js";

/** The command's file. */
export const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface Running {
  readonly pid: number | undefined;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Ended>;
}

/** Starts a command in a folder. */
export function start(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  uid?: number,
): Running {
  const user = uid === undefined ? {} : { uid, gid: uid };
  return startProcess(process.execPath, [MAIN, ...args], folder, env, user);
}

/** Starts a program in a folder. */
export function startProcess(
  program: string,
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
  options: { readonly uid?: number; readonly gid?: number } = {},
): Running {
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...env }, ...options });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  return { pid: child.pid, kill: (signal) => void child.kill(signal), ended };
}

/** Runs a command to its end. */
export const run = (
  folder: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
  uid?: number,
): Promise<Ended> => start(folder, args, env, uid).ended;

/** Runs a command to its end, which has to be a good one. */
export async function succeeds(folder: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> {
  const ended = await run(folder, args, env);
  assert.equal(ended.status, 0, `${args.join(" ")}\n${ended.stderr}`);
  return ended;
}

/** Runs a command that has to be refused: bad usage or input, said in a last line without a stack. */
export async function isRefused(folder: string, args: readonly string[], expected: RegExp): Promise<void> {
  const ended = await run(folder, args);
  assert.equal(ended.status, 2, `${args.join(" ")}\n${ended.stderr}`);
  assert.match(ended.stderr.trimEnd().split("\n").at(-1) ?? "", expected, args.join(" "));
  assert.doesNotMatch(ended.stderr, /\n\s+at /);
}

/** A folder that is removed when the test file has ended. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "descent-e2e-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The step that a run's `last` names; 0 where there is no checkpoint. */
export function lastStep(path: string): number {
  try {
    return Number(
      readFileSync(join(path, "checkpoints", "last"), "utf8")
        .trim()
        .slice("step-".length),
    );
  } catch {
    return 0;
  }
}

/** Waits until a run has a checkpoint of at least this step, or the command has ended. */
export async function reaches(path: string, step: number, running: Running): Promise<void> {
  const pause = (): Promise<boolean> => new Promise((resolve) => setTimeout(() => resolve(false), 5));
  const over = running.ended.then(() => true);
  while (lastStep(path) < step && !(await Promise.race([over, pause()])));
}

/** An IDX file of uint8. */
export function idx(shape: readonly number[], values: ArrayLike<number>): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, 8, shape.length]);
  shape.forEach((d, i) => head.writeUInt32BE(d, 4 + 4 * i));
  return Buffer.concat([head, Buffer.from(Array.from(values))]);
}

/** Reads what must be equal in two runs: values of the last checkpoint, the loop's progress, the log and the figures without their times. */
export function traceOf(path: string): unknown {
  const step = lastStep(path);
  const file = (name: string): Buffer => readFileSync(join(path, "checkpoints", `step-${step}`, name));
  const { progress, seed } = JSON.parse(file("trainer.json").toString()) as { progress: Record<string, unknown>; seed: number };
  const log = readFileSync(join(path, "metrics.jsonl"), "utf8").trim().split("\n");
  const { metrics } = JSON.parse(readFileSync(join(path, "summary.json"), "utf8")) as { metrics: unknown };
  return {
    step,
    seed,
    progress: { ...progress, seconds: 0 },
    model: sha256(file("model.safetensors")),
    optimizer: sha256(file("optimizer.safetensors")),
    best: readFileSync(join(path, "checkpoints", "best"), "utf8"),
    log: log.map((line) => ({ ...(JSON.parse(line) as object), seconds: 0 })),
    metrics,
  };
}
