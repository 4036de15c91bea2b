/**
 * @module `descent compare`: models of all kinds on one split, with one seed and one metric. What has been done is kept, so that a comparison goes on
 * after a kill.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TableReading } from "../data/node.js";
import { loadData, tableReading } from "../data/node.js";
import type { McNemar, PairedBootstrap } from "../metrics/index.js";
import { bootstrapInterval, mcNemar, pairedBootstrap } from "../metrics/index.js";
import type { RunConfig, RunSummary } from "../run/run-folder.js";
import { RUN_FILES } from "../run/run-folder.js";
import { RunFolder } from "../run/run-folder-reader-node.js";
import { loadExamples, splitSeedOf } from "../tasks/use/examples-node.js";
import { isCompressed } from "../tasks/use/compression.js";
import { openTrained } from "../tasks/use/trained-node.js";
import { modelNamed, taskNamed } from "../tasks/table.js";
import type { AnyTask } from "../tasks/task.js";
import { trainTask } from "../tasks/training/train-task-node.js";
import { ConfigError, DataError, DescentError } from "../util/errors.js";
import { makeFolders } from "../util/folders-node.js";
import { own } from "../util/record.js";
import type { Moments } from "../util/significance.js";
import { momentsOf, welchTail } from "../util/significance.js";
import type { Budget, Comparison, CurvePoint, Difference, ModelFigures } from "./figures.js";
import type { Judged } from "./evaluate-node.js";
import { fileFigures, judge, MODEL_FILE, someInputs } from "./evaluate-node.js";
import { writePage } from "./page-node.js";
import { surrogateFor } from "./surrogate-tree-node.js";
import { measureUse } from "./latency-memory-node.js";
import { ranked, recommend } from "./verdict.js";
import { mean } from "../util/vectors.js";

/** The models that are compared where none is named: a network or two, and what a network has to beat. */
const USUAL: Readonly<Record<string, readonly string[]>> = {
  "tabular-classification": ["tabm", "logistic-regression", "random-forest", "gradient-boosting"],
  "tabular-regression": ["tabm", "linear", "random-forest", "gradient-boosting"],
  "text-classification": ["ngram-cnn", "bag-of-ngrams", "logistic-regression", "naive-bayes"],
  "image-classification": ["lenet-5", "mlp", "logistic-regression", "naive-bayes"],
};
/** Shares of the training part at which learning curves are measured, besides all of it. */
const SHARES = [0.1, 0.32];
/** Above this chance, a difference may be one. */
const SIGNIFICANCE = 0.05;

export interface CompareOptions extends TableReading {
  readonly data: string;
  readonly task: string | undefined;
  /** Names of models, and folders of runs; left out, the task's usual ones. */
  readonly models: readonly string[];
  readonly labelColumn: string | undefined;
  readonly textColumn: string | undefined;
  readonly ignoreColumn: readonly string[] | undefined;
  readonly seed: number;
  readonly seeds: number;
  readonly threads: number | undefined;
  readonly curve: boolean;
  readonly budget: Budget;
  readonly out: string;
  readonly lang: "en" | "zh";
}

export interface CompareContext {
  readonly note: (text: string, always?: boolean) => void;
  readonly signal: AbortSignal;
  readonly hold: () => Disposable;
}

/** A model to be compared: the folder that it is in, or is to be trained into. */
interface Candidate {
  readonly name: string;
  readonly run: string;
  /** The choice that is trained; undefined of a run that is there. */
  readonly choice: string | undefined;
  /** Seeds of its trainings: the first's run is `run`, the others' lie beside it. */
  readonly seeds: readonly number[];
}

/** The run of one of a candidate's seeds. */
const runOf = ({ run, seeds }: Pick<Candidate, "run" | "seeds">, seed: number): string =>
  seed === seeds[0] ? run : `${run}-seed-${seed}`;

/** The training's options of a comparison. */
const trainingOf = (o: CompareOptions, task: AnyTask) => ({
  task: task.name,
  data: o.data,
  ...tableReading(o),
  labelColumn: o.labelColumn,
  textColumn: o.textColumn,
  ignoreColumn: o.ignoreColumn === undefined ? undefined : [...o.ignoreColumn],
  seed: o.seed,
  threads: o.threads,
  lang: o.lang,
});

async function taskFor(o: CompareOptions, { note, signal }: CompareContext): Promise<AnyTask> {
  if (o.task !== undefined) return taskNamed(o.task);
  const { labelColumn, textColumn, ignoreColumn } = o;
  const { task, name } = await loadData(o.data, { ...tableReading(o), labelColumn, textColumn, ignoreColumn, signal });
  note(`${name}: compared as ${task}; --task names another`);
  return taskNamed(task);
}

