/** @module `descent plan [MODEL]`: what a training would take, before it is begun. */
import type { Figure, FittedCurve, FittedLaw, Optimum, PlannedModel } from "../../cost/plan/index.js";
import { ConfigError } from "../../util/errors.js";
import { printableLine } from "../../util/terminal.js";
import { formatCount, formatInteger, formatNumber, formatTable } from "../../util/text.js";
import type { PlanVerbOptions } from "../plan-options.js";
import { planOptions } from "../plan-options.js";
import { defineVerb } from "../verb.js";

interface Out {
  readonly print: (text: string) => void;
  readonly note: (text: string) => void;
}

/** Figures with their formulas and sources: a line of each below its value. */
const figureLines = (figures: readonly Figure[]): string =>
  figures
    .map(
      ({ name, text, formula, source }) =>
        `${name.padEnd(22)}${printableLine(text)}\n    ${printableLine(formula)}\n    [${printableLine(source)}]`,
    )
    .join("\n");

async function optimumTable(flops: number, optima: readonly Optimum[]): Promise<string> {
  const { amountText } = await import("../../cost/plan/index.js");
  const table = formatTable(
    [`optimal for ${amountText(flops)} FLOP`, "parameters", "tokens", "tokens a parameter", "loss"],
    optima.map(({ law, parameters, tokens, loss }) => [
      law,
      formatCount(parameters),
      formatCount(tokens),
      (tokens / parameters).toPrecision(3),
      loss === undefined ? "" : loss.toPrecision(4),
    ]),
  );
  const sources = optima.map(({ law, figures }) => `${law}: ${figures[0]?.formula ?? ""} [${figures[0]?.source ?? ""}]`);
  return `${table}\n${sources.join("\n")}`;
}

/** The catalogue as a table. */
async function listHardware(options: PlanVerbOptions, { print }: Out): Promise<unknown> {
  const { catalogueFor } = await import("../plan-options.js");
  const entries = await catalogueFor(options);
  const titles = ["name", "TFLOP/s", "memory", "GB/s", "link GB/s", "watts", "$ an hour", "source"];
  const rows = entries.map(({ name, peakFlops, memoryBytes, memoryBandwidth, linkBandwidth, watts, dollarsPerHour, sources }) => [
    name,
    Object.entries(peakFlops)
      .map(([dtype, flops]) => `${dtype} ${flops / 1e12}`)
      .join(", "),
    `${Math.round(memoryBytes / 1e9)} GB`,
    memoryBandwidth === undefined ? "" : String(memoryBandwidth / 1e9),
    linkBandwidth === undefined ? "" : String(linkBandwidth / 1e9),
    String(watts ?? ""),
    String(dollarsPerHour ?? ""),
    `${sources.specification.text}, ${sources.specification.date}${sources.price === undefined ? "" : `; price: ${sources.price.text}, ${sources.price.date}`}`,
  ]);
  print(formatTable(titles, rows));
  return { hardware: entries };
}

/** A learning curve over the user's own runs. */
async function planFromRuns(options: PlanVerbOptions, out: Out): Promise<unknown> {
  const { axisOf, pointsOf, readRuns } = await import("../plan-runs.js");
  const { fitCurve } = await import("../../cost/plan/index.js");
  const { moreIsBetter } = await import("../../report/words.js");
  const { metric, times, draw } = options;
  const runs = await readRuns(options.runs, metric);
  const by = axisOf(runs, options.by);
  const isError = !moreIsBetter(metric);
  const points = pointsOf(runs, by, isError);
  const largest = Math.max(...points.map(({ x }) => x));
  const fitted = fitCurve(points, [largest, largest * times]);
  const back = (y: number): number => (isError ? y : 1 - y);
  const { curve, residual, predictions } = fitted;
  out.print(
    formatTable(
      [by, metric, "from"],
      runs
        .map((run) => [formatInteger(run[by]), formatNumber(run.value), run.path])
        .sort(([a = ""], [b = ""]) => a.length - b.length),
    ),
  );
  const [, far] = predictions;
  const shown =
    far === undefined
      ? ""
      : [back(far.low), back(far.high)]
          .sort((a, b) => a - b)
          .map(formatNumber)
          .join(" to ");
  out.print(
    `\n${metric} at ${formatInteger(largest * times)} ${by}, ${times} times the largest run: ${formatNumber(back(far?.y ?? NaN))} (${shown}, nine in ten)` +
      `\n    ${isError ? metric : `1 − ${metric}`} = ${formatNumber(curve.offset)} + ${formatNumber(curve.scale)}·${by}^(−${curve.exponent.toPrecision(3)}), off by ${(100 * residual).toPrecision(2)} % at the runs` +
      "\n    [a power law with an offset: Hestness et al. 2017, arXiv:1712.00409; interval: bootstrap of residuals, Efron and Tibshirani 1993; it holds as long as nothing else changes]",
  );
  if (draw !== undefined) {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(draw, await curvePicture(fitted, points, { by, metric, isError, times }));
    out.print(`picture ${draw}`);
  }
  return { runs, by, metric, error: isError ? metric : `1 - ${metric}`, ...fitted };
}

