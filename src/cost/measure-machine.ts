/**
 * @module Measures the rates of a machine through the engine, in a few seconds: products, convolutions, memory, functions, and a node's own overhead.
 */
import type { Tensor } from "../graph/index.js";
import { constant, fromNumbers, input, sizeOf, staticShape } from "../graph/index.js";
import { BatchNormTrain, conv, emit, maxPool } from "../ops/index.js";
import { channelBlock } from "../runtime/channel-block.js";
import type { Device, DeviceChoice, Value } from "../runtime/index.js";
import { compile, platformRuntime, resolveDevice } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { range } from "../util/range.js";
import type { Machine, Rate } from "./machine.js";

/** Seconds that a probe may take in a round. Rounds lie apart, so that other work on the machine does not slow a probe in all of them. */
const PROBE_SECONDS = 0.07;
const ROUNDS = 3;
const FEWEST_RUNS = 4;

const NOISE = Float32Array.from(
  { length: 2 ** 12 },
  (
    (random) => () =>
      0.01 * random.uniform()
  )(new Random("machine")),
);

/** Numbers that differ: where all were one, a maximum would be found without a branch that goes wrong. */
function noise(size: number): Float32Array<ArrayBuffer> {
  const data = new Float32Array(size);
  for (let at = 0; at < size; at += NOISE.length) data.set(NOISE.subarray(0, size - at), at);
  return data;
}

/** Work of a few milliseconds, since longer ones are interrupted each time on a busy machine. */
interface Probe {
  readonly outputs: readonly Tensor[];
  /** The work of one run, in the unit of the rate. */
  readonly amount: number;
}

/** Takes and gives a tensor of one shape, with an operand besides, so many times: the overhead of a run is spread over them. */
function chained(
  shape: readonly number[],
  operand: readonly number[],
  times: number,
  apply: (x: Tensor, w: Tensor) => Tensor,
): readonly [Tensor] {
  const w = input("w", operand);
  let y = input("x", shape);
  for (let i = 0; i < times; i++) y = apply(y, w);
  return [y];
}

/** A linear layer and its gradients: what training multiplies, in the three ways in which matrices lie. */
function products(): Probe {
  const [rows, inner, columns] = [512, 512, 1024];
  const [x, w] = [input("x", [rows, inner]), input("w", [inner, columns])];
  const y = x.matMul(w);
  return { outputs: [y.matMul(w.swapAxes(0, 1)), x.swapAxes(0, 1).matMul(y)], amount: 3 * 2 * rows * inner * columns };
}

function convolution(images: readonly number[], outChannels: number, groups = 1): Probe {
  const inChannels = images[1] as number;
  const w = input("w", [outChannels, inChannels / groups, 3, 3]);
  const y = conv(input("x", images), w, { padding: 1, groups });
  return { outputs: [y], amount: (2 * sizeOf(w.shape as number[]) * sizeOf(images)) / inChannels };
}

/** Sums of pairs of arrays, of which no cache holds all. */
function streams(pairs: number, size: number): Probe {
  const sum = (i: number): Tensor => input(`a${i}`, [size]).add(input(`b${i}`, [size]));
  return { outputs: range(0, pairs).map(sum), amount: 3 * 4 * size * pairs };
}

function slices(): Probe {
  const shape = [256, 64, 64] as const;
  const x = input("x", [256, 64, 66]);
  return { outputs: [0, 1, 2].map((i) => x.slice(2, i, i + 64)), amount: 3 * 2 * 4 * sizeOf(shape) };
}

function strides(): Probe {
  const [x, half] = [input("x", [64, 32, 64]), [64, 32, 32]];
  return { outputs: [0, 1].map((first) => x.slice(2, first, 64, 2)), amount: 2 * 2 * 4 * sizeOf(half) };
}

function normalization(): Probe {
  const images = [32, 48, 32, 32] as const;
  const perChannel = { scale: input("scale", [48]), bias: input("bias", [48]) };
  const y = emit(BatchNormTrain, [input("x", images), perChannel.scale, perChannel.bias], { epsilon: 1e-5 })[0] as Tensor;
  return { outputs: [y], amount: 2 * 4 * sizeOf(images) };
}

function pooling(): Probe {
  // With the places of the maxima, which training needs.
  const { outputs } = maxPool(input("x", [2, 64, 56, 56]), 3, { stride: 2, padding: 1 }).node;
  return { outputs, amount: 9 * sizeOf(staticShape((outputs[0] as Tensor).shape, "machine")) };
}

