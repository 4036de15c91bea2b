/**
 * @module Scoring the scorers: a twin of a model is trained on the user's own data with planted evidence, where the right explanation is known; methods are
 * ranked by it, and measures of faithfulness by how rightly they rank the methods.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset } from "../../data/node.js";
import { checkRepeated } from "../../data/node.js";
import type { Attribution, Explainable, ExplainInput, Measure, MeasureName, MethodName } from "../../explain/index.js";
import {
  agreementOf,
  Explainer,
  faithfulness,
  featureValues,
  foundEvidence,
  LEAST_AGREEMENT,
  MEASURES,
  MEASURE_NAMES,
  METHOD_NAMES,
  methodNamed,
  reproducibility,
  unitsOf,
} from "../../explain/index.js";
import { openRun, splitRunPath } from "../../run/run-folder-node.js";
import { RUN_FILES } from "../../run/run-folder.js";
import { ConfigError, NoGradientError } from "../../util/errors.js";
import { explainableRows } from "../explaining/explainable-node.js";
import { nodeTaskNamed } from "../table-node.js";
import type { PlantedScores } from "../explaining/planted-scores.js";
import type { Measurement } from "../task.js";
import type { TrainedModel } from "../trained-model.js";
import { openTrained } from "../use/trained-node.js";
import type { View } from "../view.js";
import type { Planted } from "./planted-data-node.js";
import { COLUMN, plantEvidence, WORDS } from "./planted-data-node.js";
import type { TrainTaskOptions } from "./training-options.js";
import { trainTask } from "./train-task-node.js";

export interface PlantRequest {
  readonly methods: readonly MethodName[];
  /** Twins to train, each with its own seed. */
  readonly seeds: number;
  readonly seed: number;
  /** Test examples to explain. */
  readonly examples?: number | undefined;
  readonly data?: string | undefined;
  readonly signal?: AbortSignal;
  readonly note: (text: string) => void;
  readonly onProgress?: (done: number, total: number) => void;
}

const EXAMPLES = 40;
/** Examples that measures of faithfulness are taken of: each takes hundreds of answers. */
const MEASURED = 10;
/** Steps of a twin's training: one cue is soon learned. */
const STEPS = 600;

/** Options of the run that the twin's training does without: of its length, its own evidence, and whatever would move or hide what is planted. */
const LEFT_OUT: readonly string[] = [
  "epochs",
  "steps",
  "earlyStopping",
  "fold",
  "evidence",
  "evidenceWeight",
  "keepCheckpoints",
  "labelSeparator",
  "stride",
  "lora",
  "freeze",
  "warmupSteps",
  "data",
  "task",
];

/** Methods whose answer is a change of the input, which says where it came from least of all. */
const CHANGES: readonly string[] = ["fgsm", "pgd", "smallest-change"];

/** The measures that say how faithful an attribution is, without making it anew. */
const JUDGED = MEASURE_NAMES.filter((name) => {
  // own key: one of a closed list.
  const measure: Measure = MEASURES[name];
  return measure.explains !== true;
});

/** A twin, and the examples of it that are explained. */
interface Twin {
  readonly model: TrainedModel;
  readonly planted: Planted;
  readonly test: Dataset;
  readonly accuracy: number;
  readonly bareAccuracy: number;
}

const figureOf = (measurement: Measurement | undefined): number => {
  const { accuracy, r2 } = measurement?.result() ?? {};
  return accuracy ?? r2 ?? NaN;
};

/** Trains a twin of a run into a folder. */
async function trainTwin(path: string, folder: string, seed: number, request: PlantRequest): Promise<Twin> {
  const { run } = splitRunPath(path);
  const config = await (await openRun(run)).config();
  const stored = config.options["data"];
  checkRepeated(stored, request.data, join(run, RUN_FILES.config), `descent explain ${run} --plant --data`);
  const data = request.data ?? stored;
  if (typeof data !== "string") throw new ConfigError(`${run}: expected a run that names its data, got none; give --data`);
  const kept = Object.fromEntries(Object.entries(config.options).filter(([name]) => !LEFT_OUT.includes(name)));
  const asked: TrainTaskOptions = { ...kept, task: config.task, data, seed, steps: STEPS, check: false };
  const unmoved = "augment" in kept ? { augment: "none" } : {};
  let planted: Planted | undefined;
  const out = join(folder, `twin-${seed}`);
  await trainTask(
    { ...asked, ...unmoved },
    {
      out,
      note: () => undefined,
      signal: request.signal,
      change: async (loaded) => {
        planted = await plantEvidence(loaded, config.task === "tabular-regression", seed);
        return planted.data;
      },
    },
  );
  if (planted === undefined)
    throw new ConfigError(`--plant: expected a model that is trained in steps, got ${String(config["model"])}`);
  const { model } = await openTrained(out);
  const encoded = (rows: Dataset): Promise<Dataset> =>
    Promise.resolve(model.task.examples((planted as Planted).data, rows, model.info));
  const test = await encoded(planted.data.test);
  const accuracy = figureOf(await model.measure(test));
  const bareAccuracy = figureOf(await model.measure(await encoded(planted.bare)));
  return { model, planted, test, accuracy, bareAccuracy };
}

