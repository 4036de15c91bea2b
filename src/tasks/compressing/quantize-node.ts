/**
 * @module `descent quantize`: a run, or a file of others, with weights and activations of fewer bits, where that makes it faster on this machine.
 */
import type { Bilingual } from "../../charts/charts.js";
import type { Feeds } from "../../compress/activations.js";
import type { Parity, Place } from "../../compress/certificate.js";
import { agrees, firstDeviating, parityOf } from "../../compress/certificate.js";
import { FileGraph } from "../../compress/file-graph.js";
import { layerName, layersOf } from "../../compress/layers.js";
import type { Form, LayerResult, Quantized, QuantizeOptions } from "../../compress/quantize/quantize.js";
import { quantizeFile } from "../../compress/quantize/quantize.js";
import { isDecoder } from "../../generate/index.js";
import { sizeOf } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { textTable } from "../../report/compression.js";
import type { Progress, ProgressOptions } from "../../run/progress.js";
import { checkPlace } from "../../run/run-folder-node.js";
import { platformRuntime } from "../../runtime/index.js";
import { wasmRuntime } from "../../runtime/ort-wasm-node.js";
import { ConfigError } from "../../util/errors.js";
import type { ExamplesOptions } from "../use/examples-node.js";
import { batchOf } from "./before-after-node.js";
import type { CompressionData, CompressionSource } from "./source-node.js";
import { loadCompressionData, openSource } from "./source-node.js";
import type { CompressedSummary, WriteOptions } from "./write-node.js";
import { parametersOf, writeCompressed } from "./write-node.js";

/** What is asked for, by the command line's names. */
export interface QuantizeRequest extends Omit<QuantizeOptions, "form" | "keep" | "onLayer"> {
  /** Left out, the one that suits the model, which is said. */
  readonly form?: Form;
  /** Patterns of layers that stay in float32. */
  readonly keep?: readonly string[];
  /** Examples to calibrate on. */
  readonly calibrationExamples?: number;
}

/** What goes on around it. */
export interface QuantizeContext extends WriteOptions {
  readonly data?: Partial<ExamplesOptions>;
  readonly note: (text: string, always?: boolean) => void;
  readonly progress?: (options: ProgressOptions) => Progress;
}

const CALIBRATION_EXAMPLES = 128;
const CALIBRATION_BATCH = 16;
/** Examples whose outputs are compared. */
const COMPARED = 16;

/** Picks the form that suits a model, and why. */
export function formFor(file: ModelProto, isGenerator: boolean): { readonly form: Form; readonly reason: string } {
  if (isGenerator) return { form: "int4", reason: "it writes token by token, where reading the weights takes the time" };
  const layers = layersOf(new FileGraph(file));
  const numbers = (kind: string): number =>
    layers.filter((layer) => layer.kind === kind).reduce((sum, { weightShape }) => sum + sizeOf(weightShape), 0);
  return numbers("convolution") > numbers("product")
    ? { form: "int8-static", reason: "most of its weights are those of convolutions" }
    : { form: "int8-dynamic", reason: "most of its weights are those of products" };
}

/** Batches for calibration, and one example. */
async function quantizeData(
  { model }: CompressionSource,
  { calibration }: CompressionData,
  form: Form,
  count: number,
): Promise<{ readonly one: Feeds; readonly calibration: readonly Feeds[] }> {
  const rows = Math.min(count, calibration.length);
  const batches: Feeds[] = [];
  for (let from = 0; from < rows; from += CALIBRATION_BATCH) {
    const part = Array.from({ length: Math.min(CALIBRATION_BATCH, rows - from) }, (_, i) =>
      Math.floor(((from + i) * calibration.length) / rows),
    );
    batches.push(await batchOf(model, calibration.select(part), part.length));
  }
  const one = await batchOf(model, calibration, 1);
  return { one: form === "int4" || form === "int8" ? oneToken(one) : one, calibration: batches };
}

/** The first token of a text: what a decoder is given at each step. */
function oneToken(batch: Feeds): Feeds {
  return Object.fromEntries(
    Object.entries(batch).map(([name, tensor]) => {
      if (tensor.shape.length !== 2) return [name, tensor];
      return [name, { ...tensor, shape: [1, 1], data: tensor.data.slice(0, 1) }];
    }),
  );
}

