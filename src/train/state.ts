/**
 * @module `TrainingState`: the values of a training, where the engine keeps them. On the CPU each entry has two memories
 * that take turns, so that a step allocates nothing; on a GPU new buffers replace old ones, and nothing comes back unasked.
 */
import type { Graph, Tensor, TensorData, TensorType } from "../graph/index.js";
import { formatShape, isStatic, sameShape } from "../graph/index.js";
import { resolveForUse } from "../ops/index.js";
import type { ScheduleState } from "../optim/index.js";
import type { Exchange } from "../parallel/index.js";
import type { CompileOptions, Device, DeviceChoice, Executable, Runtime, Value } from "../runtime/index.js";
import { compile, defaultThreads, platformRuntime, resolveDevice } from "../runtime/index.js";
import { afterDispose, ConfigError, ShapeError } from "../util/errors.js";
import { own, setOwn } from "../util/record.js";
import { TaskQueue } from "../util/task-queue.js";
import { checkBatch, copyBatch, traceBatch } from "./batch-data.js";
import { firstNotFinite } from "./not-finite.js";
import type { BatchData, BatchTypes, FromBatch, TrainingStep } from "./step.js";
import type { Factors } from "./cut-step.js";
import type { InPlace } from "./flat-state.js";
import { factorNumbers, inPlaceFor } from "./flat-state.js";
import { withoutCodes } from "./quantized-base.js";
import type { CompiledStep } from "./compiled-steps.js";
import { CompiledSteps } from "./compiled-steps.js";
import { OverlappedPasses } from "./overlapped-passes.js";
import { SharedUpdates } from "./shared-updates.js";
import { StateValues } from "./state-values.js";
import { gradientName, initialValues, nextName, trainingStep, WEIGHT_NAME } from "./step.js";

/** Options of a new training state: seed, device, threads, initial weights. */
export interface InitOptions {
  readonly seed?: number;
  readonly device?: DeviceChoice;
  readonly threads?: number;
  readonly runtime?: Runtime;
  /** Weights by path, and a checkpoint's optimizer slots, in place of the initializers'. */
  readonly weights?: ReadonlyMap<string, TensorData>;
  /** Sums gradients over passes and processes before each update; the step is one of so many `passes`. On the cpu device alone. */
  readonly exchange?: Exchange;
  /** The process that keeps the optimizer's slots of each parameter, by path, and updates it; left out, each process does so for all. */
  readonly owners?: ReadonlyMap<string, number>;
  /**
   * Whether the update is done in place, by a kernel, where there is one for the optimizer (`optim/in-place.ts`) on the CPU in Node; left out, from
   * 100,000 trained numbers on. Half the memory for the state, and a fraction of the time; a step whose loss is not finite then changes nothing.
   */
  readonly updatesInPlace?: boolean;
}

/** A step's scalars by name: `loss`, the metrics, and what the optimizer reports. */
export type StepMetrics = Record<string, number> & { readonly loss: number };

/**
 * The values of a training, and the step that changes them (`trainingStep` describes a step without values). Calls run in order, one at a time.
 *
 * @example
 * import { fromNumbers } from "descentjs";
 * import type { Tensor } from "descentjs";
 * import { meanSquaredError } from "descentjs/losses";
 * import { Linear } from "descentjs/nn";
 * import { sgd } from "descentjs/optim";
 * import { TrainingState, trainingStep } from "descentjs/train";
 * const model = new Linear(1, 1);
 * const loss = ({ x, y }: { x: Tensor; y: Tensor }) => meanSquaredError(model.forward(x), y);
 * const state = await TrainingState.create(trainingStep({ model, loss, optimizer: sgd({ learningRate: 0.1 }) }), { seed: 1 });
 * const [x, y] = [fromNumbers("float32", [2, 1], [-1, 1]), fromNumbers("float32", [2, 1], [-3, 3])];
 * for (let step = 0; step < 100; step++) await state.run({ x, y });
 * console.log((await state.run({ x, y })).loss < 1e-6); // true
 * await state.dispose();
 */