/** The candidates by name. ConfigError for a name that is neither a model of the task nor a run of it. */
function candidatesOf(o: CompareOptions, task: AnyTask): readonly Candidate[] {
  const usual = own(USUAL, task.name);
  if (usual === undefined)
    throw new ConfigError(
      `compare: expected a task of one class or one quantity (${Object.keys(USUAL).join(", ")}), got ${task.name}`,
    );
  const names = o.models.length === 0 ? usual : o.models;
  const seeds = Array.from({ length: o.seeds }, (_, i) => o.seed + i);
  const candidates = names.map((name): Candidate => {
    if (existsSync(join(name, RUN_FILES.config)))
      return { name: name.split("/").findLast((part) => part !== "") ?? name, run: name, choice: undefined, seeds: [o.seed] };
    modelNamed(task, name);
    return { name, run: join(o.out, "runs", name), choice: name, seeds };
  });
  const twice = candidates.find(({ name }, i) => candidates.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) throw new ConfigError(`compare: expected models of different names, got ${twice.name} twice`);
  if (candidates.length < 2) throw new ConfigError(`compare: expected at least two models, got ${candidates.length}`);
  // Runs first: what does not fit them is said before anything is trained.
  return candidates.toSorted((a, b) => Number(a.choice !== undefined) - Number(b.choice !== undefined));
}

const jsonIn = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

/** Settings that a run must share with the comparison to be kept. */
const SHARED = ["data", "labelColumn", "textColumn", "ignoreColumn"] as const;

/** Tells whether a run has the settings, the seed and the split that are asked for. */
const isOf = ({ options }: RunConfig, asked: Readonly<Record<string, unknown>>): boolean =>
  SHARED.every((name) => JSON.stringify(options[name]) === JSON.stringify(own(asked, name))) &&
  (options["seed"] ?? 1) === own(asked, "seed") &&
  splitSeedOf(options) === splitSeedOf(asked);

/** Trains a candidate, unless that was done before; one that was interrupted goes on from its last checkpoint. */
async function train(
  o: CompareOptions,
  task: AnyTask,
  run: string,
  choice: string,
  context: CompareContext,
  { seed = o.seed, ...fraction }: { readonly seed?: number; readonly trainFraction?: number } = {},
): Promise<void> {
  const asked = { ...trainingOf(o, task), seed, ...(seed === o.seed ? {} : { splitSeed: o.seed }) };
  const isSame = existsSync(join(run, RUN_FILES.config)) && isOf(jsonIn(join(run, RUN_FILES.config)) as RunConfig, asked);
  if (isSame && existsSync(join(run, RUN_FILES.summary)) && existsSync(join(run, MODEL_FILE))) return;
  const isBegun = isSame && (await new RunFolder(run).checkpoints().catch(() => [])).length > 0;
  const goesOn = isBegun ? { resume: run } : { overwrite: true };
  const quiet = { note: () => undefined, signal: context.signal, hold: context.hold };
  const result = await trainTask({ ...asked, model: choice, ...fraction, check: false }, { out: run, ...goesOn, ...quiet });
  if (result.summary === undefined) throw new DescentError(`compare: interrupted; the same command continues`);
}

/** A model's figures, and its answers row by row: means over its seeds, and each seed's. */
interface Compared {
  readonly figures: ModelFigures;
  readonly judged: Pick<Judged, "values" | "calibrationError">;
  readonly bySeed: readonly [Judged, ...Judged[]];
}

/** Remarks on a run that was not trained here. ConfigError where its task or its classes are others. */
function remarksOn(
  o: CompareOptions,
  task: AnyTask,
  name: string,
  config: RunConfig,
  choice: string | undefined,
): readonly string[] {
  if (config.task !== task.name)
    throw new ConfigError(`compare: ${name}: expected a run of ${task.name}, got one of ${config.task}`);
  const { data } = config.options;
  const seed = splitSeedOf(config.options);
  if (choice !== undefined || (data === o.data && seed === o.seed)) return [];
  return [
    `${name} was trained on another split (${String(data)}, seed ${seed}): it is measured again here, and may have seen test examples`,
  ];
}

const kindOf = (config: RunConfig): ModelFigures["kind"] =>
  isCompressed(config) ? "compressed" : config["fitted"] === true ? "traditional" : "network";

/** The metric of judged values: the share of right answers, or the root of the mean squared error. */
const metricOf = (judged: Pick<Judged, "values" | "calibrationError">, mean: number): number =>
  judged.calibrationError === undefined ? Math.sqrt(mean) : mean;

