/**
 * @module The trained parameters, their slots and gradients in memory that the update's kernel works on (`optim/kernels/update.wat`) and the engine reads
 * and writes in place: one copy of each.
 */
import type { TensorData, TensorType } from "../graph/index.js";
import type { UpdateKernels } from "../optim/in-place.js";
import type { Optimizer } from "../optim/index.js";
import { UPDATE_WASM } from "../optim/kernels/wasm.js";
import { fromBase64 } from "../util/base64.js";
import { own } from "../util/record.js";
import type { CutStep, Factors } from "./cut-step.js";
import { cutStep } from "./cut-step.js";
import type { StateTypes, TrainingStep } from "./step.js";
import { gradientName } from "./step.js";

/** Numbers in a vector of the kernel. */
const LANES = 4;
const PAGE_BYTES = 2 ** 16;
/** Parameters go into another memory from this many bytes on: one holds at most 4 GiB. */
const MEMORY_BYTES = 2 ** 30;

/** The parts of a parameter: it, its slots, its gradients (two that take turns where batches are summed), by the state's names. */
interface Entry {
  readonly path: string;
  readonly size: number;
  readonly names: readonly string[];
}

/** One memory with the kernel on it. */
interface Bank {
  readonly memory: WebAssembly.Memory;
  readonly kernels: UpdateKernels;
}

const paddedBytes = (size: number): number => Math.ceil(size / LANES) * LANES * 4;

let module: WebAssembly.Module | undefined;

function bankOf(entries: readonly Entry[]): Bank {
  const bytes = entries.reduce((sum, { size, names }) => sum + paddedBytes(size) * names.length, 0);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((bytes + LANES * 4) / PAGE_BYTES) });
  module ??= new WebAssembly.Module(fromBase64(UPDATE_WASM) as BufferSource);
  const { exports } = new WebAssembly.Instance(module, { host: { memory } });
  return { memory, kernels: exports as unknown as UpdateKernels };
}

/** Entries in groups for a memory each. */
function* banks(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let group: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const more = paddedBytes(entry.size) * entry.names.length;
    if (group.length > 0 && bytes + more > MEMORY_BYTES) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(entry);
    bytes += more;
  }
  if (group.length > 0) yield group;
}

/** The name of a gradient's second memory. */
const secondName = (gradient: string): string => `second ${gradient}`;

/** State in the kernel's memory. */
export class FlatState {
  readonly #cut: CutStep;
  readonly #optimizer: Optimizer;
  readonly #kernels = new Map<string, UpdateKernels>();
  readonly #arrays = new Map<string, TensorData>();

  constructor(cut: CutStep, optimizer: Optimizer, types: StateTypes, isSummed: boolean) {
    this.#cut = cut;
    this.#optimizer = optimizer;
    const slots = new Map<string, string[]>();
    for (const [key, { path }] of types.slots) slots.set(path, [...(slots.get(path) ?? []), key]);
    const entries = [...cut.trained].map(([path, p]): Entry => {
      const gradients = [gradientName(path), ...(isSummed ? [secondName(gradientName(path))] : [])];
      return { path, size: p.size, names: [path, ...(slots.get(path) ?? []), ...gradients] };
    });
    for (const group of banks(entries)) this.#fill(group, types);
  }

  #fill(group: readonly Entry[], types: StateTypes): void {
    const { memory, kernels } = bankOf(group);
    // Address 0 stands for a slot that is not there.
    let at = LANES * 4;
    for (const { path, size, names } of group) {
      this.#kernels.set(path, kernels);
      for (const name of names) {
        const { shape } = (types.slots.get(name) ?? this.#cut.trained.get(path)) as TensorType;
        const data = new Float32Array(memory.buffer, at, size);
        this.#arrays.set(name, { dtype: "float32", shape: shape as readonly number[], data });
        at += paddedBytes(size);
      }
    }
  }

  /** Where an entry of the state lies, or a parameter's gradient by its name; undefined for what lies elsewhere. */
  arrayOf(name: string): TensorData | undefined {
    return this.#arrays.get(name);
  }

  /** A gradient's second memory by the gradient's name, where batches are summed. */
  secondOf(name: string): TensorData | undefined {
    return this.#arrays.get(secondName(name));
  }

  /** Updates every parameter and its slots. `gradientAt` tells where a gradient lies now, `factors` what it is multiplied by. */
  update(
    scalars: Readonly<Record<string, number>>,
    factorsOf: (path: string) => { readonly scale: number; readonly decay: number },
    gradientAt: (path: string) => TensorData,
  ): void {
    const { rule, trained } = this.#cut;
    const addressOf = (name: string): number | undefined => this.#arrays.get(name)?.data.byteOffset;
    for (const [path, p] of trained) {
      const slot = (name: string): number => addressOf(`${rule.prefix}.${name}/${path}`) ?? 0;
      const flat = {
        w: addressOf(path) as number,
        g: gradientAt(path).data.byteOffset,
        slot,
        vectors: Math.ceil(p.size / LANES),
      };
      rule.run(
        this.#kernels.get(path) as UpdateKernels,
        { ...flat, ...factorsOf(path) },
        scalars,
        this.#optimizer.settings(path),
      );
    }
  }
}

/** Numbers for the factors of a path: those of the graph's scalars by name. */
export const factorNumbers =
  (factors: ReadonlyMap<string, Factors>, scalars: Readonly<Record<string, number>>) =>
  (path: string): { readonly scale: number; readonly decay: number } => {
    const { scale, decay } = factors.get(path) ?? { scale: 1, decay: 0 };
    return { scale: typeof scale === "number" ? scale : (own(scalars, scale) as number), decay };
  };

/**
 * Trained numbers from which on the kernel is used. A GPT's whole step with AdamW, graph / in place, in turns on a loaded machine (best of 40, ms):
 * 0.11 M 2.5 / 1.9, 0.41 M 37 / 20, 1.4 M 55 / 42, 3.2 M 332 / 310, 12.8 M 1,489 / 1,371.
 */
const FROM_NUMBERS = 1e5;

/** A step whose update is a kernel, and the memory that it works on. */
export interface InPlace {
  readonly cut: CutStep;
  readonly flat: FlatState;
}

/** The step in two parts, where its update has a kernel and gains by it, or it is asked for. */
export function cutFor(step: TrainingStep, asked?: boolean): CutStep | undefined {
  // Gradients that are summed elsewhere come to the update as those that are summed in the graph.
  const cut = asked === false ? undefined : cutStep(step.passes === undefined ? step : { ...step, accumulate: 2 });
  if (cut === undefined) return undefined;
  const numbers = [...cut.trained.values()].reduce((sum, p) => sum + p.size, 0);
  return asked !== true && numbers < FROM_NUMBERS ? undefined : cut;
}

/** The kernel for a step, where it has one and gains by it, or is asked for. */
export function inPlaceFor(step: TrainingStep, asked: boolean | undefined): InPlace | undefined {
  const cut = cutFor(step, asked);
  if (cut === undefined) return undefined;
  return { cut, flat: new FlatState(cut, step.optimizer, step.types, (step.accumulate ?? 1) > 1) };
}