export class TrainingState implements AsyncDisposable {
  readonly step: TrainingStep;
  readonly runtime: Runtime;
  readonly device: Device;
  readonly seed: number;
  /** Updates done so far. */
  updates = 0;
  /** Updates of the whole training, for schedules that end with it. */
  totalSteps: number | undefined;
  /** The state of a schedule with memory. */
  scheduleState: ScheduleState;
  /** Where the step is shared by several passes or processes: what sums their gradients. */
  readonly exchange: Exchange | undefined;
  readonly #shared: SharedUpdates | undefined;
  readonly #compileOptions: CompileOptions;
  readonly #values: StateValues;
  readonly #steps: CompiledSteps;
  #overlapped: OverlappedPasses | undefined;
  /** When the update under way began, and whether a graph was compiled since. */
  #clock = { begun: 0, isCompiling: false };
  readonly #evaluators = new Set<Executable>();
  readonly #queue = new TaskQueue();
  #disposed: Promise<void> | undefined;
  #update: Promise<CompiledStep> | undefined;
  #accumulated = 0;
  #inPlace: InPlace | undefined;

  private constructor(step: TrainingStep, runtime: Runtime, device: Device, options: InitOptions) {
    this.step = step;
    this.runtime = runtime;
    this.device = device;
    this.seed = options.seed ?? 0;
    this.exchange = options.exchange;
    this.scheduleState = step.optimizer.schedule.memory?.initial ?? {};
    const names = new Map([...step.types.parameters].map(([path, p]) => [p as Tensor, path]));
    this.#compileOptions = { device, runtime, names, threads: options.threads };
    this.#steps = new CompiledSteps(runtime, this.#compileOptions, () => (this.#clock.isCompiling = true));
    // An exact training has the same bits with slots in parts, which the graph updates.
    const isGraphs = options.exchange !== undefined && (options.exchange.exact || options.owners !== undefined);
    if (device === "cpu" && runtime.writesInPlace && !isGraphs)
      this.#inPlace = inPlaceFor(step, options.updatesInPlace, options.threads ?? defaultThreads());
    this.#values = new StateValues(runtime, this.#inPlace?.flat);
    this.#shared = this.exchange && new SharedUpdates(this.exchange, options.owners, step, this.#values);
    if (this.#inPlace !== undefined) this.#zeroGradients();
  }

  /** Creates the values of a step, on a device. Errors: ShapeError, naming each, if given values do not fit. */
  static async create(step: TrainingStep, options: InitOptions = {}): Promise<TrainingState> {
    const runtime = options.runtime ?? (await platformRuntime());
    const state = new TrainingState(step, runtime, await resolveDevice(runtime, options.device), options);
    const { exchange } = state;
    const inBytes = step.optimizer.state === "int8" ? "optimizer state int8" : step.codedBase && `base ${step.base}`;
    if (inBytes !== undefined && state.device !== "cpu" && state.device !== "wasm")
      throw new ConfigError(`training state: ${inBytes}: expected device cpu or wasm, got ${state.device}; leave it in float32`);
    if (exchange !== undefined && (state.device !== "cpu" || step.passes !== exchange.allPasses))
      throw new ConfigError(`training state: expected a step of ${exchange.allPasses} passes on cpu, got ${state.device}`);
    const slots = new Map([...step.types.slots].filter(([, { path }]) => state.#owns(path)));
    const { weights = new Map<string, TensorData>() } = options;
    const given = step.codedBase?.encoded(weights, state.seed) ?? weights;
    state.#restore(initialValues({ ...step.types, slots }, state.seed, given), weights);
    if (exchange !== undefined && state.#inPlace === undefined)
      for (const [path, p] of step.optimizer.trained(step.model.parameters())) {
        const name = gradientName(path);
        state.#values.replace(name, runtime.upload({ dtype: p.dtype, shape: p.dims, data: exchange.total.of(name) }));
      }
    return state;
  }

  /** Runs a task when those before it are done. Errors: SessionError once the state has been disposed. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.#disposed !== undefined) return Promise.reject(afterDispose("training state"));
    return this.#queue.run(task);
  }

  /** Replaces values by name; entries that are not given stay. Errors: ConfigError while steps are under way. */
  restore(values: ReadonlyMap<string, TensorData>): void {
    this.#restore(values, values);
  }

  /** Values that are `kept` by somebody are copied: the engine writes into their memory at the second step. */
  #restore(values: ReadonlyMap<string, TensorData>, kept: ReadonlyMap<string, TensorData>): void {
    if (this.#disposed !== undefined || !this.#queue.isIdle)
      throw new ConfigError("training state: expected no step under way while values are replaced; await each run first");
    const problems: string[] = [];
    for (const [name, type] of this.#entryTypes()) {
      const given = values.get(name);
      if (given === undefined) continue;
      if (given.dtype !== type.dtype || !sameShape(given.shape, type.shape)) {
        problems.push(
          `${name}: expected ${type.dtype} ${formatShape(type.shape)}, got ${given.dtype} ${formatShape(given.shape)}`,
        );
      }
    }
    if (problems.length > 0) throw new ShapeError(`state: ${problems.join("; ")}`);
    for (const [name] of this.#entryTypes()) {
      const given = values.get(name);
      if (given === undefined) continue;
      this.#values.restore(name, given, kept.get(name) === given);
    }
  }

  #owns(path: string): boolean {
    return this.#shared?.owns(path) ?? true;
  }

  *#entryTypes(): Generator<[string, TensorType]> {
    yield* this.step.types.parameters;
    for (const [key, slot] of this.step.types.slots) if (this.#owns(slot.path)) yield [key, slot];
  }

  /**
   * Runs one batch; every `accumulate`-th one (each, by default) updates the parameters. Steps that are not awaited wait for each other.
   *
   * Errors: ConfigError, DTypeError or ShapeError for what is not a batch; DataError for a label or an index out of range, with the example.
   */
  run(batch: BatchData): Promise<StepMetrics> {
    try {
      checkBatch("step", batch);
    } catch (error) {
      return Promise.reject(error);
    }
    // Whoever does not wait may fill the same arrays anew.
    const kept = this.#queue.isIdle ? batch : copyBatch(batch);
    return this.#inTurn(() => this.#runNow(kept));
  }

  async #runNow(batch: BatchData): Promise<StepMetrics> {
    if (this.#accumulated === 0) this.#clock = { begun: performance.now(), isCompiling: false };
    const compiled = await this.#stepFor(batch);
    compiled.executable.checkIndices(batch);
    const values: Record<string, Value> = {};
    for (const name in batch) setOwn(values, name, this.runtime.upload(own(batch, name) as TensorData));
    const metrics: Record<string, number> = {};
    const given =
      this.exchange?.overlaps === true
        ? await this.#overlappedPasses(this.exchange).run(compiled, values)
        : await this.#execute(compiled, values);
    for (const name of compiled.metrics) setOwn(metrics, name, own(given, name) as number);
    for (const name in values) own(values, name)?.[Symbol.dispose]();
    if (this.exchange !== undefined && this.#shared !== undefined)
      return (await this.#afterPass(this.exchange, this.#shared, compiled, metrics, own(given, WEIGHT_NAME))) as StepMetrics;
    const accumulate = this.step.accumulate ?? 1;
    if (accumulate > 1 && ++this.#accumulated < accumulate) return metrics as StepMetrics;
    if (this.#inPlace !== undefined) Object.assign(metrics, await this.#updateInPlace(this.#inPlace, compiled, given));
    else if (accumulate > 1) {
      this.#update ??= this.#steps.compile(this.step.updateGraph(), false);
      Object.assign(metrics, await this.#execute(await this.#update, {}));
    }
    this.updates++;
    if (accumulate > 1) {
      this.#accumulated = 0;
      this.#zeroGradients();
    }
    return metrics as StepMetrics;
  }

  #overlappedPasses(exchange: Exchange): OverlappedPasses {
    if (this.#overlapped !== undefined) return this.#overlapped;
    const paths = [...this.step.optimizer.trained(this.step.model.parameters()).keys()];
    // What whole passes took, segments do not.
    this.runtime.releaseUnused?.();
    return (this.#overlapped = new OverlappedPasses(exchange, new Set(paths.map(gradientName)), {
      compile: (segment) => this.#steps.compile(segment, true),
      execute: (segment, values) => this.#execute(segment, values),
    }));
  }

  async #letGoOfSegments(): Promise<void> {
    await this.#overlapped?.[Symbol.asyncDispose]();
    this.#overlapped = undefined;
  }

  /** Takes what a pass gave; after the last one of an update, updates by the sums over all processes. Returns means over all of them then. */
  async #afterPass(
    exchange: Exchange,
    shared: SharedUpdates,
    compiled: CompiledStep,
    metrics: Record<string, number>,
    weight: number | undefined,
  ): Promise<Record<string, number>> {
    shared.add(compiled, metrics, weight);
    if (++this.#accumulated < exchange.passes) return metrics;
    if (await shared.finish(compiled, metrics, weight !== undefined, this.#clock)) await this.#letGoOfSegments();
    if (this.#inPlace !== undefined) {
      shared.copyGradients(this.#inPlace);
      Object.assign(metrics, await this.#updateInPlace(this.#inPlace, compiled, metrics));
    } else {
      this.#update ??= this.#steps.compile(this.step.updateGraph(shared.ownPaths), false);
      Object.assign(metrics, await this.#execute(await this.#update, {}));
      await shared.shareParameters();
    }
    this.#accumulated = 0;
    this.updates++;
    return metrics;
  }

  /** Runs the kernel on the gradients of a step, unless its loss is not finite: what was wrong is found in the values before. Returns further metrics. */
  async #updateInPlace(
    { cut, flat }: InPlace,
    step: CompiledStep,
    metrics: Record<string, number>,
  ): Promise<Record<string, number>> {
    if (!Number.isFinite(metrics["loss"])) return {};
    const { factors = new Map<string, Factors>(), metrics: names } = cut.beforeUpdate ?? { ...step, metrics: [] };
    let scalars = metrics;
    if (cut.beforeUpdate !== undefined && cut.beforeUpdate.graph.outputs.size > 0)
      scalars = await this.#execute(await (this.#update ??= this.#steps.compile(cut.beforeUpdate, false)), {});
    const numbers = this.step.optimizer.scalars({ step: this.updates, learningRate: this.#rateAt(this.updates) });
    const handed = async (name: string): Promise<TensorData> => this.runtime.read(step.memory.get(name) as Value);
    for (const sum of step.rowSums ?? []) flat.addRows(sum, await handed(sum.rows), await handed(sum.indices));
    const gradients = new Map<string, TensorData>();
    for (const path of cut.trained.keys()) gradients.set(path, await this.#values.read(gradientName(path)));
    flat.update(numbers, factorNumbers(factors, scalars), (path) => gradients.get(path) as TensorData);
    return Object.fromEntries(names.map((name) => [name, scalars[name] as number]));
  }

  /** The rate that the schedule gives for the next update. */
  get learningRate(): number {
    return this.#rateAt(this.updates);
  }

  async #execute(compiled: CompiledStep, batch: Readonly<Record<string, Value>>): Promise<Record<string, number>> {
    const { executable, changes, memory, filled = [], scalars = [] } = compiled;
    const feeds = this.#values.feeds(executable.inputs, batch, this.#hostScalars(this.updates, this.#accumulated));
    const into: Record<string, Value> = {};
    for (const [name, value] of memory) setOwn(into, name, value);
    // What a pass gives is summed before it is anybody's new value.
    const exchange = compiled.isPass ? this.exchange : undefined;
    const onHost = this.device === "cpu" || this.device === "wasm";
    for (const name of onHost ? changes : [])
      setOwn(
        into,
        nextName(name),
        exchange === undefined ? this.#values.spareFor(name) : this.#values.passValueFor(exchange.part.of(name), name),
      );
    for (const name of filled) setOwn(into, nextName(name), this.#values.get(name) as Value);
    const meanwhile = exchange?.group.progress() === true ? () => void exchange.group.progress() : undefined;
    const outputs = await executable.run(feeds, into, meanwhile);
    for (const name of exchange === undefined ? changes : []) {
      this.#values.advance(name, outputs[nextName(name)] as Value, onHost);
    }
    const metrics: Record<string, number> = {};
    for (const name of [...compiled.metrics, ...scalars])
      setOwn(metrics, name, Number((await this.runtime.read(outputs[name] as Value)).data[0]));
    return metrics;
  }

  /** Makes a step's scalar inputs: the optimizer's, and the random keys, of which each accumulated batch has its own. */
  #hostScalars(updates: number, accumulated: number): Record<string, number> {
    const info = { step: updates, learningRate: this.#rateAt(updates) };
    const { exchange } = this;
    const batches =
      exchange === undefined
        ? updates * (this.step.accumulate ?? 1) + accumulated
        : updates * exchange.allPasses + exchange.group.rank * exchange.passes + accumulated;
    return { ...this.step.optimizer.scalars(info), seed: this.seed, step: batches };
  }

  #rateAt(updates: number): number {
    return this.step.optimizer.schedule.at(updates, { state: this.scheduleState, totalSteps: this.totalSteps });
  }

  #zeroGradients(): void {
    for (const [path, p] of this.step.optimizer.trained(this.step.model.parameters()))
      this.#values.zero(gradientName(path), p.dtype, p.dims);
    this.#values.zero(WEIGHT_NAME, "float32", []);
  }

  #stepFor(batch: BatchData): Promise<CompiledStep> {
    return this.#steps.forBatch(batch, this.exchange !== undefined, (types) => {
      if (this.exchange === undefined && (this.step.accumulate ?? 1) > 1 && this.#accumulated === 0) this.#zeroGradients();
      return ((this.exchange === undefined ? this.#inPlace?.cut : undefined) ?? this.step).graphFor(types);
    });
  }

  /**
   * Runs a step on a batch so many times with the engine's profiler, which writes a file that begins with `prefix` when the session ends. The state stays as it is.
   * On the CPU, whose ops are timed one by one.
   */
  profile(batch: BatchData, prefix: string, runs: number): Promise<void> {
    return this.#inTurn(async () => {
      const { graph, changes } = await this.#stepFor(batch);
      await using executable = await compile(graph, { ...this.#compileOptions, profile: prefix });
      const given: Record<string, Value> = {};
      for (const name in batch) setOwn(given, name, this.runtime.upload(own(batch, name) as TensorData));
      const feeds = this.#values.feeds(executable.inputs, given, this.#hostScalars(this.updates, 0));
      const into: Record<string, Value> = {};
      for (const name of changes) setOwn(into, nextName(name), this.#values.spareFor(name));
      for (let i = 0; i < runs; i++) await executable.run(feeds, into);
      for (const name in given) own(given, name)?.[Symbol.dispose]();
    });
  }

  /** The graph of the step for batches like this one, as it was compiled: for costs and for looking. */
  graphFor(batch: BatchData): Promise<Graph> {
    return this.#inTurn(async () => (await this.#stepFor(batch)).executable.graph);
  }

  /**
   * Something else computed from the current parameters, in use mode: `forward` maps a batch to named outputs. Compiled once for
   * the batch's shapes; each call reads the parameters where they lie.
   */
  async evaluator(
    batch: BatchTypes,
    forward: FromBatch<Readonly<Record<string, Tensor>>>,
  ): Promise<(batch: BatchData) => Promise<Record<string, TensorData>>> {
    const graph = this.step.graphOf(new Map(Object.entries(resolveForUse(traceBatch("evaluate", batch, forward)))));
    const executable = await this.#inTurn(async () => {
      // Lengths that change from run to run leave the C library's memory in pieces: measuring a model of SST-2 took 180 MiB so, and 50 in an arena.
      const isFree = graph.inputs.some(({ shape }) => !isStatic(shape));
      const made = await compile(graph, { ...this.#compileOptions, arena: isFree || undefined });
      this.#evaluators.add(made);
      return made;
    });
    return async (data) => {
      checkBatch("evaluate", data);
      const kept = this.#queue.isIdle ? data : copyBatch(data);
      return this.#inTurn(() => this.#values.run(executable, kept));
    };
  }

  /** Tells whether the gradients of an update are half summed: no checkpoint is taken then. */
  get isAccumulating(): boolean {
    return this.#accumulated > 0;
  }

  /**
   * Runs a batch once more on the values before the last update, with every value in sight: the first input, parameter or op
   * (by its layer's path) whose value is not finite. CPU only, where the earlier values still lie in the other memory.
   */
  firstNotFinite(batch: BatchData): Promise<string | undefined> {
    return this.#inTurn(() => this.#firstNotFinite(batch));
  }

  async #firstNotFinite(batch: BatchData): Promise<string | undefined> {
    if (this.device !== "cpu" && this.device !== "wasm") return undefined;
    const { executable, changes } = await this.#stepFor(batch);
    const accumulate = this.exchange?.passes ?? this.step.accumulate ?? 1;
    const updated = this.#accumulated === 0;
    const isCut = this.exchange !== undefined || accumulate > 1;
    const before = new Set([
      ...(this.exchange === undefined ? changes : []),
      ...(updated && isCut ? ((await this.#update)?.changes ?? []) : []),
    ]);
    const hostScalars = updated
      ? this.#hostScalars(Math.max(0, this.updates - 1), accumulate - 1)
      : this.#hostScalars(this.updates, this.#accumulated - 1);
    return firstNotFinite(executable.graph, this.runtime, this.#compileOptions, this.step.types.parameters, (name) => {
      const given = own(batch, name);
      if (given !== undefined) return this.runtime.upload(given);
      const kept = (before.has(name) ? this.#values.earlier(name) : undefined) ?? this.#values.get(name);
      return kept ?? this.#values.scalar(name, hostScalars[name]);
    });
  }

  /**
   * Calls `use` with every number where it lies, parameters and buffers by path, optimizer slots by key: for writing them without a copy. They are not
   * to be changed or kept; what is asked of the state meanwhile waits, so `use` must not wait for that. Where processes own slots, all of them ask at once.
   */
  withValues<T>(use: (values: ReadonlyMap<string, TensorData>) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const values = new Map<string, TensorData>();
      for (const [name] of this.#entryTypes()) values.set(name, await this.#values.read(name));
      await this.#shared?.addOthers(values);
      return use(values);
    });
  }

  /** A copy of every number: parameters and buffers by path, optimizer slots by key. Where processes own slots, all of them ask at once. */
  snapshot(): Promise<Map<string, TensorData>> {
    return this.#inTurn(async () => {
      const values = await this.#values.copyOf([...this.#entryTypes()].map(([name]) => name));
      await this.#shared?.addOthers(values);
      return values;
    });
  }

  /** A copy of the parameters and buffers, by path; a base in codes as numbers. */
  parameters(): Promise<Map<string, TensorData>> {
    return this.#inTurn(async () => withoutCodes(await this.#values.copyOf([...this.step.types.parameters.keys()])));
  }

  /** Waits for calls under way; later ones are refused. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#queue.run(() => this.#release()));
  }

  async #release(): Promise<void> {
    this.#values[Symbol.dispose]();
    this.#inPlace?.flat[Symbol.dispose]();
    this.#inPlace = undefined;
    await (await this.#update?.catch(() => undefined))?.executable.dispose();
    await this.#steps[Symbol.asyncDispose]();
    await this.#letGoOfSegments();
    for (const executable of this.#evaluators) await executable.dispose();
    this.runtime.releaseUnused?.();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}

export { trainingStep };
