/**
 * @module The plan of a training: from a model, data and hardware to time, devices, memory, energy, CO₂ and money. Each figure has its formula and source.
 */
import { ConfigError } from "../../util/errors.js";
import { formatCount, formatInteger } from "../../util/text.js";
import type { HardwareEntry, PlanDType } from "./hardware.js";
import { needed, peakFor } from "./hardware.js";
import type { FittingSplit, PlanOptimizer, Split } from "./split.js";
import { decoderActivations, fittingSplits, stateBytes } from "./split.js";
import type { Recompute, TransformerSizes } from "./transformer.js";
import { checkSizes, flopsPerToken, parametersOf } from "./transformer.js";

/** A figure of a plan. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly text: string;
  /** The formula, with the numbers put in. */
  readonly formula: string;
  /** Paper, data sheet, measurement or option that it rests on. */
  readonly source: string;
}

/** A model that is planned for: a decoder by its sizes, or any model whose cost is known. */
export type PlannedModel =
  | { readonly kind: "sizes"; readonly sizes: TransformerSizes }
  | {
      readonly kind: "costed";
      readonly name: string;
      readonly parameters: number;
      /** FLOPs of a training step, for each example. */
      readonly flopsPerExample: number;
      /** Bytes of activations for each example. */
      readonly activationBytes: number;
      readonly source: string;
    };

/** Options of `plan`: model, examples or tokens, hardware, types and split. */
export interface PlanOptions {
  readonly model: PlannedModel;
  /** Tokens of a decoder, or examples, each counted as often as it is seen. */
  readonly amount: number;
  readonly hardware: HardwareEntry;
  readonly dtype: PlanDType;
  readonly optimizer: PlanOptimizer;
  /** Tokens or examples in a batch over all devices. */
  readonly batch: number;
  readonly recompute: Recompute;
  /** Share of the peak rate that a training reaches, 0…1. */
  readonly utilization: number;
  readonly utilizationSource: string;
  /** Share of a device's memory that a training may fill. */
  readonly memoryShare: number;
  readonly devices?: number | undefined;
  readonly fixed?: Partial<Split>;
  /** Limits; a plan that breaks one is refused. */
  readonly limits: {
    readonly days?: number | undefined;
    readonly kilowattHours?: number | undefined;
    readonly kilogramsCo2?: number | undefined;
    readonly dollars?: number | undefined;
  };
  /** Grams of CO₂ for each kilowatt-hour. */
  readonly grid: number;
  readonly gridSource: string;
  /** Power usage effectiveness: what the building draws for each watt of the devices. */
  readonly pue: number;
  readonly pueSource: string;
  /** In place of the entry's price and power. */
  readonly dollarsPerHour?: number | undefined;
  readonly watts?: number | undefined;
}

/** A plan: figures with their formulas, devices, and how the training is split over them. */
export interface Plan {
  readonly figures: readonly Figure[];
  readonly devices: number;
  readonly split: FittingSplit;
  /** Other ways to split that fit as well. */
  readonly others: readonly FittingSplit[];
}

/** Widest search for the least number of devices. */
const MOST_DEVICES = 2 ** 17;
const DAY = 86_400;

/** A large number for people: `2.56e20`, `300 G`. */
export const amountText = (value: number): string =>
  Math.abs(value) >= 1e15
    ? value.toExponential(2).replace("e+", "e")
    : Math.abs(value) >= 1000
      ? formatCount(value)
      : Number.isInteger(value)
        ? String(value)
        : value.toPrecision(3);

const figure = (name: string, value: number, unit: string, formula: string, source: string, text?: string): Figure => ({
  name,
  value,
  unit,
  formula,
  source,
  text: text ?? `${amountText(value)}${unit === "" ? "" : ` ${unit}`}`,
});

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;

interface Demand {
  readonly parameters: Figure;
  readonly flops: Figure;
  /** Sequences or examples in a batch. */
  readonly rows: number;
  readonly heads: number;
  readonly layers: number;
  readonly activations: (split: Split) => number;
}

