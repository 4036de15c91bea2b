/**
 * @module One command in several processes (`mpirun -n 4 descent train …`): rank 0 speaks for all; another rank is heard when it alone fails.
 */
import type { Io } from "./command.js";
import { launchOf } from "../parallel/launch.js";

/** Time in which rank 0 says by itself what all ranks fail with, in milliseconds. */
const PATIENCE_MS = 4000;
const INTERRUPTED = 130;

/** The streams and the end of one of several processes. */
export interface RankIo {
  readonly io: Io;
  /** Leaves the group, or ends it where this rank has failed. Returns the exit status. */
  readonly end: (status: number) => Promise<number>;
}

/** Wraps the process's own streams and exit. */
export function rankIo(io: Io): RankIo {
  const launch = launchOf(io.env);
  if (launch === undefined) return { io, end: (status) => Promise.resolve(status) };
  const errors: string[] = [];
  const heard = (text: string): void => {
    if (text.startsWith("descent: ")) errors.push(text.replace("descent: ", `descent: rank ${launch.rank}: `));
  };
  const silent = { write: () => true };
  const quiet: Io = launch.rank === 0 ? io : { ...io, stdout: silent, stderr: { write: heard } };
  const end = async (status: number): Promise<number> => {
    const { currentGroup } = await import("../parallel/mpi.js");
    const group = await currentGroup();
    if (status === 0 || status === INTERRUPTED) {
      await group?.leave();
      return status;
    }
    if (launch.rank > 0) await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    for (const line of errors) io.stderr.write(line);
    await group?.abort(status);
    return status;
  };
  return { io: quiet, end };
}