/** The runs, the curve through them and its interval, over a logarithmic axis. */
async function curvePicture(
  { curve, predictions }: FittedCurve,
  points: readonly { readonly x: number; readonly y: number }[],
  {
    by,
    metric,
    isError,
    times,
  }: { readonly by: string; readonly metric: string; readonly isError: boolean; readonly times: number },
): Promise<string> {
  const { lineChart } = await import("../../charts/index.js");
  const { curveAt } = await import("../../cost/plan/index.js");
  const back = (y: number): number => (isError ? y : 1 - y);
  const least = Math.min(...points.map(({ x }) => x));
  const most = Math.max(...points.map(({ x }) => x)) * times;
  const along = Array.from({ length: 60 }, (_, i) => least * (most / least) ** (i / 59));
  const at = (x: number): number => Math.log10(x);
  const sorted = [...points].sort((a, b) => a.x - b.x);
  const [, far] = predictions;
  const ends = far === undefined ? [] : [far.low, far.high].map((y): [number, number] => [at(far.x), back(y)]);
  return lineChart({
    title: { en: `learning curve: ${metric} by ${by}`, zh: `学习曲线：${metric} 随 ${by} 的变化` },
    series: [
      { name: { en: "runs", zh: "实测" }, points: sorted.map(({ x, y }) => [at(x), back(y)]) },
      { name: { en: "curve", zh: "拟合曲线" }, points: along.map((x) => [at(x), back(curveAt(curve, x))]) },
      { name: { en: "nine in ten", zh: "90% 区间" }, points: ends },
    ],
    xLabel: { en: `log₁₀ ${by}`, zh: `log₁₀ ${by}` },
    yLabel: metric,
  });
}

/** A scaling law fitted to a table of points. */
async function ownLaw(options: PlanVerbOptions, { print, note }: Out): Promise<FittedLaw | undefined> {
  const { points } = options;
  if (points === undefined) return undefined;
  const { fitLaw } = await import("../../cost/plan/index.js");
  const { readPoints } = await import("../plan-runs.js");
  const { read, leftOut } = await readPoints(points, options.leaveOut);
  if (leftOut > 0) note(`${points}: ${leftOut} rows are left out, since a number is missing in them or --leave-out says so`);
  note(`fitting L = E + A/N^α + B/D^β to ${read.length} points of ${points}, with 200 resamples`);
  const fitted = fitLaw(read);
  const { law, low, high } = fitted;
  print(
    formatTable(
      [`L = E + A/N^α + B/D^β, ${fitted.points} points`, "", "2.5 %", "97.5 %"],
      (["e", "a", "b", "alpha", "beta"] as const).map((key) => [key, ...[law, low, high].map((one) => one[key].toPrecision(4))]),
    ),
  );
  return fitted;
}

