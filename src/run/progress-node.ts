/** @module Progress on a process's standard error, with that process's peak memory. */
import { existsSync, readFileSync } from "node:fs";
import type { ProgressOptions, ProgressSink } from "./progress.js";
import { Progress } from "./progress.js";

/** The most memory that this process has held so far, in MiB (resident, the engine's included). */
export function peakMemoryMiB(): number {
  // Linux counts what a process's parent held when it was started in maxRSS; the mark of its own memory starts anew.
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS) / 1024;
}

/** A stream as a sink; one that calls itself a dumb terminal gets plain lines. */
export function streamSink(
  stream: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number },
  env: Readonly<Record<string, string | undefined>> = process.env,
): ProgressSink {
  const isTTY = stream.isTTY === true && env["TERM"] !== "dumb";
  return {
    write: (text) => void stream.write(text),
    isTTY,
    columns: () => stream.columns,
    color: isTTY && (env["NO_COLOR"] ?? "") === "",
  };
}

/** Progress on standard error; `quiet` shows nothing. */
export function progressOnStderr(options: ProgressOptions & { readonly quiet?: boolean }): Progress {
  return new Progress(options.quiet === true ? undefined : streamSink(process.stderr), { peakMemoryMiB, ...options });
}
