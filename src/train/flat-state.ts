/**
 * @module The trained parameters, their slots and gradients in memory that the update's kernel works on (`optim/kernels/update.wat`) and the engine reads
 * and writes in place: one copy of each.
 */
import { startUpdateThreads } from "#update-threads";
import type { TensorData } from "../graph/index.js";
import type { FlatParameter, UpdateKernels } from "../optim/in-place.js";
import { IN_PLACE_FROM } from "../optim/in-place.js";
import type { Optimizer } from "../optim/index.js";
import { BLOCK, CODE_ENTRIES, codeTable, codeValues, scaleName } from "../optim/state-precision.js";
import { SHARED_UPDATE_WASM, UPDATE_WASM } from "../optim/kernels/wasm.js";
import { fromBase64 } from "../util/base64.js";
import { own } from "../util/record.js";
import type { CutStep, Factors, RowSum } from "./cut-step.js";
import { cutStep } from "./cut-step.js";
import type { StateTypes, TrainingStep } from "./step.js";
import { gradientName } from "./step.js";
import type { KernelCall, UpdateThreads } from "./update-threads.js";

/** Numbers in a vector of the kernel. */
const LANES = 4;
const PAGE_BYTES = 2 ** 16;
/** Parameters go into another memory from this many bytes on: one holds at most 4 GiB. */
const MEMORY_BYTES = 2 ** 30;

/** An array in the kernel's memory. */
interface Place {
  readonly name: string;
  readonly dtype: "float32" | "uint8";
  readonly shape: readonly number[];
}

/** The parts of a parameter: it, its slots, its gradients (two that take turns where batches are summed), by the state's names. */
interface Entry {
  readonly path: string;
  readonly places: readonly Place[];
}

/** One memory with the kernel on it, and what codes of 8 bits need of it: see `LAYOUT`. */
interface Bank {
  readonly memory: WebAssembly.Memory;
  readonly kernels: UpdateKernels;
}

/** Blocks of codes that are worked on at once, and slots of an optimizer at most. */
const [CHUNK, MOST_SLOTS] = [8, 3];

/** Bytes of a table of codes. */
const TABLE_BYTES = Math.ceil((8 * CODE_ENTRIES) / 16) * 16;

/** Addresses of what state in 8 bits needs: values and tables of the codes, signed and never negative, and numbers to work on. Address 0 stands for a slot that is not there. */
const LAYOUT = {
  values: [16, 16 + 1024],
  tables: [16 + 2048, 16 + 2048 + TABLE_BYTES],
  scratch: 16 + 2048 + 2 * TABLE_BYTES,
  end: 16 + 2048 + 2 * TABLE_BYTES + MOST_SLOTS * CHUNK * BLOCK * 4,
} as const;

const bytesOf = ({ dtype, shape }: Omit<Place, "name">): number => {
  const size = shape.reduce((n, d) => n * d, dtype === "uint8" ? 1 : 4);
  return Math.ceil(size / (LANES * 4)) * LANES * 4;
};

const entryBytes = ({ places }: Entry): number => places.reduce((sum, place) => sum + bytesOf(place), 0);

const modules = new Map<boolean, WebAssembly.Module>();

/** The kernel's module: for memory of one thread, or for one that threads share. */
function kernelModule(isShared: boolean): WebAssembly.Module {
  let module = modules.get(isShared);
  if (module === undefined) {
    module = new WebAssembly.Module(fromBase64(isShared ? SHARED_UPDATE_WASM : UPDATE_WASM) as BufferSource);
    modules.set(isShared, module);
  }
  return module;
}

function bankOf(entries: readonly Entry[], isShared: boolean): Bank {
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), LAYOUT.end);
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, ...(isShared ? { maximum: pages, shared: true } : {}) });
  const { exports } = new WebAssembly.Instance(kernelModule(isShared), { host: { memory } });
  const hasCodes = entries.some(({ places }) => places.some(({ dtype }) => dtype === "uint8"));
  for (const nonNegative of hasCodes ? ([0, 1] as const) : []) {
    new Float32Array(memory.buffer, LAYOUT.values[nonNegative], 256).set(codeValues(nonNegative === 1));
    const table = new DataView(memory.buffer, LAYOUT.tables[nonNegative], TABLE_BYTES);
    codeTable(nonNegative === 1).forEach(({ code, next }, i) => {
      table.setInt32(8 * i, code, true);
      table.setFloat32(8 * i + 4, next, true);
    });
  }
  return { memory, kernels: exports as unknown as UpdateKernels };
}

