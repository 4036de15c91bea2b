/**
 * @module The engine of a table's file that leaves its number of columns free: a model for each number that requests come with.
 */
import { Dataset } from "../data/node.js";
import type { FreeColumnsError } from "../tasks/use/given-shapes-node.js";
import { givenRows } from "../tasks/use/given-inputs-node.js";
import { DataError } from "../util/errors.js";
import type { CallOptions, EngineCalls, EngineMethod, EngineResult, ModelDescription } from "./engine.js";
import type { OpenEngineOptions, OwnedEngine } from "./model-engine-node.js";
import { ModelEngine } from "./model-engine-node.js";

/** The most models that are kept, one for each number of columns. */
const KEPT = 8;

/** A model for one number of columns, and the calls that it works on. */
interface Place {
  readonly engine: Promise<ModelEngine>;
  calls: number;
  isOut: boolean;
}

/** A table's file for rows of any length. */
export class FreeColumnsEngine implements OwnedEngine {
  readonly description: ModelDescription;
  readonly #path: string;
  readonly #options: OpenEngineOptions;
  /** The file for one column: its tensors are those of every other number. */
  readonly #one: ModelEngine;
  readonly #places = new Map<number, Place>();

  private constructor(path: string, free: FreeColumnsError, options: OpenEngineOptions, one: ModelEngine) {
    this.#path = path;
    this.#options = options;
    this.#one = one;
    const remark = `${path}: takes as many columns as a request has, since ${free.dimension} is free`;
    this.description = { ...one.description, remarks: [remark] };
  }

  /** Opens a file that leaves its number of columns free; its tensors alone where it is no model of a table. Errors: those of `ModelEngine.open`. */
  static async open(path: string, free: FreeColumnsError, options: OpenEngineOptions): Promise<OwnedEngine> {
    const value = free.dtype === "string" ? ["a"] : [1];
    const one = await opened(path, new Dataset({ a: value }), options);
    return one.description.task === "tensors" ? one : new FreeColumnsEngine(path, free, options, one);
  }

  call<M extends EngineMethod>(method: M, params: EngineCalls[M]["params"], options: CallOptions<M> = {}): EngineResult<M> {
    if (method !== "predict" && method !== "explain") return this.#one.call(method, params, options);
    const { instances } = params as EngineCalls["predict" | "explain"]["params"];
    return this.#with(instances, (engine) => engine.call(method, params, options));
  }

  /** Calls the model for the columns of these instances. Errors: DataError for a number that the file does not take. */
  async #with<T>(instances: Parameters<typeof givenRows>[0], call: (engine: ModelEngine) => Promise<T>): Promise<T> {
    const rows = givenRows(instances);
    const count = rows.names.length;
    const place = this.#places.get(count) ?? { engine: opened(this.#path, rows, this.#options), calls: 0, isOut: false };
    this.#places.delete(count);
    this.#places.set(count, place);
    place.calls++;
    try {
      await this.#putAway();
      const engine = await place.engine.catch((error: unknown) => {
        this.#places.delete(count);
        throw error;
      });
      if (engine.description.task === "tensors") throw new DataError(engine.description.remarks.join("; "));
      return await call(engine);
    } finally {
      place.calls--;
      if (place.isOut && place.calls === 0) await disposed(place);
    }
  }

  /** Lets the least recently used models go, once they have finished their calls. */
  async #putAway(): Promise<void> {
    for (const [count, place] of [...this.#places].slice(0, Math.max(0, this.#places.size - KEPT))) {
      this.#places.delete(count);
      place.isOut = true;
      if (place.calls === 0) await disposed(place);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const place of this.#places.values()) await disposed(place);
    await this.#one[Symbol.asyncDispose]();
  }
}

/** Opens the model for rows with these columns. */
const opened = (path: string, rows: Dataset, options: OpenEngineOptions): Promise<ModelEngine> =>
  ModelEngine.open(path, { ...options, columns: () => Promise.resolve({ rows, areGiven: true }) });

/** Disposes of a model, if it has opened. */
async function disposed({ engine }: Place): Promise<void> {
  const model = await engine.catch(() => undefined);
  await model?.[Symbol.asyncDispose]();
}
