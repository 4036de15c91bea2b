/**
 * @module `npm run serve-figures -- NAME [--seconds N] [--count N] [--rate N] [--threads N] [--model FILE.gguf] [--peer FOLDER] [--record]`: measurements of `descent serve`, each as one JSON document, which `--record` keeps in benchmarks/serve.json.
 * Linux. A load's requests have one text of 32 tokens each, for a classifier of 4 layers × 256.
 *
 * - `capacity`: texts a second beside bare onnxruntime with the same batches, with a processor that the engine leaves to HTTP and without, and p50 and p99 at 70 % of it; with `--threads` one of both.
 * - `overload`: three times the capacity: answers by status, latencies of those accepted in the first and the last third, memory.
 * - `reloads`, `soak`: memory over `--count` reloads, and over `--seconds` at `--rate` requests a second, or half of the capacity; requests that were lost.
 * - `malformed`: `--count` requests that are none.
 * - `decode`: tokens a second of one stream of `--model`, beside llama.cpp where `--peer` has it (`llama-decode.mjs`), in turns.
 * - `batching`: what running together gains.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { openGguf } from "../../src/tasks/use/gguf-node.js";
import { languageFolder, linearFile, testServer } from "../../test/serve/server.js";
import { batching } from "./batching.js";
import { bareRate, textOf, writeClassifier } from "./classifier.js";
import { closedLoad, type Outcome, poissonLoad, quantile, type Send, summary } from "./load.js";
import { storm, STORM_LIMITS } from "./malformed.js";
import { postBytes, RawClient } from "./raw-client.js";
import { batchesOf, childrenOf, cpuMs, memoryOf, type Started, startServe } from "./started.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string" },
    count: { type: "string" },
    rate: { type: "string" },
    threads: { type: "string" },
    model: { type: "string", default: "SmolLM2-135M-Instruct.Q4_1.gguf" },
    peer: { type: "string" },
    record: { type: "boolean", default: false },
    bare: { type: "string" },
  },
});
const seconds = (usual: number): number => Number(values.seconds ?? usual);
const count = (usual: number): number => Number(values.count ?? usual);
const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));
const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Tells how far it is, where it doesn't stand in the way of the result. */
const say = (text: string): void => console.error(`serve-figures: ${text}`);

/** Requests sent at once where a server's capacity is found: below its bound of 64. */
const AT_ONCE = 32;
const RECORD = "benchmarks/serve.json";

