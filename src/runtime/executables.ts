/**
 * @module `Executables`: the compiled graphs of one owner, by what they are for.
 */
import { afterDispose } from "../util/errors.js";
import type { Executable } from "./executable.js";

/** Compiled graphs by key, each compiled when it is first asked for. Owned: dispose it. */
export class Executables implements AsyncDisposable {
  readonly #owner: string;
  readonly #compiled = new Map<string, Promise<Executable>>();
  #isDisposed = false;

  /** `owner` is the name in messages. */
  constructor(owner: string) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#compiled.size;
  }

  /** Errors: SessionError once these have been disposed. */
  checkInUse(): void {
    if (this.#isDisposed) throw afterDispose(this.#owner);
  }

  /** The executable of a key. Errors: those of `make`; SessionError once these have been disposed. */
  async get(key: string, make: () => Promise<Executable>): Promise<Executable> {
    this.checkInUse();
    let executable = this.#compiled.get(key);
    if (executable === undefined) {
      executable = make();
      this.#compiled.set(key, executable);
    }
    return executable;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    // What could not be compiled has nothing to dispose of, and has said so.
    for (const executable of this.#compiled.values()) await (await executable.catch(() => undefined))?.dispose();
    this.#compiled.clear();
  }
}
