/**
 * @module A group of processes that train one model together, and what each of them asks of the others. Every call is one that all ranks
 * make, in the same order.
 */

/** Processes numbered from 0: their ranks. */
export interface ProcessGroup {
  readonly rank: number;
  readonly size: number;
  /** The host of each rank. */
  readonly hosts: readonly string[];
  /** Processes of this group on this rank's host. */
  readonly localSize: number;
  /** The library behind the group, with its version. */
  readonly library: string;
  /** Adds up over all ranks, in place, in an order of the library's own. */
  sum(values: Float32Array | Float64Array): Promise<void>;
  /** Begins to add up over all ranks, in place: `progress` goes on with it, and `settle` waits for its end. Until then no rank asks for anything else. */
  begin(values: Float32Array): void;
  /** Does what can be done now of the sums that were begun. Returns whether any is still under way. */
  progress(): boolean;
  /** Waits until all sums that were begun are there. */
  settle(): Promise<void>;
  /** Each rank's bytes, of any length, by rank. */
  gather(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Part i of `send` goes to rank i; part i of `receive` comes from rank i. All parts are of one length. Blocks: `meet` first. */
  exchange(send: Float32Array, receive: Float32Array): void;
  /** Each rank's `send`, one after another by rank. Blocks: `meet` first. */
  collect<T extends Float32Array | Float64Array>(send: T, receive: T): void;
  /** The bytes of one rank, for all; the others give none. */
  broadcast(bytes: Uint8Array | undefined, from: number): Promise<Uint8Array>;
  /** Overwrites the arrays of the other ranks by those of one. */
  spread(arrays: readonly Float32Array[], from: number): Promise<void>;
  /** Waits until all ranks have come here, without keeping a core busy. */
  meet(): Promise<void>;
  /** Names the run folder whose last checkpoint is told where a rank dies; `isElsewhere` where only rank 0's host has it. */
  follow(run: string, isElsewhere?: boolean): void;
}

const copied = (send: Float32Array | Float64Array, receive: Float32Array | Float64Array): void => receive.set(send);

/** Makes the group of one process, for which nothing is sent. */
export const soleProcess = (host = "localhost"): ProcessGroup => ({
  rank: 0,
  size: 1,
  hosts: [host],
  localSize: 1,
  library: "none",
  sum: () => Promise.resolve(),
  begin: () => undefined,
  progress: () => false,
  settle: () => Promise.resolve(),
  gather: (bytes) => Promise.resolve([bytes]),
  exchange: copied,
  collect: copied,
  broadcast: (bytes) => Promise.resolve(bytes ?? new Uint8Array()),
  spread: () => Promise.resolve(),
  meet: () => Promise.resolve(),
  follow: () => undefined,
});

/** Names a rank in messages. */
export const nameOfRank = ({ hosts }: Pick<ProcessGroup, "hosts">, rank: number): string => `rank ${rank} (${hosts[rank]})`;

/** A JSON value of each rank, by rank. */
export async function gatherJson<T>(group: ProcessGroup, value: T): Promise<T[]> {
  const all = await group.gather(new TextEncoder().encode(JSON.stringify(value)));
  return all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T);
}

/** A JSON value that one rank makes, for all. */
export async function broadcastJson<T>(group: ProcessGroup, make: () => Promise<T>, from = 0): Promise<T> {
  const own = group.rank === from ? new TextEncoder().encode(JSON.stringify(await make())) : undefined;
  return JSON.parse(new TextDecoder().decode(await group.broadcast(own, from))) as T;
}
