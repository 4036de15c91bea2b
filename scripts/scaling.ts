/**
 * @module `npm run scaling`: how trainings in several processes scale on this machine. `-- speed` times a GPT of 29.5 M parameters in 2 ranks of one
 * thread beside one process of two, the same batch, in turns; `-- predict` compares the model of docs/scaling.md with measured steps of 2 and 4 ranks.
 * `-- overlap` times 2 ranks whose gradients travel during the backward pass and after it, in shared memory and (as root) between two network
 * namespaces at 10 and 1 Gbit/s, and keeps it in a file (`--out benchmarks/scaling.json`). `-- model` prints the tables of docs/scaling.md. Needs Open MPI's `mpirun`, and a quiet machine.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { withoutLaunch } from "../src/parallel/index.js";
import { formatTable } from "../src/util/text.js";
import { makeHosts, onHosts, removeHosts } from "../test/e2e/two-hosts.js";
import { dataTable, splitTable } from "./scaling-model.js";
import type { RankTask, RankTimes } from "./scaling-rank.js";

const PROGRAM = fileURLToPath(new URL("./scaling-rank.js", import.meta.url));
const ROOT = { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" };

const wordsOf = (task: RankTask): string[] => [process.execPath, PROGRAM, JSON.stringify(task)];

/** Runs a task in so many ranks. */
function timesOf(ranks: number, task: RankTask): Promise<RankTimes> {
  const words = wordsOf(task);
  return ranks === 1
    ? timesFrom(words[0] as string, words.slice(1))
    : timesFrom("mpirun", ["--oversubscribe", "--bind-to", "none", "-n", String(ranks), ...words]);
}

function timesFrom(command: string, args: readonly string[]): Promise<RankTimes> {
  const child = spawn(command, args, { env: { ...withoutLaunch(process.env), ...ROOT }, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(JSON.parse(said) as RankTimes);
      else reject(new Error(`${command} ended with ${status}`));
    });
  });
}

const least = (values: readonly number[]): number => Math.min(...values);
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const ms = (value: number): string => `${value.toFixed(0)} ms`;

const GPT = { layers: 8, width: 512, vocabulary: 8192, length: 128 };
const ROUNDS = 3;

/** 2 ranks of a thread each beside a process of two threads. */
async function speed(): Promise<void> {
  const kinds = [
    { name: "1 process, 2 threads", ranks: 1, task: { threads: 2 } },
    { name: "2 ranks, 1 thread each", ranks: 2, task: { threads: 1 } },
    { name: "… with --shard-optimizer", ranks: 2, task: { threads: 1, shardOptimizer: true } },
  ];
  const times = kinds.map((): number[] => []);
  let parameters = 0;
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, { ranks, task }] of kinds.entries()) {
      const got = await timesOf(ranks, { model: GPT, batch: 8, steps: 4, ...task });
      times[i]?.push(...(got.stepMs ?? []));
      parameters = got.parameters ?? 0;
    }
  const one = least(times[0] ?? []);
  console.log(
    `GPT, ${(parameters / 1e6).toFixed(1)} M parameters, 8 sequences of ${GPT.length} tokens a step, ${ROUNDS} rounds in turns`,
  );
  console.log(
    formatTable(
      ["", "least", "median", "speed against 1 process"],
      kinds.map(({ name }, i) => {
        const own = times[i] ?? [];
        return [name, ms(least(own)), ms(median(own)), (one / least(own)).toFixed(2)];
      }),
    ),
  );
}

