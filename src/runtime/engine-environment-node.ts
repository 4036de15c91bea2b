/**
 * @module Environment variables that are set before the engine's library is loaded. From 1.29 on the builds for Linux and macOS report each session and its model to
 * Microsoft, keep a device id, and, on the way, read the process's command line with a recursive search that overflows the stack (a crash without a word) from some
 * 9,000 characters on. `ORT_DISABLE_TELEMETRY=1`, read once with the first session, keeps it from all of that (onnxruntime pull request 29843).
 */
import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { SessionError } from "../util/errors.js";
import type koffiModule from "koffi";
import { loadKoffi } from "../util/koffi-node.js";

const VARIABLE = "ORT_DISABLE_TELEMETRY";
/** Bytes of arguments up to which the engine's reports were seen to do no harm. */
const LONGEST_REPORTED = 4096;

/**
 * Turns the engine's reports off, unless the variable is set, which is then the user's choice. Comes before the engine is loaded.
 *
 * Errors: SessionError if the reports are wanted and the command line is one that the engine would crash on.
 */
export async function withoutReports(): Promise<void> {
  const chosen = process.env[VARIABLE];
  if (chosen === undefined) {
    process.env[VARIABLE] = "1";
    // The environment of a worker thread is a copy, which the engine does not see.
    if (!isMainThread && process.platform !== "win32") await setInProcess(VARIABLE, "1");
  } else if (process.platform === "linux" && !/^(1|true|yes|on)$/i.test(chosen)) {
    const bytes = readFileSync("/proc/self/cmdline").length;
    if (bytes > LONGEST_REPORTED)
      throw new SessionError(
        `engine: expected a command line of at most ${LONGEST_REPORTED} bytes with ${VARIABLE}=${chosen}, got ${bytes}, which would crash its reports; leave the variable out`,
      );
  }
}

/** Sets a variable of the process's own environment; where koffi is not to be had, only the thread's copy holds it. */
async function setInProcess(name: string, value: string): Promise<void> {
  try {
    const koffi = await loadKoffi<typeof koffiModule>();
    koffi.load(null).func("int setenv(const char *, const char *, int)")(name, value, 1);
  } catch {
    // The engine then does what it was built to do.
  }
}
