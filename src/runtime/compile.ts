/**
 * @module A graph made executable: lowered for a device, checked, written as ONNX, and given to the engine. Executables
 * are cached by what they compute, so that equal graphs share one session.
 */
import { platformRuntime, defaultThreads } from "#platform";
import type { Tensor, TensorData, TensorType } from "../graph/index.js";
import { byteSize, FreeDimensionError, Graph, isLeaf, isStatic, mergeCommonSubexpressions } from "../graph/index.js";
import {
  encodeModel,
  graphToModel,
  type ModelProto,
  OnnxModel,
  withUniversalLocale,
  type OnnxSource,
  sourceOf,
} from "../onnx/index.js";
import {
  bindGraph,
  blockChannels,
  foldNorms,
  fuseGraph,
  lowerGraph,
  removeEmpty,
  simplifyGraph,
  sumProducts,
  verifyGraph,
} from "../ops/index.js";
import { SessionError } from "../util/errors.js";
import { channelBlock } from "./channel-block.js";
import { cachedSession } from "./cache.js";
import { foldBlocks } from "./fold-blocks.js";
import { resolveDevice } from "./device.js";
import { Executable } from "./executable.js";
import { maySaturate } from "./integer-products.js";
import { FileSession, refusedFile } from "./refused.js";
import { clashing, RenamingSession } from "./renaming.js";
import type { Device, DeviceChoice, Runtime, Session, SessionOptions } from "./runtime.js";
import { SpecializingSession } from "./specialize.js";
import { sum } from "../util/vectors.js";

/** Options of `compile`: device, threads, engine, sizes of symbols, values of parameters, outputs that stay on the device. */
export interface CompileOptions extends Pick<
  SessionOptions,
  "threads" | "deviceOutputs" | "requireDevice" | "spin" | "aside" | "inPlace" | "exactIntegers" | "profile"
> {
  readonly device?: DeviceChoice;
  /** The engine; left out, this platform's. */
  readonly runtime?: Runtime;
  /** Numbers for free dimensions. */
  readonly bindings?: ReadonlyMap<string, number>;
  /** Paths of parameters; left out, `parameter0`, … in trace order. */
  readonly names?: ReadonlyMap<Tensor, string>;
  /** Values of parameters that become constants: faster, for a graph that is used without being trained. */
  readonly values?: ReadonlyMap<Tensor, TensorData>;
  /** Whether the engine keeps memory from run to run; left out, decided by the size of the graph's values, as far as it is known. */
  readonly arena?: boolean;
  /** Folds known weights into blocks for gradients of convolutions, which is faster; norms are folded as `foldNorms` does. */
  readonly foldsGradients?: boolean | undefined;
  /** Changes the file that the engine is given: for kernels of quantized weights, which graphs have no ops for. */
  readonly rewrite?: (file: ModelProto) => ModelProto;
}

/** The passes between a traced graph and the engine's, in order. `block`: channels in a block of the engine's kernels, 1 for none. */
export function prepareGraph(graph: Graph, device: Device, bindings: ReadonlyMap<string, number> = new Map(), block = 1): Graph {
  const bound = removeEmpty(bindGraph(graph, bindings));
  const merged = sumProducts(mergeCommonSubexpressions(simplifyGraph(bound)));
  const lowered = lowerGraph(blockChannels(merged, block), device);
  const fused = fuseGraph(mergeCommonSubexpressions(lowered), device);
  // Fusion gives portable nodes with a kernel on the device; whatever it made is lowered like the rest.
  return verifyGraph(mergeCommonSubexpressions(lowerGraph(fused, device)), `lowering for ${device}`);
}

