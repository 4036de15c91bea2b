/**
 * @module An engine in a process of its own, as the HTTP process sees it. A process that ends takes nobody along: another one starts at once, and what was
 * under way is tried again, once.
 */
import { type ChildProcess, fork } from "node:child_process";
import { setMaxListeners } from "node:events";
import { fileURLToPath } from "node:url";
import { HttpError, retryLater } from "../http/http-error.js";
import { ConfigError } from "../util/errors.js";
import type {
  AdapterSpec,
  CallOptions,
  Engine,
  EngineCalls,
  EngineMethod,
  EngineResult,
  ModelDescription,
  ObservedBatch,
} from "./engine.js";
import { type FromEngine, type OpenMessage, Outbox, type SentFailure, type ToEngine } from "./engine-messages.js";
import { timeNow } from "../util/time-now.js";
import type { Timing } from "./trace.js";

export interface EngineProcessOptions extends Omit<OpenMessage, "type" | "adapters" | "shape"> {
  readonly adapters?: readonly AdapterSpec[];
  readonly shape?: readonly string[];
  readonly observe?: (batch: ObservedBatch) => void;
  /** Gives a process that waits for its model; left out, one is started. */
  readonly takeChild?: () => ChildProcess;
  /** Ends the process, also while its model is opened. */
  readonly signal?: AbortSignal;
  /** Told of what happens to the process. */
  readonly log?: (event: string, details: Readonly<Record<string, unknown>>) => void;
}

/** A call that waits for its answer. */
interface Pending {
  readonly method: EngineMethod;
  readonly params: unknown;
  readonly onEvent?: ((event: never) => void) | undefined;
  readonly onTiming?: ((timing: Timing) => void) | undefined;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  /** Whether a part of the answer was given already: it cannot be begun anew. */
  hasBegun: boolean;
  tries: number;
}

/** Calls that may be run twice. */
const MOST_TRIES = 2;
/** A process that ends sooner than this after its start is not started again at once. */
const SHORT_LIFE_MS = 5_000;
const MOST_PAUSE_MS = 10_000;

/** Starts a process that waits for its model. It ends with the channel to this one. */
export const startChild = (): ChildProcess =>
  fork(CHILD, [], { serialization: "advanced", stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv: [] });

const CHILD = fileURLToPath(new URL("./engine-child-node.js", import.meta.url));

/** A failure of an engine as an error: what its sender is told, with the detail for the log. */
function failed({ status, code, message, detail }: SentFailure): Error {
  return new HttpError(status, message, { code, ...(detail === undefined ? {} : { cause: new Error(detail) }) });
}

/** The engine of one model. Owned: `stop` it. */
export class EngineProcess implements Engine {
  readonly #options: EngineProcessOptions;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #outbox: Outbox<ToEngine> | undefined;
  #description: ModelDescription | undefined;
  #nextId = 0;
  #isReady = false;
  #isStopped = false;
  #startedAt = 0;
  #shortLives = 0;
  #rssBytes = 0;
  #restarts = 0;
  #onReady: { resolve: () => void; reject: (error: Error) => void } | undefined;

  private constructor(options: EngineProcessOptions) {
    this.#options = options;
  }

  /** Starts a process and waits until its model is open. ConfigError, in the engine's words, for a model that does not load; the signal's reason once it is aborted. */
  static async start(options: EngineProcessOptions): Promise<EngineProcess> {
    const { signal } = options;
    signal?.throwIfAborted();
    const engine = new EngineProcess(options);
    const ready = new Promise<void>((resolve, reject) => {
      engine.#onReady = { resolve, reject };
      engine.#spawn();
    });
    const leave = (): void => {
      engine.#onReady?.reject(signal?.reason as Error);
      engine.#onReady = undefined;
      void engine.stop();
    };
    signal?.addEventListener("abort", leave);
    await ready.finally(() => signal?.removeEventListener("abort", leave));
    return engine;
  }

  get description(): ModelDescription {
    if (this.#description === undefined) throw new Error("engine: expected one that is open");
    return this.#description;
  }

  /** Whether the process is there and its model open. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Memory of the process, as it last said. */
  get rssBytes(): number {
    return this.#rssBytes;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Calls under way. */
  get load(): number {
    return this.#pending.size;
  }

  #spawn(): void {
    this.#startedAt = performance.now();
    const child = (this.#options.takeChild ?? startChild)();
    this.#child = child;
    this.#outbox = new Outbox((messages) => {
      if (child.connected)
        child.send(messages, (error) => {
          // A channel that is closed is followed by the process's end, which is dealt with there.
          if (error !== null) this.#options.log?.("engine channel", { error: error.message });
        });
    });
    child.on("message", (messages) => {
      for (const message of messages as readonly FromEngine[]) this.#receive(message);
    });
    child.on("error", (error) => this.#options.log?.("engine error", { error: error.message }));
    child.on("exit", (code, signal) => {
      if (this.#child === child) this.#ended(code, signal);
    });
    const { path, device, threads, limits, adapters = [], shape = [] } = this.#options;
    this.#send({
      type: "open",
      path,
      limits,
      adapters,
      shape,
      device,
      threads,
    } satisfies OpenMessage);
  }

