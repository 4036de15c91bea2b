/**
 * @module The models of a server, each in a process of its own: started, loaded anew, and, under a memory limit, put away and fetched again.
 */
import type { ChildProcess } from "node:child_process";
import { basename } from "node:path";
import { HttpError, retryLater } from "../http/http-error.js";
import { ConfigError, DescentError } from "../util/errors.js";
import type {
  AdapterSpec,
  CallOptions,
  Engine,
  EngineCalls,
  EngineLimits,
  EngineMethod,
  EngineResult,
  ModelDescription,
  ObservedBatch,
} from "./engine.js";
import { EngineProcess, startChild } from "./engine-process-node.js";
import type { ModelSource, ServedModel } from "./models.js";

/** A model to serve. */
export interface ModelSpec {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  /** Each is served under its own name. */
  readonly adapters?: readonly AdapterSpec[];
  /** Lengths of what an ONNX file leaves free, as `--shape` takes them. */
  readonly shape?: readonly string[];
}

/** Options of engines in processes of their own; memory in bytes. */
export interface PoolOptions {
  readonly limits?: Partial<EngineLimits>;
  readonly device?: string;
  readonly threads?: number;
  /** Memory of all engines together. */
  readonly memoryLimitBytes?: number;
  readonly observe?: (model: string, batch: ObservedBatch) => void;
  readonly log?: (event: string, details: Readonly<Record<string, unknown>>) => void;
}

/** An engine that is replaced finishes what it has accepted within so long. */
const DRAIN_MS = 600_000;

/**
 * Reads `PATH`, `NAME=PATH` or `NAME@VERSION=PATH`; the name is the file's or the run's where it is left out.
 *
 * Errors: ConfigError for a name that does not fit into an address.
 */
export function parseModelSpec(text: string): ModelSpec {
  const found = /^([^=/\\]+)=(.+)$/.exec(text);
  const path = found?.[2] ?? text;
  const [name = "", version = "1", ...more] = (found?.[1] ?? basename(path).replace(/\.(onnx|gguf)$/, "")).split("@");
  if (found !== null && (more.length > 0 || ![name, version].every((part) => /^[\w.-]{1,100}$/.test(part))))
    throw new ConfigError(`serve: expected PATH or NAME@VERSION=PATH, of letters, digits and . _ -, got ${text}`);
  return { name: name.replaceAll(/[^\w.-]/g, "-"), version, path };
}

/** One model's place: its engine may change under it. */
class Place implements Engine {
  readonly spec: ModelSpec;
  engine: EngineProcess | undefined;
  starting: Promise<void> | undefined;
  failure: string | undefined;
  lastUsed = 0;
  /** Memory of its engine when it was last there. */
  knownBytes = 0;
  readonly adapters: ReadonlyMap<string, Engine>;
  #description: ModelDescription | undefined;

  constructor(spec: ModelSpec) {
    this.spec = spec;
    this.adapters = new Map((spec.adapters ?? []).map(({ name }) => [name, new AdapterPlace(this, name)]));
  }

  get description(): ModelDescription {
    if (this.#description === undefined) throw retryLater(`model: expected one that has loaded, got ${this.spec.name}`, 1, 503);
    return this.#description;
  }

  get isKnown(): boolean {
    return this.#description !== undefined;
  }

  put(engine: EngineProcess): void {
    this.engine = engine;
    this.#description = engine.description;
    this.failure = undefined;
  }

  call<M extends EngineMethod>(method: M, params: EngineCalls[M]["params"], options?: CallOptions<M>): EngineResult<M> {
    this.lastUsed = performance.now();
    const { engine } = this;
    if (engine === undefined)
      return Promise.reject(retryLater(`model: expected one that has loaded, got ${this.spec.name}`, 1, 503));
    return engine.call(method, params, options);
  }
}

/** A model's place under the name of one of its adapters. */
class AdapterPlace implements Engine {
  readonly #place: Place;
  readonly #adapter: string;

  constructor(place: Place, adapter: string) {
    this.#place = place;
    this.#adapter = adapter;
  }

  get description(): ModelDescription {
    return this.#place.description;
  }

