/**
 * @module The time and memory of a model of 100 MB from its file to the first run, beside the engine alone: fresh processes, in turn;
 * the median of each, and of the ratios within a round, which other work on the machine moves less.
 *
 *     node dist/scripts/load-speed.js FILE.onnx… [--rounds 5] [--out benchmarks/load.json]
 *
 * `scripts/published-models/large.py` makes the files (ResNet-50, and BERT of the same size).
 */
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../src/util/median.js";

interface Measured {
  /** From the file's name to a session that runs, modules loaded before. */
  readonly loadMs: number;
  /** Processor time of all threads, in the system too. */
  readonly processorMs: number;
  readonly peakMiB: number;
}

/** The ways to measure, each in a process of its own. */
const WAYS: Readonly<Record<string, (path: string) => Promise<void>>> = {
  engine: async (path) => {
    const ort = await import("onnxruntime-node");
    await ort.InferenceSession.create(path, { logSeverityLevel: 4 });
  },
  descent: async (path) => {
    const { loadOnnx } = await import("../src/data/onnx-node.js");
    const { compile } = await import("../src/runtime/index.js");
    await compile(await loadOnnx(path));
  },
  /** With the graph that can be differentiated. */
  graph: async (path) => {
    const { loadOnnx } = await import("../src/data/onnx-node.js");
    const { compile } = await import("../src/runtime/index.js");
    const model = await loadOnnx(path);
    await compile(model.graph, { values: model.values, names: model.names });
  },
};

/** Loads what a way imports, and the engine's library: by letting it fail at a file that is not there, and by asking for the engine. */
async function measureHere(way: string, path: string): Promise<Measured> {
  const open = WAYS[way];
  if (open === undefined) throw new Error(`unknown way ${way}`);
  if (way !== "engine") await (await import("../src/runtime/index.js")).platformRuntime();
  await open(`${path}.none`).catch(() => undefined);
  const [start, used] = [performance.now(), process.cpuUsage()];
  await open(path);
  const loadMs = performance.now() - start;
  const { user, system } = process.cpuUsage(used);
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return { loadMs, processorMs: (user + system) / 1000, peakMiB: Number(peak) / 1024 };
}

function measure(way: string, path: string): Measured {
  const { status, stdout, stderr } = spawnSync(process.execPath, [process.argv[1] as string, "--way", way, path], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Measured;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" }, out: { type: "string" }, way: { type: "string" } },
});
if (values.way !== undefined) console.log(JSON.stringify(await measureHere(values.way, positionals[0] as string)));
else {
  const results = positionals.map((path) => {
    const rounds = Array.from({ length: Number(values.rounds) }, () => Object.keys(WAYS).map((way) => measure(way, path)));
    const of = (way: number, what: keyof Measured): number => median(rounds.map((round) => (round[way] as Measured)[what]));
    const ratio = (way: number, what: keyof Measured): number =>
      median(rounds.map((round) => (round[way] as Measured)[what] / (round[0] as Measured)[what]));
    const ratios = (way: number): { time: number; processorTime: number; peak: number } => ({
      time: ratio(way, "loadMs"),
      processorTime: ratio(way, "processorMs"),
      peak: ratio(way, "peakMiB"),
    });
    const result = {
      file: basename(path),
      megabytes: statSync(path).size / 1e6,
      engineMs: of(0, "loadMs"),
      descentMs: of(1, "loadMs"),
      enginePeakMiB: of(0, "peakMiB"),
      descentPeakMiB: of(1, "peakMiB"),
      graphMs: of(2, "loadMs"),
      graphPeakMiB: of(2, "peakMiB"),
      ratios: { descent: ratios(1), graph: ratios(2) },
    };
    const words = ({ time, processorTime, peak }: ReturnType<typeof ratios>): string =>
      `time ${time.toFixed(2)} ×, processor time ${processorTime.toFixed(2)} ×, peak memory ${peak.toFixed(2)} ×`;
    console.log(
      `${result.file}, ${result.megabytes.toFixed(0)} MB: engine ${result.engineMs.toFixed(0)} ms, ${result.enginePeakMiB.toFixed(0)} MiB; Descent ${words(result.ratios.descent)}; with its graph ${words(result.ratios.graph)}`,
    );
    return result;
  });
  if (values.out !== undefined)
    writeFileSync(
      values.out,
      `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), processor: cpus()[0]?.model, node: process.version, load: loadavg()[0], rounds: Number(values.rounds), results }, null, 2)}\n`,
    );
}
