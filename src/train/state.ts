/**
 * @module `TrainingState`: the values of a training, where the engine keeps them. On the CPU each entry has two memories
 * that take turns, so that a step allocates nothing; on a GPU new buffers replace old ones, and nothing comes back unasked.
 */
import type { Tensor, TensorData, TensorType } from "../graph/index.js";
import { formatShape, Graph, isFloat, sameShape, toNumbers } from "../graph/index.js";
import { resolveForUse } from "../ops/index.js";
import type { ScheduleState } from "../optim/index.js";
import type { CompileOptions, Device, DeviceChoice, Executable, Runtime, Value } from "../runtime/index.js";
import { compile, platformRuntime, resolveDevice } from "../runtime/index.js";
import { afterDispose, ConfigError, ShapeError } from "../util/errors.js";
import { own, setOwn } from "../util/record.js";
import { TaskQueue } from "../util/task-queue.js";
import { checkBatch, copyBatch, sameTypes, traceBatch } from "./batch-data.js";
import type { BatchData, BatchTypes, FromBatch, StepGraph, TrainingStep } from "./step.js";
import { gradientName, initialValues, nextName, trainingStep } from "./step.js";

export interface InitOptions {
  readonly seed?: number;
  readonly device?: DeviceChoice;
  readonly threads?: number;
  readonly runtime?: Runtime;
  /** Weights by path, and a checkpoint's optimizer slots, in place of the initializers'. */
  readonly weights?: ReadonlyMap<string, TensorData>;
}

/** A step's scalars by name: `loss`, the metrics, and what the optimizer reports. */
export type StepMetrics = Record<string, number> & { readonly loss: number };

interface CompiledStep extends StepGraph {
  readonly executable: Executable;
  /** Host memory of the scalar outputs. */
  readonly scalars: ReadonlyMap<string, Value>;
}