/** Views of the examples, as far as they have parts. */
async function viewsOf({ model, planted, test }: Twin, count: number): Promise<View[]> {
  const { view } = nodeTaskNamed(model.task.name);
  const text = planted.data.roles.text;
  const names = text === undefined ? [] : planted.data.test.texts(text).map((each) => each ?? "");
  const inputs = { examples: test, rows: planted.data.test, names, badRows: 0 };
  if (view === undefined || planted.kind === "image") return [];
  return Promise.all(Array.from({ length: count }, (_, row) => view(model, inputs, row, names[row] ?? `#${row}`, { run: "" })));
}

/** Which units of one example are evidence: pixels, tokens, or columns. */
function evidenceOf({ planted }: Twin, view: View | undefined, i: number, units: number, width: number): Uint8Array {
  const evidence = new Uint8Array(units);
  const patch = planted.patches[i];
  if (patch !== undefined)
    for (let y = 0; y < patch.side; y++)
      for (let x = 0; x < patch.side; x++) evidence[(patch.top + y) * width + patch.left + x] = 1;
  const { names = [], partOf = new Int32Array() } = view?.parts ?? {};
  const isEvidence = names.map((name) => name === COLUMN || WORDS.some((word) => name.toLowerCase() === word));
  partOf.forEach((part, u) => (evidence[u] = Number(part >= 0 && isEvidence[part] === true)));
  return evidence;
}

/** One value a unit of one example; of parts that a task made, one a part. */
function unitValues(
  model: Explainable,
  attribution: Attribution,
  i: number,
  shape: readonly number[],
  partOf: Int32Array | undefined,
): Float64Array {
  const own = attribution.examples[i]?.parts;
  if (own !== undefined && own.partOf === undefined && partOf !== undefined) {
    const counts = new Map<number, number>();
    for (const part of partOf) counts.set(part, (counts.get(part) ?? 0) + 1);
    return Float64Array.from(partOf, (part) => (part < 0 ? 0 : (own.values[part] as number) / (counts.get(part) as number)));
  }
  const { unitOf, units } = unitsOf(model, shape);
  const values = featureValues(model, attribution, i, shape);
  const sums = new Float64Array(units);
  unitOf.forEach((unit, e) => (sums[unit] = (sums[unit] as number) + (values[e] as number)));
  return sums;
}

/**
 * Pixels summed by cells as large as the patch, of which one is the evidence's: methods of fine and of coarse maps are asked the same question.
 */
function inCells(values: Float64Array, evidence: Uint8Array, width: number, side: number): [Float64Array, Uint8Array] {
  const height = values.length / width;
  const [rows, columns] = [Math.round(height / side), Math.round(width / side)];
  const sums = new Float64Array(rows * columns);
  const covered = new Float64Array(rows * columns);
  values.forEach((value, p) => {
    const [y, x] = [Math.floor(p / width), p % width];
    const cell = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width);
    sums[cell] = (sums[cell] as number) + value;
    covered[cell] = (covered[cell] as number) + (evidence[p] as number);
  });
  const most = covered.reduce((a, b) => Math.max(a, b), 0);
  return [sums, Uint8Array.from(covered, (count) => Number(count === most))];
}

/** One method on a twin. */
interface MethodScore {
  readonly first: number;
  readonly mass: number;
  readonly measures: Partial<Record<MeasureName, number>>;
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / Math.max(1, values.length);

/** Scores one method; undefined where the twin cannot have it. */
async function scoreMethod(
  twin: Twin,
  explainer: Explainer,
  input: ExplainInput,
  views: readonly View[],
  targets: readonly number[],
  method: MethodName,
  seed: number,
): Promise<MethodScore | undefined> {
  const { defaults } = methodNamed(method);
  const how = { method, seed, target: targets, ...(defaults.maxSteps === undefined ? {} : { maxSteps: 128 }) };
  let attribution: Attribution;
  try {
    attribution = await explainer.explain(input, how);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof NoGradientError) return undefined;
    throw error;
  }
  const shape = input.features.shape.slice(1);
  const width = shape.at(-1) ?? 1;
  const found = targets.map((_, i) => {
    const values = unitValues(explainer.model, attribution, i, shape, views[i]?.parts?.partOf);
    const evidence = evidenceOf(twin, views[i], i, values.length, width);
    const side = twin.planted.patches[i]?.side;
    return side === undefined ? foundEvidence(values, evidence) : foundEvidence(...inCells(values, evidence, width, side));
  });
  const isMeasured = attribution.examples[0]?.parts === undefined || attribution.examples[0].parts.partOf !== undefined;
  const measured = isMeasured ? await measuredOf(explainer, input, attribution) : [];
  const measures = Object.fromEntries(
    measured.length === 0 ? [] : JUDGED.map((name) => [name, meanOf(measured.map((one) => one[name] ?? NaN))]),
  );
  return { first: meanOf(found.map(({ first }) => first)), mass: meanOf(found.map(({ mass }) => mass)), measures };
}

