/** @module `descent cost MODEL`: what a model costs, predicted from its graph and measured here. */
import type { CostOptions, GraphCost, Machine, PassCost } from "../../cost/index.js";
import type { Graph } from "../../graph/index.js";
import type { CompileOptions, Executable } from "../../runtime/index.js";
import { ConfigError } from "../../util/errors.js";
import { median } from "../../util/median.js";
import type { OptionTable, OptionValues } from "../../util/option.js";
import { choice, flag, integer, number, text } from "../../util/option.js";
import type { Optimizer } from "../../optim/index.js";
import { formatCount, formatInteger, formatTable } from "../../util/text.js";
import { deviceOptions, OPTIMIZERS, shapeOption } from "../../tasks/options.js";
import type { OptimizerChoice } from "../../tasks/options.js";
import type { Costable, Costed } from "../costed-model.js";
import { defineVerb } from "../verb.js";

const WARMUP_RUNS = 5;
const SHOWN_OPS = 8;
/** Batch sizes that memory is told for, beside the one asked for. */
const BATCHES = [1, 8, 32, 128];

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

/** The ops that take the most. */
const opsTable = (title: string, { ops }: PassCost): string =>
  formatTable(
    [title, "nodes", "FLOPs", "bytes moved"],
    ops.slice(0, SHOWN_OPS).map((op) => [op.op, String(op.nodes), formatCount(op.flops), mebibytes(op.bytes)]),
  );

/** Milliseconds of each run on inputs of zeros, after a few that do not count, and the energy of all where the machine tells it. */
async function timesOf(
  executable: Executable,
  graph: Graph,
  runs: number,
): Promise<{ readonly times: readonly number[]; readonly joules?: number }> {
  const { staticShape } = await import("../../graph/index.js");
  const { openEnergyMeter } = await import("../../cost/energy-node.js");
  const feeds = Object.fromEntries(
    graph.inputs.map((t) => {
      const name = String(t.node.attributes["name"]);
      return [name, executable.runtime.allocate(t.dtype, staticShape(t.shape, `input ${name}`))];
    }),
  );
  const times: number[] = [];
  const meter = openEnergyMeter();
  for (let i = 0; i < WARMUP_RUNS + runs; i++) {
    if (i === WARMUP_RUNS) meter?.read();
    const start = performance.now();
    const outputs = await executable.run(feeds);
    if (i >= WARMUP_RUNS) times.push(performance.now() - start);
    for (const value of Object.values(outputs)) value[Symbol.dispose]();
  }
  const joules = meter?.read();
  for (const value of Object.values(feeds)) value[Symbol.dispose]();
  return { times, joules: joules && joules / runs };
}

/** Joules of a run: as it was asked for, as it was measured, or by a model; and which. */
interface Energy {
  readonly joules: number;
  readonly energy: "measured" | "modelled";
  readonly how: string;
}

async function energyOf(
  milliseconds: number,
  measured: number | undefined,
  { watts, threads }: { readonly watts?: number | undefined; readonly threads: number },
): Promise<Energy> {
  const { WATTS_PER_CORE } = await import("../../cost/energy-node.js");
  const seconds = milliseconds / 1000;
  if (watts !== undefined)
    return { joules: (watts * milliseconds) / 1000, energy: "modelled", how: `modelled: --watts ${watts} × time` };
  if (measured !== undefined) return { joules: measured, energy: "measured", how: "measured by the processor's counters (RAPL)" };
  const how = `modelled: ${WATTS_PER_CORE} W a thread × ${threads} × time`;
  return { joules: WATTS_PER_CORE * threads * seconds, energy: "modelled", how };
}

/** Refuses inputs and outputs that this machine's memory does not hold. */
async function checkRoom({ inputs, outputs }: Graph): Promise<void> {
  const { byteSize } = await import("../../graph/index.js");
  const { expectRoom } = await import("../../tasks/use/given-shapes-node.js");
  const bytes = [...inputs, ...outputs.values()].reduce((sum, t) => sum + byteSize(t), 0);
  expectRoom("cost", "inputs and outputs", bytes);
}

/** Measurements in use. */
interface Measured extends Energy {
  readonly device: string;
  readonly milliseconds: number;
}

async function measure(
  { graph, names, values }: Costed,
  options: { readonly device: CompileOptions; readonly runs: number; readonly watts?: number | undefined },
): Promise<Measured> {
  await checkRoom(graph);
  const { compile } = await import("../../runtime/index.js");
  const { defaultThreads } = await import("#platform");
  await using executable = await compile(graph, { ...options.device, names, values });
  const { times, joules } = await timesOf(executable, graph, options.runs);
  const milliseconds = median(times);
  const threads = options.device.threads ?? defaultThreads();
  const energy = await energyOf(milliseconds, joules, { watts: options.watts, threads });
  return { device: executable.device, milliseconds, ...energy };
}