  call<M extends EngineMethod>(method: M, params: EngineCalls[M]["params"], options?: CallOptions<M>): EngineResult<M> {
    const isOwn = method === "generate" || method === "embed";
    return this.#place.call(method, isOwn ? { ...params, adapter: this.#adapter } : params, options);
  }
}

/** One process that has loaded all but a model, so that the next engine is there at once. */
class Spare {
  #child: ChildProcess | undefined;
  #isStopped = false;

  /** Starts it, unless it is there. */
  prepare(): void {
    if (this.#isStopped || this.#child !== undefined) return;
    const child = startChild();
    this.#child = child;
    child.once("exit", () => {
      if (this.#child === child) this.#child = undefined;
    });
  }

  /** The process, and another one soon; a new one where it is not there. */
  take(): ChildProcess {
    const child = this.#child ?? startChild();
    this.#child = undefined;
    setTimeout(() => this.prepare(), SPARE_AFTER_MS).unref();
    return child;
  }

  stop(): void {
    this.#isStopped = true;
    this.#child?.kill("SIGKILL");
  }
}

/** The engine that was started has the processor first. */
const SPARE_AFTER_MS = 2_000;

/** The engines of a server. Owned: `stop` it. */
export class EnginePool implements ModelSource {
  readonly #places: readonly Place[];
  readonly #options: PoolOptions;
  readonly #leaving = new Set<Promise<void>>();
  readonly #spare = new Spare();
  /** Ends engines that are being started. */
  readonly #ending = new AbortController();

  /** Errors: ConfigError for a name twice. */
  constructor(specs: readonly ModelSpec[], options: PoolOptions = {}) {
    const keys = specs.flatMap(({ name, version, adapters = [] }) =>
      [name, ...adapters.map((adapter) => adapter.name)].map((each) => `${each}@${version}`),
    );
    const twice = keys.find((key, i) => keys.indexOf(key) !== i);
    if (twice !== undefined)
      throw new ConfigError(`serve: expected each model once, got ${twice} twice; name one NAME=PATH or NAME@VERSION=PATH`);
    this.#places = specs.map((spec) => new Place(spec));
    this.#options = options;
  }

  /** Starts all models. Errors: ConfigError where not one loads; of others the failure is kept. DescentError where it is stopped meanwhile. */
  async start(): Promise<void> {
    for (const place of this.#places) await this.#start(place).catch(() => undefined);
    this.#ending.signal.throwIfAborted();
    const [first] = this.#places;
    if (first !== undefined && this.#places.every(({ failure }) => failure !== undefined))
      throw new ConfigError(first.failure ?? "");
    this.#spare.prepare();
  }

  list(): readonly (ServedModel & { readonly rssBytes: number; readonly restarts: number })[] {
    return this.#places.flatMap((place) => {
      const { spec, engine, failure } = place;
      const { name, version } = spec;
      // One that was put away is fetched when it is asked for.
      const isReady = place.isKnown && failure === undefined && (engine === undefined || engine.isReady);
      const about = { name, version, isReady, rssBytes: engine?.rssBytes ?? 0, restarts: engine?.restarts ?? 0 };
      const more = failure === undefined ? {} : { failure };
      const own = { ...about, engine: place.isKnown ? place : undefined, ...more };
      // Memory is the base's.
      const adapted = [...place.adapters].map(([adapter, served]) => ({
        ...about,
        name: adapter,
        rssBytes: 0,
        engine: place.isKnown ? served : undefined,
        ...more,
      }));
      return [own, ...adapted];
    });
  }

  /** Reasons why models did not load. */
  failures(): readonly (ModelSpec & { readonly failure: string })[] {
    return this.#places.flatMap(({ spec, failure }) => (failure === undefined ? [] : [{ ...spec, failure }]));
  }

  /** The process of a model's engine, for whoever watches it. */
  pidOf(name: string, version = "1"): number | undefined {
    return this.#placeOf(name, version)?.engine?.pid;
  }

  #placeOf(name: string, version: string): Place | undefined {
    return this.#places.find(({ spec, adapters }) => (spec.name === name || adapters.has(name)) && spec.version === version);
  }

  async engineFor({ name, version }: ServedModel): Promise<Engine> {
    const place = this.#placeOf(name, version);
    const ending = (): HttpError => retryLater("server: it is ending; try another", 1, 503);
    if (place === undefined || this.#ending.signal.aborted) throw ending();
    if (place.engine === undefined)
      await (place.starting ?? this.#start(place)).catch((error: unknown) => {
        if (this.#ending.signal.aborted) throw ending();
        // Why it does not load is in the log: it names files.
        throw error instanceof HttpError
          ? error
          : retryLater(`model: expected one that loads, got ${name}, which does not`, 5, 503);
      });
    place.lastUsed = performance.now();
    return place.adapters.get(name) ?? place;
  }

  /** Starts a model's engine. */
  #start(place: Place): Promise<void> {
    place.starting = this.#started(place).finally(() => {
      place.starting = undefined;
    });
    return place.starting;
  }

