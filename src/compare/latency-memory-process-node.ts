/**
 * @module The process that measures one model: it opens the file, answers one row at a time and 32 at once, and reports.
 */
import { openEnergyMeter, WATTS_PER_CORE } from "../cost/energy-node.js";
import { loadOnnx } from "../data/onnx-node.js";
import type { TensorData } from "../graph/index.js";
import { fromNumbers, toNumbers } from "../graph/index.js";
import { quantile } from "../metrics/index.js";
import { peakMemoryMiB } from "../run/progress-node.js";
import { compile } from "../runtime/index.js";
import type { Executable } from "../runtime/index.js";
import type { Latency, UseFigures } from "./figures.js";
import type { UseReply, UseRequest } from "./latency-memory-node.js";
import { received } from "./latency-memory-node.js";

/** Runs before any is counted; runs at least and at most; and the time that is enough. */
const [WARM_UP, LEAST, MOST, ENOUGH_MS] = [5, 30, 2000, 1500];

type Feeds = Readonly<Record<string, TensorData>>;

/** The first row of each column. */
const firstRow = (feeds: Feeds): Feeds =>
  Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, shape, data }]) => {
      const [count = 1, ...rest] = shape;
      const all = toNumbers({ dtype, shape, data });
      return [name, fromNumbers(dtype, [1, ...rest], all.subarray(0, all.length / count))];
    }),
  );

/** Times of runs in milliseconds, sorted. */
async function timesOf(session: Executable, feeds: Feeds): Promise<Float64Array> {
  for (let i = 0; i < WARM_UP; i++) await session.call(feeds);
  const times: number[] = [];
  const began = performance.now();
  while (times.length < LEAST || (times.length < MOST && performance.now() - began < ENOUGH_MS)) {
    const start = performance.now();
    await session.call(feeds);
    times.push(performance.now() - start);
  }
  return Float64Array.from(times).sort();
}

const latencyOf = (times: Float64Array): Latency => ({ p50: quantile(times, 0.5), p95: quantile(times, 0.95) });

async function figuresOf({ file, columns, threads }: UseRequest): Promise<UseFigures> {
  const before = process.memoryUsage().rss / 2 ** 20;
  await using session = await compile(await loadOnnx(file), threads === undefined ? {} : { threads });
  const feeds = Object.fromEntries(
    session.inputs.map((name) => [name, received(columns[name] as UseRequest["columns"][string])]),
  );
  const many = await timesOf(session, feeds);
  const meter = openEnergyMeter();
  meter?.read();
  const cpu = process.cpuUsage();
  const one = await timesOf(session, firstRow(feeds));
  const { user, system } = process.cpuUsage(cpu);
  const joules = meter?.read();
  const answers = one.length + WARM_UP;
  const modelled = ((user + system) / 1e6) * WATTS_PER_CORE;
  return {
    one: latencyOf(one),
    many: latencyOf(many),
    memoryMiB: Math.max(0, peakMemoryMiB() - before),
    joulesPer1000: (1000 * (joules ?? modelled)) / answers,
    energy: joules === undefined ? "modelled" : "measured",
  };
}

process.once("message", (request: UseRequest) => {
  figuresOf(request)
    .catch((error: unknown): UseReply => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((reply: UseReply) => process.send?.(reply))
    .catch(() => process.exit(1));
});