/** Predicted costs for several batch sizes, the one asked for among them. */
async function costsByBatch(
  costable: Costable,
  lengths: ReadonlyMap<string, number>,
  batched: readonly string[],
  one: readonly [batch: number, cost: GraphCost],
  options: CostOptions,
): Promise<(readonly [number, GraphCost])[]> {
  // Without a free dimension there is only one size.
  if (batched.length === 0) return [one];
  const rows: (readonly [number, GraphCost])[] = [one];
  for (const batch of BATCHES.filter((size) => size !== one[0])) {
    const other = new Map([...lengths].map(([name, length]) => [name, batched[0] === name ? batch : length]));
    rows.push([batch, await costable.costFor(other, options)]);
  }
  return rows.sort(([a], [b]) => a - b);
}

/** Everything that is known of a model with a graph. */
interface Found {
  readonly costed: Costed;
  readonly forward: PassCost;
  readonly workingBytes: number;
  readonly cost?: GraphCost | undefined;
  readonly machine: Machine;
  readonly measured: Measured;
}

/** The table of a model that cannot be trained. */
function useRows({ costed, forward, workingBytes, measured }: Found, runs: number): string[][] {
  const parameters = [...costed.parameters.values()].reduce((sum, p) => sum + p.size, 0);
  const parameterBytes = [...costed.values.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  return [
    ["parameters", formatInteger(parameters)],
    ["FLOPs (multiply-adds)", `${formatCount(forward.flops)} (${formatCount(forward.multiplyAdds)})`],
    ["bytes moved", mebibytes(forward.bytes)],
    ["memory: parameters", mebibytes(parameterBytes)],
    ["memory: intermediate results", mebibytes(workingBytes)],
    [`time on ${measured.device}, median of ${runs}`, `${measured.milliseconds.toFixed(3)} ms`],
  ];
}

async function tableFor(title: string, found: Found, runs: number): Promise<string> {
  const { cost, measured, forward, costed } = found;
  const { quantityRows } = await import("../../cost/cost.js");
  const parameters = [...costed.parameters.values()].reduce((sum, p) => sum + p.size, 0);
  const time = [`time on ${measured.device}, median of ${runs}`, `${measured.milliseconds.toPrecision(3)} ms`, ""];
  const rows = cost === undefined ? useRows(found, runs) : [...quantityRows(cost, parameters), time];
  rows.push(
    ["FLOPs per second", formatCount(forward.flops / (measured.milliseconds / 1000))],
    [`energy, ${measured.how}`, `${measured.joules.toPrecision(3)} J`],
  );
  return formatTable(cost === undefined ? [title, ""] : [title, "in use", "in training"], rows);
}

const costOptions = {
  batch: integer({ help: "batch size: the length of every free dimension that --shape leaves out", minimum: 1, default: 1 }),
  shape: shapeOption(),
  optimizer: choice(Object.keys(OPTIMIZERS) as OptimizerChoice[], {
    help: "the optimizer of the training step whose cost is predicted",
    default: "adamw",
  }),
  draw: text({ help: "write a picture of the cost of each layer to this .svg file", metavar: "FILE" }),
  runs: integer({ help: "number of timed runs", minimum: 1, default: 50 }),
  watts: number({
    help: "power of the machine under load, in watts, to estimate energy",
    above: 0,
    defaultText: "measured where the machine tells it",
  }),
  remeasure: flag({ help: "measure this machine's peak rates again, and replace those in the user's cache" }),
  ...deviceOptions,
} satisfies OptionTable;

type Options = OptionValues<typeof costOptions>;

async function optimizerOf({ optimizer }: Pick<Options, "optimizer">): Promise<Optimizer> {
  const { makeOptimizer } = await import("../../tasks/training/optimizer.js");
  return makeOptimizer({ optimizer, schedule: "constant", lr: 1e-3, weightDecay: 0.01, totalSteps: 1 });
}

/** Predicts and measures a model with a graph. */
async function costOf(
  path: string,
  costable: Costable,
  costed: Costed,
  lengths: ReadonlyMap<string, number>,
  options: Options,
  note: (text: string) => void,
): Promise<Found> {
  const { passCost, peakIntermediateBytes } = await import("../../cost/index.js");
  const { thisMachine } = await import("../../cost/machine-node.js");
  const { trainingCost } = await import("../costed-model.js");
  const { device, threads, remeasure, runs, watts } = options;
  const machine = await thisMachine({ device, threads, remeasure, note });
  const { cost, reason } = await trainingCost(costable, lengths, { optimizer: await optimizerOf(options), machine });
  if (reason !== undefined) note(`${path}: training is not predicted; ${reason}`);
  const measured = await measure(costed, { device: { device, threads }, runs, watts });
  const { nodes } = costed.graph;
  return { costed, forward: passCost(nodes), workingBytes: peakIntermediateBytes(costed.graph), cost, machine, measured };
}

/** Prints what stands below the table; returns the costs by batch size. */
async function printDetails(
  costable: Costable,
  lengths: ReadonlyMap<string, number>,
  guessed: readonly string[],
  { cost, forward, machine }: Found,
  options: Options,
  print: (text: string) => void,
): Promise<(readonly [number, GraphCost])[]> {
  const { layerTable } = await import("../../cost/cost.js");
  const { memoryByBatch, rooflineLine } = await import("../cost-lines.js");
  print(rooflineLine(machine));
  print(`\n${opsTable("ops in use", forward)}`);
  if (cost === undefined) return [];
  const one = [options.batch, cost] as const;
  const byBatch = await costsByBatch(costable, lengths, guessed, one, { optimizer: await optimizerOf(options) });
  print(`\n${layerTable(cost.layers)}\n\n${memoryByBatch(byBatch)}`);
  return byBatch;
}

/** The `--json` output. */
function documentOf(
  { costed, cost, forward, machine, measured, workingBytes }: Found,
  byBatch: readonly (readonly [number, GraphCost])[],
): object {
  const { device, milliseconds, joules, energy } = measured;
  return {
    parameters: [...costed.parameters.values()].reduce((sum, p) => sum + p.size, 0),
    parameterBytes: [...costed.values.values()].reduce((sum, { data }) => sum + data.byteLength, 0),
    workingBytes,
    ...forward,
    device,
    milliseconds,
    joules,
    energy,
    machine,
    memory: cost?.memory,
    training: cost?.training,
    predictedMs: cost?.time,
    layers: cost?.layers,
    byBatch: cost && byBatch.map(([batch, { memory, training }]) => ({ batch, use: memory.working, training: training.memory })),
  };
}

export const verb = defineVerb({
  positionals: [{ name: "MODEL", help: "a run folder, an ONNX or GGUF file, or the name of an image model, as in its paper" }],
  options: costOptions,
  examples: [
    "descent cost runs/fashion",
    "descent cost model.onnx --batch 32 --watts 65",
    "descent cost bert.onnx --shape sequence=128",
    "descent cost resnet-50 --draw resnet.svg",
  ],
  engine: true,
  async run({ positionals: [path = ""], options, print, note }) {
    if (options.draw !== undefined && !options.draw.endsWith(".svg"))
      throw new ConfigError(`--draw ${options.draw}: expected a file that ends in .svg`);
    const { costedModel, graphOrReason, settledLengths } = await import("../costed-model.js");
    const costable = await costedModel(path);
    const { lengths, guessed } = settledLengths(costable, options);
    if (guessed.length > 1)
      note(`${path}: ${guessed.join(", ")} are taken to be ${options.batch}; --shape NAME=N says otherwise`);
    const title = [path, ...[...lengths].map(([name, length]) => `${name} ${length}`)].join(", ");
    const costed = graphOrReason(costable, lengths);
    if ("reason" in costed) {
      note(`${path}: FLOPs and intermediate results are not known; ${costed.reason}`);
      const { opaqueCost, opaqueRows } = await import("../opaque-cost.js");
      const found = await opaqueCost(costed.file, lengths, options);
      print(formatTable([title, ""], opaqueRows(found, options.runs)));
      return { model: path, batch: options.batch, shape: Object.fromEntries(lengths), ...found };
    }
    const found = await costOf(path, costable, costed, lengths, options, note);
    print(await tableFor(title, found, options.runs));
    const byBatch = await printDetails(costable, lengths, guessed, found, options, print);
    if (options.draw !== undefined && found.cost !== undefined) {
      const { writeFile } = await import("node:fs/promises");
      const { layerPicture } = await import("../cost-lines.js");
      await writeFile(options.draw, layerPicture(path, found.cost.layers));
      print(`picture ${options.draw}`);
    }
    return { model: path, batch: options.batch, shape: Object.fromEntries(lengths), ...documentOf(found, byBatch) };
  },
});