/** Entries in groups for a memory each. */
function* banks(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let group: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const more = entryBytes(entry);
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

/** A slot in 8 bits while it is worked on. */
interface Coded {
  readonly name: string;
  readonly codes: number;
  readonly scales: number;
  readonly scratch: number;
  readonly nonNegative: 0 | 1;
}

/** Numbers from which on an update is worth other threads, of which so many help: it is as fast as memory, which few of them fill. */
const [SHARED_FROM, MOST_OTHERS] = [2 ** 20, 3];
/** Vectors of a call that threads take: an array's part of 4 MiB. */
const CALL_VECTORS = 2 ** 18;

/** Functions of the kernel that write down what they are given. `add` gets their number. */
const recorded = (add: (kernel: number, given: readonly number[]) => void): UpdateKernels => {
  const [sgd, adam, rms, lion] = [0, 1, 2, 3].map(
    (kernel) =>
      (...given: readonly number[]) =>
        add(kernel, given),
  ) as [UpdateKernels["sgd"], UpdateKernels["adam"], UpdateKernels["rms"], UpdateKernels["lion"]];
  const none = (): never => {
    throw new RangeError("update: expected slots in float32, got codes");
  };
  return { sgd, adam, rms, lion, decode: none, encode: none };
};

/** State in the kernel's memory. Owned: dispose it. */
export class FlatState implements Disposable {
  readonly #cut: CutStep;
  readonly #optimizer: Optimizer;
  readonly #banks = new Map<string, Bank>();
  readonly #arrays = new Map<string, TensorData>();
  /** By path, for parameters whose slots are in 8 bits. */
  readonly #coded = new Map<string, readonly Coded[]>();
  readonly #memories: Bank[] = [];
  readonly #threads: UpdateThreads | undefined;

  /** `threads`: how many may take part in an update. */
  constructor(
    cut: CutStep,
    optimizer: Optimizer,
    types: StateTypes,
    { isSummed, threads }: { isSummed: boolean; threads: number },
  ) {
    this.#cut = cut;
    this.#optimizer = optimizer;
    const slots = new Map<string, string[]>();
    for (const [key, { path }] of types.slots) slots.set(path, [...(slots.get(path) ?? []), key]);
    const entries = [...cut.trained].map(([path, { dims }]): Entry => {
      const gradients = [gradientName(path), ...(isSummed ? [secondName(gradientName(path))] : [])];
      const places = [path, ...(slots.get(path) ?? []), ...gradients].map((name): Place => {
        const { dtype, shape } = types.slots.get(name) ?? { dtype: "float32", shape: dims };
        return { name, dtype: dtype as Place["dtype"], shape: shape as readonly number[] };
      });
      return { path, places };
    });
    const vectors = [...cut.trained.values()].map(({ size }) => Math.ceil(size / LANES));
    const isCoded = entries.some(({ places }) => places.some(({ dtype }) => dtype === "uint8"));
    const isWorth = threads > 1 && !isCoded && vectors.reduce((sum, n) => sum + n, 0) * LANES >= SHARED_FROM;
    const start = isWorth ? startUpdateThreads : undefined;
    for (const group of banks(entries)) this.#fill(group, start !== undefined);
    for (const { path } of entries) this.#findCoded(path, slots.get(path) ?? []);
    this.#threads = start?.({
      module: kernelModule(true),
      memories: this.#memories.map(({ memory }) => memory),
      most: vectors.reduce((sum, n) => sum + Math.ceil(n / CALL_VECTORS), 0),
      others: Math.min(threads - 1, MOST_OTHERS),
    });
  }

  #fill(group: readonly Entry[], isShared: boolean): void {
    const bank = bankOf(group, isShared);
    this.#memories.push(bank);
    let at: number = LAYOUT.end;
    for (const { path, places } of group) {
      this.#banks.set(path, bank);
      for (const place of places) {
        const { name, dtype, shape } = place;
        const size = shape.reduce((n, d) => n * d, 1);
        const data = new (dtype === "uint8" ? Uint8Array : Float32Array)(bank.memory.buffer, at, size);
        this.#arrays.set(name, { dtype, shape, data });
        at += bytesOf(place);
      }
    }
  }

  #findCoded(path: string, keys: readonly string[]): void {
    const { prefix = "", nonNegative } = this.#cut.rule;
    const coded = keys
      .filter((key) => this.#arrays.get(key)?.dtype === "uint8")
      .map((key, i): Coded => {
        const name = key.slice(prefix.length + 1, -path.length - 1);
        return {
          name,
          codes: this.#addressOf(key),
          scales: this.#addressOf(`${prefix}.${scaleName(name)}/${path}`),
          scratch: LAYOUT.scratch + i * CHUNK * BLOCK * 4,
          nonNegative: nonNegative.includes(name) ? 1 : 0,
        };
      });
    if (coded.length > 0) this.#coded.set(path, coded);
  }

  /** The address of an entry, 0 for one that is not there. */
  #addressOf(name: string): number {
    return this.#arrays.get(name)?.data.byteOffset ?? 0;
  }

  /** Where an entry of the state lies, or a parameter's gradient by its name; undefined for what lies elsewhere. */
  arrayOf(name: string): TensorData | undefined {
    return this.#arrays.get(name);
  }

  /** A gradient's second memory by the gradient's name, where batches are summed. */
  secondOf(name: string): TensorData | undefined {
    return this.#arrays.get(secondName(name));
  }

  /** Adds rows to a table's gradient: rows [I.., D] at indices [I..] of a table [V, D], negative ones from its end. */
  addRows({ path, hasRest }: RowSum, rows: TensorData, indices: TensorData): void {
    const gradient = this.#arrays.get(gradientName(path)) as TensorData;
    const [depth, width] = gradient.shape as [number, number];
    const [sums, added] = [gradient.data as Float32Array, rows.data as Float32Array];
    if (!hasRest) sums.fill(0);
    for (let i = 0; i < indices.data.length; i++) {
      const index = Number(indices.data[i]);
      const to = (index < 0 ? index + depth : index) * width;
      const from = i * width;
      for (let k = 0; k < width; k++) sums[to + k] = (sums[to + k] as number) + (added[from + k] as number);
    }
  }

  /** Updates every parameter and its slots. `gradientAt` tells where a gradient lies now, `factors` what it is multiplied by. */
  update(
    scalars: Readonly<Record<string, number>>,
    factorsOf: (path: string) => { readonly scale: number; readonly decay: number },
    gradientAt: (path: string) => TensorData,
  ): void {
    const { rule, trained } = this.#cut;
    const calls: KernelCall[] = [];
    for (const [path, p] of trained) {
      const flat = {
        w: this.#addressOf(path),
        g: gradientAt(path).data.byteOffset,
        slot: (name: string): number => this.#addressOf(`${rule.prefix}.${name}/${path}`),
        vectors: Math.ceil(p.size / LANES),
        ...factorsOf(path),
      };
      const bank = this.#banks.get(path) as Bank;
      const settings = this.#optimizer.settings(path);
      const coded = this.#coded.get(path);
      if (this.#threads !== undefined) {
        const memory = this.#memories.indexOf(bank);
        const kernels = recorded((kernel, given) => calls.push([memory, kernel, ...given]));
        for (const part of inCalls(flat)) rule.run(kernels, part, scalars, settings);
      } else if (coded === undefined) rule.run(bank.kernels, flat, scalars, settings);
      else for (const part of inChunks(bank, flat, p.size, coded)) rule.run(bank.kernels, part, scalars, settings);
    }
    this.#threads?.run(calls);
  }

  [Symbol.dispose](): void {
    this.#threads?.[Symbol.dispose]();
  }
}