/** 2 ranks whose gradients travel during the backward pass, and after it, step by step in turns; kept in a file where one is named. */
async function overlap(out: string | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "descent-scaling-"));
  const task: RankTask = { model: GPT, batch: 8, steps: 14, threads: 1, overlapsInTurns: true };
  console.log(`GPT of 29.5 M parameters, 8 sequences of ${GPT.length} tokens a step, 2 ranks of one thread, steps in turns`);
  const rows: string[][] = [];
  const networks: Record<string, { readonly afterMs: readonly number[]; readonly duringMs: readonly number[] }> = {};
  const load = loadavg()[0];
  for (const megabits of [undefined, 10_000, 1000]) {
    const problem = megabits === undefined ? undefined : makeHosts(megabits);
    try {
      if (problem !== undefined) throw new Error(problem);
      const [command, args] = onHosts(folder, wordsOf(task));
      const got = await (megabits === undefined ? timesOf(2, task) : timesFrom(command, args));
      const [off, on] = [got.stepMs ?? [], got.overlappedMs ?? []];
      const network = megabits === undefined ? "shared memory" : `${megabits / 1000} Gbit/s, TCP`;
      rows.push([network, ...[least(off), median(off), least(on), median(on)].map(ms), (median(off) / median(on)).toFixed(2)]);
      networks[network] = { afterMs: off, duringMs: on };
    } finally {
      if (megabits !== undefined) removeHosts();
    }
  }
  rmSync(folder, { recursive: true, force: true });
  console.log(formatTable(["network", "after: least", "median", "during: least", "median", "speed (medians)"], rows));
  const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version, load };
  const date = new Date().toISOString().slice(0, 10);
  if (out !== undefined) writeFileSync(out, `${JSON.stringify({ date, ...machine, model: GPT, networks }, undefined, 2)}\n`);
}

const SMALL = { layers: 4, width: 256, vocabulary: 4096, length: 64 };
const BATCH = 16;

/** Milliseconds of a rank's own work when all cores do the same, without what it sends: several processes side by side. */
async function busyStep(batch: number, cores: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "descent-scaling-"));
  try {
    const files = Array.from({ length: cores }, (_, i) => join(folder, String(i)));
    const all = await Promise.all(
      files.map((ready, i) => {
        const waitFor = files[(i + 1) % cores] as string;
        return timesOf(1, { model: SMALL, batch, steps: 10, cut: true, ready, waitFor });
      }),
    );
    return median(all.flatMap(({ stepMs }) => stepMs ?? []));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Latency in ms and rate in values per ms of a sum over ranks, by least squares through sums of several lengths. */
async function sumModel(ranks: number): Promise<{ alpha: number; beta: number }> {
  const lengths = [2 ** 12, 2 ** 18, 2 ** 20, 2 ** 22];
  const { sumMs = {} } = await timesOf(ranks, { lengths });
  const points = Object.entries(sumMs).map(([name, values]) => [Number.parseInt(name, 10), median(values)] as const);
  // Weighted by 1/t²: a short sum counts as much as a long one.
  let [w, wx, wy, wxx, wxy] = [0, 0, 0, 0, 0];
  for (const [x, y] of points) {
    const weight = 1 / y ** 2;
    w += weight;
    wx += weight * x;
    wy += weight * y;
    wxx += weight * x * x;
    wxy += weight * x * y;
  }
  const slope = (w * wxy - wx * wy) / (w * wxx - wx * wx);
  return { alpha: Math.max(0, (wy - slope * wx) / w), beta: 1 / slope };
}

/** The step of N ranks as docs/scaling.md has it, beside the measured one. */
async function predict(): Promise<void> {
  const cores = availableParallelism();
  const rows: string[][] = [];
  for (const ranks of [2, 4]) {
    const { alpha, beta } = await sumModel(ranks);
    const busy = await busyStep(BATCH / ranks, Math.min(cores, ranks));
    const { stepMs = [], parameters = 0 } = await timesOf(ranks, { model: SMALL, batch: BATCH, steps: 12, threads: 1 });
    const compute = busy * Math.max(1, ranks / cores);
    const sum = alpha + parameters / beta;
    const measured = median(stepMs);
    const predicted = compute + sum;
    const apart = `${(100 * (predicted / measured - 1)).toFixed(0)} %`;
    rows.push([String(ranks), ms(compute), ms(sum), ms(predicted), ms(measured), apart]);
  }
  console.log(
    `GPT of ${SMALL.layers} layers, ${SMALL.width} wide, ${BATCH} sequences of ${SMALL.length} tokens a step, ${cores} cores`,
  );
  console.log(formatTable(["ranks", "compute", "sum", "predicted", "measured", "apart"], rows));
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: "string" } } });
const [what] = positionals;
if (what === "model") console.log(`${dataTable(8192)}\n\n${splitTable()}`);
else if (what === "speed") await speed();
else if (what === "predict") await predict();
else if (what === "overlap") await overlap(values.out);
else {
  console.error("usage: npm run scaling -- model|speed|predict|overlap [--out FILE]");
  process.exitCode = 2;
}
