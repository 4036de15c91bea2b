/**
 * @module Measures the rates of a machine through the engine, in a few seconds: products, convolutions, memory, functions, and a node's own overhead.
 */
import type { Tensor } from "../graph/index.js";
import { input, sizeOf, staticShape } from "../graph/index.js";
import { conv } from "../ops/index.js";
import type { Device, DeviceChoice } from "../runtime/index.js";
import { compile, platformRuntime, resolveDevice } from "../runtime/index.js";
import type { Machine } from "./machine.js";

/** Seconds that a probe may take in a round. Rounds lie apart, so that other work on the machine does not slow a probe in all of them. */
const PROBE_SECONDS = 0.1;
const ROUNDS = 3;
const FEWEST_RUNS = 4;

/** Work of a few milliseconds, since longer ones are interrupted each time on a busy machine. */
interface Probe {
  readonly outputs: Tensor;
  /** The work of one run, in the unit of the rate. */
  readonly amount: number;
}

/** A chain of applications, so that the overhead of a run is spread over them. */
function repeated(x: Tensor, times: number, apply: (t: Tensor, i: number) => Tensor): Tensor {
  let y = x;
  for (let i = 0; i < times; i++) y = apply(y, i);
  return y;
}

/** Takes and gives a tensor of one shape, with an operand besides. */
function chained(
  shape: readonly number[],
  operand: readonly number[],
  times: number,
  apply: (x: Tensor, w: Tensor) => Tensor,
): Tensor {
  const w = input("w", operand);
  return repeated(input("x", shape), times, (x) => apply(x, w));
}

function probes(): Readonly<Record<Exclude<keyof Machine, "device" | "threads">, Probe>> {
  const product = (side: number, times: number): Probe => ({
    outputs: chained([side, side], [side, side], times, (x, w) => x.matMul(w)),
    amount: 2 * times * side ** 3,
  });
  const added = (size: number, times: number): Probe => ({
    outputs: chained([size], [size], times, (x, w) => x.add(w)),
    amount: 3 * 4 * size * times,
  });
  const images = [2, 64, 28, 28] as const;
  const convolution = (groups: number): Probe => ({
    outputs: chained(images, [64, 64 / groups, 3, 3], 2, (x, w) => conv(x, w, { padding: 1, groups })),
    amount: 2 * 2 * sizeOf(images) * (64 / groups) * 9,
  });
  const [rows, columns] = [512, 1024];
  return {
    productFlops: product(512, 1),
    smallProductFlops: product(128, 8),
    convolutionFlops: convolution(1),
    depthwiseFlops: convolution(64),
    memoryBandwidth: added(2 ** 22, 1),
    cacheBandwidth: added(2 ** 16, 32),
    // With a product after each, or two in a row would cancel out.
    transposeBandwidth: {
      outputs: chained([4, rows, columns], [1], 3, (x, w) => x.swapAxes(-1, -2).mul(w)),
      amount: 2 * 4 * 4 * rows * columns * 3,
    },
    functionRate: { outputs: repeated(input("x", [2 ** 16]), 4, (x) => x.tanh()), amount: 4 * 2 ** 16 },
    nodeSeconds: { outputs: chained([1], [1], 256, (x, w) => x.add(w)), amount: 256 },
  };
}

/** The least seconds of a run, over runs that take as long as a probe may. */
async function leastSeconds(
  { outputs }: Probe,
  options: { readonly device: Device; readonly threads?: number | undefined },
): Promise<number> {
  await using executable = await compile({ y: outputs }, options);
  const { runtime } = executable;
  const feeds = Object.fromEntries(
    executable.graph.inputs.map((t) => {
      const shape = staticShape(t.shape, "machine");
      const data = new Float32Array(sizeOf(shape)).fill(0.01);
      return [String(t.node.attributes["name"]), runtime.upload({ dtype: "float32", shape, data })];
    }),
  );
  const into = { y: runtime.allocate("float32", staticShape(outputs.shape, "machine")) };
  const onHost = executable.device === "cpu" || executable.device === "wasm";
  let least = Infinity;
  const end = performance.now() + PROBE_SECONDS * 1000;
  for (let i = 0; i < FEWEST_RUNS || performance.now() < end; i++) {
    const start = performance.now();
    const { y } = await executable.run(feeds, onHost ? into : undefined);
    if (!onHost && y !== undefined) await runtime.read(y);
    // The first run makes room.
    if (i > 0) least = Math.min(least, performance.now() - start);
    if (!onHost) y?.[Symbol.dispose]();
  }
  for (const value of [...Object.values(feeds), into.y]) value[Symbol.dispose]();
  return least / 1000;
}

/** Measures this machine, in about three seconds: the best of many runs of each probe. */
export async function measureMachine(options: { readonly device?: DeviceChoice; readonly threads: number }): Promise<Machine> {
  const { threads } = options;
  const device = await resolveDevice(await platformRuntime(), options.device);
  const rates: Partial<Record<keyof Machine, number>> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, probe] of Object.entries(probes()) as [Exclude<keyof Machine, "device" | "threads">, Probe][]) {
      const seconds = await leastSeconds(probe, { device, threads });
      const rate = name === "nodeSeconds" ? seconds / probe.amount : probe.amount / seconds;
      const best = name === "nodeSeconds" ? Math.min : Math.max;
      rates[name] = best(rate, rates[name] ?? rate);
    }
  }
  return { device, threads, ...rates } as Machine;
}