/** The classifier behind a server, and what asks it. */
async function withClassifier<T>(
  words: readonly string[],
  work: (served: Started, send: Send, file: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "descent-figures-"));
  try {
    const { checkpoint, file } = await writeClassifier(folder);
    await using served = await startServe(`texts=${checkpoint}`, ...words);
    using client = new RawClient(served.port);
    const requests = Array.from({ length: 256 }, (_, i) => postBytes("/predict", { instances: [textOf(i)] }));
    const send: Send = async (i) => {
      const { status, body } = await client.send(requests[i % requests.length] as Buffer);
      return status === 200 ? { status } : { status, text: body.toString() };
    };
    // V8 compiles what runs often: the first thousands of requests take several times as long.
    say("warming up");
    for (let i = 0; i < 5; i++) await closedLoad(send, AT_ONCE, 2);
    return await work(served, send, file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `bareRate` in a process of its own. */
function bare(file: string, rows: number, threads: number): readonly [rate: number, cpuMs: number] {
  const self = fileURLToPath(import.meta.url);
  const options = JSON.stringify({ file, rows, threads, seconds: seconds(10) / 2 });
  return JSON.parse(execFileSync(process.execPath, [self, "--bare", options], { encoding: "utf8" })) as [number, number];
}

/** Answered texts a second beside those of bare onnxruntime, in turns. */
async function shareOfBare(threads: number) {
  return withClassifier(["--threads", String(threads)], async (served, send, file) => {
    const rounds = [];
    const engineCpu = (): number => childrenOf(served.pid).reduce((sum, child) => sum + cpuMs(child), 0);
    for (let round = 0; round < 3; round++) {
      say(`${threads} threads, round ${round + 1} of 3`);
      const before = { ...(await batchesOf(served)), http: cpuMs(served.pid), engine: engineCpu() };
      const { rate, failed } = await closedLoad(send, AT_ONCE, seconds(10));
      const after = { ...(await batchesOf(served)), http: cpuMs(served.pid), engine: engineCpu() };
      const texts = after.rows - before.rows;
      const rows = texts / (after.batches - before.batches);
      const [bareRate, bareCpu] = bare(file, rows, threads);
      const cpu = { http: (after.http - before.http) / texts, engine: (after.engine - before.engine) / texts, bare: bareCpu };
      rounds.push({ rate, failed, rows, bare: bareRate, cpu });
    }
    const share = quantile(
      rounds.map((each) => each.rate / each.bare),
      0.5,
    );
    const rate = quantile(
      rounds.map((each) => each.rate),
      0.5,
    );
    say(`${threads} threads, 70 % of ${rounded(rate)} texts a second`);
    const { p50, p99, statuses } = summary(await poissonLoad(send, { rate: 0.7 * rate, seconds: 2 * seconds(10), seed: 1 }));
    return {
      threads,
      textsPerSecond: rounded(rate),
      rowsPerBatch: rounded(rounds[0]?.rows ?? 0),
      shareOfBare: rounded(share, 3),
      shares: rounds.map((each) => rounded(each.rate / each.bare, 3)),
      // Of processor time other load takes nothing.
      cpuMsPerText: rounds.map(({ cpu }) => ({
        http: rounded(cpu.http, 3),
        engine: rounded(cpu.engine, 3),
        bare: rounded(cpu.bare, 3),
      })),
      failed: rounds.reduce((sum, each) => sum + each.failed, 0),
      at70percent: { statuses, p50: rounded(p50, 2), p99: rounded(p99, 2), ratio: rounded(p99 / p50, 2) },
    };
  });
}

/** On two processors: the engine computes on one, or on both; each is 70 s. */
const capacity = async () => {
  const only = values.threads === undefined ? undefined : Number(values.threads);
  return {
    ...(only === undefined || only === 1 ? { httpHasAProcessor: await shareOfBare(1) } : {}),
    ...(only === undefined || only > 1 ? { httpShares: await shareOfBare(only ?? cpus().length) } : {}),
  };
};

const totalOf = (served: Started): number => {
  const { http, engines } = memoryOf(served);
  return http + engines;
};

/** Memory in MiB every so often, until it is stopped. */
function watch(
  served: Started,
  everyMs: number,
): { readonly samples: { at: number; http: number; engines: number }[]; readonly stop: () => void } {
  const start = performance.now();
  const samples: { at: number; http: number; engines: number }[] = [];
  const look = (): void => {
    const { http, engines } = memoryOf(served);
    const at = Math.round((performance.now() - start) / 1000);
    samples.push({ at, http: rounded(http), engines: rounded(engines) });
    say(`${at} s: ${rounded(http)} + ${rounded(engines)} MiB`);
  };
  look();
  const timer = setInterval(look, everyMs);
  return { samples, stop: () => clearInterval(timer) };
}

const latencies = (outcomes: readonly Outcome[]) => {
  const { requests, statuses, p50, p99 } = summary(outcomes);
  return { requests, statuses, p50: rounded(p50, 2), p99: rounded(p99, 2) };
};

const overload = () =>
  withClassifier([], async (served, send) => {
    const { rate } = await closedLoad(send, AT_ONCE, 10);
    const full = latencies(await poissonLoad(send, { rate: 0.9 * rate, seconds: 20, seed: 1 }));
    const length = seconds(300);
    const watched = watch(served, Math.max(1, length / 10) * 1000);
    const outcomes = await poissonLoad(send, { rate: 3 * rate, seconds: length, seed: 2 });
    watched.stop();
    const part = (from: number, to: number) =>
      latencies(outcomes.filter(({ at }) => at >= from * length * 1000 && at < to * length * 1000));
    return {
      capacity: rounded(rate),
      at90percent: full,
      firstThird: part(0, 1 / 3),
      lastThird: part(2 / 3, 1),
      memory: watched.samples,
    };
  });

const reloads = () =>
  withClassifier([], async (served, send) => {
    const ending = new AbortController();
    const load = poissonLoad(send, { rate: 20, seconds: 3600, seed: 3, signal: ending.signal });
    const settled = async (): Promise<{ http: number; engines: number }> => {
      // A spare process is started two seconds after the last was taken.
      await rest(5000);
      return memoryOf(served);
    };
    const total = count(200);
    const memory: { reloads: number; http: number; engines: number }[] = [];
    for (let i = 1; i <= total; i++) {
      const { ok, status } = await fetch(`${served.url}/v2/repository/models/texts/load`, { method: "POST" });
      if (!ok) throw new Error(`reload ${i}: ${status}`);
      if (i % Math.ceil(total / 10) !== 0) continue;
      say(`${i} of ${total} reloads`);
      const { http, engines } = await settled();
      memory.push({ reloads: i, http: rounded(http), engines: rounded(engines) });
    }
    ending.abort();
    const outcomes = await load;
    const [first, last] = [memory[0], memory.at(-1)].map((each) => (each?.http ?? 0) + (each?.engines ?? 0)) as [number, number];
    return { reloads: total, growth: rounded(last / first - 1, 4), memory, requests: latencies(outcomes) };
  });

const soak = () =>
  withClassifier([], async (served, send) => {
    const length = seconds(3600);
    const rate = Number(values.rate ?? (await closedLoad(send, AT_ONCE, 10)).rate / 2);
    const watched = watch(served, Math.max(1, length / 60) * 1000);
    const outcomes = await poissonLoad(send, { rate, seconds: length, seed: 4, mayPause: true });
    watched.stop();
    // The first sixth is left for caches to fill.
    const later = watched.samples.filter(({ at }) => at >= length / 6).map(({ http, engines }) => http + engines);
    const part = Math.ceil(later.length / 5);
    const [begin, end] = [quantile(later.slice(0, part), 0.5), quantile(later.slice(-part), 0.5)];
    return {
      seconds: length,
      rate: rounded(rate),
      growthAfterFirstSixth: rounded(end / begin - 1, 4),
      memory: watched.samples.filter((_, i) => i % 6 === 0),
      ...latencies(outcomes),
    };
  });

async function malformed() {
  const files = { linear: linearFile, tiny: languageFolder };
  await using served = await testServer(["text-classification"], files, { http: STORM_LIMITS });
  const port = Number(new URL(served.url).port);
  const before = process.memoryUsage.rss();
  const start = performance.now();
  const all = count(100_000);
  const { statuses, wrong } = await storm(port, {
    count: all,
    seed: 1,
    model: "text-classification",
    atOnce: 16,
    onStart: (i) => {
      if (i % Math.ceil(all / 20) === 0) say(`${i} of ${all}`);
    },
  });
  const isUp = (await fetch(`${served.url}/v2/health/ready`)).status === 200;
  const byStatus = new Map<string, number>();
  for (const [key, n] of statuses) {
    const status = key.slice(key.lastIndexOf(" ") + 1);
    byStatus.set(status, (byStatus.get(status) ?? 0) + n);
  }
  return {
    requests: all,
    seconds: rounded((performance.now() - start) / 1000),
    statuses: Object.fromEntries(byStatus),
    wrong: wrong.slice(0, 20),
    isReadyAfterwards: isUp,
    restarts: served.server.pool.list().reduce((sum, { restarts }) => sum + restarts, 0),
    grownMiB: rounded((process.memoryUsage.rss() - before) / 2 ** 20),
  };
}

/** Bytes a second that these many threads read together: of buffers far larger than caches, compared by the C library. */
async function readBandwidth(threads: number): Promise<number> {
  const code = `
    const { parentPort } = require("node:worker_threads");
    const [a, b] = [Buffer.alloc(2 ** 28, 1), Buffer.alloc(2 ** 28, 1)];
    a.equals(b);
    parentPort.on("message", () => {
      const start = performance.now();
      for (let i = 0; i < 4; i++) a.equals(b);
      parentPort.postMessage(performance.now() - start);
    });
    parentPort.postMessage(0);`;
  const workers = Array.from({ length: threads }, () => new Worker(code, { eval: true }));
  const told = (): Promise<number[]> =>
    Promise.all(workers.map(async (worker) => ((await once(worker, "message")) as [number])[0]));
  await told();
  const rates: number[] = [];
  for (let round = 0; round < 5; round++) {
    const done = told();
    for (const worker of workers) worker.postMessage("");
    rates.push((threads * 4 * 2 * 2 ** 28 * 1000) / Math.max(...(await done)));
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  return Math.max(...rates);
}

/** Bytes that a token reads of a GGUF file: each weight once, in the file's own form. */
const weightBytes = async (path: string): Promise<number> =>
  [...(await openGguf(path)).stored.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);

const PROMPT = "The history of the city begins";
const WRITTEN = 128;

/** Tokens a second of one stream: from the first token to the last. */
async function streamRate(url: string): Promise<number> {
  const body = { model: "chat", prompt: PROMPT, max_tokens: WRITTEN, temperature: 0, stream: true, logit_bias: {} };
  const response = await fetch(`${url}/v1/completions`, { method: "POST", body: JSON.stringify(body) });
  let [first, last, events] = [0, 0, 0];
  for await (const piece of response.body as AsyncIterable<Uint8Array>) {
    const now = performance.now();
    const texts = Buffer.from(piece)
      .toString()
      .split("\n\n")
      .filter((line) => line.startsWith("data: {")).length;
    if (texts === 0) continue;
    if (events === 0) first = now;
    last = now;
    events += texts;
  }
  return (1000 * (events - 2)) / (last - first);
}

async function decode() {
  const threads = cpus().length;
  await using served = await startServe(`chat=${values.model}`, "--threads", String(threads));
  await streamRate(served.url);
  const script = join("scripts", "serve", "llama-decode.mjs");
  const peer = (folder: string): number =>
    Number(
      execFileSync(process.execPath, [script, folder, values.model, PROMPT, String(WRITTEN), String(threads)], {
        encoding: "utf8",
      }),
    );
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < count(5); round++) {
    say(`round ${round + 1}`);
    ours.push(await streamRate(served.url));
    if (values.peer === undefined) continue;
    theirs.push(peer(values.peer));
    // The peer held this process still: that the server closed the idle connection meanwhile is noticed before the next request takes it.
    await rest(50);
  }
  const [own, other] = [quantile(ours, 0.5), quantile(theirs, 0.5)];
  const bound = (await readBandwidth(threads)) / (await weightBytes(values.model));
  return {
    tokensPerSecond: rounded(own),
    memoryBound: rounded(bound),
    shareOfMemoryBound: rounded(own / bound, 3),
    llamaCpp: theirs.length === 0 ? "not given" : rounded(other),
    share: theirs.length === 0 ? undefined : rounded(own / other, 3),
    rounds: { ours: ours.map((each) => rounded(each)), llamaCpp: theirs.map((each) => rounded(each)) },
    memoryMiB: rounded(totalOf(served)),
  };
}

const FIGURES = { capacity, overload, reloads, soak, malformed, decode, batching } as const;

if (values.bare !== undefined) {
  const given = JSON.parse(values.bare) as { file: string; rows: number; threads: number; seconds: number };
  console.log(JSON.stringify(await bareRate(given.file, given.rows, given.threads, given.seconds)));
} else {
  const [name = ""] = positionals;
  const figure = Object.entries(FIGURES).find(([each]) => each === name)?.[1];
  if (figure === undefined)
    throw new Error(`serve-figures: expected one of ${Object.keys(FIGURES).join(", ")}, got ${name || "none"}`);
  const about = {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    node: process.version,
  };
  const result = { ...about, ...(await figure()) };
  console.log(JSON.stringify(result, undefined, 2));
  if (values.record) {
    const known = existsSync(RECORD) ? (JSON.parse(readFileSync(RECORD, "utf8")) as Record<string, unknown>) : {};
    // A half of `capacity` stays beside the other.
    const before = name === "capacity" ? (known[name] as object | undefined) : undefined;
    writeFileSync(RECORD, `${JSON.stringify({ ...known, [name]: { ...before, ...result } }, undefined, 2)}\n`);
  }
}