/** Matches names by patterns in which * stands for anything. ConfigError for a pattern that fits nothing. */
function keptLayers(file: ModelProto, patterns: readonly string[]): ReadonlySet<string> {
  const names = layersOf(new FileGraph(file)).map(({ name }) => layerName(name));
  const kept = new Set<string>();
  for (const pattern of patterns) {
    const expression = new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
    const found = names.filter((name) => expression.test(name));
    if (found.length === 0)
      throw new ConfigError(`--keep ${pattern}: expected the name of a layer, got none of ${names.slice(0, 8).join(", ")}`);
    for (const name of found) kept.add(name);
  }
  return kept;
}

/** Places where the file is compared: the CPU, WebAssembly, and WebGPU where there is one. */
async function placesHere(): Promise<readonly [Place, ...Place[]]> {
  const runtime = await platformRuntime();
  const gpu: Place[] = runtime.devices.includes("webgpu") ? [{ runtime, device: "webgpu" }] : [];
  return [{ runtime, device: "cpu" }, { runtime: await wasmRuntime(), device: "wasm" }, ...gpu];
}

/** The most layers that are taken back one by one. */
const MOST_TAKEN_BACK = 8;

/** Quantizes a file, and takes back the layers that a device computes otherwise. */
async function quantizedWithParity(
  source: ModelProto,
  data: { readonly one: Feeds; readonly calibration: readonly Feeds[] },
  compared: readonly Feeds[],
  options: QuantizeOptions,
): Promise<{ readonly quantized: Quantized; readonly parity: Parity }> {
  const places = await placesHere();
  const keptInFloat: string[] = [];
  for (;;) {
    const keep = new Set([...(options.keep ?? []), ...keptInFloat]);
    const quantized = await quantizeFile(source, data, { ...options, keep });
    const parity = await parityOf(source, quantized.model, compared, places);
    const wrong = parity.devices.find((device) => !agrees(device));
    const place = places.find(({ device }) => device === wrong?.device);
    const layer = place === undefined ? undefined : await deviatingLayer(source, quantized, compared[0] ?? {}, places[0], place);
    if (layer === undefined || keptInFloat.length >= MOST_TAKEN_BACK) return { quantized, parity: { ...parity, keptInFloat } };
    keptInFloat.push(layer);
  }
}

/** The first quantized layer that a device computes otherwise than the CPU. */
async function deviatingLayer(
  source: ModelProto,
  { model, layers }: Quantized,
  batch: Feeds,
  cpu: Place,
  other: Place,
): Promise<string | undefined> {
  const taken = new Set(layers.filter(({ form }) => form !== "float32").map(({ name }) => name));
  const outputs = new Map(
    layersOf(new FileGraph(source)).flatMap(({ name, node }) =>
      taken.has(name) ? [[node.outputs[0] ?? "", name] as const] : [],
    ),
  );
  const made = new Set(model.graph.nodes.flatMap((node) => node.outputs));
  const found = await firstDeviating(
    model,
    [...outputs.keys()].filter((name) => made.has(name)),
    batch,
    cpu,
    other,
  );
  return found === undefined ? undefined : outputs.get(found);
}

