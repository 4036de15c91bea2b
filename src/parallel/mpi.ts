/**
 * @module The group of processes that `mpirun`, `srun` or an MPIJob started, over MPI.
 */
import { availableParallelism, cpus } from "node:os";
import { afterDispose, SessionError } from "../util/errors.js";
import type { ProcessGroup } from "./group.js";
import { gatherJson, soleProcess } from "./group.js";
import type { Launch } from "./launch.js";
import { BackgroundSums } from "./background-sums.js";
import { launchOf } from "./launch.js";
import { MpiLibrary } from "./mpi-library.js";
import { RankWatch } from "./watch.js";

/** Bytes that are reduced at once: larger messages were slower in shared memory (DESIGN: 120 MiB in 22–35 ms so). */
const BUCKET_BYTES = 2 ** 20;
/** Bytes of one message; MPI counts in 32 bits. */
const MESSAGE_BYTES = 2 ** 28;
/** A process that waits keeps its core for so long; then the event loop turns between its looks, and later it sleeps. */
const SPIN_MS = 2;
const AWAKE_MS = 50;

/** Settings that Open MPI reads when it starts, where the user has not made them. */
function setUpOpenMpi(isShared: boolean): void {
  const set = (name: string, value: string): void => void (process.env[`OMPI_MCA_${name}`] ??= value);
  // Copies of one process out of another's memory need a permission that containers lack, and were slower where they had it.
  set("btl_vader_single_copy_mechanism", "none");
  if (isShared) set("mpi_yield_when_idle", "1");
}

/** Tells whether the launcher bound this process to cores of its own. */
const isBound = (): boolean => availableParallelism() < cpus().length;

/** Ranks on this host, as the launcher says. */
const localRanks = (env: NodeJS.ProcessEnv): number =>
  Number(env["OMPI_COMM_WORLD_LOCAL_SIZE"] ?? env["MPI_LOCALNRANKS"] ?? env["SLURM_TASKS_PER_NODE"]?.match(/^\d+/)?.[0] ?? 1);

/** Threads of a rank where nobody says a number: its own cores, or its share of the host's. */
export const threadsPerRank = (localSize: number): number =>
  isBound() ? availableParallelism() : Math.max(1, Math.floor(availableParallelism() / localSize));

/** A group over MPI. Use `joinGroup`. */
export class MpiGroup implements ProcessGroup {
  readonly rank: number;
  readonly size: number;
  readonly library: string;
  hosts: readonly string[] = [];
  localSize = 1;
  readonly #mpi: MpiLibrary;
  readonly #request = new BigUint64Array(1);
  readonly #done = new Int32Array(1);
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  /** The ranks of this host leave no core idle: one that waits makes room. */
  readonly #crowded: boolean;
  #sums: BackgroundSums | undefined;
  #watch: RankWatch | undefined;
  #isOver = false;

  private constructor(mpi: MpiLibrary, crowded: boolean) {
    this.#mpi = mpi;
    this.#crowded = crowded;
    const out = new Int32Array(1);
    const { world } = mpi.constants;
    const [single, none] = [0, null];
    mpi.call("MPI_Init_thread", none, none, single, out);
    mpi.call("MPI_Comm_rank", world, out);
    this.rank = out[0] as number;
    mpi.call("MPI_Comm_size", world, out);
    this.size = out[0] as number;
    this.library =
      textFrom(8192, (place, length) => mpi.call("MPI_Get_library_version", place, length)).split(/[,\n]/)[0] ?? "MPI";
  }

  /** Starts MPI in this process. Errors: ConfigError without a library; SessionError where it does not start. */
  static async join(launch: Launch): Promise<MpiGroup> {
    const crowded = !isBound() && localRanks(process.env) >= availableParallelism();
    setUpOpenMpi(crowded);
    const mpi = await MpiLibrary.load(launch);
    const group = new MpiGroup(mpi, crowded);
    if (group.size !== launch.size)
      throw new SessionError(
        `mpi: expected a group of the ${launch.size} ranks that ${launch.launcher} started, got one of ${group.size}: the launcher and ${group.library} do not belong together`,
      );
    const host = textFrom(512, (place, length) => mpi.call("MPI_Get_processor_name", place, length));
    group.hosts = await gatherJson(group, host);
    group.localSize = group.hosts.filter((other) => other === host).length;
    group.#watch = await RankWatch.start(group);
    return group;
  }

  async sum(values: Float32Array | Float64Array): Promise<void> {
    await this.meet();
    const { float, double, sum, world, inPlace } = this.#mpi.constants;
    const type = values instanceof Float32Array ? float : double;
    const bucket = BUCKET_BYTES / values.BYTES_PER_ELEMENT;
    for (let start = 0; start < values.length; start += bucket) {
      const part = values.subarray(start, start + bucket);
      this.#mpi.call("MPI_Allreduce", inPlace, part, part.length, type, sum, world);
    }
  }

  begin(values: Float32Array): void {
    this.#sums ??= new BackgroundSums(this.#mpi, this.size);
    this.#sums.begin(values);
  }

  progress(): boolean {
    this.#sums?.progress();
    return this.#sums?.isBusy === true;
  }

  settle(): Promise<void> {
    return this.#until(() => !this.progress());
  }

