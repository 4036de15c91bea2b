/**
 * @module Variables of the environment by which a launcher (mpirun, srun, an MPIJob) tells a process its rank.
 */
import { ConfigError } from "../util/errors.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The place of a process among those that were started together. */
export interface Launch {
  readonly launcher: "Open MPI" | "MPICH" | "Slurm";
  readonly rank: number;
  readonly size: number;
}

/** Variables of the launchers: rank, size. `SLURM_PROCID` alone says nothing: a batch script has it, too. */
const LAUNCHERS = [
  { launcher: "Open MPI", rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE" },
  { launcher: "Slurm", rank: "PMIX_RANK", size: "SLURM_STEP_NUM_TASKS" },
  { launcher: "MPICH", rank: "PMI_RANK", size: "PMI_SIZE" },
] as const;

/** Reads what a launcher said; undefined where none started this process, or where it started one alone. */
export function launchOf(env: Environment): Launch | undefined {
  for (const { launcher, rank, size } of LAUNCHERS) {
    const [ownRank, count] = [env[rank], env[size]].map((value) => (value === undefined ? NaN : Number(value)));
    if (ownRank === undefined || count === undefined || !Number.isInteger(ownRank) || !(count > 1)) continue;
    return { launcher, rank: ownRank, size: count };
  }
  return undefined;
}

/** Prefixes of the variables that make a process a rank: a child that is to stand alone goes without them. */
const RANK_VARIABLES = /^(OMPI_|PMIX_|PMI_|ORTE_|MPI_|HYDRA_|MPIR_|SLURM_STEP_)/;

/** The environment without what a launcher said. */
export const withoutLaunch = (env: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined || RANK_VARIABLES.test(name) ? [] : [[name, value]])),
  );

/** ConfigError where several processes were started for work that one does. */
export function refuseRanks(env: Environment, where: string): void {
  const launch = launchOf(env);
  if (launch !== undefined)
    throw new ConfigError(`${where}: expected one process, got ${launch.size} ranks; only train and sweep run on several`);
}
