/**
 * @module Graphs of a training step, each compiled once for the shapes of its batches, with memory for what they give.
 */
import type { CompileOptions, Executable, Runtime, Value } from "../runtime/index.js";
import { compile } from "../runtime/index.js";
import { sameTypes } from "./batch-data.js";
import type { CutGraph } from "./cut-step.js";
import type { Segment } from "./segments.js";
import type { BatchData, BatchTypes, StepGraph } from "./step.js";
import { nextName } from "./step.js";

/** A graph of a step, or a segment of one, that the engine runs. */
export interface CompiledStep
  extends StepGraph, Partial<Pick<CutGraph, "filled" | "factors" | "rowSums"> & Pick<Segment, "handed">> {
  readonly executable: Executable;
  /** A pass of several that make an update: gradients alone. */
  readonly isPass: boolean;
  /** Host memory of the scalar outputs, and of what is handed to later segments or added to gradients. */
  readonly memory: ReadonlyMap<string, Value>;
}

/** The compiled graphs of a training. */
export class CompiledSteps implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #options: CompileOptions;
  readonly #onCompile: () => void;
  readonly #byTypes = new Map<string, Promise<CompiledStep>>();
  #last: { readonly types: BatchTypes; readonly compiled: Promise<CompiledStep> } | undefined;

  /** `onCompile` is called before each compilation. */
  constructor(runtime: Runtime, options: CompileOptions, onCompile: () => void) {
    this.#runtime = runtime;
    this.#options = options;
    this.#onCompile = onCompile;
  }

  /** Finds the step for batches like this one; the first time it is compiled from what `graphFor` gives. */
  forBatch(
    batch: BatchData,
    isPass: boolean,
    graphFor: (types: BatchTypes) => StepGraph & Partial<CutGraph>,
  ): Promise<CompiledStep> {
    // One batch is mostly like the one before.
    if (this.#last !== undefined && sameTypes(this.#last.types, batch)) return this.#last.compiled;
    const types: BatchTypes = Object.fromEntries(
      Object.entries(batch).map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
    );
    const key = JSON.stringify(types);
    let compiled = this.#byTypes.get(key);
    if (compiled === undefined) this.#byTypes.set(key, (compiled = this.compile(graphFor(types), isPass)));
    this.#last = { types, compiled };
    return compiled;
  }

  /** Compiles a graph, and allocates host memory for its scalars and for what later segments take. */
  async compile(step: StepGraph & Partial<CutGraph & Segment>, isPass: boolean): Promise<CompiledStep> {
    this.#onCompile();
    const executable = await compile(step.graph, { ...this.#options, deviceOutputs: step.changes.map(nextName) });
    const place = (name: string, shape: readonly number[]): [string, Value] => [
      name,
      this.#runtime.allocate(step.graph.outputs.get(name)?.dtype ?? "float32", shape),
    ];
    const memory = new Map([
      ...[...step.metrics, ...(step.scalars ?? [])].map((name) => place(name, [])),
      ...(step.handed ?? []).map((name) => place(name, step.graph.outputs.get(name)?.shape as readonly number[])),
    ]);
    return { ...step, executable, isPass, memory };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What could not be compiled has nothing to dispose of, and has said so.
    for (const compiled of this.#byTypes.values()) await (await compiled.catch(() => undefined))?.executable.dispose();
  }
}
