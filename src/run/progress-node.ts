/** @module Progress on a process's standard error, with that process's peak memory. */
import type { ProgressOptions, ProgressSink } from "./progress.js";
import { Progress } from "./progress.js";

/** The most memory that this process has held so far, in MiB (resident, the engine's included). */
export const peakMemoryMiB = (): number => process.resourceUsage().maxRSS / 1024;

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
