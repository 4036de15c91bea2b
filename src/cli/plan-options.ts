/** @module Options of `descent plan`, and the model, hardware and limits that they name. */
import type { HardwareEntry, PlannedModel, PlanOptions, TransformerSizes } from "../cost/plan/index.js";
import { PLAN_DTYPES, PLAN_OPTIMIZERS, RECOMPUTE } from "../cost/plan/index.js";
import { ConfigError } from "../util/errors.js";
import type { OptionTable, OptionValues } from "../util/option.js";
import { choice, flag, integer, kebabCase, list, number, text } from "../util/option.js";
import { CURVE_AXES } from "./plan-runs.js";

export const planOptions = {
  layers: integer({ help: "a decoder by its sizes: number of layers", minimum: 1 }),
  width: integer({ help: "… its width", minimum: 1 }),
  heads: integer({ help: "… heads of attention", minimum: 1 }),
  vocabulary: integer({ help: "… tokens in its vocabulary", minimum: 1 }),
  context: integer({ help: "… tokens in a sequence", minimum: 1, default: 1024 }),
  tokens: number({ help: "number of tokens that the decoder sees in training, repeats included, such as 300e9", above: 0 }),
  examples: number({ help: "number of examples that the model sees in training, repeats included", above: 0 }),
  compute: number({ help: "budget in FLOPs, for which optimal sizes are computed", above: 0, metavar: "FLOPS" }),
  on: text({
    help: "hardware by its name in the catalogue, which --list-hardware shows",
    metavar: "NAME",
    defaultText: "this machine, measured",
  }),
  hardware: text({ help: "a JSON file of hardware that is added to the catalogue, or replaces what it has", metavar: "FILE" }),
  listHardware: flag({ help: "show the catalogue, with the source and date of each entry" }),
  devices: integer({ help: "number of devices", minimum: 1, defaultText: "the fewest that fit and end within --days" }),
  dtype: choice(PLAN_DTYPES, {
    help: "type of matrix products",
    defaultText: "bfloat16, or the smallest that the hardware has",
  }),
  optimizer: choice(PLAN_OPTIMIZERS, { help: "the optimizer, which decides how large its state is", default: "adamw" }),
  batch: number({
    help: "tokens of a decoder, or examples, in a batch over all devices",
    above: 0,
    defaultText: "524,288 tokens, 32 examples",
  }),
  recompute: choice(RECOMPUTE, {
    help: "activations of a decoder that are recomputed for the gradient: none, attention's, or all",
    default: "selective",
  }),
  tensor: integer({ help: "devices sharing each layer (tensor parallelism)", minimum: 1, defaultText: "the fastest split" }),
  pipeline: integer({
    help: "devices sharing the layers (pipeline parallelism)",
    minimum: 1,
    defaultText: "the fastest split",
  }),
  zero: integer({ help: "ZeRO stage", minimum: 0, maximum: 3, defaultText: "the fastest split" }),
  utilization: number({ help: "fraction of the peak rate that is reached", above: 0, maximum: 1, default: 0.4 }),
  grid: number({ help: "carbon intensity of the grid, in grams of CO₂ per kWh", minimum: 0, default: 473 }),
  pue: number({ help: "power usage effectiveness of the data centre", minimum: 1, default: 1.56 }),
  watts: number({ help: "power of a device under load, in watts", above: 0, defaultText: "the catalogue's" }),
  price: number({ help: "price of a device in US dollars per hour", minimum: 0, defaultText: "the catalogue's" }),
  days: number({ help: "limit on the training time, in days", above: 0 }),
  money: number({ help: "limit on the cost, in US dollars", above: 0 }),
  energy: number({ help: "limit on the energy, in kilowatt-hours", above: 0 }),
  co2: number({ help: "limit on the emissions, in kilograms of CO₂", above: 0 }),
  runs: list(text({ help: "a run of yours; a learning curve is fitted to all runs given", metavar: "RUN" })),
  by: choice(CURVE_AXES, { help: "what the runs differ in", defaultText: "found in the runs" }),
  metric: text({ help: "the metric of the runs", metavar: "NAME", default: "loss" }),
  times: number({ help: "how far to extrapolate, as a multiple of the largest run", above: 1, default: 10 }),
  points: text({
    help: "a table of parameters, tokens (or flops) and loss, to which L = E + A/N^α + B/D^β is fitted",
    metavar: "FILE",
  }),
  leaveOut: integer({
    help: "number of points with the highest losses to leave out as outliers (5 in Besiroglu et al. 2024)",
    minimum: 0,
    default: 0,
  }),
  draw: text({ help: "write a picture of the learning curve to this .svg file", metavar: "FILE" }),
} satisfies OptionTable;

export type PlanVerbOptions = OptionValues<typeof planOptions>;

const SIZES = ["layers", "width", "heads", "vocabulary"] as const;

/** The decoder that sizes describe; undefined where none is given. ConfigError where some are missing. */
export function sizesOf(options: PlanVerbOptions): TransformerSizes | undefined {
  const given = SIZES.filter((name) => options[name] !== undefined);
  if (given.length === 0) return undefined;
  const missing = SIZES.filter((name) => options[name] === undefined);
  if (missing.length > 0)
    throw new ConfigError(
      `plan: expected --layers, --width, --heads and --vocabulary together, got no ${missing.map((name) => `--${name}`).join(", ")}`,
    );
  const { layers = 1, width = 1, heads = 1, vocabulary = 1, context } = options;
  return { layers, width, heads, vocabulary, context };
}

