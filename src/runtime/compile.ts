/**
 * @module A graph made executable: lowered for a device, checked, written as ONNX, and given to the engine. Executables
 * are cached by what they compute, so that equal graphs share one session.
 */
import { platformRuntime, defaultThreads } from "#platform";
import type { Tensor, TensorData } from "../graph/index.js";
import {
  DTYPES,
  formatShape,
  FreeDimensionError,
  Graph,
  isLeaf,
  isStatic,
  mergeCommonSubexpressions,
  sizeOf,
} from "../graph/index.js";
import { exportGraph } from "../onnx/index.js";
import { bindGraph, blockChannels, fuseGraph, lowerGraph, simplifyGraph, verifyGraph } from "../ops/index.js";
import { DTypeError, ShapeError } from "../util/errors.js";
import { unknownName } from "../util/nearest.js";
import { channelBlock } from "./channel-block.js";
import { cachedSession } from "./cache.js";
import { resolveDevice } from "./device.js";
import { nodesWithoutKernel } from "./kernels.js";
import type { Device, DeviceChoice, Runtime, Session, Value } from "./runtime.js";
import { SpecializingSession } from "./specialize.js";

export interface CompileOptions {
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** The engine; left out, this platform's. */
  readonly runtime?: Runtime;
  /** Numbers for free dimensions. */
  readonly bindings?: ReadonlyMap<string, number>;
  /** Paths of parameters; left out, `parameter0`, … in trace order. */
  readonly names?: ReadonlyMap<Tensor, string>;
  /** Numbers of parameters that become constants: faster, for a graph that is used without being trained. */
  readonly values?: ReadonlyMap<Tensor, TensorData>;
  /** Outputs that stay on the device. */
  readonly deviceOutputs?: readonly string[];
  /** Refuse nodes that would fall back to the CPU. */
  readonly requireDevice?: boolean;
  readonly spin?: boolean;
  /** Whether the engine keeps memory from run to run; left out, by how much the graph's values take, as far as it is known. */
  readonly arena?: boolean;
  /** By output name, the input whose memory a run may write it into; see `SessionOptions`. */
  readonly inPlace?: Readonly<Record<string, string>>;
  readonly profile?: string;
}

/** A compiled graph. Owned: dispose it. */
export class Executable implements AsyncDisposable {
  readonly graph: Graph;
  readonly device: Device;
  readonly runtime: Runtime;
  /** By output name, the input whose memory a run may write it into. */
  readonly inPlace: Readonly<Record<string, string>>;
  /** Nodes that have no kernel on the device and run on the CPU, with copies both ways. */
  readonly fallbacks: readonly string[];
  readonly #session: Session;
  readonly #release: () => Promise<void>;
  readonly #types = new Map<string, Tensor>();

  constructor(
    graph: Graph,
    runtime: Runtime,
    session: Session,
    names: ReadonlyMap<Tensor, string>,
    release: () => Promise<void>,
    inPlace: Readonly<Record<string, string>> = {},
    sizing: readonly Tensor[] = [],
  ) {
    this.inPlace = inPlace;
    this.graph = graph;
    this.runtime = runtime;
    this.device = session.device;
    this.#session = session;
    this.#release = release;
    this.fallbacks = nodesWithoutKernel(graph, session.device);
    for (const t of [...sizing, ...graph.inputs]) this.#types.set(inputName(t), t);
    for (const [t, name] of names) this.#types.set(name, t);
  }

  get inputs(): readonly string[] {
    return this.#session.inputs;
  }

  get outputs(): readonly string[] {
    return this.#session.outputs;
  }

  /** Runs on values; nothing is checked or copied. What training steps use. */
  run(feeds: Readonly<Record<string, Value>>, into?: Readonly<Record<string, Value>>): Promise<Record<string, Value>> {
    return this.#session.run(feeds, into);
  }