/** Names for parameters without one. */
function completeNames(graph: Graph, names: CompileOptions["names"], prefix = "parameter"): ReadonlyMap<Tensor, string> {
  const complete = new Map(names);
  graph.parameters.forEach((t, i) => {
    if (!complete.has(t)) complete.set(t, `${prefix}${i}`);
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

/**
 * From this many bytes of results on, all nodes' together, the engine makes room for each as it goes. Laid out in one block before the run, they take
 * that block besides what the arena keeps from the first run: a training step of EfficientNet-Lite0 at 224², batch 8, took 1,756 MiB so and 1,049
 * without, and no longer.
 */
const PATTERN_BYTES = 2 ** 30;

const CONVOLUTIONS: ReadonlySet<string> = new Set(["Conv", "ConvInputGradient", "ConvWeightGradient"]);

const isConvolving = (graph: Graph): boolean => graph.nodes.some((node) => CONVOLUTIONS.has(node.op));

/** Sizes of a graph's results. */
const resultSizes = (prepared: Graph): number[] =>
  prepared.nodes.flatMap((node) => (isLeaf(node) ? [] : node.outputs.map(byteSize)));

/** Chooses the engine's memory for a graph: `prepared` is what runs, `convolves` whether it was made of convolutions. */
function memoryOptions(prepared: Graph, convolves: boolean): Pick<SessionOptions, "arena" | "arenaBytes" | "memoryPattern"> {
  const sizes = resultSizes(prepared);
  const total = sum(sizes);
  const arena = convolves ? sizes.some((bytes) => bytes >= CONVOLVING_ARENA_BYTES) : total >= ARENA_BYTES;
  // Sizes that hang on values come last, and are small: boxes that are kept, of all that were scored.
  const isKnown = prepared.inputs.every((t) => isStatic(t.shape));
  return { arena, arenaBytes: arena && isKnown ? total : undefined, memoryPattern: total < PATTERN_BYTES };
}

/**
 * How many times the live values of a graph the process takes at the peak, beside what it has. Measured as growth of the largest resident memory over four steps
 * of AdamW, an MLP 16-256-256-3 with batches of 12,000 to 48,000: 0.93 to 1.08 in the shared arena; 0.8 to 1.3 without an arena.
 */
export const MEMORY_FACTOR = 1.3;

/**
 * Makes a graph executable. Free dimensions stay free where the nodes allow it; where one has to know them, the graph is compiled for the
 * lengths of each run that come new (`specialize.ts`). A model of a file, and a graph that is just that of a file with the file's own values,
 * is opened by the engine as the file that it is. Errors: SessionError if the engine or the device refuses it.
 * Outputs have the shapes of their tensors, with free dimensions as the run's inputs give them.
 *
 * @example
 * import { compile, input, symbol } from "descentjs";
 * const x = input("x", [symbol("N"), 2]);
 * const double = await compile({ y: x.mul(2) });
 * const { y } = await double.call({ x: { dtype: "float32", shape: [1, 2], data: Float32Array.of(3, 4) } });
 * console.log(y?.data); // Float32Array(2) [ 6, 8 ]
 * await double.dispose();
 */
export async function compile(
  what: Graph | OnnxModel | Readonly<Record<string, Tensor>>,
  options: CompileOptions = {},
): Promise<Executable> {
  const runtime = options.runtime ?? (await platformRuntime());
  const device = await resolveDevice(runtime, options.device);
  const settled = { ...options, runtime, device };
  if (what instanceof OnnxModel) return openModel(what, settled);
  const whole = what instanceof Graph ? what : new Graph(what);
  const opened = await openSource(whole, settled);
  if (opened !== undefined) return opened;
  const bound = options.bindings === undefined ? whole : bindGraph(whole, options.bindings);
  const names = completeNames(bound, options.names);
  try {
    return await compileFor(bound, { ...settled, names });
  } catch (error) {
    if (!(error instanceof FreeDimensionError)) throw error;
    const { values = new Map<Tensor, TensorData>() } = options;
    const given = bound.parameters.filter((t) => !values.has(t)).map((t) => names.get(t) as string);
    const session = new SpecializingSession(bound, device, [...bound.inputs.map(inputName), ...given], (lengths) =>
      compileFor(bindGraph(bound, lengths), { ...settled, names }),
    );
    const release = (): Promise<void> => session[Symbol.asyncDispose]();
    const types = typesOf(bound.inputs, names);
    return new Executable({ graph: bound, traced: bound, runtime, session, types, release, inPlace: options.inPlace });
  }
}

type Settled = CompileOptions & { readonly runtime: Runtime; readonly device: Device };

const inputName = (t: Tensor): string => String(t.node.attributes["name"]);

/** Names and types of the tensors to feed: inputs and parameters. */
const typesOf = (inputs: readonly Tensor[], names: ReadonlyMap<Tensor, string>): [string, Tensor][] => [
  ...inputs.map((t): [string, Tensor] => [inputName(t), t]),
  ...[...names].map(([t, name]): [string, Tensor] => [name, t]),
];

type MemoryOptions = ReturnType<typeof memoryOptions>;

/**
 * How the engine gets memory for a file, of whose results nothing is known. On the CPU it keeps it from run to run: the C library's heap falls apart where runs take
 * it from several threads. After 1,000 runs of 32 pictures a LeNet-5 held 662 MiB so and 100 with the arena, a linear model over gradients 1,061 and 104;
 * MobileNetV3, 32 images, took 122 ms of the processor and 80.
 */
const fileMemory = (device: Device): MemoryOptions => ({ arena: device === "cpu", memoryPattern: true });

const sessionOptions = (
  { device, threads = defaultThreads(), deviceOutputs, requireDevice, spin, aside, inPlace, profile, arena, ...rest }: Settled,
  memory: MemoryOptions,
  file: ModelProto,
): SessionOptions => {
  const exactIntegers = rest.exactIntegers ?? maySaturate(file);
  const taken = { device, threads, deviceOutputs, requireDevice, spin, aside, inPlace, exactIntegers, profile };
  return { ...taken, ...memory, ...(arena !== undefined && { arena, arenaBytes: undefined }) };
};

/** The engine's graph, and the numbers of its constants. Where weights are constants the engine finds blocks by itself, but not through a gradient's nodes. */
async function preparedFor(
  whole: Graph,
  convolves: boolean,
  { runtime, device, values, ...options }: Settled,
): Promise<{ readonly prepared: Graph; readonly values: CompileOptions["values"] }> {
  const isGradient = options.foldsGradients === true && whole.nodes.some((node) => node.op === "ConvInputGradient");
  const isBlocked = convolves && device === "cpu" && (values === undefined || isGradient);
  const block = isBlocked ? await channelBlock(runtime) : 1;
  const folded = values !== undefined && isGradient ? foldNorms(whole, (t) => values.has(t)) : whole;
  const prepared = prepareGraph(folded, device, undefined, block);
  if (values === undefined || block === 1) return { prepared, values };
  const blocks = await foldBlocks(prepared, values, async (graph, known) => {
    const names = completeNames(graph, undefined);
    await using executable = await compileFor(graph, { runtime, device, threads: options.threads, names });
    return await executable.call(Object.fromEntries([...names].map(([t, name]) => [name, known.get(t) as TensorData])));
  });
  return { prepared: blocks.graph, values: blocks.values };
}

/** Makes a graph executable as it is. Errors: FreeDimensionError where a node has to know a dimension that is free. */
async function compileFor(whole: Graph, options: Settled & { readonly names: ReadonlyMap<Tensor, string> }): Promise<Executable> {
  const { runtime } = options;
  const convolves = isConvolving(whole);
  const { prepared, values } = await preparedFor(whole, convolves, options);
  const names = completeNames(prepared, options.names, "weights in blocks ");
  // Inputs that only tell a free dimension are given all the same.
  const kept = new Set(prepared.inputs.map(inputName));
  const sizing = whole.inputs.filter((t) => !isStatic(t.shape) && !kept.has(inputName(t)));
  const fed = new Map([...names].filter(([t]) => values?.has(t) !== true));
  const renamed = clashing(whole.outputs.keys(), new Set([...whole.inputs.map(inputName), ...fed.values()]));
  const written = renamed.size === 0 ? prepared : withOutputNames(prepared, renamed);
  const plain = graphToModel(written, { names, values, inputs: sizing });
  const file = options.rewrite?.(plain) ?? plain;
  const settings = sessionOptions(options, memoryOptions(prepared, convolves), file);
  const made = await cachedSession(runtime, encodeModel(file), settings);
  const session = renamed.size === 0 ? made.session : new RenamingSession(made.session, renamed);
  const types = typesOf([...whole.inputs, ...prepared.inputs], fed);
  return new Executable({
    graph: prepared,
    traced: whole,
    runtime,
    session,
    types,
    release: made.release,
    inPlace: options.inPlace,
  });
}

const withOutputNames = (graph: Graph, names: ReadonlyMap<string, string>): Graph =>
  new Graph(new Map([...graph.outputs].map(([name, t]) => [names.get(name) ?? name, t])));

// --- files as they are ------------------------------------------------------------------------------------------------

/** The engine on a file. Errors: SessionError where it refuses it, or cannot open files here. */
async function openFile(
  source: OnnxSource,
  options: Settled,
  memory: MemoryOptions,
  texts = false,
): Promise<{ readonly session: Session; readonly release: () => Promise<void> }> {
  const { runtime } = options;
  if (typeof source.file === "string" && !runtime.opensFiles)
    throw new SessionError(`engine: expected a model's bytes, got the path ${source.file}, which it cannot open here`);
  const session = await runtime.createSession(source.file, { ...sessionOptions(options, memory, source.proto), texts });
  let released: Promise<void> | undefined;
  return { session, release: () => (released ??= Promise.resolve(session[Symbol.asyncDispose]())) };
}

/** A graph that was read from a file, as that file; undefined where it is not, or no longer, exactly what is asked for. */
async function openSource(graph: Graph, options: Settled): Promise<Executable | undefined> {
  const source = sourceOf(graph);
  const isWhole = source !== undefined && options.values === source.values && options.bindings === undefined;
  if (!isWhole || options.device !== "cpu" || !source.isCurrent()) return undefined;
  if (typeof source.file === "string" && !options.runtime.opensFiles) return undefined;
  try {
    const { session, release } = await openFile(source, options, memoryOptions(graph, isConvolving(graph)));
    const types = typesOf(graph.inputs, new Map());
    return new Executable({ graph, traced: graph, runtime: options.runtime, session, types, release, inPlace: options.inPlace });
  } catch (error) {
    // What the engine lacks may be expressed in ops that it has.
    if (error instanceof SessionError) return undefined;
    throw error;
  }
}

/** Matches the engine's error for a locale that the system does not know. */
const LOCALE = /locale/;

async function openModel(model: OnnxModel, options: Settled): Promise<Executable> {
  const declared = [...model.declaredInputs.values(), ...model.declaredOutputs.values()];
  const texts = declared.some(({ dtype }) => dtype === "string");
  const { session, release } = await openFile(model.source, options, fileMemory(options.device), texts).catch(
    async (error: unknown) => {
      // A locale that this machine lacks: one that every machine has changes letters in the same way.
      const other = error instanceof SessionError && LOCALE.test(error.message) ? withUniversalLocale(model.proto) : undefined;
      if (other === undefined) throw refusedFile(error, model);
      return openFile({ ...model.source, file: encodeModel(other) }, options, fileMemory(options.device), texts);
    },
  );
  const types = [...model.declaredInputs].flatMap(([name, { dtype, shape }]): [string, TensorType][] =>
    dtype === undefined || shape === undefined ? [] : [[name, { dtype, shape }]],
  );
  const graph = new Graph({});
  return new Executable({
    graph,
    traced: graph,
    runtime: options.runtime,
    session: new FileSession(session, model.where),
    types,
    release,
    inPlace: options.inPlace,
  });
}

/**
 * Computes tensors and returns their values: the eager mode. Feeds and values have the shapes of the tensors of those names; data are row-major. ShapeError or DTypeError for others.
 *
 * @example
 * import { evaluate, tensor } from "descentjs";
 * const x = tensor([1, 2, 3]);
 * const { sum, product } = await evaluate({ sum: x.sum(), product: x.prod() });
 * console.log(sum.data, product.data); // Float32Array(1) [ 6 ] Float32Array(1) [ 6 ]
 */
export async function evaluate<T extends Readonly<Record<string, Tensor>>>(
  outputs: T,
  feeds: Readonly<Record<string, TensorData>> = {},
  options: CompileOptions = {},
): Promise<{ [K in keyof T]: TensorData }> {
  await using executable = await compile(outputs, options);
  return (await executable.call(feeds)) as { [K in keyof T]: TensorData };
}