  async gather(bytes: Uint8Array): Promise<Uint8Array[]> {
    await this.meet();
    const { int, byte, world } = this.#mpi.constants;
    const lengths = new Int32Array(this.size);
    this.#mpi.call("MPI_Allgather", Int32Array.of(bytes.length), 1, int, lengths, 1, int, world);
    const offsets = new Int32Array(this.size);
    for (let i = 1; i < this.size; i++) offsets[i] = (offsets[i - 1] as number) + (lengths[i - 1] as number);
    const all = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    this.#mpi.call("MPI_Allgatherv", filled(bytes), bytes.length, byte, filled(all), lengths, offsets, byte, world);
    return Array.from(lengths, (length, i) => all.slice(offsets[i], (offsets[i] as number) + length));
  }

  exchange(send: Float32Array, receive: Float32Array): void {
    const { float, world } = this.#mpi.constants;
    const part = send.length / this.size;
    this.#mpi.call("MPI_Alltoall", send, part, float, receive, part, float, world);
  }

  collect(send: Float32Array | Float64Array, receive: Float32Array | Float64Array): void {
    const { float, double, world } = this.#mpi.constants;
    const type = send instanceof Float32Array ? float : double;
    this.#mpi.call("MPI_Allgather", send, send.length, type, receive, send.length, type, world);
  }

  async broadcast(bytes: Uint8Array | undefined, from: number): Promise<Uint8Array> {
    await this.meet();
    const { double, byte, world } = this.#mpi.constants;
    const length = Float64Array.of(bytes?.length ?? 0);
    this.#mpi.call("MPI_Bcast", length, 1, double, from, world);
    const all = this.rank === from && bytes !== undefined ? bytes : new Uint8Array(length[0] as number);
    for (let start = 0; start < all.length; start += MESSAGE_BYTES) {
      const part = all.subarray(start, start + MESSAGE_BYTES);
      this.#mpi.call("MPI_Bcast", part, part.length, byte, from, world);
    }
    return all;
  }

  async spread(arrays: readonly Float32Array[], from: number): Promise<void> {
    await this.meet();
    const { float, world } = this.#mpi.constants;
    const bucket = BUCKET_BYTES / 4;
    for (const values of arrays)
      for (let start = 0; start < values.length; start += bucket) {
        const part = values.subarray(start, start + bucket);
        this.#mpi.call("MPI_Bcast", part, part.length, float, from, world);
      }
  }

  /** The one wait: the calls after it find all ranks there, and are short. Signals and timers are heard meanwhile. */
  async meet(): Promise<void> {
    if (this.#isOver) throw afterDispose("process group");
    const { world, ignoreStatus } = this.#mpi.constants;
    this.#mpi.call("MPI_Ibarrier", world, this.#request);
    await this.#until(() => {
      this.#mpi.call("MPI_Test", this.#request, this.#done, ignoreStatus);
      return this.#done[0] !== 0;
    });
  }

  async #until(isDone: () => boolean): Promise<void> {
    const start = performance.now();
    while (!isDone()) {
      const waited = performance.now() - start;
      if (waited < SPIN_MS) {
        // Where ranks share cores, the one that is waited for may need this one.
        if (this.#crowded) Atomics.wait(this.#sleeper, 0, 0, 0.05);
      } else if (waited < AWAKE_MS) await new Promise((resolve) => setImmediate(resolve));
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  follow(run: string, isElsewhere = false): void {
    this.#watch?.follow(run, isElsewhere ? this.hosts[0] : undefined);
  }

  /** Leaves the group, when all have come here. */
  async leave(): Promise<void> {
    if (this.#isOver) return;
    await this.meet();
    await this.#watch?.leave();
    this.#isOver = true;
    this.#mpi.call("MPI_Finalize");
  }

  /** Ends all ranks at once, for a reason that has been said. */
  async abort(status: number): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#watch?.leave();
    this.#mpi.call("MPI_Abort", this.#mpi.constants.world, status);
  }
}

/** Memory with an address, also for no bytes. */
const filled = (bytes: Uint8Array): Uint8Array => (bytes.length === 0 ? new Uint8Array(1) : bytes);

/** A text that a function writes into memory, with its length. */
function textFrom(bytes: number, write: (place: Uint8Array, length: Int32Array) => void): string {
  const [place, length] = [new Uint8Array(bytes), new Int32Array(1)];
  write(place, length);
  return new TextDecoder().decode(place.subarray(0, length[0]));
}

let joined: Promise<MpiGroup | undefined> | undefined;

/**
 * The group that this process was started in: that of `mpirun -n 4 node train.js`, or the process alone. MPI is started once in a process.
 *
 * Errors: ConfigError, with what to install, where a launcher started several processes and there is no library of MPI.
 */
export async function joinGroup(): Promise<ProcessGroup> {
  return (await joinedGroup()) ?? soleProcess();
}

/** The group over MPI; undefined where the process stands alone. */
export function joinedGroup(): Promise<MpiGroup | undefined> {
  const launch = launchOf(process.env);
  return (joined ??= launch === undefined ? Promise.resolve(undefined) : MpiGroup.join(launch));
}

/** The group over MPI if this process has joined one; waits for no other rank. */
export const currentGroup = async (): Promise<MpiGroup | undefined> => joined?.catch(() => undefined);

/** Leaves the group, when all ranks have come here; nothing where the process stands alone. */
export const leaveGroup = async (): Promise<void> => (await joined)?.leave();