/** Demands of the model and the data, whatever they run on. */
function demandOf({ model, amount, batch, dtype, recompute }: PlanOptions): Demand {
  const bytes = isHalf(dtype) ? 2 : 4;
  if (model.kind === "costed") {
    const { parameters, flopsPerExample, activationBytes, source } = model;
    return {
      parameters: figure("parameters", parameters, "", "counted", source),
      flops: figure(
        "FLOPs of the training",
        flopsPerExample * amount,
        "FLOP",
        `FLOPs of a step for one example × examples = ${formatCount(flopsPerExample)} × ${formatCount(amount)}`,
        source,
      ),
      rows: batch,
      heads: 1,
      layers: 1,
      activations: ({ microBatch }) => activationBytes * microBatch * (bytes / 4),
    };
  }
  const { sizes } = model;
  checkSizes(sizes);
  const { layers: l, width: d, vocabulary: v, context: t } = sizes;
  const each = flopsPerToken(sizes);
  // Recomputing all is a forward pass more: 8/6 of the work.
  const again = recompute === "full" ? 4 / 3 : 1;
  return {
    parameters: figure(
      "parameters",
      parametersOf(sizes),
      "",
      `L·(12·d² + 13·d) + (V + T)·d + 2·d, L = ${l}, d = ${d}, V = ${v}, T = ${t}`,
      "GPT-2's layers, Radford et al. 2019; Kaplan et al. 2020, Table 1",
    ),
    flops: figure(
      "FLOPs of the training",
      each * amount * again,
      "FLOP",
      `tokens × (6·(12·L·d² + V·d) + 12·L·d·T)${again > 1 ? " × 4/3 for recomputation" : ""} = ${formatCount(amount)} × ${formatCount(each * again)}`,
      "Chowdhery et al. 2022, appendix B, arXiv:2204.02311",
    ),
    rows: Math.max(1, Math.round(batch / t)),
    heads: sizes.heads,
    layers: l,
    activations: decoderActivations(sizes, { recompute, bytes }),
  };
}

const isHalf = (dtype: PlanDType): boolean => dtype === "bfloat16" || dtype === "float16";

/** Splits that fit on so many devices. */
function splitsFor(options: PlanOptions, demand: Demand, devices: number): FittingSplit[] {
  const { hardware, optimizer, dtype, memoryShare, fixed = {} } = options;
  return fittingSplits(
    { parameters: demand.parameters.value, state: stateBytes(optimizer, isHalf(dtype)), activations: demand.activations },
    {
      devices,
      devicesPerNode: hardware.devicesPerNode ?? 1,
      memoryBytes: hardware.memoryBytes * memoryShare,
      batch: demand.rows,
      heads: demand.heads,
      layers: demand.layers,
      fixed,
    },
  );
}

/** Share of the time that a pipeline's first and last stages wait, and seconds in a step that gradients travel. */
interface Overheads {
  readonly bubble: number;
  readonly communicationSeconds: number;
}

/**
 * Bubble (p − 1)/m of p stages and m micro-batches: Huang et al. 2019, GPipe, arXiv:1811.06965; Narayanan et al. 2021, §2.2, arXiv:2104.04473. Gradients: a ring
 * all-reduce moves 2·(n − 1)/n of their bytes, ZeRO's third stage half as much again: Rajbhandari et al. 2019, §7. Tensor parallelism: four all-reduces of the activations for
 * each layer: Shoeybi et al. 2019, Megatron-LM, §3, arXiv:1909.08053.
 */
function overheadsOf(options: PlanOptions, demand: Demand, { split }: FittingSplit): Overheads {
  const { data, tensor, pipeline, zero, microBatch } = split;
  const microBatches = Math.max(1, Math.round(demand.rows / data / microBatch));
  const bubble = (pipeline - 1) / microBatches;
  if (data * tensor === 1) return { bubble, communicationSeconds: 0 };
  const link = needed(options.hardware, "linkBandwidth", "the exchange of gradients") / 2;
  const bytes = isHalf(options.dtype) ? 2 : 4;
  const own = (demand.parameters.value * bytes) / (tensor * pipeline);
  const gradients = 2 * ((data - 1) / data) * own * (zero === 3 ? 1.5 : 1);
  const { model } = options;
  const rows = (demand.rows / data) * (model.kind === "sizes" ? model.sizes.context * model.sizes.width * bytes : 0);
  const activations = 4 * (demand.layers / pipeline) * 2 * ((tensor - 1) / tensor) * rows;
  return { bubble, communicationSeconds: (gradients + activations) / link };
}

interface Timed {
  readonly seconds: number;
  readonly computing: number;
  readonly overheads: Overheads;
}

/** Seconds of the training: computing, longer by the bubble, or exchanging where that takes longer, since both go on at once. */
function timeOn(options: PlanOptions, demand: Demand, devices: number, fitting: FittingSplit): Timed {
  const { hardware, dtype, utilization, amount, batch } = options;
  const computing = demand.flops.value / (devices * peakFor(hardware, dtype) * utilization);
  const overheads = overheadsOf(options, demand, fitting);
  const steps = Math.max(1, amount / batch);
  return { seconds: Math.max(computing * (1 + overheads.bubble), steps * overheads.communicationSeconds), computing, overheads };
}

