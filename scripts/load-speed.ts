/**
 * @module The time and memory of a model of 100 MB from its file to the first run, beside the engine alone: fresh processes, in turn,
 * the median of each.
 *
 *     node dist/scripts/load-speed.js FILE.onnx… [--rounds 5] [--out benchmarks/load.json]
 *
 * `scripts/published-models/large.py` makes the files (ResNet-50, and BERT of the same size).
 */
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../src/util/median.js";

interface Measured {
  /** From the file's name to a session that runs, modules loaded before. */
  readonly loadMs: number;
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

/** Loads what a way imports, by letting it fail at a file that is not there. */
async function measureHere(way: string, path: string): Promise<Measured> {
  const open = WAYS[way];
  if (open === undefined) throw new Error(`unknown way ${way}`);
  await open(`${path}.none`).catch(() => undefined);
  const start = performance.now();
  await open(path);
  const loadMs = performance.now() - start;
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return { loadMs, peakMiB: Number(peak) / 1024 };
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
    const result = {
      file: basename(path),
      megabytes: statSync(path).size / 1e6,
      engineMs: of(0, "loadMs"),
      descentMs: of(1, "loadMs"),
      enginePeakMiB: of(0, "peakMiB"),
      descentPeakMiB: of(1, "peakMiB"),
      graphMs: of(2, "loadMs"),
      graphPeakMiB: of(2, "peakMiB"),
    };
    const ratios = `time ${(result.descentMs / result.engineMs).toFixed(2)} ×, peak memory ${(result.descentPeakMiB / result.enginePeakMiB).toFixed(2)} ×`;
    const graph = `with its graph ${(result.graphMs / result.engineMs).toFixed(2)} × and ${(result.graphPeakMiB / result.enginePeakMiB).toFixed(2)} ×`;
    console.log(
      `${result.file}, ${result.megabytes.toFixed(0)} MB: engine ${result.engineMs.toFixed(0)} ms, ${result.enginePeakMiB.toFixed(0)} MiB; Descent ${ratios}; ${graph}`,
    );
    return result;
  });
  if (values.out !== undefined)
    writeFileSync(
      values.out,
      `${JSON.stringify({ processor: cpus()[0]?.model, node: process.version, rounds: Number(values.rounds), results }, null, 2)}\n`,
    );
}
