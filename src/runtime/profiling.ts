/**
 * @module An engine that has each of its sessions write a profile, and says when each runs.
 */
import type { Runtime } from "./runtime.js";

/** A run of a session, in milliseconds of `performance.now()`. */
export interface TimedRun {
  readonly startMs: number;
  readonly milliseconds: number;
}

/** Told of sessions and of their runs. */
export interface ProfilingWatch {
  /** `name`: the session's own beginning of its file's name. */
  readonly onOpen: (name: string, model: Uint8Array | string) => void;
  readonly onRun: (run: TimedRun) => void;
}

/** `inner`, whose sessions write their profiles, as they end, into files of their own in `folder`. */
export function profilingRuntime(inner: Runtime, folder: string, { onOpen, onRun }: ProfilingWatch): Runtime {
  let sessions = 0;
  return {
    name: inner.name,
    devices: inner.devices,
    writesInPlace: inner.writesInPlace,
    opensFiles: inner.opensFiles,
    async createSession(model, options) {
      // The engine adds the second in which it began, which several sessions may share.
      const name = `session${sessions++}_`;
      onOpen(name, model);
      const session = await inner.createSession(model, { ...options, profile: `${folder}/${name}` });
      return {
        device: session.device,
        inputs: session.inputs,
        outputs: session.outputs,
        async run(...given) {
          const startMs = performance.now();
          const results = await session.run(...given);
          onRun({ startMs, milliseconds: performance.now() - startMs });
          return results;
        },
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
      };
    },
    upload: (data) => inner.upload(data),
    uploadTexts: inner.uploadTexts?.bind(inner),
    allocate: (dtype, shape) => inner.allocate(dtype, shape),
    read: (value) => inner.read(value),
    readTexts: inner.readTexts?.bind(inner),
    releaseUnused: inner.releaseUnused?.bind(inner),
    interruptible: inner.interruptible?.bind(inner),
  };
}