/** Opens a run, and its test examples by the comparison's split. Errors: those of `loadExamples`. */
async function opened(o: CompareOptions, run: string) {
  const { model, config } = await openTrained(run, o.threads === undefined ? {} : { threads: o.threads });
  const { labelColumn, ignoreColumn } = o;
  const split = { options: { ...config.options, data: o.data, splitSeed: o.seed } };
  const reading = { data: o.data, ...tableReading(o), labelColumn, ignoreColumn };
  const { examples } = await loadExamples(model, split, reading).catch((cause: unknown) => {
    // Of several models, say whose columns or classes these data do not have.
    throw cause instanceof DataError ? new DataError(`compare: ${run}: ${cause.message}`, { cause }) : cause;
  });
  if (examples.length < 2) throw new DataError(`${o.data}: expected at least 2 test examples, got ${examples.length}`);
  return { model, config, examples };
}

/** Judges the trainings with further seeds. */
async function judgeSeeds(o: CompareOptions, candidate: Candidate): Promise<{ judged: Judged[]; seconds: number[] }> {
  const [judged, seconds]: [Judged[], number[]] = [[], []];
  for (const seed of candidate.seeds.slice(1)) {
    const run = runOf(candidate, seed);
    const { model, examples } = await opened(o, run);
    await using used = model;
    judged.push(await judge(used, examples));
    seconds.push((jsonIn(join(run, RUN_FILES.summary)) as RunSummary).trainSeconds);
  }
  return { judged, seconds };
}

/** Means over seeds, row by row. */
function overSeeds(bySeed: Compared["bySeed"]): Pick<Judged, "values" | "calibrationError"> {
  const [first, ...rest] = bySeed;
  if (rest.length === 0) return first;
  const values = first.values.map((v, i) => rest.reduce((sum, other) => sum + (other.values[i] as number), v) / bySeed.length);
  const errors = bySeed.flatMap(({ calibrationError = [] }) => calibrationError);
  return { values, calibrationError: errors.length === 0 ? undefined : mean(Float64Array.from(errors)) };
}

/** Opens a candidate's runs, judges them, and measures what the first takes. */
async function measure(o: CompareOptions, task: AnyTask, candidate: Candidate, curve: readonly CurvePoint[]): Promise<Compared> {
  const { name, run, choice } = candidate;
  const { model, config, examples } = await opened(o, run);
  await using used = model;
  const remarks = remarksOn(o, task, name, config, choice);
  const others = await judgeSeeds(o, candidate);
  const bySeed: Compared["bySeed"] = [await judge(used, examples), ...others.judged];
  const judged = overSeeds(bySeed);
  const columns = await someInputs(used, examples);
  const interval = bootstrapInterval(judged.values, { seed: o.seed });
  const summary = jsonIn(join(run, RUN_FILES.summary)) as RunSummary;
  const use = await measureUse({ file: join(run, MODEL_FILE), columns, threads: o.threads });
  const valueOf = (one: Pick<Judged, "values" | "calibrationError">): number => metricOf(one, mean(one.values));
  const [value, first] = [valueOf(judged), valueOf(bySeed[0])];
  // The curve's other points are the first seed's; the first of them tells how many examples the whole part has.
  const whole: CurvePoint = { examples: Math.round((curve[0]?.examples ?? 0) / (SHARES[0] as number)), value: first };
  const figures: ModelFigures = {
    name,
    run,
    kind: kindOf(config),
    parameters: summary.parameters,
    ...(await fileFigures(run)),
    trainSeconds: mean(Float64Array.of(summary.trainSeconds, ...others.seconds)),
    ...use,
    value,
    low: metricOf(judged, interval.low),
    high: metricOf(judged, interval.high),
    bySeed: bySeed.length === 1 ? undefined : bySeed.map(valueOf),
    calibrationError: judged.calibrationError,
    curve: curve.length === 0 ? [] : [...curve, whole],
    remarks,
  };
  return { figures, judged, bySeed };
}

/** Trains a choice on shares of the training part. A share that lacks a class, say, leaves its point out. */
async function curveOf(
  o: CompareOptions,
  task: AnyTask,
  { name, choice }: Candidate,
  examples: number,
  context: CompareContext,
): Promise<readonly CurvePoint[]> {
  if (choice === undefined || !o.curve) return [];
  const points: CurvePoint[] = [];
  for (const share of SHARES) {
    const run = join(o.out, "curves", `${name}-${share}`);
    try {
      await train(o, task, run, choice, context, { trainFraction: share });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      context.note(`${name}, ${share} of the training part: left out of the learning curve: ${error.message}`);
      continue;
    }
    const { metrics } = jsonIn(join(run, RUN_FILES.summary)) as RunSummary;
    const value = metrics.test?.["accuracy"] ?? metrics.test?.["rmse"];
    if (value !== undefined) points.push({ examples: Math.round(share * examples), value });
  }
  return points;
}

