/**
 * @module The harness's end of a contender's process: starts it, asks, waits for the one line of reply.
 */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NotAvailable, type ContenderSpec, type SetupOptions } from "./cases/types.js";
import type { Request } from "./contender-process.js";

const REPLY_TIMEOUT_MS = 120_000;
/** The folder bench of the repository (this file runs as dist/bench/contender-client.js): Python scripts lie there. */
const SOURCE_FOLDER = new URL("../../bench/", import.meta.url);

/** Writes a contender's name: `pytorch (compile)`. */
export function labelOf({ name, variant }: { readonly name: string; readonly variant?: string }): string {
  return variant === undefined ? name : `${name} (${variant})`;
}

/** A contender in its own process. */
export class ContenderClient {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #label: string;
  #stderr = "";
  #answer: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;

  private constructor(label: string, child: ChildProcessWithoutNullStreams) {
    this.#label = label;
    this.#process = child;
    child.stderr.on("data", (text: Buffer) => (this.#stderr = (this.#stderr + text.toString()).slice(-4000)));
    child.stdin.on("error", () => {}); // a process that died is reported by its exit
    createInterface({ input: child.stdout }).on("line", (line) => this.#answer?.resolve(line));
    child.on("error", (error) => this.#answer?.reject(new Error(`${label}: cannot be started: ${error.message}`)));
    child.on("exit", (code, signal) => {
      const last = this.#stderr.trim().split("\n").at(-1) ?? "";
      this.#answer?.reject(new Error(`${label}: its process ended (${signal ?? `exit ${code}`}): ${last}`));
    });
  }

  /** Starts the process; raises NotAvailable where there is no interpreter or module for it. */
  static start(spec: ContenderSpec, threads: number): ContenderClient {
    let command = process.execPath;
    let args: string[];
    if ("python" in spec.program) {
      const python = process.env["DESCENT_BENCH_PYTHON"];
      if (python === undefined || python === "") {
        throw new NotAvailable(
          "no Python is named; run: DESCENT_BENCH_PYTHON=/path/to/python (one that has PyTorch) npm run bench",
        );
      }
      command = python;
      args = [fileURLToPath(new URL(spec.program.python, SOURCE_FOLDER))];
    } else {
      if (!existsSync(new URL(spec.program.module, import.meta.url))) {
        throw new NotAvailable(`this case has no side for it yet (bench/${spec.program.module.replace(/\.js$/, ".ts")})`);
      }
      args = [fileURLToPath(new URL("contender-process.js", import.meta.url)), `./${spec.program.module}`];
    }
    if (spec.variant !== undefined) args.push(spec.variant);
    const env = { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) };
    return new ContenderClient(labelOf(spec), spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] }));
  }

  setup(options: SetupOptions): Promise<{ version: string; notes: string }> {
    return this.#ask({ do: "setup", ...options });
  }

  steps(n: number): Promise<{ msPerStep: number[]; losses: number[] }> {
    return this.#ask({ do: "steps", n });
  }

  /** Ends the process, politely at first. */
  async close(): Promise<void> {
    try {
      await this.#ask({ do: "close" }, 5000);
    } catch {
      // gone already, or stuck: it is ended below in either case
    }
    this.#process.kill("SIGKILL");
  }

  async #ask<T>(request: Request, timeoutMs = REPLY_TIMEOUT_MS): Promise<T> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null)
      throw new Error(`${this.#label}: its process has ended`);
    let timer: NodeJS.Timeout | undefined;
    const line = await new Promise<string>((resolve, reject) => {
      this.#answer = { resolve, reject };
      timer = setTimeout(
        () => reject(new Error(`${this.#label}: no reply to "${request.do}" in ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
      this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    }).finally(() => {
      clearTimeout(timer);
      this.#answer = undefined;
    });
    const reply = JSON.parse(line) as { ok?: T; skip?: string; error?: string };
    if (reply.skip !== undefined) throw new NotAvailable(reply.skip);
    if (reply.ok === undefined) throw new Error(`${this.#label}: ${reply.error ?? `expected a reply, got ${line}`}`);
    return reply.ok;
  }
}
