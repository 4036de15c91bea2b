/**
 * @module The process of one engine: it opens a model, answers calls, and ends with the process that started it.
 */
import { failureOf } from "../http/http-error.js";
import type { DeviceChoice } from "../runtime/index.js";
import { DescentError } from "../util/errors.js";
import { timeNow } from "../util/time-now.js";
import {
  type CallMessage,
  type FromEngine,
  type OpenMessage,
  Outbox,
  type SentFailure,
  type ToEngine,
} from "./engine-messages.js";
import type { OwnedEngine } from "./model-engine-node.js";
import { openEngine } from "./open-engine-node.js";
import type { Timing } from "./trace.js";

const MEMORY_EVERY_MS = 2000;

const outbox = new Outbox<FromEngine>((messages) => {
  // A channel that closes meanwhile ends this process anyway.
  if (process.connected) process.send?.(messages, undefined, undefined, () => undefined);
});
const send = (message: FromEngine): void => outbox.push(message);

// Ctrl-C goes to the whole group: the HTTP process decides when an engine ends, which is when the channel is closed.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
// At once: an exit would take the engine's memory apart while one of its threads computes.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

const sendMemory = (): void => send({ type: "memory", rssBytes: process.memoryUsage.rss() });

const running = new Map<number, AbortController>();
let engine: OwnedEngine | undefined;

function sentFailure(error: unknown): SentFailure {
  const { status, code, message } = failureOf(error);
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return status >= 500 ? { status, code, message, detail } : { status, code, message };
}

async function open({ path, device, threads, limits, adapters, shape }: OpenMessage): Promise<void> {
  try {
    engine = await openEngine(path, {
      device: device as DeviceChoice | undefined,
      threads,
      limits,
      adapters,
      shape,
      observe: (batch) => send({ type: "observed", batch }),
    });
    sendMemory();
    send({ type: "ready", description: engine.description });
  } catch (error) {
    send({ type: "failed", message: error instanceof DescentError ? error.message : String((error as Error).stack ?? error) });
  }
}

async function call({ id, method, params, sentAt }: CallMessage): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  let timing: Timing | undefined;
  const begun = timeNow();
  try {
    if (engine === undefined) throw new Error("engine: expected one that is open");
    const result = await engine.call(method, params as never, {
      signal: controller.signal,
      since: sentAt - performance.timeOrigin,
      onTiming: (told) => (timing = told),
      onEvent: (event) => send({ type: "event", id, event }),
    });
    send({ type: "result", id, result, timing: timing ?? { startedAt: begun, endedAt: timeNow() } });
  } catch (error) {
    send({ type: "error", id, failure: sentFailure(error) });
  } finally {
    running.delete(id);
  }
}

process.on("message", (messages: readonly ToEngine[]) => {
  for (const message of messages) {
    if (message.type === "open") void open(message);
    else if (message.type === "cancel") running.get(message.id)?.abort();
    else void call(message);
  }
});

const memory = setInterval(sendMemory, MEMORY_EVERY_MS);
memory.unref();
