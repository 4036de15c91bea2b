/**
 * @module `descent quantize`: stores and computes a run or a GGUF file with fewer bits, in the layers where that is faster on this machine.
 */
import type { Bilingual } from "../../charts/charts.js";
import type { Feeds } from "../../compress/activations.js";
import type { Parity, Place } from "../../compress/certificate.js";
import { agrees, firstDeviating, parityOf } from "../../compress/certificate.js";
import { FileGraph } from "../../compress/file-graph.js";
import { layerName, layersOf } from "../../compress/layers.js";
import type { Form, QuantizeOptions } from "../../compress/quantize/options.js";
import { BLOCK_SIZE } from "../../compress/quantize/options.js";
import type { LayerResult, Quantized } from "../../compress/quantize/quantize.js";
import { LARGEST_CODE, largestCode } from "../../compress/quantize/saturation.js";
import type { PromptForm } from "../../compress/quantize/stored.js";
import { chosenLayers, finishQuantization, noForm, planQuantization } from "../../compress/quantize/quantize.js";
import { checkRefinement } from "../../compress/quantize/refine.js";
import { mixedPrecision, sensitivities } from "../../compress/quantize/sensitivity.js";
import { isDecoder } from "../../generate/index.js";
import { sizeOf } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { textTable } from "../../report/compression.js";
import { checkPlace } from "../../run/run-folder-node.js";
import { ConfigError } from "../../util/errors.js";
import type { OptionValues } from "../../util/option.js";
import { defaultsOf } from "../../util/option.js";
import { trainAware } from "./aware-node.js";
import { batchOf } from "./before-after-node.js";
import { COMPARED, placesHere } from "./certificate-node.js";
import { judgeOf } from "./judge-node.js";
import type { CompressingContext } from "./prune-run-node.js";
import type { gainOptions } from "./quantize-options.js";
import { quantizeOptions } from "./quantize-options.js";
import type { CompressionData, CompressionSource } from "./source-node.js";
import { loadCompressionData, openSource } from "./source-node.js";
import type { SmallTraining } from "./options.js";
import type { CompressedSummary } from "./write-node.js";
import { parametersOf, writeCompressed } from "./write-node.js";

/** The request, by the command line's names, but for `refinement`, which is `--refine`. */
export interface QuantizeRequest
  extends
    Omit<QuantizeOptions, "form" | "keep" | "onLayer">,
    Partial<Pick<OptionValues<Table>, "form" | "keep" | "mostLoss" | "sensitivity" | "calibrationExamples">> {
  /** The training with the rounding in place; left out, none. */
  readonly aware?: SmallTraining;
}

type Table = typeof quantizeOptions & typeof gainOptions;

/** Surroundings: output, progress, interruption. */
export type QuantizeContext = CompressingContext;

const CALIBRATION_BATCH = 16;
const USUAL = defaultsOf(quantizeOptions);

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

/** Loads batches for calibration, and one example. */
async function quantizeData(
  source: CompressionSource,
  { calibration }: CompressionData,
  form: Form,
  count: number,
): Promise<{ readonly one: Feeds; readonly calibration: readonly Feeds[] }> {
  const { model } = source;
  const rows = Math.min(count, calibration.length);
  const batches: Feeds[] = [];
  for (let from = 0; from < rows; from += CALIBRATION_BATCH) {
    const part = Array.from({ length: Math.min(CALIBRATION_BATCH, rows - from) }, (_, i) =>
      Math.floor(((from + i) * calibration.length) / rows),
    );
    batches.push(await batchOf(model, calibration.select(part), part.length));
  }
  const one = await batchOf(model, calibration, 1);
  const byToken = writesText(source) && (form === "int4" || form === "int8");
  return { one: byToken ? oneToken(one) : one, calibration: batches };
}