/** The fastest of the splits that fit. */
function fastest(
  options: PlanOptions,
  demand: Demand,
  devices: number,
): { readonly fitting: FittingSplit; readonly timed: Timed; readonly all: FittingSplit[] } | undefined {
  const all = splitsFor(options, demand, devices);
  const timed = all.map((fitting) => ({ fitting, timed: timeOn(options, demand, devices, fitting), all }));
  // Of equally fast ones the first, which exchanges least.
  return timed.reduce<(typeof timed)[number] | undefined>(
    (best, one) => (best === undefined || one.timed.seconds < best.timed.seconds * 0.999 ? one : best),
    undefined,
  );
}

/** ConfigError that says what a training needs at least, where no split fits; that no memory would help, where the split that is asked for is none. */
function refuseMemory(options: PlanOptions, demand: Demand, devices: number): never {
  const { hardware, optimizer, dtype, fixed: { tensor = 1, pipeline = 1 } = {} } = options;
  if (splitsFor({ ...options, hardware: { ...hardware, memoryBytes: Infinity } }, demand, devices).length === 0)
    throw new ConfigError(
      `plan: expected --tensor to divide ${demand.heads} heads, --pipeline ${demand.layers} layers, both together ${devices} devices, and a row of the batch of ${demand.rows} for each copy, got --tensor ${tensor} and --pipeline ${pipeline}; change them, --devices or --batch`,
    );
  const { weight, gradient, optimizer: state } = stateBytes(optimizer, isHalf(dtype));
  const bytes = demand.parameters.value * (weight + gradient + state);
  throw new ConfigError(
    `plan: expected the training to fit on ${devices} × ${hardware.name} of ${gib(hardware.memoryBytes)}, got a state of ${gib(bytes)} and ${gib(demand.activations({ data: devices, tensor: 1, pipeline: 1, zero: 3, microBatch: 1 }))} of activations for one row; take more devices, --recompute full, or a smaller model`,
  );
}

/** The devices: those asked for, or the fewest on which it fits and ends in time. */
function settledDevices(options: PlanOptions, demand: Demand): number {
  const { devices, limits } = options;
  if (devices !== undefined) return devices;
  for (let n = 1; n <= MOST_DEVICES; n *= 2) {
    const found = fastest(options, demand, n);
    if (found !== undefined && (limits.days === undefined || found.timed.seconds <= limits.days * DAY)) return n;
  }
  const within = limits.days === undefined ? "" : ` within ${limits.days} days`;
  throw new ConfigError(
    `plan: expected to fit${within} on at most ${MOST_DEVICES} × ${options.hardware.name}, got no split that does; raise --days or take other hardware`,
  );
}

/** A factor as people write it: `1.8`, `24`, `24,000`. */
const roughly = (factor: number): string => (factor < 10 ? factor.toPrecision(2) : formatInteger(Number(factor.toPrecision(2))));

/** Refuses a plan that breaks a limit: says by how much, and what would keep it. */
function checkLimits(options: PlanOptions, devices: number, figures: ReadonlyMap<string, Figure>): void {
  const { limits } = options;
  const check = (limit: number | undefined, name: string, option: string, remedy: (factor: number) => string): void => {
    const found = figures.get(name);
    if (limit === undefined || found === undefined || found.value <= limit) return;
    throw new ConfigError(
      `plan: the limits contradict each other: expected --${option} ${limit}, got ${found.text} on ${devices} × ${options.hardware.name}; ${remedy(found.value / limit)}`,
    );
  };
  check(
    limits.days,
    "time",
    "days",
    (factor) => `take about ${Math.ceil(devices * factor)} devices, faster ones, or 1/${roughly(factor)} of the data`,
  );
  check(limits.dollars, "money", "money", (factor) => `take 1/${roughly(factor)} of the data or the model, or a lower --price`);
  check(limits.kilowattHours, "energy", "energy", (factor) => `take 1/${roughly(factor)} of the data or the model`);
  check(
    limits.kilogramsCo2,
    "CO₂",
    "co2",
    (factor) => `take 1/${roughly(factor)} of the data or the model, or a cleaner grid (--grid)`,
  );
}