/** Opens a run, quantizes it, and writes the result. Errors: those of opening and of data; ConfigError for a pattern that fits nothing. */
export async function quantizeRun(path: string, request: QuantizeRequest, context: QuantizeContext): Promise<CompressedSummary> {
  const { note, progress } = context;
  checkPlace(context.out, context.overwrite === true);
  const source = await openSource(path, { device: "cpu", ...(context.threads && { threads: context.threads }) });
  await using _ = source.model;
  const data = await loadCompressionData(source, context.data);
  for (const text of data.notes) note(text);
  const suited = formFor(source.file, writesText(source));
  const form = request.form ?? suited.form;
  if (request.form === undefined) note(`${form}: ${suited.reason}; --form says otherwise`);
  const { calibrationExamples = CALIBRATION_EXAMPLES, keep = [], ...options } = request;
  const prepared = await quantizeData(source, data, form, calibrationExamples);
  const compared = [await batchOf(source.model, data.test, Math.min(COMPARED, data.test.length))];
  const line = progress?.({ label: "measure layers", total: 1, unit: "layers" });
  const onLayer = (done: number, total: number): void => line?.update(done / total);
  const { quantized, parity } = await quantizedWithParity(source.file, prepared, compared, {
    ...options,
    form,
    keep: keptLayers(source.file, keep),
    onLayer,
  });
  line?.finish();
  if (quantized.prompt !== undefined)
    note(
      `prompts are computed ${quantized.prompt === "as tokens" ? "as single tokens are" : `in ${quantized.prompt}`}, as measured`,
    );
  if (quantized.layers.every((layer) => layer.form === "float32"))
    note(`no layer gains by ${form} on this machine: the model stays in float32`, true);
  return await writeCompressed(
    {
      source,
      data,
      file: quantized.model,
      step: { verb: "quantize", options: { ...request, form } },
      parameters: parametersOf(source),
      facts: { form, layers: quantized.layers, ...(quantized.prompt && { prompts: quantized.prompt }), parity },
      certificate: parity,
      sections: () => [...layerSection(quantized.layers), ...paritySection(parity)],
    },
    context,
  );
}

/** Tells whether a model writes token by token. */
function writesText({ model, config }: CompressionSource): boolean {
  return (
    config.task === "language-modeling" &&
    (model.info["masked"] ?? null) === null &&
    (isDecoder(model.model) || config["compression"] !== undefined)
  );
}

const FORM_NAMES: Readonly<Record<Form | "float32", Bilingual>> = {
  "int8-dynamic": { en: "int8, activations as they come", zh: "int8，激活动态量化" },
  "int8-static": { en: "int8, activations calibrated", zh: "int8，激活静态量化" },
  int8: { en: "int8 weights in blocks", zh: "int8 分块权重" },
  int4: { en: "int4 weights in blocks", zh: "int4 分块权重" },
  float16: { en: "stored as float16", zh: "以 float16 存储" },
  float32: "float32",
};

/** The table of layers. */
function layerSection(layers: readonly LayerResult[]): { readonly title: Bilingual; readonly html: string }[] {
  const milliseconds = (ms: number | undefined): string => (ms === undefined ? "" : `${ms.toFixed(3)} ms`);
  const rows = layers.map(({ name, op, shape, form, reason, floatMs, formMs }): Bilingual[] => [
    name,
    `${op} ${shape.join(" × ")}`,
    milliseconds(floatMs),
    milliseconds(formMs),
    FORM_NAMES[form],
    reason ?? "",
  ]);
  const head: Bilingual[] = [
    { en: "layer", zh: "层" },
    { en: "op", zh: "算子" },
    { en: "float32", zh: "float32" },
    { en: "quantized", zh: "量化后" },
    { en: "form", zh: "采用的形式" },
    { en: "why not", zh: "未量化的原因" },
  ];
  return [
    { title: { en: "Layer by layer, as measured on this machine", zh: "逐层结果（本机测得）" }, html: textTable(head, rows) },
  ];
}

/** The parity certificate. */
function paritySection({ devices, examples, keptInFloat }: Parity): { readonly title: Bilingual; readonly html: string }[] {
  const rows = devices.map(({ device, fromOriginal, fromCpu }): Bilingual[] => [
    device,
    fromOriginal.cosine.toFixed(6),
    fromOriginal.relativeError.toExponential(2),
    fromCpu.cosine.toFixed(6),
    fromCpu.relativeError.toExponential(2),
  ]);
  const head: Bilingual[] = [
    { en: `outputs of ${examples} examples on`, zh: `${examples} 个样本的输出，设备` },
    { en: "cosine with the original", zh: "与原模型的余弦" },
    { en: "relative error", zh: "相对误差" },
    { en: "cosine with the CPU", zh: "与 CPU 的余弦" },
    { en: "relative error", zh: "相对误差" },
  ];
  const kept: Bilingual[][] = keptInFloat.map((name) => [{ en: `${name} stays in float32`, zh: `${name} 保持 float32` }]);
  return [{ title: { en: "Parity certificate", zh: "一致性证书" }, html: textTable(head, [...rows, ...kept]) }];
}
