/**
 * @module koffi, which calls C functions, with room for what its calls in other threads put on their stacks.
 */

/** Stack of a call in another thread: koffi's 128 KiB are fewer than a matrix product of the engine works on. */
const THREAD_STACK_BYTES = 2 ** 22;

interface Settings {
  readonly async_stack_size?: number;
  readonly resident_async_pools?: number;
}

interface Configured {
  config(settings?: Settings): Settings;
}

/** Loads koffi. Throws any error where it is not installed. */
export async function loadKoffi<T>(): Promise<T> {
  const koffi = (await import("koffi")).default as unknown as T & Configured;
  if (!hasThreads(koffi))
    try {
      koffi.config({ ...koffi.config(), async_stack_size: THREAD_STACK_BYTES, resident_async_pools: 1 });
    } catch {
      // Somebody has loaded a library before: nothing is called in another thread then.
    }
  return koffi;
}

/** Tells whether calls in other threads have the stack that the engine needs. */
export const hasThreads = (koffi: Configured): boolean => (koffi.config().async_stack_size ?? 0) >= THREAD_STACK_BYTES;