/** The catalogue, with the entries of `--hardware FILE`. */
export async function catalogueFor({ hardware }: PlanVerbOptions): Promise<readonly HardwareEntry[]> {
  const { CATALOGUE, withHardwareFile } = await import("../cost/plan/index.js");
  if (hardware === undefined) return CATALOGUE;
  const { readFile } = await import("node:fs/promises");
  const { fileReason } = await import("../util/file-reason.js");
  const read = await readFile(hardware, "utf8").catch((cause: unknown) => {
    throw new ConfigError(
      `--hardware ${hardware}: expected a readable file, got ${fileReason(cause)}; give a JSON file of entries, or leave --hardware out for the catalogue`,
      { cause },
    );
  });
  const { parseJsonWith } = await import("../util/schema.js");
  const { z } = await import("zod");
  return withHardwareFile(parseJsonWith(z.unknown(), read, hardware), hardware);
}

/** The hardware: an entry by name, or this machine as it is measured. */
export async function hardwareFor(options: PlanVerbOptions, note: (text: string) => void): Promise<HardwareEntry> {
  const { hardwareNamed, machineEntry } = await import("../cost/plan/index.js");
  const catalogue = await catalogueFor(options);
  if (options.on !== undefined) return hardwareNamed(options.on, catalogue);
  const { thisMachine } = await import("../cost/machine-node.js");
  const { totalmem } = await import("node:os");
  const { WATTS_PER_CORE } = await import("../cost/energy-node.js");
  return machineEntry(await thisMachine({ note }), totalmem(), WATTS_PER_CORE);
}

/** A model by name, of a run or a file: its cost for one example. */
export async function costedFor(path: string): Promise<PlannedModel> {
  const { costedModel, settledLengths } = await import("./costed-model.js");
  const costable = await costedModel(path);
  const { lengths } = settledLengths(costable, { shape: [], batch: 1 });
  const { training } = await costable.costFor(lengths, {});
  const { parameters } = costable.graphFor(lengths);
  return {
    kind: "costed",
    name: path,
    parameters: [...parameters.values()].reduce((sum, p) => sum + p.size, 0),
    flopsPerExample: training.step.flops,
    activationBytes: training.memory.working,
    source: `counted in the graph of ${path} (descent cost ${path})`,
  };
}

/** ConfigError for options that do not go together. */
export function checkPlan(model: string | undefined, sizes: TransformerSizes | undefined, options: PlanVerbOptions): void {
  if (model !== undefined && sizes !== undefined)
    throw new ConfigError(`plan: expected a model or sizes, got ${model} and --layers ${sizes.layers}; leave one out`);
  const wrong = sizes === undefined ? "tokens" : "examples";
  if (options[wrong] !== undefined && (model !== undefined || sizes !== undefined))
    throw new ConfigError(
      `--${wrong}: expected --${wrong === "tokens" ? "examples of a model" : "tokens of a decoder"}, got --${wrong} ${options[wrong]}`,
    );
  if (options.runs.length > 0) {
    const stray = [...SIZES, "tokens" as const, "examples" as const, "compute" as const].find(
      (name) => options[name] !== undefined,
    );
    if (stray !== undefined)
      throw new ConfigError(`plan: expected --runs alone, got --${kebabCase(stray)} as well; plan one after the other`);
  }
}

const UTILIZATION = "Llama 3 405B reached 38 to 43 % on H100s, Grattafiori et al. 2024, Table 4, arXiv:2407.21783";
const BATCHES = { sizes: 524_288, costed: 32 } as const;

/** Everything that a plan needs, settled. */
export function settledPlan(model: PlannedModel, hardware: HardwareEntry, amount: number, options: PlanVerbOptions): PlanOptions {
  const { tensor, pipeline, zero, utilization, grid, pue, days, money, energy, co2 } = options;
  const has = (["bfloat16", "float16", "tf32", "float32"] as const).find((dtype) => hardware.peakFlops[dtype] !== undefined);
  return {
    model,
    amount,
    hardware,
    dtype: options.dtype ?? has ?? "float32",
    optimizer: options.optimizer,
    batch: Math.min(amount, options.batch ?? BATCHES[model.kind]),
    recompute: options.recompute,
    utilization,
    utilizationSource: utilization === 0.4 ? UTILIZATION : "--utilization",
    memoryShare: 0.9,
    devices: options.devices,
    fixed: { tensor, pipeline, zero: zero as 0 | 1 | 2 | 3 | undefined },
    limits: { days, dollars: money, kilowattHours: energy, kilogramsCo2: co2 },
    grid,
    gridSource: grid === 473 ? "the world's mean in 2024, Ember, Global Electricity Review 2025" : "--grid",
    pue,
    pueSource: pue === 1.56 ? "PUE: mean of data centres, Uptime Institute, Global Data Center Survey 2024" : "PUE: --pue",
    dollarsPerHour: options.price,
    watts: options.watts,
  };
}