function scattering(): Probe {
  const [size, count] = [2 ** 20, 2 ** 18];
  const at = constant(
    fromNumbers(
      "int64",
      [count],
      range(0, count).map((i) => 3 * i),
    ),
  );
  return { outputs: [input("x", [size]).scatterElements(at, input("y", [count]), { reduction: "add" })], amount: count };
}

function probes(): Readonly<Record<Rate, Probe>> {
  const [rows, columns] = [512, 1024];
  return {
    productFlops: products(),
    smallProductFlops: { outputs: chained([128, 128], [128, 128], 8, (x, w) => x.matMul(w)), amount: 8 * 2 * 128 ** 3 },
    convolutionFlops: convolution([2, 64, 28, 28], 64),
    plainConvolutionFlops: convolution([4, 48, 32, 32], 12),
    depthwiseFlops: convolution([4, 64, 28, 28], 64, 64),
    memoryBandwidth: streams(5, 2 ** 20),
    cacheBandwidth: { outputs: chained([2 ** 16], [2 ** 16], 32, (x, w) => x.add(w)), amount: 32 * 3 * 4 * 2 ** 16 },
    copyBandwidth: slices(),
    strideBandwidth: strides(),
    // With a product after each, or two in a row would cancel out.
    transposeBandwidth: {
      outputs: chained([4, rows, columns], [1], 3, (x, w) => x.swapAxes(-1, -2).mul(w)),
      amount: 2 * 4 * 4 * rows * columns * 3,
    },
    normalizationBandwidth: normalization(),
    poolingRate: pooling(),
    scatterRate: scattering(),
    functionRate: { outputs: chained([2 ** 16], [1], 4, (x) => x.tanh()), amount: 4 * 2 ** 16 },
    nodeSeconds: { outputs: chained([1], [1], 256, (x, w) => x.add(w)), amount: 256 },
  };
}

/** The least seconds of a run, over runs that take as long as a probe may. */
async function leastSeconds(
  { outputs }: Probe,
  options: { readonly device: Device; readonly threads?: number | undefined },
): Promise<number> {
  const named = Object.fromEntries(outputs.map((t, i) => [`y${i}`, t]));
  await using executable = await compile(named, options);
  const { runtime } = executable;
  const feeds = Object.fromEntries(
    executable.graph.inputs.map((t) => {
      const shape = staticShape(t.shape, "machine");
      const data = noise(sizeOf(shape));
      return [String(t.node.attributes["name"]), runtime.upload({ dtype: "float32", shape, data })];
    }),
  );
  const into = Object.fromEntries(
    Object.entries(named).map(([name, t]) => [name, runtime.allocate(t.dtype, staticShape(t.shape, "machine"))]),
  );
  const onHost = executable.device === "cpu" || executable.device === "wasm";
  let least = Infinity;
  const end = performance.now() + PROBE_SECONDS * 1000;
  for (let i = 0; i < FEWEST_RUNS || performance.now() < end; i++) {
    const start = performance.now();
    const results = await executable.run(feeds, onHost ? into : undefined);
    if (!onHost) await runtime.read(results["y0"] as Value);
    // The first run makes room.
    if (i > 0) least = Math.min(least, performance.now() - start);
    if (!onHost) for (const value of Object.values(results)) value[Symbol.dispose]();
  }
  for (const value of [...Object.values(feeds), ...Object.values(into)]) value[Symbol.dispose]();
  return least / 1000;
}

/** Measures this machine, in about four seconds: the best of many runs of each probe. */
export async function measureMachine(options: { readonly device?: DeviceChoice; readonly threads: number }): Promise<Machine> {
  const { threads } = options;
  const runtime = await platformRuntime();
  const device = await resolveDevice(runtime, options.device);
  const rates: Partial<Record<Rate, number>> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, probe] of Object.entries(probes()) as [Rate, Probe][]) {
      const seconds = await leastSeconds(probe, { device, threads });
      const rate = name === "nodeSeconds" ? seconds / probe.amount : probe.amount / seconds;
      const best = name === "nodeSeconds" ? Math.min : Math.max;
      rates[name] = best(rate, rates[name] ?? rate);
    }
  }
  const block = device === "cpu" ? await channelBlock(runtime) : 1;
  return { device, threads, channelBlock: block, ...rates } as Machine;
}