/** ConfigError for an option that the chosen form or refinement does not read. */
function checkUnused(form: Form, request: QuantizeRequest): void {
  const { calibration = USUAL.calibration, refinement = USUAL.refine, roundingSteps = USUAL.roundingSteps } = request;
  const { blockSize = BLOCK_SIZE } = request;
  const needs = (option: string, wanted: string, got: string): ConfigError =>
    new ConfigError(`--${option}: expected ${wanted} as well, got ${got}`);
  if (blockSize !== BLOCK_SIZE && form !== "int4" && form !== "int8") throw needs("block-size", "--form int4 or int8", form);
  if (calibration !== USUAL.calibration && form !== "int8-static") throw needs("calibration", "--form int8-static", form);
  if (roundingSteps !== USUAL.roundingSteps && refinement !== "adaround" && refinement !== "brecq")
    throw needs("rounding-steps", "--refine adaround or brecq", refinement);
}

/** Makes inputs of one token, as a decoder gets at each step. */
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
      throw new ConfigError(
        names.length === 0
          ? `--keep ${pattern}: expected a model with layers that can be quantized, got none`
          : `--keep ${pattern}: expected the name of a layer, got none of ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`,
      );
    for (const name of found) kept.add(name);
  }
  return kept;
}

/** The most layers that are taken back one by one. */
const MOST_TAKEN_BACK = 8;

/** The data and conditions of a quantization. */
interface QuantizationInputs {
  readonly data: { readonly one: Feeds; readonly calibration: readonly Feeds[] };
  /** Batches whose outputs are compared. */
  readonly compared: readonly Feeds[];
  /** Whether a model is good enough; left out, every one is. */
  readonly accepts?: (model: ModelProto) => Promise<boolean>;
  /** Whether each layer's own part in what is lost is measured. */
  readonly sensitivity: boolean;
  readonly note: QuantizeContext["note"];
  /** Trains a folded file with the layers of these names rounded. */
  readonly train?: (plain: ModelProto, names: ReadonlySet<string>) => Promise<ModelProto>;
}

/** A quantized file, its parity and the layers' sensitivity. */
interface Made {
  readonly quantized: Quantized;
  readonly parity: Parity;
  /** Relative error of the outputs by the layer that alone is quantized. */
  readonly sensitivity: ReadonlyMap<string, number>;
}

/** Quantizes a file: as few layers as are needed stay in float32 for it to be accepted, and those that a device computes otherwise. */
async function quantizedWithParity(source: ModelProto, settings: QuantizationInputs, options: QuantizeOptions): Promise<Made> {
  const places = await placesHere(settings.note);
  const plan = await planQuantization(source, settings.data, options);
  const isRanked = settings.sensitivity || settings.accepts !== undefined;
  const sensitivity = isRanked ? await sensitivities(plan, settings.data, options) : new Map<string, number>();
  const reasons = new Map<string, string>();
  const keptInFloat: string[] = [];
  for (;;) {
    const order = [...(isRanked ? sensitivity.keys() : chosenLayers(plan))].filter((name) => !reasons.has(name));
    const accepts = settings.accepts ?? (() => Promise.resolve(true));
    const mixed = await mixedPrecision(plan, order, accepts, settings.data, options);
    for (const name of mixed.kept) reasons.set(name, "among the most sensitive");
    const parity = await parityOf(source, mixed.model, settings.compared, places);
    const wrong = parity.devices.find((device) => !agrees(device));
    const place = places.find(({ device }) => device === wrong?.device);
    const layers = plan.layers.map((layer) => withReason(layer, reasons.get(layer.name)));
    const layer =
      place === undefined
        ? undefined
        : await deviatingLayer(source, { model: mixed.model, layers }, settings.compared[0] ?? {}, places[0], place);
    if (layer === undefined || keptInFloat.length >= MOST_TAKEN_BACK) {
      const names = new Set(chosenLayers({ layers }));
      const trained = names.size === 0 ? undefined : await settings.train?.(plan.plain, names);
      return {
        quantized: await finishQuantization({ plain: plan.plain, layers }, trained ?? mixed.model, options),
        parity: { ...(trained === undefined ? parity : await parityOf(source, trained, settings.compared, places)), keptInFloat },
        sensitivity,
      };
    }
    keptInFloat.push(layer);
    reasons.set(layer, `computed otherwise on ${wrong?.device ?? "another device"}`);
  }
}

