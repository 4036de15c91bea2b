/**
 * @module One arena for all sessions of a process on the CPU. Each of the engine's sessions has one of its own by default, so that a training with
 * four lengths of sequences holds the memory of four steps, although one runs at a time.
 */
import { identityModel } from "./identity.js";
import type { DirectEngine, OpenSession } from "./ort-direct-node.js";

/** Options of a session in the shared arena. Its initializers stay outside: they live as long as it, and would hold the arena's blocks apart. */
export const SHARED_ARENA = {
  "session.use_env_allocators": "1",
  "session.use_device_allocator_for_initializers": "1",
} as const;

/**
 * The arena that is shared. It takes from the system what is asked for, not the next power of two, and hands out parts of what it has; two pieces that it took
 * one by one never become one again. So it is emptied before a run that needs more than any before, whose pieces then serve all others,
 * and before a session's second run, in which the engine lays out all results in one block for the first time.
 */
export class SharedArena {
  readonly #engine: DirectEngine;
  #emptying: OpenSession | undefined;
  /** The largest need that a run had since the arena was last emptied, and how many runs with that need there were. */
  #largest = 0;

  constructor(engine: DirectEngine) {
    this.#engine = engine;
    engine.registerArena();
  }

  /** Makes room for a session's run: `bytes` it needs in proportion to others, `runs` it has had. */
  beforeRun(bytes: number, runs: number): void {
    if (bytes < this.#largest || (bytes === this.#largest && runs !== 1)) return;
    this.empty();
    this.#largest = bytes;
  }

  /** Gives the system what no run holds. */
  empty(): void {
    const engine = this.#engine;
    this.#emptying ??= engine.open(
      identityModel("float32", 0),
      { device: "cpu", threads: 1, spin: false, arena: true },
      SHARED_ARENA,
    );
    const [x, y] = [Float32Array.of(0), Float32Array.of(0)];
    const values = [x, y].map((data) => engine.wrap({ dtype: "float32", shape: [], data }));
    engine.runEmptying(this.#emptying.session, values[0] as bigint, values[1] as bigint);
    for (const value of values) engine.free("releaseValue", value);
    this.#largest = 0;
  }
}
