/**
 * @module Commands in several processes, under Open MPI's `mpirun`, for tests.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Running } from "./command.js";
import { MAIN, startProcess } from "./command.js";

/** Why nothing can be tried with several processes here; undefined where it can. */
export const withoutMpi: string | undefined =
  spawnSync("mpirun", ["--version"]).status === 0 ? undefined : "no mpirun here: install openmpi-bin (as .ci/run does as root)";

/** As root, and on fewer cores than ranks: what a test's machine is. */
export const RANK_ENVIRONMENT = { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" };

/** Arguments of `mpirun` before the program. */
export const mpirun = (ranks: number): string[] => [
  "--oversubscribe",
  "--bind-to",
  "none",
  "-n",
  String(ranks),
  process.execPath,
];

/** Starts the command `descent` in several processes. */
export const startRanks = (
  ranks: number,
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Running => startProcess("mpirun", [...mpirun(ranks), MAIN, ...args], folder, { ...RANK_ENVIRONMENT, ...env });

/** Starts the trainings that `trainings.ts` reads from a file. */
export const startTrainings = (ranks: number, folder: string, jobs: string): Running => {
  const program = fileURLToPath(new URL("./trainings.js", import.meta.url));
  const [command, args] = ranks === 1 ? [process.execPath, []] : ["mpirun", mpirun(ranks)];
  return startProcess(command, [...args, program, jobs], folder, RANK_ENVIRONMENT);
};

/** The processes that `mpirun` started, in the order in which it did. Linux alone. */
export function processesOf(job: Running): number[] {
  const children = readFileSync(`/proc/${job.pid}/task/${job.pid}/children`, "utf8");
  return children.trim().split(" ").map(Number);
}
