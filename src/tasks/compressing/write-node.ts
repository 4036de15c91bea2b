/**
 * @module Writes a compressed run: a folder around a `model.onnx`, with figures of before and after in its summary and report.
 */
import { join } from "node:path";
import type { Bilingual } from "../../charts/charts.js";
import type { ModelProto } from "../../onnx/index.js";
import { encodeModel } from "../../onnx/index.js";
import type { Parity } from "../../compress/certificate.js";
import { renderCompression } from "../../report/compression.js";
import type { RunConfig, RunSummary } from "../../run/run-folder.js";
import type { RunWriter } from "../../run/run-folder-node.js";
import { createRun } from "../../run/run-folder-node.js";
import { peakMemoryMiB } from "../../run/progress-node.js";
import { descentVersion } from "../../util/version-node.js";
import type { Compression, CompressionStep } from "../use/compression.js";
import { compressionOf, MODEL_FILE } from "../use/compression.js";
import { FileModel } from "../use/file-model-node.js";
import type { UseOptions } from "../trained-model.js";
import type { BeforeAfter } from "./before-after-node.js";
import { measureBeforeAfter } from "./before-after-node.js";
import { parityHere, paritySection } from "./certificate-node.js";
import type { CompressionData, CompressionSource } from "./source-node.js";
import { shownPath } from "./source-node.js";

/** A smaller model to write as a run. */
export interface CompressedModel {
  readonly source: CompressionSource;
  readonly data: CompressionData;
  /** From the task's columns to its outputs, as `TracedModel.toFile` gives it. */
  readonly file: ModelProto;
  /** The compression steps, after those already applied to the source. */
  readonly step: CompressionStep;
  readonly parameters: number;
  /** Deviations of the outputs; left out, they are measured. */
  readonly parity?: Parity;
  /** The model's name if it differs from the source's, as a student's does. */
  readonly modelName?: string;
  /** Facts for `summary.json`, under `compression`: layers, a certificate. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Report sections after the table of before and after. */
  readonly sections?: (table: BeforeAfter) => readonly { readonly title: Bilingual; readonly html: string }[];
  readonly notes?: readonly Bilingual[];
}

/** The destination of a run, and its surroundings. */
export interface WriteOptions extends UseOptions {
  readonly out: string;
  readonly overwrite?: boolean;
  readonly command?: string;
  readonly language?: "en" | "zh";
  readonly note: (text: string, always?: boolean) => void;
}

/** `summary.json` of a compressed run. */
export interface CompressedSummary extends RunSummary {
  readonly compression: Compression & BeforeAfter & Readonly<Record<string, unknown>>;
}

/** Makes the configuration: the source's, plus the compression steps. */
async function configOf({ source, step, modelName }: CompressedModel, command: string | undefined): Promise<RunConfig> {
  const earlier = compressionOf(source.config);
  const compression: Compression = {
    of: earlier?.of ?? shownPath(source.path),
    steps: [...(earlier?.steps ?? []), step],
  };
  const { adapters: _adapters, norms: _norms, command: _command, ...config } = source.config;
  return {
    ...(config as RunConfig),
    ...(modelName === undefined ? {} : { model: modelName }),
    descent: await descentVersion(),
    command,
    compression,
  };
}

/** Writes the folder of a smaller model. Errors: those of `createRun`. */
export async function writeCompressed(made: CompressedModel, options: WriteOptions): Promise<CompressedSummary> {
  const { source, data, file, parameters, facts = {} } = made;
  const { out, overwrite, command, device, threads } = options;
  const use: UseOptions = { device, threads };
  const config = await configOf(made, command);
  const measured = encodeModel(file);
  const { task, info } = source.model;
  const modelName = made.modelName ?? source.model.modelName;
  await using model = new FileModel(task, modelName, info, { bytes: measured, where: join(out, MODEL_FILE) }, use);
  const before = { model: source.model, file: encodeModel(source.file), parameters: parametersOf(source), run: source.path };
  const table = await measureBeforeAfter(before, { model, file: measured, parameters, run: out }, data.test, use);
  const parity = made.parity ?? (await parityHere(source, data, file, options.note));
  using writer = await createRun(out, { config, overwrite: overwrite === true });
  await writer.write(
    MODEL_FILE,
    encodeModel(
      certified(file, {
        ...compressionOf(config),
        metrics: { before: table.before.metrics, after: table.after.metrics },
        parity,
      }),
    ),
  );
  const summary: CompressedSummary = {
    ...summaryOf(source, data),
    model: modelName,
    device: device ?? "auto",
    parameters,
    peakMemoryMiB: peakMemoryMiB(),
    metrics: { test: table.after.metrics },
    compression: { ...(compressionOf(config) as Compression), ...table, ...facts, parity },
  };
  await writer.writeSummary(summary);
  const sections = [...(made.sections?.(table) ?? []), ...paritySection(parity)];
  await writeReport(writer, made, table, sections, config, options.language ?? "en");
  return summary;
}

/** Adds the certificate to the file's metadata: its origin, the steps, and measurements of both. */
function certified(file: ModelProto, certificate: Readonly<Record<string, unknown>>): ModelProto {
  return { ...file, metadata: new Map([...file.metadata, ["descent.compression", JSON.stringify(certificate)]]) };
}

/** Counts the numbers that the source's model has. */
export const parametersOf = ({ summary, model }: CompressionSource): number => summary?.parameters ?? model.model.parameterCount;

/** The summary of the source, or of a model that was not trained here. */
function summaryOf({ summary, model, config }: CompressionSource, data: CompressionData): RunSummary {
  if (summary !== undefined) return summary;
  const { seed } = config.options;
  return {
    task: model.task.name,
    model: model.modelName,
    data: data.name,
    seed: typeof seed === "number" ? seed : 1,
    device: "cpu",
    parameters: 0,
    flopsPerStep: 0,
    steps: 0,
    stepMs: 0,
    trainSeconds: 0,
    peakMemoryMiB: 0,
    metrics: {},
  };
}

async function writeReport(
  writer: RunWriter,
  { source, data, notes }: CompressedModel,
  table: BeforeAfter,
  sections: ReturnType<NonNullable<CompressedModel["sections"]>>,
  config: RunConfig,
  language: "en" | "zh",
): Promise<void> {
  const page = renderCompression({
    task: source.model.task.label,
    model: source.model.modelName,
    data: data.name,
    ...table,
    sections,
    notes: notes ?? [],
    command: config.command ?? "",
    descent: config.descent,
    createdAt: new Date().toISOString(),
    language,
  });
  await writer.write("report.html", page);
}
