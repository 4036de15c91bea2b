/**
 * @module Messages between the HTTP process and an engine's: structured clones, so that arrays of numbers cross as they are.
 */
import type { AdapterSpec, EngineLimits, EngineMethod, ModelDescription, ObservedBatch } from "./engine.js";
import type { Timing } from "./trace.js";

/** The first message to an engine's process. */
export interface OpenMessage {
  readonly type: "open";
  readonly path: string;
  readonly device?: string;
  readonly threads?: number;
  readonly limits: Partial<EngineLimits>;
  readonly adapters: readonly AdapterSpec[];
  readonly shape: readonly string[];
}

export interface CallMessage {
  readonly type: "call";
  readonly id: number;
  readonly method: EngineMethod;
  readonly params: unknown;
  /** When it was sent, in milliseconds since 1970: what waits while the engine computes has waited already. */
  readonly sentAt: number;
}

export interface CancelMessage {
  readonly type: "cancel";
  readonly id: number;
}

export type ToEngine = OpenMessage | CallMessage | CancelMessage;

/** Sends what is said within one turn of the event loop as one list: each message costs a call of the system, and wakes the other process. */
export class Outbox<M> {
  readonly #send: (messages: readonly M[]) => void;
  #messages: M[] = [];

  constructor(send: (messages: readonly M[]) => void) {
    this.#send = send;
  }

  push(message: M): void {
    this.#messages.push(message);
    if (this.#messages.length > 1) return;
    setImmediate(() => {
      const messages = this.#messages;
      this.#messages = [];
      this.#send(messages);
    });
  }
}

/** A failure as it crosses: what its sender is told, and what the log is. */
export interface SentFailure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** The stack, of failures of the inside alone. */
  readonly detail?: string;
}

export type FromEngine =
  | { readonly type: "ready"; readonly description: ModelDescription }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "result"; readonly id: number; readonly result: unknown; readonly timing: Timing }
  | { readonly type: "error"; readonly id: number; readonly failure: SentFailure }
  | { readonly type: "event"; readonly id: number; readonly event: unknown }
  | { readonly type: "observed"; readonly batch: ObservedBatch }
  | { readonly type: "memory"; readonly rssBytes: number };
