/** @module `descent inspect FILE`: what an ONNX file, a GGUF file, a checkpoint's folder, a safetensors file or a run is. */
import { existsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Part } from "../../onnx/index.js";
import { ConfigError, DataError } from "../../util/errors.js";
import { splitPatterns } from "../../util/patterns.js";
import { formatInteger, formatTable } from "../../util/text.js";
import { onnxLines, partsTable } from "../inspect-lines.js";
import { flag, text } from "../../util/option.js";
import { defineVerb } from "../verb.js";
import { shown } from "../../util/shown.js";

interface Choice {
  readonly parameters?: string | undefined;
  readonly constants?: string | undefined;
}

/** The findings of `inspect`, and their texts. */
interface Found {
  readonly kind: "onnx" | "gguf" | "safetensors" | "checkpoint" | "run";
  readonly lines: readonly string[];
  readonly found: Readonly<Record<string, unknown>>;
}

async function onnxFile(path: string, all: boolean, { parameters, constants }: Choice): Promise<Found> {
  const { loadOnnx } = await import("../../data/node.js");
  const { inspectModel } = await import("../../onnx/index.js");
  const model = await loadOnnx(path, {
    parameters: { include: splitPatterns(parameters), exclude: splitPatterns(constants) },
  });
  const found = inspectModel(model);
  return { kind: "onnx", lines: onnxLines(found, all), found: { ...found } };
}

interface Checkpoint {
  readonly tensors: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[];
  readonly metadata: Readonly<Record<string, string>>;
}

async function tensorsIn(paths: readonly string[]): Promise<Checkpoint> {
  const { SafetensorsReader } = await import("../../data/node.js");
  const tensors: Checkpoint["tensors"][number][] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const path of paths) {
    await using reader = await SafetensorsReader.open(path);
    for (const { name, type, shape } of reader.header.entries) tensors.push({ name, dtype: type, shape });
    metadata = { ...metadata, ...reader.header.metadata };
  }
  return { tensors, metadata };
}

async function checkpoint(paths: readonly string[], all: boolean): Promise<{ lines: string[]; found: Record<string, unknown> }> {
  const { partsOf } = await import("../../onnx/index.js");
  const { tensors, metadata } = await tensorsIn(paths);
  const parts: readonly Part[] = partsOf(tensors);
  const elements = parts.reduce((sum, part) => sum + part.elements, 0);
  const types = [...new Set(tensors.map(({ dtype }) => dtype))];
  const lines = [`${formatInteger(elements)} values in ${tensors.length} tensors of ${types.join(", ")}`, partsTable(parts, all)];
  if (Object.keys(metadata).length > 0) lines.push(formatTable(["metadata", ""], Object.entries(metadata)));
  return { lines, found: { elements, parts, tensors, metadata } };
}

/** A JSON file's entries; ConfigError where it holds something else. */
async function entriesOf(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch (cause) {
    throw new ConfigError(`${path}: expected JSON, got ${(cause as Error).message}`, { cause });
  }
  throw new ConfigError(`${path}: expected a JSON object, got something else`);
}

const isShort = (value: unknown): boolean => ["string", "number", "boolean"].includes(typeof value);

async function checkpointFolder(path: string, config: Readonly<Record<string, unknown>>, all: boolean): Promise<Found> {
  const names = (await readdir(path)).filter((name) => name.endsWith(".safetensors")).sort();
  if (names.length === 0) throw new DataError(`${path}: expected weights (*.safetensors) beside config.json, got none`);
  const { lines, found } = await checkpoint(names.map((name) => join(path, name)), all); // prettier-ignore
  const settings = Object.entries(config).filter(([, value]) => isShort(value));
  const table = formatTable(["setting", ""], settings.map(([name, value]) => [name, shown(value)])); // prettier-ignore
  const architecture = Array.isArray(config["architectures"]) ? shown(config["architectures"][0]) : shown(config["model_type"]);
  return {
    kind: "checkpoint",
    lines: [`checkpoint of ${architecture}, ${names.join(", ")}`, table, ...lines],
    found: { architecture, config, files: names, ...found },
  };
}