  /** Runs on numbers, checked against the graph, and gives numbers back. */
  async call(feeds: Readonly<Record<string, TensorData>>): Promise<Record<string, TensorData>> {
    const values: Record<string, Value> = {};
    try {
      for (const [name, data] of Object.entries(feeds)) values[name] = this.runtime.upload(this.#checked(name, data));
      for (const name of this.inputs) {
        if (values[name] === undefined) throw new ShapeError(`run: expected a value for input "${name}", got none`);
      }
      const outputs = await this.run(values);
      const results: Record<string, TensorData> = {};
      for (const [name, value] of Object.entries(outputs)) {
        results[name] = await this.runtime.read(value);
        if (value.location === "device") value[Symbol.dispose]();
      }
      return results;
    } finally {
      for (const value of Object.values(values)) value[Symbol.dispose]();
    }
  }

  #checked(name: string, data: TensorData): TensorData {
    const type = this.#types.get(name);
    if (type === undefined) throw new ShapeError(`run: ${unknownName("input", name, this.inputs)}`);
    if (type.dtype !== data.dtype) throw new DTypeError(`run: input "${name}": expected ${type.dtype}, got ${data.dtype}`);
    const fits = type.rank === data.shape.length && type.shape.every((d, i) => typeof d !== "number" || d === data.shape[i]);
    if (!fits) throw new ShapeError(`run: input "${name}": expected ${formatShape(type.shape)}, got ${formatShape(data.shape)}`);
    if (!(data.data instanceof DTYPES[data.dtype].create(0).constructor)) {
      throw new DTypeError(`run: input "${name}": expected an array for ${data.dtype}, got ${data.data.constructor.name}`);
    }
    return data;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#release();
  }

  /** For code without `await using`. */
  dispose(): Promise<void> {
    return this.#release();
  }
}

/** The passes between a traced graph and the engine's, in order. `block`: channels in a block of the engine's kernels, 1 for none. */
export function prepareGraph(graph: Graph, device: Device, bindings: ReadonlyMap<string, number> = new Map(), block = 1): Graph {
  const bound = bindGraph(graph, bindings);
  const merged = mergeCommonSubexpressions(simplifyGraph(bound));
  const lowered = lowerGraph(blockChannels(merged, block), device);
  const fused = fuseGraph(mergeCommonSubexpressions(lowered), device);
  // Fusion gives portable nodes with a kernel on the device; whatever it made is lowered like the rest.
  return verifyGraph(mergeCommonSubexpressions(lowerGraph(fused, device)), `lowering for ${device}`);
}

/** Names for parameters that were given none. */
function completeNames(graph: Graph, names: ReadonlyMap<Tensor, string> | undefined): ReadonlyMap<Tensor, string> {
  const complete = new Map(names);
  graph.parameters.forEach((t, i) => {
    if (!complete.has(t)) complete.set(t, `parameter${i}`);
  });
  return complete;
}

/**
 * From this many bytes of results on, all nodes' together, the engine keeps memory from run to run. Without, the C library gives it back to the
 * system, and touching it anew costs more than computing: a training step of a small GPT took 41 ms without and 25 with it, that of a small MLP is 2 %
 * faster without.
 */
const ARENA_BYTES = 2 ** 25;

/**
 * Among convolutions one tensor of this size decides: ResNet-20, batch 128 (8 MiB), 274 ms without and 205 with it; the gradient to the weights
 * of 3×3 over [128, 64, 8, 8] (2 MiB) 2.02 and 1.68.
 */
const CONVOLVING_ARENA_BYTES = 2 ** 21;

const bytesOf = (t: Tensor): number => (isStatic(t.shape) ? sizeOf(t.shape) * DTYPES[t.dtype].bytes : 0);

const CONVOLUTIONS: ReadonlySet<string> = new Set(["Conv", "ConvInputGradient", "ConvWeightGradient"]);

const isConvolving = (graph: Graph): boolean => graph.nodes.some((node) => CONVOLUTIONS.has(node.op));

