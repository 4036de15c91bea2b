/**
 * @module One training of a sweep: in a process of its own, with its result in a file, so that what was trained once is never trained again.
 */
import { fork } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withoutLaunch } from "../parallel/index.js";
import { nodeFileSystem, writeWhole } from "../run/run-folder-files-node.js";
import type { TrainTaskOptions } from "../tasks/training/training-options.js";
import { DescentError } from "../util/errors.js";

export interface TrialRequest {
  readonly options: TrainTaskOptions;
  readonly out: string;
  /** Goes on with the run in `out`, up to the length that `options` have. */
  readonly resume: boolean;
  readonly overwrite: boolean;
}

/** Result of a training: figures of the validation part, or why there are none. */
export type TrialReply =
  | { readonly metrics: Readonly<Record<string, number>>; readonly steps: number; readonly seconds: number }
  | { readonly error: string; readonly isExpected: boolean };

/** Attempts at a run that the process of a killed sweep still holds, and the time between them. */
const [ATTEMPTS, PAUSE_MS] = [60, 500];

function runTrial(request: TrialRequest, signal: AbortSignal | undefined): Promise<TrialReply> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = fork(new URL("./trial-process-node.js", import.meta.url), [], {
      env: withoutLaunch(process.env),
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-2000)));
    const stop = (): void => void child.kill("SIGKILL");
    signal?.addEventListener("abort", stop, { once: true });
    let reply: TrialReply | undefined;
    child.once("message", (message: TrialReply) => {
      reply = message;
      child.disconnect();
    });
    child.once("error", reject);
    child.once("exit", (status, killed) => {
      signal?.removeEventListener("abort", stop);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else
        resolve(
          reply ?? {
            error: `its process ended with ${killed ?? status}: ${said.trim().split("\n").at(-1) ?? ""}`,
            isExpected: false,
          },
        );
    });
    child.send(request);
  });
}

/** Tells whether a run is still held by a process that is about to end. */
const isHeld = (reply: TrialReply): boolean => "error" in reply && /held by process|several processes want/.test(reply.error);

/** Options for a run that has begun: its own options count, and a length that is new. */
function onwards(asked: TrainTaskOptions, run: string): TrainTaskOptions {
  const { options } = JSON.parse(readFileSync(join(run, "config.json"), "utf8")) as { options: Partial<TrainTaskOptions> };
  const { task, threads, epochs } = asked;
  return { task, data: "", threads, ...(epochs === undefined || options.epochs === epochs ? {} : { epochs }) };
}

/**
 * A training with its result, kept in `result`; one that has been kept is read, and a run of a sweep that was killed goes on.
 *
 * Errors: DescentError for a process that ended without an answer.
 */
export async function trained(
  { options, out }: Pick<TrialRequest, "options" | "out">,
  result: string,
  signal: AbortSignal | undefined,
): Promise<TrialReply> {
  if (existsSync(result)) return JSON.parse(readFileSync(result, "utf8")) as TrialReply;
  const resume = existsSync(join(out, "checkpoints", "last"));
  const request = { options: resume ? onwards(options, out) : options, out, resume, overwrite: !resume };
  let reply = await runTrial(request, signal);
  for (let attempt = 1; attempt < ATTEMPTS && isHeld(reply); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    reply = await runTrial(request, signal);
  }
  if ("error" in reply && !reply.isExpected) throw new DescentError(`sweep: ${out}: ${reply.error}`);
  await writeWhole(nodeFileSystem, result, `${JSON.stringify(reply)}\n`);
  return reply;
}