function memoryFigures({ hardware, optimizer, dtype }: PlanOptions, { split, memory }: FittingSplit): Figure[] {
  const { data, tensor, pipeline, zero, microBatch } = split;
  const { weight, gradient, optimizer: state } = stateBytes(optimizer, isHalf(dtype));
  return [
    figure(
      "memory of a device",
      memory.total,
      "bytes",
      `weights ${gib(memory.weights)} + gradients ${gib(memory.gradients)} + optimizer ${gib(memory.optimizer)} + activations ${gib(memory.activations)}; ${weight} + ${gradient} + ${state} bytes a parameter`,
      "Rajbhandari et al. 2019, ZeRO, arXiv:1910.02054; activations: Korthikanti et al. 2022, arXiv:2205.05198",
      `${gib(memory.total)} of ${gib(hardware.memoryBytes)}`,
    ),
    figure(
      "split",
      data * tensor * pipeline,
      "devices",
      "the fastest of all that fit",
      "data and ZeRO: Rajbhandari et al. 2019; tensor: Shoeybi et al. 2019; pipeline: Narayanan et al. 2021",
      `data ${data} × tensor ${tensor} × pipeline ${pipeline}, ZeRO ${zero}, ${microBatch} at once on each`,
    ),
  ];
}

/** Energy, CO₂ and money, as far as the entry has what they need. */
function spentFigures(options: PlanOptions, devices: number, seconds: number): Figure[] {
  const { hardware, grid, pue } = options;
  const hours = seconds / 3600;
  const figures: Figure[] = [];
  const watts = options.watts ?? hardware.watts;
  const { kilowattHours, kilogramsCo2, dollars } = options.limits;
  if (watts === undefined && (kilowattHours !== undefined || kilogramsCo2 !== undefined)) needed(hardware, "watts", "energy");
  if (watts !== undefined) {
    const kwh = (devices * watts * hours * pue) / 1000;
    const from = options.watts === undefined ? hardware.sources.specification.text : "--watts";
    figures.push(
      figure("energy", kwh, "kWh", `modelled: devices × ${watts} W × hours × PUE ${pue}`, `${from}; ${options.pueSource}`),
      figure("CO₂", (kwh * grid) / 1000, "kg", `energy × ${grid} g/kWh`, options.gridSource),
    );
  }
  const price = options.dollarsPerHour ?? hardware.dollarsPerHour;
  if (price === undefined && dollars !== undefined) needed(hardware, "dollarsPerHour", "money");
  if (price !== undefined) {
    const source = options.dollarsPerHour === undefined ? hardware.sources.price : { text: "--price", date: "" };
    const stands = source === undefined ? hardware.sources.specification : source;
    figures.push(
      figure(
        "money",
        devices * hours * price,
        "US$",
        `devices × hours × $${price} an hour`,
        `${stands.text}${stands.date === "" ? "" : `, ${stands.date}`}`,
      ),
    );
  }
  return figures;
}

const duration = (seconds: number): string =>
  seconds >= 2 * DAY
    ? `${(seconds / DAY).toPrecision(3)} days`
    : seconds >= 7200
      ? `${(seconds / 3600).toPrecision(3)} hours`
      : `${seconds.toPrecision(3)} s`;

/**
 * Plans a training. Where no number of devices is given, the fewest are taken (in powers of two) on which it fits and ends in time.
 *
 * Errors: ConfigError where nothing fits, where limits contradict each other, and for hardware without a field that is needed.
 */
export function plan(options: PlanOptions): Plan {
  const demand = demandOf(options);
  const { hardware, dtype, utilization } = options;
  const peak = peakFor(hardware, dtype);
  const devices = settledDevices(options, demand);
  const found = fastest(options, demand, devices) ?? refuseMemory(options, demand, devices);
  const { seconds, computing, overheads } = found.timed;
  const { text, date } = hardware.sources.specification;
  const figures = [
    demand.parameters,
    demand.flops,
    figure(
      "devices",
      devices,
      "",
      options.devices === undefined ? "the fewest, in powers of two, that fit and end in time" : "--devices",
      hardware.label ?? hardware.name,
    ),
    figure(
      "time",
      seconds / DAY,
      "days",
      `max(FLOPs / (devices × ${formatCount(peak)}FLOP/s × ${utilization}) × (1 + bubble ${overheads.bubble.toPrecision(2)}) = ${duration(computing * (1 + overheads.bubble))}, exchange ${duration(Math.max(1, options.amount / options.batch) * overheads.communicationSeconds)})`,
      `peak: ${text}, ${date}; share of it: ${options.utilizationSource}`,
      duration(seconds),
    ),
    ...memoryFigures(options, found.fitting),
    ...spentFigures(options, devices, seconds),
  ];
  checkLimits(options, devices, new Map(figures.map((one) => [one.name, one])));
  return { figures, devices, split: found.fitting, others: found.all.filter((one) => one !== found.fitting) };
}
