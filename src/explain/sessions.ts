/**
 * @module Sessions of an explainer: compiled graphs of one model, kept by what they are for, and cut to the memory that may be used.
 */
import { peakIntermediateBytes } from "../cost/index.js";
import type { Tensor, TensorData } from "../graph/index.js";
import { Graph } from "../graph/index.js";
import type { DeviceChoice } from "../runtime/index.js";
import { compile, Executables, MEMORY_FACTOR, prepareGraph } from "../runtime/index.js";

/** Options of the engine for explanations; memory in MiB. */
export interface SessionOptions {
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** Memory that values of a run may take, in MiB: batches are cut so that they fit. */
  readonly memoryMiB?: number;
}

/** The most rows of a batch, however small they are: larger batches gain nothing. */
const MOST_ROWS = 256;

/** Compiled graphs by name. Owned: dispose it. */
export class Sessions implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #values: ReadonlyMap<Tensor, TensorData> | undefined;
  readonly #executables = new Executables("explainer");
  readonly #rows = new Map<string, number>();

  constructor(values: ReadonlyMap<Tensor, TensorData> | undefined, options: SessionOptions) {
    this.#values = values;
    this.#options = options;
  }

  /** Errors: SessionError once these have been disposed. */
  checkInUse(): void {
    this.#executables.checkInUse();
  }

  /** Runs a graph, compiled the first time that its key is seen. Errors: SessionError once these have been disposed. */
  async run(
    key: string,
    build: () => Readonly<Record<string, Tensor>>,
    feeds: Readonly<Record<string, TensorData>>,
  ): Promise<Record<string, TensorData>> {
    const { device, threads } = this.#options;
    const executable = await this.#executables.get(key, () =>
      compile(build(), { device, threads, foldsGradients: true, values: this.#values }),
    );
    const needed = Object.fromEntries(Object.entries(feeds).filter(([name]) => executable.inputs.includes(name)));
    return executable.call(needed);
  }

  /** How many rows fit the memory plan at once: `build` makes the graph of so many. */
  rowsAtOnce(key: string, build: (rows: number) => Readonly<Record<string, Tensor>>): number {
    let rows = this.#rows.get(key);
    if (rows === undefined) {
      const graph = new Graph(build(1));
      const prepared = prepareGraph(graph, "cpu");
      const outputs = [...prepared.outputs.values()].reduce((sum, t) => sum + bytes(t), 0);
      const each = (peakIntermediateBytes(prepared) + outputs) * MEMORY_FACTOR;
      rows = Math.max(1, Math.min(MOST_ROWS, Math.floor(((this.#options.memoryMiB ?? 512) * 2 ** 20) / Math.max(each, 1))));
      this.#rows.set(key, rows);
    }
    return rows;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#executables[Symbol.asyncDispose]();
  }
}

const bytes = (t: Tensor): number => t.shape.reduce<number>((size, d) => size * (typeof d === "number" ? d : 1), 4);
