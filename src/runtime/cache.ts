/**
 * @module A cache of sessions: equal files with equal options share one. The engine has leaked memory on every
 * creation and release, so a few idle sessions are kept for whoever asks for the same again.
 */
import type { Runtime, Session, SessionOptions } from "./runtime.js";

/** Idle sessions kept per engine; the one idle longest goes first. */
const IDLE_SESSIONS = 8;
/** Files above this size are not cached: they carry weights, and holding them idle costs more than it saves. */
const CACHED_BYTES = 4 * 2 ** 20;

interface Entry {
  readonly session: Promise<Session>;
  users: number;
}

const caches = new WeakMap<Runtime, Map<string, Entry>>();

/** 106 bits of hash over a file: two independent 53-bit FNV-like sums. Chance collisions are out of the question. */
function fingerprint(bytes: Uint8Array): string {
  let [a, b, c, d] = [0x811c9dc5, 0xdeadbeef, 0x41c6ce57, 0x9e3779b1];
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x85ebca6b);
    c = Math.imul(c ^ byte, 0xc2b2ae35) + (a >>> 13);
    d = Math.imul(d ^ byte, 0x27d4eb2f) + (b >>> 11);
  }
  return [a, b, c, d].map((h) => (h >>> 0).toString(36)).join(".");
}

/** A session for the file, shared with everyone who has the same one; call `release` once when done. */
export async function cachedSession(
  runtime: Runtime,
  model: Uint8Array,
  options: SessionOptions,
): Promise<{ session: Session; release: () => Promise<void> }> {
  if (model.length > CACHED_BYTES || options.profile !== undefined) {
    const session = await runtime.createSession(model, options);
    return { session, release: once(async () => session[Symbol.asyncDispose]()) };
  }
  let cache = caches.get(runtime);
  if (cache === undefined) caches.set(runtime, (cache = new Map()));
  const entries = cache;
  const key = `${JSON.stringify(options)} ${model.length} ${fingerprint(model)}`;
  let entry = entries.get(key);
  if (entry === undefined) entries.set(key, (entry = { session: runtime.createSession(model, options), users: 0 }));
  const shared = entry;
  shared.users++;
  try {
    const session = await shared.session;
    const release = once(async () => {
      shared.users--;
      // Most recently used last.
      entries.delete(key);
      entries.set(key, shared);
      await releaseIdle(entries);
    });
    return { session, release };
  } catch (error) {
    entries.delete(key);
    throw error;
  }
}

async function releaseIdle(entries: Map<string, Entry>): Promise<void> {
  const idle = [...entries].filter(([, entry]) => entry.users === 0);
  for (const [key, entry] of idle.slice(0, Math.max(0, idle.length - IDLE_SESSIONS))) {
    entries.delete(key);
    await (await entry.session)[Symbol.asyncDispose]();
  }
}

/** Releases every idle session of an engine: for tests that count memory, and for long-lived programs. */
export async function clearCompiled(runtime: Runtime): Promise<void> {
  const entries = caches.get(runtime);
  for (const [key, entry] of entries ?? []) {
    if (entry.users > 0) continue;
    entries?.delete(key);
    await (await entry.session)[Symbol.asyncDispose]();
  }
}

function once(release: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= release());
}
