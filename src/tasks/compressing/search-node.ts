/**
 * @module `descent compress`: one search over distillation, pruning and quantization. Every point is a run folder of its own, made from the one before it in its
 * pipeline; short trainings come first, and what they promise is trained longer.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { TIMED, timeInTurns } from "../../compress/timing.js";
import { OnnxModel } from "../../onnx/index.js";
import { RUN_FILES } from "../../run/run-folder.js";
import { nodeFileSystem, writeWhole } from "../../run/run-folder-files-node.js";
import { compile } from "../../runtime/index.js";
import { ConfigError, DescentError } from "../../util/errors.js";
import { makeFolders } from "../../util/folders-node.js";
import { unknownName } from "../../util/nearest.js";
import { defaultsOf } from "../../util/option.js";
import { parseJsonWith } from "../../util/schema.js";
import { loadExamples } from "../use/examples-node.js";
import type { Dataset } from "../../data/node.js";
import type { Monitor } from "../../train/index.js";
import { pick } from "../use/traced-graph.js";
import { batchOf } from "./before-after-node.js";
import type { Budget, Measured, Saved } from "./budget.js";
import { distanceFrom, SAVED, violations } from "./budget.js";
import type { CompressingContext } from "./prune-run-node.js";
import { pruneOptions } from "./prune-options.js";
import { pruneRun } from "./prune-run-node.js";
import { distillOptions } from "./distill-options.js";
import { distillRun } from "./distill-run-node.js";
import { quantizeRun } from "./quantize-node.js";
import type { CompressionSource } from "./source-node.js";
import { openSource } from "./source-node.js";
import { parametersOf } from "./write-node.js";
import type { SmallTraining } from "./options.js";
import { renderSearch } from "./search-report.js";
import { modeOf } from "./judge-node.js";

/** One step of a pipeline, by the name that points bear. */
interface Stage {
  readonly name: string;
  /** Whether it trains. */
  readonly trains: boolean;
  readonly run: (from: string, out: string, training: SmallTraining, context: CompressingContext) => Promise<unknown>;
}

const distilling: Stage = {
  name: "distill",
  trains: true,
  run: (from, out, training, context) => distillRun([from], defaultsOf(distillOptions), training, { ...context, out }),
};

const pruning = (macs: number): Stage => ({
  name: `prune${Math.round(macs * 100)}`,
  trains: true,
  run: (from, out, training, context) => pruneRun(from, { ...defaultsOf(pruneOptions), macs }, training, { ...context, out }),
});

const quantizing: Stage = {
  name: "quantize",
  trains: false,
  run: (from, out, _training, context) => quantizeRun(from, {}, { ...context, out }),
};

/** Two thinner layers in the place of each linear one that has many numbers. */
const thinning: Stage = {
  name: "rank95",
  trains: true,
  run: (from, out, training, context) =>
    pruneRun(from, { ...defaultsOf(pruneOptions), energy: 0.95 }, training, { ...context, out }),
};

/** Shares of multiply-adds that are tried. */
const CUTS = [0.7, 0.5, 0.35];

/** Lists the candidates in an order that makes sense: fewer layers, then narrower ones, then lower ranks, then fewer bits; the least change first. */
const PIPELINES: readonly (readonly Stage[])[] = [
  [quantizing],
  [thinning],
  [pruning(0.7), thinning],
  ...[[], ...CUTS.map((macs) => [pruning(macs)])].flatMap((cut) =>
    [[], [distilling]].map((taught): Stage[] => [...taught, ...cut]),
  ),
]
  .flatMap((stages): Stage[][] => (stages.includes(quantizing) ? [[...stages]] : [[...stages], [...stages, quantizing]]))
  .filter((stages, i, all) => stages.length > 0 && all.findIndex((other) => nameOf(other) === nameOf(stages)) === i);

function nameOf(stages: readonly Stage[]): string {
  return stages.map(({ name }) => name).join("+");
}

/** A point of the search. */
export interface SearchPoint extends Measured {
  readonly name: string;
  readonly run: string;
  /** Whether its trainings were long. */
  readonly isLong: boolean;
}

/** A pipeline that failed, and why. */
export type SearchGap = SearchState["gaps"][number];

type SearchState = z.infer<typeof stateSchema>;

/** `search.json`: what has been tried so far. */
const stateSchema = z.object({
  of: z.string(),
  budget: z.string(),
  points: z.array(
    z.object({
      name: z.string(),
      run: z.string(),
      isLong: z.boolean(),
      shares: z.record(z.enum(SAVED), z.number()),
      metric: z.object({ before: z.number(), after: z.number() }),
    }),
  ),
  gaps: z.array(z.object({ name: z.string(), reason: z.string() })),
});