/** Finds the largest weight of a form that multiplies in 8 bits, and says where 7 bits are all; nothing for other forms. */
async function weightLimit(
  form: Form,
  { largestCode: asked }: QuantizeRequest,
  note: QuantizeContext["note"],
): Promise<Pick<QuantizeOptions, "largestCode">> {
  if (form !== "int8-dynamic" && form !== "int8-static") return {};
  const most = asked ?? (await largestCode());
  if (most < LARGEST_CODE) note(`${form}: 8-bit products saturate on this processor, so weights are rounded to 7 bits`);
  return { largestCode: most };
}

/** The form that training with the rounding in place makes. */
const AWARE = { form: "int8-static", reason: "it is what --aware trains" } as const;

/** ConfigError for a form or a refinement that training does not go with. */
function checkAware({ aware, refinement = "none" }: QuantizeRequest, form: Form): void {
  if (aware === undefined) return;
  if (form !== AWARE.form) throw new ConfigError(`--aware: expected --form ${AWARE.form}, got ${form}`);
  if (refinement !== "none")
    throw new ConfigError(`--aware: expected no --refine beside it, since weights are trained, got ${refinement}`);
}

const withReason = (layer: LayerResult, reason: string | undefined): LayerResult =>
  reason === undefined || layer.form === "float32" ? layer : { ...layer, form: "float32", reason };

/** Accepts files that lose no more than this of the task's metric. */
async function acceptsWithin(
  source: CompressionSource,
  data: CompressionData,
  loss: number,
): Promise<(model: ModelProto) => Promise<boolean>> {
  const judge = judgeOf(source, data, { loss }, "--most-loss");
  const before = await judge.valueOf(source.file);
  return async (file) => judge.isWithin(before, await judge.valueOf(file));
}

/** Finds the first quantized layer that a device computes differently from the CPU. */
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

/**
 * Opens a run, quantizes it, and writes the result. Errors: those of opening and of data; ConfigError for a pattern that fits nothing.
 *
 * @example
 * import { quantizeRun } from "descentjs/tasks/node";
 * const asked = { form: "int8-dynamic", evenIfSlower: true } as const;
 * const summary = await quantizeRun("runs/churn", asked, { out: "runs/churn-quantized", note: () => undefined });
 * console.log(summary.compression.steps.length); // 1
 */
export async function quantizeRun(path: string, request: QuantizeRequest, context: QuantizeContext): Promise<CompressedSummary> {
  const { note, progress } = context;
  checkPlace(context.out, context.overwrite === true);
  const source = await openSource(path, { device: "cpu", threads: context.threads, ...context.onnx });
  await using _ = source.model;
  for (const remark of source.remarks ?? []) note(remark);
  const suited = request.aware === undefined ? formFor(source.file, writesText(source)) : AWARE;
  const form = request.form ?? suited.form;
  if (request.form === undefined) note(`${form}: ${suited.reason}; --form says otherwise`);
  checkRefinement({ form, refinement: request.refinement });
  checkAware(request, form);
  checkUnused(form, request);
  const {
    calibrationExamples = USUAL.calibrationExamples,
    keep = [],
    mostLoss,
    sensitivity = false,
    aware,
    ...options
  } = request;
  const kept = keptLayers(source.file, keep);
  const limit = await weightLimit(form, request, note);
  const data = await loadCompressionData(source, context.data);
  for (const text of data.notes) note(text);
  const prepared = await quantizeData(source, data, form, calibrationExamples);
  const compared = [await batchOf(source.model, data.test, Math.min(COMPARED, data.test.length))];
  const accepts = mostLoss === undefined ? undefined : await acceptsWithin(source, data, mostLoss);
  const line = progress?.({ label: "measure layers", total: 1, unit: "layers" });
  const onLayer = (done: number, total: number): void => line?.update(done / total);
  const asked: QuantizeOptions = { ...options, ...limit, form, keep: kept, onLayer };
  const train =
    aware &&
    ((plain: ModelProto, names: ReadonlySet<string>) =>
      trainAware(plain, names, prepared, asked, { source, data, training: aware, control: context }));
  const settings: QuantizationInputs = { data: prepared, compared, sensitivity, note, accepts, train };
  const { quantized, parity, sensitivity: found } = await quantizedWithParity(source.file, settings, asked);
  line?.finish();
  if (quantized.prompt !== undefined) note(manyRows(quantized.prompt, writesText(source)));
  sayWhatStays(quantized.layers, form, note);
  return await writeCompressed(
    {
      source,
      data,
      file: quantized.model,
      step: { verb: "quantize", options: { ...request, form } },
      parameters: parametersOf(source),
      facts: { form, layers: quantized.layers.map((one) => withSensitivity(one, found)), prompts: quantized.prompt },
      parity,
      sections: () => layerSection(quantized.layers, found),
    },
    context,
  );
}

