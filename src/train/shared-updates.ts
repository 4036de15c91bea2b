/**
 * @module Updates that several passes or processes share: sums of their gradients, means of their metrics and running statistics, and the optimizer's
 * slots, of which each process may keep a part.
 */
import type { TensorData } from "../graph/index.js";
import { DTYPES, sizeOf } from "../graph/index.js";
import type { Exchange } from "../parallel/index.js";
import { own, setOwn } from "../util/record.js";
import type { InPlace } from "./flat-state.js";
import type { StateValues } from "./state-values.js";
import type { StepGraph, TrainingStep } from "./step.js";
import { gradientName } from "./step.js";

/** When an update began, and whether a graph was compiled since then. */
export interface UpdateClock {
  readonly begun: number;
  readonly isCompiling: boolean;
}

export class SharedUpdates {
  readonly #exchange: Exchange;
  readonly #owners: ReadonlyMap<string, number> | undefined;
  readonly #step: TrainingStep;
  readonly #values: StateValues;
  /** The metrics of the passes of an update under way, with their weights. */
  #passMetrics: Float64Array[] = [];

  constructor(exchange: Exchange, owners: ReadonlyMap<string, number> | undefined, step: TrainingStep, values: StateValues) {
    this.#exchange = exchange;
    this.#owners = owners;
    this.#step = step;
    this.#values = values;
  }

  /** Tells whether this process keeps the slots of a parameter. */
  owns(path: string): boolean {
    const owner = this.#owners?.get(path);
    return owner === undefined || owner === this.#exchange.group.rank;
  }

  /** The parameters that this process updates; undefined where each process updates all. */
  get ownPaths(): ReadonlySet<string> | undefined {
    if (this.#owners === undefined) return undefined;
    return new Set([...this.#owners.keys()].filter((path) => this.owns(path)));
  }

  /** Takes what a pass gave. */
  add(compiled: StepGraph, metrics: Readonly<Record<string, number>>, weight: number | undefined): void {
    this.#exchange.add();
    this.#passMetrics.push(Float64Array.from([...compiled.metrics.map((name) => own(metrics, name) as number), weight ?? 1]));
  }

  /**
   * Sums over all processes after the last pass of an update: gradients and running statistics, and `metrics` become means over all passes. Returns
   * whether sums during the backward pass have been given up.
   */
  async finish(compiled: StepGraph, metrics: Record<string, number>, isWeighted: boolean, clock: UpdateClock): Promise<boolean> {
    const exchange = this.#exchange;
    const computed = performance.now();
    await exchange.finish();
    const ended = performance.now();
    const isGivenUp = exchange.overlap.take(clock.isCompiling ? NaN : ended - clock.begun, ended - computed);
    const means = exchange.meansOf(this.#passMetrics);
    compiled.metrics.forEach((name, i) => setOwn(metrics, name, means[i] as number));
    if (isWeighted) this.#divideGradients(means.at(-1) as number);
    for (const name of compiled.changes) {
      if (!this.#step.types.parameters.has(name)) continue;
      // Running statistics: the mean of what each pass made of those before the update.
      const { data } = await this.#values.read(name);
      exchange.total.of(name).forEach((sum, i) => (data[i] = sum / exchange.allPasses));
    }
    this.#passMetrics = [];
    return isGivenUp;
  }

  /** Divides sums of gradients, each of which was multiplied by its pass's weight, by the mean weight. */
  #divideGradients(weight: number): void {
    const factor = weight === 0 ? 0 : 1 / weight;
    for (const path of this.#step.optimizer.trained(this.#step.model.parameters()).keys()) {
      const sums = this.#exchange.total.of(gradientName(path));
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) * factor;
    }
  }

  /** Copies the sums to where the kernel that updates in place needs them. */
  copyGradients({ cut, flat }: InPlace): void {
    for (const path of cut.trained.keys()) {
      const name = gradientName(path);
      ((flat.arrayOf(name) as TensorData).data as Float32Array).set(this.#exchange.total.of(name));
    }
  }

  /** Gives each process the parameters that others have updated. */
  async shareParameters(): Promise<void> {
    if (this.#owners === undefined) return;
    const { group } = this.#exchange;
    for (let rank = 0; rank < group.size; rank++) {
      const paths = [...this.#owners].flatMap(([path, owner]) => (owner === rank ? [path] : []));
      const values = await Promise.all(paths.map((path) => this.#values.read(path)));
      await group.spread(
        values.map(({ data }) => data as Float32Array),
        rank,
      );
    }
  }

  /** Adds the slots that other processes own, and hands over those that are owned here. */
  async addOthers(values: Map<string, TensorData>): Promise<void> {
    if (this.#owners === undefined) return;
    for (const [key, slot] of this.#step.types.slots) {
      const shape = slot.shape as readonly number[];
      const value = values.get(key) ?? { dtype: slot.dtype, shape, data: DTYPES[slot.dtype].create(sizeOf(shape)) };
      // Codes are bytes in whole blocks, which travel as they are.
      const { buffer, byteOffset, byteLength } = value.data;
      const words = new Float32Array(buffer, byteOffset, byteLength / 4);
      await this.#exchange.group.spread([words], this.#owners.get(slot.path) as number);
      values.set(key, value);
    }
  }
}
