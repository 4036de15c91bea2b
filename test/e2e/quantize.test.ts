/**
 * @module `descent quantize` as a person meets it: runs of several tasks become smaller ones, on which the other verbs work; what cannot be done is said in one line.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decodeModel } from "../../src/onnx/index.js";
import type { CompressedSummary } from "../../src/tasks/compressing/write-node.js";
import type { Parity } from "../../src/compress/certificate.js";
import { keptRuns, unpack } from "../kept-runs.js";
import { run, succeeds } from "./command.js";

/** A folder with the kept run of a task in `run`. */
function folderWith(task: string): string {
  const folder = mkdtempSync(join(tmpdir(), "descent-quantize-"));
  const kept = keptRuns().find((each) => each.task === task && each.name === undefined);
  assert.ok(kept !== undefined);
  unpack(kept, folder);
  return folder;
}

const summaryOf = (folder: string): CompressedSummary =>
  JSON.parse(readFileSync(join(folder, "small", "summary.json"), "utf8")) as CompressedSummary;

/**
 * Task, options, ops that the file then has, the largest fraction of its size, and the least cosine of its outputs: this decoder has hardly been trained,
 * and its logits are sums of what 4 bits say roughly.
 */
const CASES = [
  ["text-classification", ["--form", "float16"], ["Cast"], 0.75, 0.9999],
  ["language-modeling", ["--form", "int8-dynamic"], ["DynamicQuantizeLinear", "MatMulInteger"], 0.35, 0.98],
  ["language-modeling", ["--form", "int4"], ["MatMulNBits", "GatherBlockQuantized"], 0.25, 0.5],
  ["image-recognition", ["--form", "int8-static"], ["QuantizeLinear", "DequantizeLinear"], 0.6, 0.98],
] as const;

for (const [task, options, ops, size, cosine] of CASES)
  test(`${task}, ${options.join(" ")}: a smaller run, measured again by eval`, async (t) => {
    const folder = folderWith(task);
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    await succeeds(folder, ["quantize", "run", "--out", "small", "--even-if-slower", "--device", "cpu", ...options]);
    const { compression, metrics } = summaryOf(folder);
    const { before, after } = compression;
    assert.ok(after.sizeBytes <= size * before.sizeBytes, `${after.sizeBytes} of ${before.sizeBytes} bytes`);
    assert.deepEqual(
      compression.steps.map(({ verb }) => verb),
      ["quantize"],
    );
    const file = decodeModel(readFileSync(join(folder, "small", "model.onnx")));
    const made = new Set(file.graph.nodes.map(({ opType }) => opType));
    for (const op of ops) assert.ok(made.has(op), op);
    const certificate = JSON.parse(file.metadata.get("descent.compression") ?? "{}") as {
      readonly of: string;
      readonly parity: Parity;
    };
    assert.equal(certificate.of, "run");
    assert.deepEqual(
      certificate.parity.devices.slice(0, 2).map(({ device }) => device),
      ["cpu", "wasm"],
    );
    for (const { fromOriginal, fromCpu } of certificate.parity.devices)
      assert.ok(fromOriginal.cosine > cosine && fromCpu.cosine > 0.99, `${fromOriginal.cosine} and ${fromCpu.cosine}`);
    const { stdout } = await succeeds(folder, ["eval", "small", "--device", "cpu", "--json"]);
    const measured = (JSON.parse(stdout) as { readonly metrics: Readonly<Record<string, number>> }).metrics;
    const figures = Object.entries(metrics.test ?? {});
    assert.ok(figures.length > 0);
    for (const [name, told] of figures) {
      const value = measured[name] ?? NaN;
      assert.ok(Math.abs(told - value) <= 1e-4 * Math.max(1, Math.abs(value)), `${name}: ${told}, then ${value}`);
    }
    const page = readFileSync(join(folder, "small", "report.html"), "utf8");
    for (const words of ["Before and after", "压缩前后", "Parity certificate", "一致性证书", "Layer by layer"])
      assert.ok(page.includes(words), words);
  });

test("a quantized decoder writes, and what it is quantized from stays as it was", async (t) => {
  const folder = folderWith("language-modeling");
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = readFileSync(join(folder, "run", "config.json"), "utf8");
  await succeeds(folder, ["quantize", "run", "--out", "small", "--form", "int8", "--even-if-slower"]);
  const text = async (name: string): Promise<string> =>
    (await succeeds(folder, ["generate", name, "the", "--temperature", "0", "--max-tokens", "12", "--device", "cpu"])).stdout;
  const [before, after] = [await text("run"), await text("small")];
  assert.ok(after.length > 0 && before.length > 0);
  // 8 bits change the likeliest token seldom: most of the text is the same.
  assert.equal(after.slice(0, 4), before.slice(0, 4));
  assert.equal(readFileSync(join(folder, "run", "config.json"), "utf8"), config);
});

/** Requests that are refused, each with its message. */
const REFUSED = [
  [["quantize", "nothing-there"], /nothing-there: expected a run folder, got nothing there/],
  [
    ["quantize", "run", "--form", "int4", "--refine", "smoothquant"],
    /--refine smoothquant: expected --form int8-dynamic or int8-static, got int4/,
  ],
  [
    ["quantize", "run", "--form", "int8-dynamic", "--keep", "nobody.*"],
    /--keep nobody\.\*: expected the name of a layer, got none of /,
  ],
  [["quantize", "run", "--out", "data"], /data: expected a new or empty folder/],
  [["quantize", "run", "--data", "empty.csv"], /empty\.csv/],
  [["quantize", "run", "--data", "other.csv"], /unknown column "label"/],
  [["quantize", "model.gguf"], /model\.gguf: expected a GGUF file, got another/],
  [
    ["quantize", "run", "--form", "int8-dynamic", "--block-size", "32"],
    /--block-size: expected --form int4 or int8 as well, got int8-dynamic/,
  ],
  [["quantize", "run", "--form", "int4", "--calibration", "mse"], /--calibration: expected --form int8-static as well, got int4/],
  [["quantize", "run", "--rounding-steps", "9"], /--rounding-steps: expected --refine adaround or brecq as well, got none/],
  [["quantize", "run", "--block-size", "33"], /--block-size: unknown value "33"/],
] as const;

test("what cannot be done is said in one line, before anything is written", async (t) => {
  const folder = folderWith("text-classification");
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "empty.csv"), "");
  writeFileSync(join(folder, "other.csv"), "height,width\n1,2\n3,4\n");
  writeFileSync(join(folder, "model.gguf"), "no model");
  for (const [args, says] of REFUSED) {
    const { status, stderr } = await run(folder, [...args, "--device", "cpu"]);
    const lines = stderr.trim().split("\n");
    assert.equal(status, 2, `${args.join(" ")}\n${stderr}`);
    assert.match(lines.at(-1) ?? "", says);
  }
  assert.ok(!existsSync(join(folder, "run-quantized")));
});
