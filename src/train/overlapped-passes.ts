/**
 * @module Passes in segments: gradients that a segment completes travel between processes while the next ones compute.
 */
import type { Exchange } from "../parallel/index.js";
import type { Value } from "../runtime/index.js";
import { setOwn } from "../util/record.js";
import type { CompiledStep } from "./compiled-steps.js";
import type { Segment } from "./segments.js";
import { outputGroups, segmentsOf } from "./segments.js";
import type { StepGraph } from "./step.js";
import { nextName } from "./step.js";

/** Groups of gradients that travel one after another. */
const SEGMENTS = 4;

type Values = Readonly<Record<string, Value>>;

/** Means of the state: it compiles a graph of a pass, and runs one. */
interface Means {
  readonly compile: (step: StepGraph & Segment) => Promise<CompiledStep>;
  readonly execute: (step: CompiledStep, values: Values) => Promise<Record<string, number>>;
}

/** The passes of a step whose sums overlap. */
export class OverlappedPasses implements AsyncDisposable {
  readonly #exchange: Exchange;
  readonly #gradients: ReadonlySet<string>;
  readonly #means: Means;
  readonly #cut = new Map<CompiledStep, Promise<readonly CompiledStep[]>>();
  /** Entries that each segment completes, the same for all processes and all shapes of batches. */
  #groups: readonly (readonly string[])[] = [];

  /** `gradients`: their names in the state. */
  constructor(exchange: Exchange, gradients: ReadonlySet<string>, means: Means) {
    this.#exchange = exchange;
    this.#gradients = gradients;
    this.#means = means;
  }

  /** Runs a pass segment by segment. Returns its scalars. */
  async run(pass: CompiledStep, batch: Values): Promise<Record<string, number>> {
    const cut = this.#cut.get(pass) ?? this.#segmentsOf(pass);
    this.#cut.set(pass, cut);
    const segments = await cut;
    const values = { ...batch };
    const scalars: Record<string, number> = {};
    for (const [i, names] of this.#groups.entries()) {
      const segment = segments[i];
      if (segment !== undefined) Object.assign(scalars, await this.#means.execute(segment, values));
      for (const name of segment?.handed ?? []) setOwn(values, name, segment?.memory.get(name) as Value);
      this.#exchange.begin(names);
    }
    return scalars;
  }

  /** Cuts a pass; one that cannot be cut is its first segment as a whole. */
  async #segmentsOf(pass: CompiledStep): Promise<readonly CompiledStep[]> {
    const { graph, changes, metrics, scalars = [] } = pass;
    if (this.#groups.length === 0)
      this.#groups = await this.#exchange.agree(() => {
        const [gradients, others] = [true, false].map((is) => changes.filter((name) => this.#gradients.has(name) === is));
        const [first = [], ...rest] = outputGroups(graph, gradients as string[], SEGMENTS, nextName);
        return [[...(others as string[]), ...first], ...rest];
      });
    const [first = [], ...rest] = this.#groups.map((names) => names.map(nextName));
    const segments = segmentsOf(graph, [[...metrics, ...scalars, ...first], ...rest]);
    if (segments === undefined) return [pass];
    return Promise.all(
      segments.map((segment) => {
        const isHere = (name: string): boolean => segment.graph.outputs.has(name);
        const given = {
          changes: changes.filter((name) => isHere(nextName(name))),
          metrics: metrics.filter(isHere),
          scalars: scalars.filter(isHere),
        };
        return this.#means.compile({ ...segment, ...given });
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [pass, segments] of this.#cut)
      for (const segment of (await segments.catch(() => undefined)) ?? [])
        if (segment !== pass) await segment.executable.dispose();
  }
}