/** A parameter in parts that threads take. */
function* inCalls(flat: FlatParameter): Generator<FlatParameter> {
  const moved = (address: number, first: number): number => (address === 0 ? 0 : address + first * LANES * 4);
  for (let first = 0; first < flat.vectors; first += CALL_VECTORS)
    yield {
      ...flat,
      w: moved(flat.w, first),
      g: moved(flat.g, first),
      slot: (name) => moved(flat.slot(name), first),
      vectors: Math.min(CALL_VECTORS, flat.vectors - first),
    };
}

/** A parameter in parts, whose slots are numbers while a part is looked at and codes behind it. */
function* inChunks(
  { memory, kernels }: Bank,
  flat: FlatParameter,
  size: number,
  coded: readonly Coded[],
): Generator<FlatParameter> {
  const scratch = new Map(coded.map((each) => [each.name, each.scratch]));
  const slot = (name: string): number => scratch.get(name) ?? 0;
  const perChunk = (CHUNK * BLOCK) / LANES;
  for (let first = 0; first < flat.vectors; first += perChunk) {
    const vectors = Math.min(perChunk, flat.vectors - first);
    const blocks = Math.ceil((vectors * LANES) / BLOCK);
    const at = first * LANES;
    const left = Math.min(CHUNK * BLOCK, size - at);
    const scales = (at / BLOCK) * 4;
    for (const c of coded) kernels.decode(c.codes + at, c.scales + scales, LAYOUT.values[c.nonNegative], c.scratch, blocks);
    yield { ...flat, w: flat.w + at * 4, g: flat.g + at * 4, slot, vectors };
    for (const c of coded) {
      // Behind the last number is nothing, whatever a slot began with.
      if (left < blocks * BLOCK) new Float32Array(memory.buffer, c.scratch + left * 4, blocks * BLOCK - left).fill(0);
      kernels.encode(c.scratch, c.codes + at, c.scales + scales, LAYOUT.tables[c.nonNegative], 1 - c.nonNegative, blocks);
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
  return asked !== true && numbers < IN_PLACE_FROM ? undefined : cut;
}

/** The kernel for a step, where it has one and gains by it, or is asked for, in at most so many threads. */
export function inPlaceFor(step: TrainingStep, asked: boolean | undefined, threads: number): InPlace | undefined {
  const cut = cutFor(step, asked);
  if (cut === undefined) return undefined;
  return { cut, flat: new FlatState(cut, step.optimizer, step.types, { isSummed: (step.accumulate ?? 1) > 1, threads }) };
}
