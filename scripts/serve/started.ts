/**
 * @module `descent serve` in processes of its own, for measuring: how much memory and processor time its processes take (Linux).
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

/** A server that was started, until it is disposed. */
export interface Started extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

/** Starts `descent serve` with these arguments, on a free port. */
export async function startServe(...words: readonly string[]): Promise<Started> {
  const child = spawn(process.execPath, [MAIN, "serve", ...words, "--port", "0", "--log-level", "error"]);
  let [stdout, stderr] = ["", ""];
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
      if (stdout.includes("serving")) resolve();
    });
    child.once("exit", () => reject(new Error(stderr)));
  });
  const url = /http:\S+/.exec(stdout)?.[0] as string;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid as number,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
      const said = stderr.replaceAll(/descent: stopping.*\n*/g, "");
      if (said !== "") console.error(said.slice(0, 2000));
    },
  };
}

/** A process's children. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean).map(Number);

/** Memory of one process in MiB; 0 once it has ended. */
function rssMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Memory of a server in MiB: of the HTTP process, and of all its engines. */
export function memoryOf({ pid }: Started): { readonly http: number; readonly engines: number } {
  return { http: rssMiB(pid), engines: childrenOf(pid).reduce((sum, child) => sum + rssMiB(child), 0) };
}

/** Processor time of a process so far, in milliseconds. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  // Ticks of a hundredth of a second.
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Rows of batches so far, and batches, by a server's metrics. */
export async function batchesOf({ url }: Started): Promise<{ readonly rows: number; readonly batches: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sum = (name: string): number =>
    [...text.matchAll(new RegExp(`^descent_batch_rows_${name}\\{.*\\} (\\S+)$`, "gm"))].reduce(
      (all, [, n]) => all + Number(n),
      0,
    );
  return { rows: sum("sum"), batches: sum("count") };
}