/**
 * The chance that the mean difference of two models comes of the choice of test examples and of seeds together: Welch's form of Student's test on the sum of
 * the two variances. A model of one seed counts as the same for all.
 */
function chanceOverSeeds(best: Compared, other: Compared): number | undefined {
  const seeds = Math.max(best.bySeed.length, other.bySeed.length);
  if (seeds < 2) return undefined;
  const valueOf = ({ bySeed }: Compared, s: number): number => mean((bySeed[s] ?? bySeed[0]).values);
  const rows = momentsOf(best.judged.values.map((v, i) => v - (other.judged.values[i] as number)));
  const between = momentsOf(Array.from({ length: seeds }, (_, s) => valueOf(best, s) - valueOf(other, s)));
  const gap: Moments = { ...between, mean: Math.abs(rows.mean) };
  return Math.min(1, 2 * welchTail(gap, { ...rows, mean: 0 }));
}

/** The best model beside another, where more is better. */
function differenceOf(best: Compared, other: Compared): Difference {
  const isClasses = best.judged.calibrationError !== undefined;
  const sign = isClasses ? 1 : -1;
  const bootstrap: PairedBootstrap = pairedBootstrap(
    best.judged.values.map((v) => v * sign),
    other.judged.values.map((v) => v * sign),
  );
  const chance = chanceOverSeeds(best, other);
  const test: McNemar | undefined =
    isClasses && chance === undefined ? mcNemar(best.judged.values, other.judged.values) : undefined;
  const shownDifference = isClasses ? bootstrap : { ...bootstrap, difference: other.figures.value - best.figures.value };
  return {
    name: other.figures.name,
    bootstrap: shownDifference,
    mcNemar: test,
    overSeeds: chance,
    isNoise: (chance ?? test?.p ?? bootstrap.p) >= SIGNIFICANCE,
  };
}

/** The training part's size. */
async function trainingSize(o: CompareOptions, task: AnyTask, signal: AbortSignal): Promise<number> {
  const { labelColumn, textColumn } = o;
  const { train: part } = await loadData(o.data, {
    seed: o.seed,
    ...task.reads,
    ...tableReading(o),
    labelColumn,
    textColumn,
    signal,
  });
  return part.length;
}

/**
 * Compares models, and leaves `compare.json` and `report.html` in the folder.
 *
 * Errors: ConfigError, DataError for what was given; those of trainings.
 */
export async function compare(o: CompareOptions, context: CompareContext): Promise<Comparison> {
  const task = await taskFor(o, context);
  const candidates = candidatesOf(o, task);
  makeFolders(o.out);
  const examples = await trainingSize(o, task, context.signal);
  const compared: Compared[] = [];
  for (const candidate of candidates) {
    context.signal.throwIfAborted();
    context.note(
      `${candidate.name}: ${candidate.choice === undefined ? "measuring" : "training and measuring"} (${compared.length + 1} of ${candidates.length})`,
    );
    if (candidate.choice !== undefined)
      for (const seed of candidate.seeds) await train(o, task, runOf(candidate, seed), candidate.choice, context, { seed });
    const curve = await curveOf(o, task, candidate, examples, context);
    const one = await measure(o, task, candidate, curve);
    for (const remark of one.figures.remarks) context.note(remark, true);
    compared.push(one);
  }
  const counts = new Set(compared.map(({ judged }) => judged.values.length));
  if (counts.size > 1)
    throw new ConfigError(`compare: expected the same test examples for all models, got ${[...counts].join(" and ")}`);
  const metric = compared[0]?.judged.calibrationError === undefined ? "rmse" : "accuracy";
  const models = ranked(
    compared.map(({ figures }) => figures),
    metric,
  );
  const of = (figures: ModelFigures): Compared => compared.find((one) => one.figures === figures) as Compared;
  const [best, ...others] = models.map(of) as [Compared, ...Compared[]];
  const result: Comparison = {
    task: task.name,
    data: o.data,
    seed: o.seed,
    seeds: o.seeds,
    examples: { train: examples, test: best.judged.values.length },
    metric,
    models,
    differences: others.map((other) => differenceOf(best, other)),
    budget: o.budget,
    recommended: recommend(models, metric, o.budget, (a, b) => differenceOf(of(a), of(b)).isNoise)?.name,
    standIn: await surrogateFor(o, task, models),
  };
  const path = join(o.out, "compare.json");
  writeFileSync(`${path}.new`, `${JSON.stringify(result, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
  await writePage(o.out, result, o.lang);
  return result;
}