/** Weights that are named one by one; the report has all. */
const MOST_NAMED = 4;

/** The first few, and how many more there are. */
const named = (texts: readonly string[], between: string): string =>
  [...texts.slice(0, MOST_NAMED), ...(texts.length > MOST_NAMED ? [`${texts.length - MOST_NAMED} more`] : [])].join(between);

/** Names the weights that a form is not for, and says why where nothing is quantized. */
function sayWhatStays(layers: readonly LayerResult[], form: Form, note: QuantizeContext["note"]): void {
  const without = layers.filter(({ op, reason }) => reason === noForm(form, op));
  const names = without.map(({ name, op }) => `${name} (${op})`);
  if (names.length > 0) note(`${form} has no form of these weights, which stay in float32: ${named(names, ", ")}`);
  if (layers.some((layer) => layer.form !== "float32")) return;
  const reasons = layers.filter((layer) => !without.includes(layer)).map(({ name, reason = "" }) => `${name}: ${reason}`);
  const why = reasons.length === 0 ? `it has no layer that ${form} is for` : named(reasons, "; ");
  note(`the model stays in float32: ${why}`, true);
}

/** Says in which form many rows at once are computed, which for a model that writes are a prompt's. */
const manyRows = (form: PromptForm, writes: boolean): string =>
  `${writes ? "prompts" : "many rows at once"} are computed ${form === "as tokens" ? "as single ones are" : `in ${form}`}, as measured`;

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

const withSensitivity = (
  layer: LayerResult,
  found: ReadonlyMap<string, number>,
): LayerResult & { readonly sensitivity?: number } => {
  const sensitivity = found.get(layer.name);
  return sensitivity === undefined ? layer : { ...layer, sensitivity };
};

/** The table of layers. */
function layerSection(
  layers: readonly LayerResult[],
  sensitivity: ReadonlyMap<string, number>,
): { readonly title: Bilingual; readonly html: string }[] {
  const milliseconds = (ms: number | undefined): string => (ms === undefined ? "" : `${ms.toFixed(3)} ms`);
  const rows = layers.map(({ name, op, shape, form, reason, floatMs, formMs }): Bilingual[] => [
    name,
    `${op} ${shape.join(" × ")}`,
    milliseconds(floatMs),
    milliseconds(formMs),
    FORM_NAMES[form],
    reason ?? "",
    ...(sensitivity.size === 0 ? [] : [sensitivity.get(name)?.toExponential(2) ?? ""]),
  ]);
  const head: Bilingual[] = [
    { en: "layer", zh: "层" },
    { en: "op", zh: "算子" },
    { en: "float32", zh: "float32" },
    { en: "quantized", zh: "量化后" },
    { en: "form", zh: "采用的形式" },
    { en: "why not", zh: "未量化的原因" },
    ...(sensitivity.size === 0 ? [] : [{ en: "error of the outputs by it alone", zh: "仅量化该层时的输出误差" }]),
  ];
  return [
    { title: { en: "Layer by layer, as measured on this machine", zh: "逐层结果（本机测得）" }, html: textTable(head, rows) },
  ];
}
