/**
 * @module The worker's end of a runtime in a worker: it answers what `ort-worker.ts` asks.
 */
import { ConfigError, SessionError } from "../util/errors.js";
import { zeroed } from "./ort-common.js";
import type { Interruption, Runtime, Session, Value } from "./runtime.js";
import type { Answer, Created, Handles, Notice, Port, Request, Started, ValueType } from "./ort-worker-protocol.js";
import { detachable } from "./ort-worker-protocol.js";
import { setOwn } from "../util/record.js";

/** Answers the requests of a `WorkerRuntime`, one after another, on a runtime of this thread. Returns the port's listener. */
export function serveRuntime(port: Port, load: () => Promise<Runtime>): (message: unknown) => void {
  const sessions = new Map<number, Session>();
  const values = new Map<number, Value>();
  let count = 0;
  let runtime: Runtime | undefined;
  let interruption: Interruption | undefined;

  const valueOf = (id: number): Value => {
    const value = values.get(id);
    if (value === undefined) throw new SessionError("worker: expected a value that is alive, got one that was disposed");
    return value;
  };
  const valuesOf = (handles: Handles): Record<string, Value> =>
    Object.fromEntries(Object.entries(handles).map(([name, id]) => [name, valueOf(id)]));
  const sessionOf = (id: number): Session => {
    const session = sessions.get(id);
    if (session === undefined) throw new SessionError("worker: expected an open session, got one that was disposed");
    return session;
  };

  async function perform(request: Request | Notice): Promise<{ result?: unknown; transfer?: ArrayBuffer[] }> {
    runtime ??= await load();
    switch (request.kind) {
      case "start":
        interruption = runtime.interruptible?.();
        return {
          result: { devices: runtime.devices, opensFiles: runtime.opensFiles, handle: interruption?.handle } satisfies Started,
        };
      case "create": {
        const session = await runtime.createSession(request.model, request.options);
        sessions.set(++count, session);
        const { device, inputs, outputs } = session;
        return { result: { session: count, device, inputs, outputs } satisfies Created };
      }
      case "run": {
        const outputs = await sessionOf(request.session).run(valuesOf(request.feeds), valuesOf(request.into));
        const types: Record<string, ValueType> = {};
        for (const [name, id] of Object.entries(request.fresh)) {
          const value = outputs[name] as Value;
          values.set(id, value);
          setOwn(types, name, { dtype: value.dtype, shape: value.shape });
        }
        return { result: types };
      }
      case "release": {
        const session = sessions.get(request.session);
        sessions.delete(request.session);
        await session?.[Symbol.asyncDispose]();
        return {};
      }
      case "read": {
        const data = detachable(await runtime.read(valueOf(request.value)));
        return { result: data, transfer: [data.data.buffer as ArrayBuffer] };
      }
      case "resume":
        interruption?.resume();
        return {};
      case "close":
        for (const value of values.values()) value[Symbol.dispose]();
        for (const session of sessions.values()) await session[Symbol.asyncDispose]();
        values.clear();
        sessions.clear();
        return {};
      case "upload":
        values.set(request.value, runtime.upload(request.data));
        return {};
      case "allocate":
        values.set(request.value, runtime.upload(zeroed(request.dtype, request.shape)));
        return {};
      case "dispose":
        values.get(request.value)?.[Symbol.dispose]();
        values.delete(request.value);
        return {};
    }
  }

  async function answer({ id, request }: { id?: number; request: Request | Notice }): Promise<void> {
    try {
      const { result, transfer = [] } = await perform(request);
      if (id !== undefined) port.post({ id, result } satisfies Answer, transfer);
    } catch (cause) {
      const error = { message: (cause as Error).message, config: cause instanceof ConfigError };
      // A notice that failed leaves no value: whoever uses it hears of that.
      if (id !== undefined) port.post({ id, error } satisfies Answer, []);
    }
  }

  // Strictly in order: what is disposed after a run was asked for is still there while it runs.
  let last: Promise<void> = Promise.resolve();
  return (message) => {
    last = last.then(() => answer(message as { id?: number; request: Request | Notice }));
  };
}