/** Describes and owns at once: see `trainingStep` for the description alone. Whatever is asked of it is done in order, one thing at a time. */
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
  readonly #compileOptions: CompileOptions;
  readonly #current = new Map<string, Value>();
  readonly #spare = new Map<string, Value>();
  readonly #steps = new Map<string, Promise<CompiledStep>>();
  readonly #scalarInputs = new Map<string, { readonly number: number; readonly made: Value }>();
  readonly #evaluators = new Set<Executable>();
  readonly #queue = new TaskQueue();
  #disposed: Promise<void> | undefined;
  #last: { readonly types: BatchTypes; readonly compiled: Promise<CompiledStep> } | undefined;
  #update: Promise<CompiledStep> | undefined;
  #accumulated = 0;

  private constructor(step: TrainingStep, runtime: Runtime, device: Device, options: InitOptions) {
    this.step = step;
    this.runtime = runtime;
    this.device = device;
    this.seed = options.seed ?? 0;
    this.scheduleState = step.optimizer.schedule.memory?.initial ?? {};
    const names = new Map([...step.types.parameters].map(([path, p]) => [p as Tensor, path]));
    this.#compileOptions = { device, runtime, names, threads: options.threads };
  }

  /** Creates the values of a step, on a device. Errors: ShapeError, naming each, if given values do not fit. */
  static async create(step: TrainingStep, options: InitOptions = {}): Promise<TrainingState> {
    const runtime = options.runtime ?? (await platformRuntime());
    const state = new TrainingState(step, runtime, await resolveDevice(runtime, options.device), options);
    state.#restore(initialValues(step.types, state.seed, options.weights), options.weights ?? new Map());
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
      this.#current.get(name)?.[Symbol.dispose]();
      this.#current.set(name, this.runtime.upload(kept.get(name) === given ? { ...given, data: given.data.slice() } : given));
    }
  }

  *#entryTypes(): Generator<[string, TensorType]> {
    yield* this.step.types.parameters;
    yield* this.step.types.slots;
  }

  /**
   * Runs one batch; every `accumulate`-th one (each, by default) updates the parameters. Steps that are not awaited wait for each other.
   *
   * Errors: ConfigError, DTypeError or ShapeError for what is no batch; DataError for a label or an index out of range, with the example.
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
    const compiled = await this.#stepFor(batch);
    compiled.executable.checkIndices(batch);
    const values: Record<string, Value> = {};
    for (const name in batch) setOwn(values, name, this.runtime.upload(own(batch, name) as TensorData));
    const metrics = await this.#execute(compiled, values);
    for (const name in values) own(values, name)?.[Symbol.dispose]();
    if (this.step.accumulate === undefined || this.step.accumulate === 1) this.updates++;
    else if (++this.#accumulated === this.step.accumulate) {
      this.#update ??= this.#compile(this.step.updateGraph());
      Object.assign(metrics, await this.#execute(await this.#update, {}));
      this.#accumulated = 0;
      this.updates++;
      this.#zeroGradients();
    }
    return metrics as StepMetrics;
  }

  /** The rate that the schedule gives for the next update. */
  get learningRate(): number {
    return this.#rateAt(this.updates);
  }

  async #execute(compiled: CompiledStep, batch: Readonly<Record<string, Value>>): Promise<Record<string, number>> {
    const { executable, changes, scalars } = compiled;
    const hostScalars = this.#hostScalars(this.updates, this.#accumulated);
    const feeds: Record<string, Value> = {};
    for (const name of executable.inputs) {
      const value = own(batch, name) ?? this.#current.get(name);
      setOwn(feeds, name, value ?? this.#scalar(name, hostScalars[name]));
    }
    const into: Record<string, Value> = {};
    for (const [name, value] of scalars) setOwn(into, name, value);
    const onHost = this.device === "cpu" || this.device === "wasm";
    if (onHost) for (const name of changes) setOwn(into, nextName(name), this.#spareFor(name));
    const outputs = await executable.run(feeds, into);
    for (const name of changes) {
      const old = this.#current.get(name) as Value;
      this.#current.set(name, outputs[nextName(name)] as Value);
      if (onHost) this.#spare.set(name, old);
      else old[Symbol.dispose]();
    }
    const metrics: Record<string, number> = {};
    for (const name of compiled.metrics) setOwn(metrics, name, Number((await this.runtime.read(outputs[name] as Value)).data[0]));
    return metrics;
  }

  /** Makes a step's scalar inputs: the optimizer's, and the random keys, of which each accumulated batch has its own. */
  #hostScalars(updates: number, accumulated: number): Record<string, number> {
    const info = { step: updates, learningRate: this.#rateAt(updates) };
    const batches = updates * (this.step.accumulate ?? 1) + accumulated;
    return { ...this.step.optimizer.scalars(info), seed: this.seed, step: batches };
  }

  #rateAt(updates: number): number {
    return this.step.optimizer.schedule.at(updates, { state: this.scheduleState, totalSteps: this.totalSteps });
  }

  #spareFor(name: string): Value {
    let spare = this.#spare.get(name);
    if (spare === undefined) {
      const { dtype, shape } = this.#current.get(name) as Value;
      this.#spare.set(name, (spare = this.runtime.allocate(dtype, shape)));
    }
    return spare;
  }

  /** A scalar input, made anew where its number has changed. */
  #scalar(name: string, value: number | undefined): Value {
    if (value === undefined) throw new ConfigError(`step: expected a value for input "${name}" in the batch, got none`);
    const last = this.#scalarInputs.get(name);
    if (last?.number === value) return last.made;
    last?.made[Symbol.dispose]();
    const data = name === "seed" || name === "step" ? Uint32Array.of(value) : Float32Array.of(value);
    const made = this.runtime.upload({ dtype: data instanceof Uint32Array ? "uint32" : "float32", shape: [], data });
    this.#scalarInputs.set(name, { number: value, made });
    return made;
  }

  #zeroGradients(): void {
    for (const [path, p] of this.step.optimizer.trained(this.step.model.parameters())) {
      const name = gradientName(path);
      this.#current.get(name)?.[Symbol.dispose]();
      this.#current.set(name, this.runtime.allocate(p.dtype, p.dims));
    }
  }

  #stepFor(batch: BatchData): Promise<CompiledStep> {
    // One batch is mostly like the one before.
    if (this.#last !== undefined && sameTypes(this.#last.types, batch)) return this.#last.compiled;
    const types: BatchTypes = Object.fromEntries(
      Object.entries(batch).map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
    );
    const key = JSON.stringify(types);
    let compiled = this.#steps.get(key);
    if (compiled === undefined) {
      if ((this.step.accumulate ?? 1) > 1 && this.#accumulated === 0) this.#zeroGradients();
      this.#steps.set(key, (compiled = this.#compile(this.step.graphFor(types))));
    }
    this.#last = { types, compiled };
    return compiled;
  }

  async #compile(step: StepGraph): Promise<CompiledStep> {
    const executable = await compile(step.graph, { ...this.#compileOptions, deviceOutputs: step.changes.map(nextName) });
    const scalars = new Map(
      step.metrics.map((name) => [name, this.runtime.allocate(step.graph.outputs.get(name)?.dtype ?? "float32", [])]),
    );
    return { ...step, executable, scalars };
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
    const graph = new Graph(resolveForUse(traceBatch("evaluate", batch, forward)));
    const executable = await this.#inTurn(async () => {
      const made = await compile(graph, this.#compileOptions);
      this.#evaluators.add(made);
      return made;
    });
    return async (data) => {
      checkBatch("evaluate", data);
      const kept = this.#queue.isIdle ? data : copyBatch(data);
      return this.#inTurn(() => this.#evaluate(executable, kept));
    };
  }

  async #evaluate(executable: Executable, data: BatchData): Promise<Record<string, TensorData>> {
    executable.checkIndices(data);
    const feeds: Record<string, Value> = {};
    const uploaded: Value[] = [];
    for (const name of executable.inputs) {
      const given = own(data, name);
      const value = given === undefined ? this.#current.get(name) : this.runtime.upload(given);
      if (value === undefined) throw new ConfigError(`evaluate: expected a value for input "${name}" in the batch, got none`);
      if (given !== undefined) uploaded.push(value);
      setOwn(feeds, name, value);
    }
    const outputs = await executable.run(feeds);
    const results: Record<string, TensorData> = {};
    for (const [name, value] of Object.entries(outputs)) {
      setOwn(results, name, await this.runtime.read(value));
      if (value.location === "device") value[Symbol.dispose]();
    }
    for (const value of uploaded) value[Symbol.dispose]();
    return results;
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
    // The nodes of the loss, in order: gradients and updates come after it, wherever they stand in the whole step.
    const loss = new Graph(new Map([["loss", executable.graph.outputs.get("loss") as Tensor]]));
    const probes = loss.nodes.flatMap((node) => node.outputs.filter((t) => isFloat(t.dtype)).map((t) => [t, node] as const));
    const accumulate = this.step.accumulate ?? 1;
    const updated = this.#accumulated === 0;
    const before = new Set([...changes, ...(updated && accumulate > 1 ? ((await this.#update)?.changes ?? []) : [])]);
    const graph = new Graph(new Map(probes.map(([t], i) => [`probe${i}`, t])));
    await using probing = await compile(graph, this.#compileOptions);
    const hostScalars = updated
      ? this.#hostScalars(Math.max(0, this.updates - 1), accumulate - 1)
      : this.#hostScalars(this.updates, this.#accumulated - 1);
    const feeds: Record<string, Value> = {};
    for (const name of probing.inputs) {
      const given = own(batch, name);
      const kept = (before.has(name) ? this.#spare.get(name) : undefined) ?? this.#current.get(name);
      setOwn(feeds, name, given === undefined ? (kept ?? this.#scalar(name, hostScalars[name])) : this.runtime.upload(given));
    }
    const outputs = await probing.run(feeds);
    for (const [i, [, node]] of probes.entries()) {
      const value = await this.runtime.read(outputs[`probe${i}`] as Value);
      if (toNumbers(value).every(Number.isFinite)) continue;
      if (node.op === "Input") return `the input "${String(node.attributes["name"])}"`;
      if (node.op === "Parameter") {
        const path = [...this.step.types.parameters].find(([, p]) => p.node === node)?.[0];
        return `parameter ${path}, which an earlier update made so`;
      }
      return node.scope === "" ? node.op : `${node.op} in ${node.scope}`;
    }
    return undefined;
  }

  /**
   * Calls `use` with every number where it lies, parameters and buffers by path, optimizer slots by key: for writing them without a copy. They are not
   * to be changed or kept; what is asked of the state meanwhile waits, so `use` must not wait for that.
   */
  withValues<T>(use: (values: ReadonlyMap<string, TensorData>) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const values = new Map<string, TensorData>();
      for (const [name] of this.#entryTypes()) values.set(name, await this.runtime.read(this.#current.get(name) as Value));
      return use(values);
    });
  }

  /** A copy of every number: parameters and buffers by path, optimizer slots by key. */
  snapshot(): Promise<Map<string, TensorData>> {
    return this.#inTurn(() => this.#copyOf([...this.#entryTypes()].map(([name]) => name)));
  }

  /** A copy of the parameters and buffers, by path. */
  parameters(): Promise<Map<string, TensorData>> {
    return this.#inTurn(() => this.#copyOf([...this.step.types.parameters.keys()]));
  }

  async #copyOf(names: readonly string[]): Promise<Map<string, TensorData>> {
    const values = new Map<string, TensorData>();
    for (const name of names) {
      const { dtype, shape, data } = await this.runtime.read(this.#current.get(name) as Value);
      values.set(name, { dtype, shape, data: data.slice() });
    }
    return values;
  }

  /** Waits for calls under way; later ones are refused. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#queue.run(() => this.#release()));
  }

  async #release(): Promise<void> {
    const scalars = [...this.#scalarInputs.values()].map(({ made }) => made);
    for (const value of [...this.#current.values(), ...this.#spare.values(), ...scalars]) value[Symbol.dispose]();
    this.#current.clear();
    this.#spare.clear();
    // What could not be compiled has nothing to dispose of, and has said so.
    for (const compiled of [...this.#steps.values(), this.#update])
      await (await compiled?.catch(() => undefined))?.executable.dispose();
    for (const executable of this.#evaluators) await executable.dispose();
    this.runtime.releaseUnused?.();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }
}

export { trainingStep };