export interface SearchOptions {
  readonly budget: Budget;
  readonly budgetText: string;
  /** Epochs of the first, short trainings; long ones take those of `training`. */
  readonly shortEpochs: number;
  /** Number of points that are trained longer. */
  readonly longer: number;
  /** Pipelines that are tried, by name; left out, all. */
  readonly pipelines?: readonly string[];
}

export interface SearchResult {
  readonly points: readonly SearchPoint[];
  readonly gaps: readonly SearchGap[];
  /** The point that is chosen, or the nearest one. */
  readonly best: SearchPoint;
  readonly isMet: boolean;
}

const STATE = "search.json";

/** The model that is searched from, and how its points are judged. */
interface Searching {
  readonly source: CompressionSource;
  readonly rows: Dataset;
  readonly monitor: Monitor;
  /** The metric of the original. */
  readonly before: number;
  readonly options: SearchOptions;
  readonly training: SmallTraining;
  readonly context: CompressingContext;
}

/** A search under way. */
class Search {
  readonly #given: Searching;
  #state: SearchState;

  constructor(given: Searching, state: SearchState) {
    this.#given = given;
    this.#state = state;
  }

  get state(): SearchState {
    return this.#state;
  }

  async #keep(change: Partial<SearchState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    await writeWhole(nodeFileSystem, join(this.#given.context.out, STATE), `${JSON.stringify(this.#state, undefined, 2)}\n`);
  }

  /** Runs a pipeline, reusing points that this search, or an interrupted one, has already made. */
  async go(stages: readonly Stage[], isLong: boolean): Promise<void> {
    const { source, options, context } = this.#given;
    const { note, signal, out } = context;
    const name = `${nameOf(stages)}${isLong ? "-long" : ""}`;
    const known = [...this.#state.points, ...this.#state.gaps].some((each) => each.name === name);
    if (known) return;
    if (signal?.aborted === true) throw new DescentError(`interrupted; the same command continues what is in ${out}`);
    note(`${this.#state.points.length + this.#state.gaps.length + 1}: ${name}`);
    const training = isLong ? this.#given.training : { ...this.#given.training, epochs: options.shortEpochs };
    let from = source.path;
    try {
      for (const [i, stage] of stages.entries()) {
        const path = join(out, "points", `${nameOf(stages.slice(0, i + 1))}${isLong ? "-long" : ""}`);
        if (!existsSync(join(path, RUN_FILES.summary))) await stage.run(from, path, training, { ...context, overwrite: true });
        from = path;
      }
    } catch (error) {
      // A layer that cannot be cut so far, a model without layers to drop: the others go on.
      if (!(error instanceof ConfigError)) throw error;
      await this.#keep({ gaps: [...this.#state.gaps, { name, reason: error.message }] });
      return;
    }
    await this.#keep({ points: [...this.#state.points, { name, run: from, isLong, ...(await this.#measured(from)) }] });
  }

  /** Measures a point beside the original: times by turns, and the metric on rows used for neither training nor the report. */
  async #measured(path: string): Promise<Measured> {
    const { source, rows, monitor, before: metricBefore, training } = this.#given;
    const opened = await openSource(path, training);
    await using model = opened.model;
    const files = [source.model.toOnnx(), model.toOnnx()] as const;
    await using first = await compile(new OnnxModel(files[0]), { ...training, ...TIMED });
    await using second = await compile(new OnnxModel(files[1]), { ...training, ...TIMED });
    const batch = await batchOf(source.model, rows, 1);
    const [before = NaN, after = NaN] = await timeInTurns(
      [first, second].map((session) => () => session.call(pick(batch, session.inputs))),
    );
    const metrics = (await model.measure(rows))?.result() ?? {};
    return {
      shares: {
        latency: after / before,
        size: files[1].length / files[0].length,
        parameters: parametersOf(opened) / parametersOf(source),
      },
      metric: { before: metricBefore, after: metrics[monitor.metric] ?? NaN },
    };
  }
}

/** Continues the same search in a folder, or begins a new one. ConfigError for a folder with other contents. */
async function openState(
  out: string,
  fresh: SearchState,
  overwrite: boolean,
  note: (text: string) => void,
): Promise<SearchState> {
  const path = join(out, STATE);
  if (!existsSync(out) || overwrite) return fresh;
  if (!existsSync(path))
    throw new ConfigError(`--out ${out}: expected a new folder or one of a search, got another; --overwrite replaces it`);
  const kept = parseJsonWith(stateSchema, await readFile(path, "utf8"), path);
  if (kept.of !== fresh.of || kept.budget !== fresh.budget)
    throw new ConfigError(
      `--out ${out}: expected the search of ${fresh.of} for "${fresh.budget}", got one of ${kept.of} for "${kept.budget}"; --overwrite replaces it`,
    );
  note(`goes on with ${kept.points.length} points in ${out}`);
  return kept;
}

