/** Answers on their way to the server: kept in the page's storage until it has them, and sent again after a lost connection. */
import { useSyncExternalStore } from "react";
import { OfflineError, server, ServerError } from "./server.js";
import type { Submission } from "./server.js";

interface Sent {
  readonly position: number;
  readonly submission: Submission;
}

const KEY = "descent-outbox";
const RETRY_MS = 2000;

function stored(): Sent[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]") as Sent[];
  } catch {
    return [];
  }
}

/** State of the outbox, as the page shows it. */
export interface OutboxState {
  readonly waiting: number;
  readonly offline: boolean;
  /** Why the server did not take an answer. */
  readonly refused: string | undefined;
}

class Outbox {
  #queue = stored();
  #state: OutboxState = { waiting: this.#queue.length, offline: false, refused: undefined };
  #sending = false;
  readonly #listeners = new Set<() => void>();
  readonly #revisions = new Map<number, number>();

  constructor() {
    if (this.#queue.length > 0) void this.#send();
    addEventListener("online", () => void this.#send());
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly state = (): OutboxState => this.#state;

  /** Items whose answers wait. */
  positions(): number[] {
    return this.#queue.map(({ position }) => position);
  }

  /** The revision of an item after what was sent from here. */
  revisionOf(position: number, seen: number): number {
    return Math.max(seen, this.#revisions.get(position) ?? 0);
  }

  /** Forgets what was known of an item whose answer was undone. */
  noteRevision(position: number, revision: number): void {
    this.#revisions.set(position, revision);
  }

  add(position: number, submission: Submission): void {
    this.#queue.push({ position, submission });
    this.#revisions.set(position, submission.revision + 1);
    this.#keep({});
    void this.#send();
  }

  /** Resolves when nothing waits any more; false if the connection is lost. */
  async settled(): Promise<boolean> {
    for (let i = 0; i < 50 && this.#queue.length > 0 && !this.#state.offline; i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return this.#queue.length === 0;
  }

  #keep(change: Partial<OutboxState>): void {
    localStorage.setItem(KEY, JSON.stringify(this.#queue));
    this.#state = { ...this.#state, ...change, waiting: this.#queue.length };
    for (const listener of this.#listeners) listener();
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
        try {
          await server.answer(first.position, first.submission);
        } catch (error) {
          if (error instanceof OfflineError || (error instanceof ServerError && error.status >= 500)) {
            this.#keep({ offline: true });
            await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
            continue;
          }
          if (error instanceof ServerError && error.status === 403) await server.me();
          else if (error instanceof ServerError && error.status === 401) {
            this.#keep({ refused: error.message });
            return;
          }
          // A refused answer would be refused again.
          if (!(error instanceof ServerError && error.status === 403)) this.#queue.shift();
          this.#keep({ offline: false, refused: (error as Error).message });
          continue;
        }
        this.#queue.shift();
        this.#keep({ offline: false, refused: undefined });
      }
    } finally {
      this.#sending = false;
    }
  }
}

export const outbox = new Outbox();
export const useOutbox = (): OutboxState => useSyncExternalStore(outbox.subscribe, outbox.state);