/** Measures of the first examples. */
async function measuredOf(explainer: Explainer, input: ExplainInput, attribution: Attribution) {
  return faithfulness(
    explainer,
    input,
    { ...attribution, examples: attribution.examples.slice(0, MEASURED) },
    { measures: JUDGED },
  );
}

/** All methods on one twin. */
async function scoreTwin(
  twin: Twin,
  seed: number,
  request: PlantRequest,
  told: (done: number) => void,
): Promise<Map<MethodName, MethodScore>> {
  const count = Math.min(request.examples ?? EXAMPLES, twin.test.length);
  const examples = twin.test.slice(0, count);
  const views = await viewsOf(twin, count);
  const shared = twin.planted.kind === "table" ? { parts: views[0]?.parts } : {};
  const { model, input } = await explainableRows(twin.model, examples, shared);
  await using explainer = new Explainer(model);
  const labels = examples.has("label") ? Array.from(examples.tensor("label").data, Number) : new Array<number>(count).fill(0);
  const scores = new Map<MethodName, MethodScore>();
  for (const [k, method] of request.methods.entries()) {
    request.signal?.throwIfAborted();
    const score = await scoreMethod(twin, explainer, input, views, labels, method, seed);
    if (score !== undefined) scores.set(method, score);
    told(k + 1);
  }
  return scores;
}

/** The methods that are scored unless some are named. */
export const plantedMethods = (): readonly MethodName[] => METHOD_NAMES.filter((name) => !CHANGES.includes(name));

/**
 * Scores methods and measures on twins of a run.
 *
 * Errors: ConfigError for a run of a task whose data cannot be planted; those of training.
 * Source: Sanity checks by planted artefacts: Adebayo et al. 2022, arXiv:2212.04629; measures against known truth: Hedström et al. 2023, MetaQuantus, arXiv:2302.07265.
 */
export async function scoreOnTwins(path: string, request: PlantRequest): Promise<PlantedScores> {
  const folder = await mkdtemp(join(tmpdir(), "descent-twin-"));
  try {
    const twins: { readonly accuracy: number; readonly bareAccuracy: number; readonly scores: Map<MethodName, MethodScore> }[] =
      [];
    let isQuantity = false;
    for (let k = 0; k < request.seeds; k++) {
      const seed = request.seed + k;
      const twin = await trainTwin(path, folder, seed, request);
      await using model = twin.model;
      isQuantity = model.task.name === "tabular-regression";
      const total = request.seeds * request.methods.length;
      const scores = await scoreTwin(twin, seed, request, (done) =>
        request.onProgress?.(k * request.methods.length + done, total),
      );
      twins.push({ accuracy: twin.accuracy, bareAccuracy: twin.bareAccuracy, scores });
      request.note(
        `twin ${k + 1} of ${request.seeds}: with the evidence ${twin.accuracy.toFixed(3)}, without it ${twin.bareAccuracy.toFixed(3)}`,
      );
    }
    return summarized(twins, isQuantity);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function summarized(
  twins: readonly {
    readonly accuracy: number;
    readonly bareAccuracy: number;
    readonly scores: ReadonlyMap<MethodName, MethodScore>;
  }[],
  isQuantity: boolean,
): PlantedScores {
  const names = [...(twins[0]?.scores.keys() ?? [])].filter((name) => twins.every(({ scores }) => scores.has(name)));
  const of = (name: MethodName): MethodScore[] => twins.map(({ scores }) => scores.get(name) as MethodScore);
  const methods = names
    .map((name) => ({
      name,
      first: meanOf(of(name).map(({ first }) => first)),
      mass: meanOf(of(name).map(({ mass }) => mass)),
      measures: Object.fromEntries(
        JUDGED.flatMap((measure) => {
          const values = of(name).flatMap(({ measures }) => measures[measure] ?? []);
          return values.length === 0 ? [] : [[measure, meanOf(values)]];
        }),
      ),
    }))
    .sort((a, b) => b.first - a.first || b.mass - a.mass);
  const measures = JUDGED.map((name) => {
    const judged = methods.filter((method) => Number.isFinite(method.measures[name]));
    // own key: one of a closed list.
    const { better } = MEASURES[name];
    const agreement = agreementOf(
      judged.map(({ mass }) => mass),
      judged.map((method) => method.measures[name] as number),
      better,
    );
    return { name, agreement, methods: judged.length, isEvidence: agreement >= LEAST_AGREEMENT };
  });
  return {
    of: isQuantity ? "r2" : "accuracy",
    withEvidence: meanOf(twins.map(({ accuracy }) => accuracy)),
    withoutEvidence: meanOf(twins.map(({ bareAccuracy }) => bareAccuracy)),
    seeds: twins.length,
    reproducibility: reproducibility(twins.map(({ scores }) => names.map((name) => (scores.get(name) as MethodScore).mass))),
    methods,
    measures,
  };
}