/** Whether memory is kept from run to run: `prepared` is what runs, `convolves` whether it was made of convolutions. */
function usesArena(prepared: Graph, convolves: boolean): boolean {
  const sizes = prepared.nodes.flatMap((node) => (isLeaf(node) ? [] : node.outputs.map(bytesOf)));
  if (convolves) return sizes.some((bytes) => bytes >= CONVOLVING_ARENA_BYTES);
  return sizes.reduce((sum, bytes) => sum + bytes, 0) >= ARENA_BYTES;
}

/**
 * How many times the memory of a graph's values the process takes at the peak: the engine's arena grows by doubling. Measured in control groups,
 * MLP 16-256-256-3 with batches of 12,000 to 48,000: 0.8 and 1.3 without the arena, 2.2 and 2.3 with it.
 */
export const memoryFactor = (graph: Graph, device: Device): number =>
  device === "cpu" && usesArena(prepareGraph(graph, device), isConvolving(graph)) ? 2.3 : 1.3;

/**
 * Makes a graph executable. Free dimensions stay free where the nodes allow it; where one has to know them, the graph is compiled for the
 * lengths of each run that come new (`specialize.ts`). Errors: SessionError if the engine or the device refuses it.
 */
export async function compile(
  graph: Graph | Readonly<Record<string, Tensor>>,
  options: CompileOptions = {},
): Promise<Executable> {
  const whole = graph instanceof Graph ? graph : new Graph(graph);
  const runtime = options.runtime ?? (await platformRuntime());
  const device = await resolveDevice(runtime, options.device ?? "cpu");
  const settled = { ...options, runtime, device };
  const bound = options.bindings === undefined ? whole : bindGraph(whole, options.bindings);
  const names = completeNames(bound, options.names);
  try {
    return await compileFor(bound, { ...settled, names });
  } catch (error) {
    if (!(error instanceof FreeDimensionError)) throw error;
    const { values = new Map<Tensor, TensorData>() } = options;
    const inputs = bound.inputs.map(inputName);
    const given = bound.parameters.filter((t) => !values.has(t)).map((t) => names.get(t) as string);
    const session = new SpecializingSession(bound, device, [...inputs, ...given], (lengths) =>
      compileFor(bindGraph(bound, lengths), { ...settled, names }),
    );
    return new Executable(bound, runtime, session, names, () => session[Symbol.asyncDispose](), options.inPlace);
  }
}

/** Makes a graph executable as it is. Errors: FreeDimensionError where a node has to know a dimension that is free. */
async function compileFor(
  whole: Graph,
  options: CompileOptions & { readonly runtime: Runtime; readonly device: Device; readonly names: ReadonlyMap<Tensor, string> },
): Promise<Executable> {
  const { runtime, device, names } = options;
  // Where weights are constants the engine does this by itself.
  const convolves = isConvolving(whole);
  const block = convolves && device === "cpu" && options.values === undefined ? await channelBlock(runtime) : 1;
  const prepared = prepareGraph(whole, device, undefined, block);
  // Inputs that only tell a free dimension are given all the same.
  const kept = new Set(prepared.inputs.map(inputName));
  const sizing = whole.inputs.filter((t) => !isStatic(t.shape) && !kept.has(inputName(t)));
  const model = exportGraph(prepared, { names, values: options.values, inputs: sizing });
  const { session, release } = await cachedSession(runtime, model, {
    device,
    threads: options.threads ?? defaultThreads(),
    deviceOutputs: options.deviceOutputs,
    requireDevice: options.requireDevice,
    spin: options.spin,
    arena: options.arena ?? usesArena(prepared, convolves),
    inPlace: options.inPlace,
    profile: options.profile,
  });
  return new Executable(prepared, runtime, session, names, release, options.inPlace, sizing);
}

const inputName = (t: Tensor): string => String(t.node.attributes["name"]);

/** Runs what the tensors need, and gives their numbers: all that "eager" means here. */
export async function evaluate<T extends Readonly<Record<string, Tensor>>>(
  outputs: T,
  feeds: Readonly<Record<string, TensorData>> = {},
  options: CompileOptions = {},
): Promise<{ [K in keyof T]: TensorData }> {
  await using executable = await compile(outputs, options);
  return (await executable.call(feeds)) as { [K in keyof T]: TensorData };
}
