/**
 * @module The watch over the ranks of a group: a rank that dies is named in one line, with the last checkpoint, and the job ends.
 */
import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import type { Worker } from "node:worker_threads";
import type { ProcessGroup } from "./group.js";
import { broadcastJson, gatherJson, nameOfRank } from "./group.js";
import { newThread } from "../util/thread-node.js";

export interface WatchData {
  readonly rank: number;
}

/** Messages to the thread. */
export type ToWatch =
  | { readonly kind: "listen"; readonly token: string }
  | { readonly kind: "connect"; readonly token: string; readonly addresses: readonly string[]; readonly port: number }
  | { readonly kind: "names"; readonly names: readonly string[] }
  | { readonly kind: "run"; readonly run: string; readonly host: string | undefined }
  | { readonly kind: "leave" };

/** Its answers. */
export type FromWatch =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "connected"; readonly isConnected: boolean }
  | { readonly kind: "over" };

/** Addresses under which other processes may reach this host. */
function addressesHere(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return [...all].sort((a, b) => Number(a.internal) - Number(b.internal)).map(({ address }) => address);
}

/** A rank's part of the watch. */
export class RankWatch {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Connects all ranks; each calls it. */
  static async start(group: ProcessGroup): Promise<RankWatch> {
    const data: WatchData = { rank: group.rank };
    const worker = newThread(new URL("./watch-thread.js", import.meta.url), data);
    // The watch alone keeps no process alive, and its own failure ends no training.
    worker.unref();
    worker.on("error", () => undefined);
    const watch = new RankWatch(worker);
    const hub = await broadcastJson(group, async () => {
      const token = randomBytes(16).toString("hex");
      const answer = await watch.#ask({ kind: "listen", token });
      return { token, addresses: addressesHere(), port: answer.kind === "listening" ? answer.port : 0 };
    });
    if (group.rank > 0) await watch.#ask({ kind: "connect", ...hub });
    const processes = await gatherJson(group, process.pid);
    watch.#tell({ kind: "names", names: processes.map((pid, rank) => `${nameOfRank(group, rank)}, process ${pid},`) });
    return watch;
  }

  #tell(message: ToWatch): void {
    this.#worker.postMessage(message);
  }

  #ask(message: ToWatch): Promise<FromWatch> {
    // Referenced while it is waited for.
    this.#worker.ref();
    return new Promise((resolve) => {
      this.#worker.once("message", (answer: FromWatch) => {
        this.#worker.unref();
        resolve(answer);
      });
      this.#tell(message);
    });
  }

  /** Names the run whose last checkpoint is told, and its host where it is not this one. */
  follow(run: string, host: string | undefined): void {
    this.#tell({ kind: "run", run, host });
  }

  /** Ends this rank's part with a word to the others. */
  async leave(): Promise<void> {
    await this.#ask({ kind: "leave" });
    await this.#worker.terminate();
  }
}