/** Sorts points by their distance from the budget; those that meet it, by their savings. */
export function ranked(points: readonly SearchPoint[], budget: Budget, mode: "min" | "max"): SearchPoint[] {
  const asked = SAVED.filter((name) => budget.most[name] !== undefined);
  const saved: readonly Saved[] = asked.length === 0 ? ["size", "latency"] : asked;
  const left = ({ shares }: SearchPoint): number => saved.reduce((product, name) => product * shares[name], 1);
  const distance = (point: SearchPoint): number => distanceFrom(violations(budget, point, mode));
  return [...points].sort((a, b) => distance(a) - distance(b) || left(a) - left(b));
}

/** The pipelines of these names. ConfigError for one that is none. */
function pipelinesNamed(names: readonly string[] | undefined): readonly (readonly Stage[])[] {
  const stray = names?.find((name) => !PIPELINES.some((stages) => nameOf(stages) === name));
  if (stray !== undefined) throw new ConfigError(`--try: ${unknownName("pipeline", stray, PIPELINES.map(nameOf))}`);
  return PIPELINES.filter((stages) => names === undefined || names.includes(nameOf(stages)));
}

/** The share of the metric that a short training may lose beyond the budget for its point to be trained longer. */
const PATIENCE = 0.05;

/** Chooses the pipelines worth long trainings: those that save enough, the nearest to the budget first. */
function promising(points: readonly SearchPoint[], { budget, longer }: SearchOptions, mode: "min" | "max"): string[] {
  const saves = points.filter((point) => SAVED.every((name) => point.shares[name] <= (budget.most[name] ?? Infinity)));
  const close = saves.filter(
    ({ metric: { before, after } }) => Math.abs(before - after) <= (budget.metric?.loss ?? 0) + PATIENCE,
  );
  return ranked(close.length > 0 ? close : points, budget, mode)
    .filter(({ name, isLong }) => !isLong && name !== quantizing.name)
    .slice(0, longer)
    .map(({ name }) => name);
}

/**
 * Searches, and writes a report with the points.
 *
 * Errors: ConfigError for a budget whose metric the task does not have; those of the stages but ConfigErrors, which leave a point out.
 */
export async function compressRun(
  path: string,
  options: SearchOptions,
  training: SmallTraining,
  context: CompressingContext,
): Promise<SearchResult> {
  const chosen = pipelinesNamed(options.pipelines);
  const source = await openSource(path, training);
  await using model = source.model;
  const trainedOn = context.data?.data ?? source.config.options["data"];
  if (typeof trainedOn !== "string")
    throw new ConfigError(`${path}: expected --data, since the run does not name its own, got none`);
  const { examples: rows } = await loadExamples(model, source.config, { ...context.data, data: trainedOn, part: "validation" });
  const whole = (await model.measure(rows))?.result() ?? {};
  const usual = model.task.monitor ?? { metric: "loss", mode: "min" };
  const metric = options.budget.metric?.name ?? usual.metric;
  const before = whole[metric];
  if (before === undefined)
    throw new ConfigError(`--budget: expected a metric among ${Object.keys(whole).join(", ")}, got ${metric}`);
  const monitor: Monitor = { metric, mode: modeOf(metric, usual) };
  const state = await openState(
    context.out,
    { of: path, budget: options.budgetText, points: [], gaps: [] },
    context.overwrite === true,
    context.note,
  );
  makeFolders(join(context.out, "points"));
  const search = new Search({ source, rows, monitor, before, options, training, context }, state);
  for (const stages of chosen) await search.go(stages, false);
  for (const name of promising(search.state.points, options, monitor.mode)) {
    const stages = PIPELINES.find((each) => nameOf(each) === name);
    if (stages?.some(({ trains }) => trains) === true) await search.go(stages, true);
  }
  const { points, gaps } = search.state;
  const [best] = ranked(points, options.budget, monitor.mode);
  if (best === undefined)
    throw new DescentError(
      `compress ${path}: expected a pipeline that applies to this model, got none: ${gaps.map(({ name, reason }) => `${name}: ${reason}`).join("; ")}`,
    );
  const result: SearchResult = { points, gaps, best, isMet: distanceFrom(violations(options.budget, best, monitor.mode)) === 0 };
  const page = renderSearch({
    ...options,
    ...result,
    monitor,
    of: path,
    command: context.command ?? "",
    language: context.language ?? "en",
  });
  await writeWhole(nodeFileSystem, join(context.out, "report.html"), page);
  return result;
}