/** The model that was asked for, and how much it is trained on; undefined where there is none. */
async function askedFor(
  path: string | undefined,
  options: PlanVerbOptions,
): Promise<{ readonly model: PlannedModel; readonly amount: number } | undefined> {
  const { checkPlan, costedFor, sizesOf } = await import("../plan-options.js");
  const sizes = sizesOf(options);
  checkPlan(path, sizes, options);
  if (path === undefined && sizes === undefined) return undefined;
  const amount = sizes === undefined ? options.examples : options.tokens;
  if (amount === undefined)
    throw new ConfigError(`plan: expected --${sizes === undefined ? "examples" : "tokens"} beside the model, got none`);
  return { model: sizes === undefined ? await costedFor(path as string) : { kind: "sizes", sizes }, amount };
}

/** FLOPs of the budget: those asked for, or what the devices do in the days. */
async function budgetOf(
  options: PlanVerbOptions,
  { note }: Out,
): Promise<{ readonly flops: number; readonly formula: string } | undefined> {
  const { compute, devices, days, utilization } = options;
  if (compute !== undefined) return { flops: compute, formula: "--compute" };
  if (devices === undefined || days === undefined) return undefined;
  const { hardwareFor, settledPlan } = await import("../plan-options.js");
  const { peakFor } = await import("../../cost/plan/hardware.js");
  const hardware = await hardwareFor(options, note);
  const { dtype } = settledPlan(
    { kind: "sizes", sizes: { layers: 1, width: 1, heads: 1, vocabulary: 1, context: 1 } },
    hardware,
    1,
    options,
  );
  const peak = peakFor(hardware, dtype);
  return {
    flops: devices * days * 86_400 * peak * utilization,
    formula: `devices × days × peak × utilization = ${devices} × ${days} d × ${formatCount(peak)}FLOP/s × ${utilization}`,
  };
}

export const verb = defineVerb({
  positionals: [{ name: "MODEL", help: "a model by name, a run or a file; its sizes are options otherwise", optional: true }],
  options: planOptions,
  examples: [
    "descent plan --layers 12 --width 768 --heads 12 --vocabulary 50257 --tokens 3e9 --on rtx-4090",
    "descent plan resnet-50 --examples 115e6 --on rtx-4090",
    "descent plan --compute 1e21",
    "descent plan --runs runs/tenth --runs runs/fifth --runs runs/half --runs runs/whole --metric accuracy",
    "descent plan --list-hardware",
  ],
  engine: true,
  async run({ positionals: [path], options, print, note }) {
    const out: Out = { print, note };
    if (options.listHardware) return listHardware(options, out);
    if (options.draw !== undefined && (options.runs.length === 0 || !options.draw.endsWith(".svg")))
      throw new ConfigError(`--draw ${options.draw}: expected a file that ends in .svg, and --runs to draw a curve of`);
    if (options.runs.length > 0) return planFromRuns(options, out);
    const asked = await askedFor(path, options);
    const law = await ownLaw(options, out);
    const { amountText, computeOptimal, plan } = await import("../../cost/plan/index.js");
    if (asked === undefined) {
      const budget = await budgetOf(options, out);
      if (budget === undefined && law === undefined)
        throw new ConfigError(
          "plan: expected a model or its sizes with --tokens or --examples, a budget (--compute, or --devices and --days), --points or --runs, got none",
        );
      if (budget === undefined) return { law };
      const optima = computeOptimal(budget.flops, law);
      print(`budget                ${amountText(budget.flops)} FLOP: ${budget.formula}\n`);
      print(await optimumTable(budget.flops, optima));
      return { flops: budget.flops, optimal: optima, law };
    }
    const { hardwareFor, settledPlan } = await import("../plan-options.js");
    const settled = settledPlan(asked.model, await hardwareFor(options, note), asked.amount, options);
    note(
      `products in ${settled.dtype}, batches of ${formatInteger(settled.batch)} ${asked.model.kind === "sizes" ? "tokens" : "examples"}`,
    );
    const planned = plan(settled);
    print(figureLines(planned.figures));
    const flops = planned.figures.find(({ name }) => name === "FLOPs of the training")?.value ?? NaN;
    const optima = asked.model.kind === "sizes" ? computeOptimal(flops, law) : [];
    if (optima.length > 0) print(`\n${await optimumTable(flops, optima)}`);
    return { ...planned, hardware: settled.hardware, dtype: settled.dtype, optimal: optima };
  },
});