  #send(message: ToEngine): void {
    this.#outbox?.push(message);
  }

  #sendCall(id: number, { method, params }: Pending): void {
    this.#send({ type: "call", id, method, params, sentAt: timeNow() });
  }

  #receive(message: FromEngine): void {
    switch (message.type) {
      case "ready":
        this.#becomeReady(message.description);
        break;
      case "failed":
        this.#fail(message.message);
        break;
      case "observed":
        this.#options.observe?.(message.batch);
        break;
      case "memory":
        this.#rssBytes = message.rssBytes;
        break;
      default:
        this.#answer(message);
    }
  }

  #answer(message: Extract<FromEngine, { readonly id: number }>): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    if (message.type === "event") {
      pending.hasBegun = true;
      pending.onEvent?.(message.event as never);
      return;
    }
    this.#pending.delete(message.id);
    if (message.type === "result") {
      pending.onTiming?.(message.timing);
      pending.resolve(message.result as never);
    } else pending.reject(failed(message.failure));
  }

  #becomeReady(description: ModelDescription): void {
    this.#description = description;
    this.#isReady = true;
    this.#options.log?.("engine ready", { pid: this.pid, ms: Math.round(performance.now() - this.#startedAt) });
    this.#onReady?.resolve();
    this.#onReady = undefined;
    for (const [id, pending] of this.#pending) this.#sendCall(id, pending);
  }

  /** The model does not load: at first that ends all, later it is tried again. */
  #fail(message: string): void {
    if (this.#onReady !== undefined) {
      this.#onReady.reject(new ConfigError(message));
      this.#onReady = undefined;
      void this.stop();
      return;
    }
    this.#options.log?.("engine failed", { message });
    this.#child?.kill("SIGKILL");
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.#isReady = false;
    this.#child = undefined;
    if (this.#isStopped) return;
    this.#options.log?.("engine ended", { code, signal });
    if (this.#onReady !== undefined) {
      this.#onReady.reject(
        new ConfigError(`${this.#options.path}: expected an engine that starts, got one that ended (${signal ?? code})`),
      );
      this.#onReady = undefined;
      return;
    }
    for (const [id, pending] of this.#pending) {
      pending.tries++;
      if (!pending.hasBegun && pending.tries < MOST_TRIES) continue;
      this.#pending.delete(id);
      pending.reject(retryLater("engine: it ended while it worked on this, and was started again; try again", 1, 503));
    }
    this.#restart();
  }

  #restart(): void {
    this.#restarts++;
    this.#shortLives = performance.now() - this.#startedAt < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
    // The first time at once; one that ends again and again is given time.
    const pause = this.#shortLives < 2 ? 0 : Math.min(MOST_PAUSE_MS, 250 * 2 ** this.#shortLives);
    setTimeout(() => {
      if (!this.#isStopped) this.#spawn();
    }, pause).unref();
  }

  call<M extends EngineMethod>(
    method: M,
    params: EngineCalls[M]["params"],
    { signal, onEvent, onTiming }: CallOptions<M> = {},
  ): EngineResult<M> {
    return new Promise<EngineCalls[M]["result"]>((resolve, reject) => {
      if (this.#isStopped) {
        reject(retryLater("engine: expected one in use, got one that was stopped; try again", 1, 503));
        return;
      }
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const id = this.#nextId++;
      const forget = (): void => {
        if (!this.#pending.delete(id)) return;
        this.#send({ type: "cancel", id });
        reject(signal?.reason as Error);
      };
      // A request for many texts is many calls, of which Node would warn as of a leak.
      if (signal !== undefined) setMaxListeners(0, signal);
      signal?.addEventListener("abort", forget, { once: true });
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          signal?.removeEventListener("abort", forget);
          settle(value);
        };
      const pending: Pending = {
        method,
        params,
        onEvent,
        onTiming,
        resolve: settled(resolve),
        reject: settled(reject),
        hasBegun: false,
        tries: 0,
      };
      this.#pending.set(id, pending);
      if (this.#isReady) this.#sendCall(id, pending);
    });
  }

  /** Waits until nothing is under way, at most so long, and ends the process. */
  async drain(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs;
    while (this.#pending.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
    await this.stop();
  }

  /** Ends the process; what is under way fails. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#isReady = false;
    for (const { reject } of this.#pending.values()) reject(retryLater("engine: it was stopped; try again", 1, 503));
    this.#pending.clear();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    if (child.connected) child.disconnect();
    // A process inside a long run does not see that its channel is closed.
    const timer = setTimeout(() => child.kill("SIGKILL"), 1000);
    await ended;
    clearTimeout(timer);
  }
}