  async #started(place: Place): Promise<void> {
    await this.#makeRoom(place);
    try {
      place.put(await this.#process(place.spec));
      place.lastUsed = performance.now();
      await this.#putAway(place);
    } catch (error) {
      if (error === this.#ending.signal.reason) throw error;
      place.failure = (error as Error).message;
      this.#options.log?.("model failed", { model: place.spec.name, version: place.spec.version, reason: place.failure });
      throw error;
    }
  }

  #process({ name, path, adapters = [], shape = [] }: ModelSpec): Promise<EngineProcess> {
    const { limits = {}, device, threads, observe, log } = this.#options;
    return EngineProcess.start({
      path,
      limits,
      adapters,
      shape,
      device,
      threads,
      signal: this.#ending.signal,
      takeChild: () => this.#spare.take(),
      observe: (batch) => observe?.(name, batch),
      log: (event, details) => log?.(event, { model: name, ...details }),
    });
  }

  /** Puts away engines that have not been used for longest, until a model fits. HttpError 503 where all others are at work. */
  async #makeRoom(wanted: Place): Promise<void> {
    const { memoryLimitBytes = Infinity } = this.#options;
    const used = (): number => this.#places.reduce((sum, { engine }) => sum + (engine?.rssBytes ?? 0), 0);
    while (used() + wanted.knownBytes > memoryLimitBytes) {
      const idle = this.#places
        .filter(({ engine }) => engine !== undefined && engine.load === 0)
        .sort((a, b) => a.lastUsed - b.lastUsed)[0];
      if (idle === undefined) {
        if (this.#places.every(({ engine }) => engine === undefined)) return;
        throw retryLater(`memory: expected room for ${wanted.spec.name}, got other models at work`, 2, 503);
      }
      await this.#evict(idle);
    }
  }

  /** Puts idle engines away while all together take more than they may: how much a model takes is known once it is there. */
  async #putAway(kept: Place): Promise<void> {
    const { memoryLimitBytes = Infinity } = this.#options;
    for (;;) {
      const used = this.#places.reduce((sum, { engine }) => sum + (engine?.rssBytes ?? 0), 0);
      const idle = this.#places
        .filter((place) => place !== kept && place.engine !== undefined && place.engine.load === 0)
        .sort((a, b) => a.lastUsed - b.lastUsed)[0];
      if (used <= memoryLimitBytes || idle === undefined) return;
      await this.#evict(idle);
    }
  }

  async #evict(place: Place): Promise<void> {
    const { engine } = place;
    place.knownBytes = engine?.rssBytes ?? 0;
    place.engine = undefined;
    this.#options.log?.("model put away", { model: place.spec.name, version: place.spec.version });
    await engine?.stop();
  }

  /** Loads a model's versions anew: each in a new process, which takes over once it is ready; the old one finishes its work. */
  async reload(name?: string): Promise<void> {
    for (const place of this.#places.filter(
      ({ spec, adapters }) => name === undefined || spec.name === name || adapters.has(name),
    )) {
      const old = place.engine;
      const made = await this.#process(place.spec);
      place.put(made);
      this.#options.log?.("model reloaded", { model: place.spec.name, version: place.spec.version });
      if (old === undefined) continue;
      const leaving = old.drain(DRAIN_MS).finally(() => this.#leaving.delete(leaving));
      this.#leaving.add(leaving);
    }
  }

  /** Finishes what is under way, at most so long, and ends all engines. */
  async stop(graceMs: number): Promise<void> {
    this.#ending.abort(new DescentError("server: it was stopped"));
    this.#spare.stop();
    await Promise.all([...this.#places.map(({ engine }) => engine?.drain(graceMs)), ...this.#leaving]);
  }
}