async function runFolder(path: string, all: boolean, choice: Choice): Promise<Found> {
  const { openRun, RUN_FILES } = await import("../../run/node.js");
  const run = await openRun(path);
  const { task, command, options } = await run.config();
  const lines = [`run of ${task}${command === undefined ? "" : `: ${command}`}`];
  const summary = (await run.has(RUN_FILES.summary)) ? await run.summary() : undefined;
  if (summary !== undefined) {
    const figures = Object.entries(summary).filter(([, value]) => isShort(value));
    lines.push(formatTable(["summary", ""], figures.map(([name, value]) => [name, String(value)]))); // prettier-ignore
    const measured = Object.entries(summary.metrics).flatMap(([split, metrics]) =>
      Object.entries(metrics ?? {}).map(([name, value]) => [split, name, String(value)]),
    );
    if (measured.length > 0) lines.push(formatTable(["split", "metric", "value"], measured));
  } else lines.push("not finished: it has no summary yet");
  const file = join(path, "model.onnx");
  const model = existsSync(file) ? await onnxFile(file, all, choice) : undefined;
  return {
    kind: "run",
    lines: [...lines, ...(model === undefined ? [] : ["model.onnx:", ...model.lines])],
    found: { task, options, summary, model: model?.found },
  };
}

/** Metadata, but for the lists of tokens, and tensors by the parts that they belong to. */
async function ggufFile(path: string, all: boolean): Promise<Found> {
  const { loadGguf } = await import("../../tasks/use/gguf-node.js");
  const { partsOf } = await import("../../onnx/index.js");
  const { version, metadata, tensors } = await loadGguf(path);
  const listed = [...tensors.values()].map(({ name, type, shape }) => ({ name, dtype: type, shape }));
  const parts: readonly Part[] = partsOf(listed);
  const elements = parts.reduce((sum, part) => sum + part.elements, 0);
  const types = [...new Set(listed.map(({ dtype }) => dtype))].join(", ");
  const entries = [...metadata].map(([name, value]): [string, string] => [
    name,
    Array.isArray(value) ? `a list of ${value.length}` : shown(value),
  ]);
  const lines = [
    `GGUF version ${version}, ${formatInteger(elements)} values in ${listed.length} tensors of ${types}`,
    formatTable(["metadata", ""], entries),
    partsTable(parts, all),
  ];
  return { kind: "gguf", lines, found: { version, elements, parts, tensors: listed, metadata: Object.fromEntries(entries) } };
}

async function inspected(path: string, all: boolean, choice: Choice): Promise<Found> {
  if (!existsSync(path))
    throw new DataError(
      `${path}: expected an ONNX file, a GGUF file, a safetensors file, a checkpoint's folder or a run, got nothing there`,
    );
  if (!statSync(path).isDirectory()) {
    if (path.endsWith(".gguf")) return ggufFile(path, all);
    if (path.endsWith(".safetensors")) return { kind: "safetensors", ...(await checkpoint([path], all)) };
    return onnxFile(path, all, choice);
  }
  const file = join(path, "config.json");
  if (!existsSync(file)) {
    throw new DataError(`${path}: expected a run or a checkpoint's folder, got one without config.json`);
  }
  const config = await entriesOf(file);
  return "task" in config && "descent" in config ? runFolder(path, all, choice) : checkpointFolder(path, config, all);
}

export const verb = defineVerb({
  positionals: [
    { name: "FILE", help: "an ONNX file, a GGUF file, a safetensors file, a checkpoint folder (Hugging Face), or a run" },
  ],
  options: {
    all: flag({ help: "show all rows of all lists" }),
    parameters: text({ help: "more tensors to treat as parameters: patterns of their names", metavar: "PATTERNS" }),
    constants: text({ help: "tensors to treat as constants", metavar: "PATTERNS" }),
  },
  examples: ["descent inspect model.onnx", "descent inspect model.onnx --constants '*.position_embeddings*' --json"],
  async run({ positionals: [path = ""], options, print }) {
    const { kind, lines, found } = await inspected(path, options.all, options);
    print(`${basename(path)}: ${lines.join("\n\n")}`);
    return { file: path, kind, ...found };
  },
});
