/** @module `descent cost MODEL`: what a model costs, predicted from its graph and measured here. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { PassCost } from "../../cost/index.js";
import type { Graph, Tensor } from "../../graph/index.js";
import type { Executable } from "../../runtime/index.js";
import type { ModelName } from "../../models/index.js";
import type { ImportedModel, OnnxModel } from "../../onnx/index.js";
import { ConfigError, reasonOf, UnsupportedOpError } from "../../util/errors.js";
import { median } from "../../util/median.js";
import { formatCount, formatInteger, formatTable } from "../../util/text.js";
import { integer, number } from "../../util/option.js";
import { deviceOptions } from "../../tasks/options.js";
import { type GivenShapes, parseShapes, shapeOption } from "../shape-option.js";
import { defineVerb } from "../verb.js";

const WARMUP_RUNS = 5;
const SHOWN_OPS = 8;

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

type Costed = Pick<ImportedModel, "graph" | "parameters" | "names" | "values">;

/** A model whose graph depends on lengths that are still to be said. */
interface Costable {
  readonly dimensions: readonly string[];
  readonly inputs: readonly string[];
  /** Errors: ShapeError where shapes contradict each other. */
  readonly lengthsOf: (given: GivenShapes) => ReadonlyMap<string, number>;
  readonly graphFor: (lengths: ReadonlyMap<string, number>) => Costed;
  /** The file, which the engine may run where there is no graph. */
  readonly file?: OnnxModel;
}

/** Loads the graph to measure: of a run or a file, or of a model by name. Such a model's weights are zeros, which take the same time. */
async function costedModel(path: string): Promise<Costable> {
  const { modelNamed, MODELS } = await import("../../models/index.js");
  if (!existsSync(path) && Object.hasOwn(MODELS, path)) {
    const { fromNumbers, Graph, input, sizeOf, symbol } = await import("../../graph/index.js");
    const { resolveForUse } = await import("../../ops/index.js");
    const { usual } = MODELS[path as ModelName];
    const model = modelNamed(path, usual);
    const traced = (model.forward as (x: Tensor) => Tensor)(input("x", [symbol("N"), ...usual.inputShape]));
    const graph = new Graph(resolveForUse({ logits: traced }));
    // Heads that only training uses are no part of the graph.
    const used = new Set<Tensor>(graph.parameters);
    const state = [...model.state()].filter(([, p]) => used.has(p));
    const { bindGraph } = await import("../../ops/index.js");
    const costed: Costed = {
      graph,
      parameters: new Map(state.filter(([, p]) => p.trainable)),
      names: new Map(state.map(([name, p]) => [p, name])),
      values: new Map(state.map(([, p]) => [p, fromNumbers(p.dtype, p.dims, new Float32Array(sizeOf(p.dims)))])),
    };
    return {
      dimensions: ["N"],
      inputs: [],
      lengthsOf: ({ bindings }) => new Map(Object.entries(bindings)),
      graphFor: (lengths) => ({ ...costed, graph: bindGraph(graph, lengths) }),
    };
  }
  if (!existsSync(path) && !/[/\\.]/.test(path))
    throw new ConfigError(
      `cost: unknown model "${path}"; expected a run, an ONNX file, or one of ${Object.keys(MODELS).join(", ")}`,
    );
  const model = await fileOf(path);
  return {
    dimensions: model.freeDimensions,
    inputs: [...model.declaredInputs.keys()],
    lengthsOf: ({ shapes, bindings }) => model.lengthsOf(shapes, bindings),
    graphFor: (lengths) => model.trace({ bindings: Object.fromEntries(lengths) }),
    file: model,
  };
}

/** The model of a run, or of a file. */
async function fileOf(path: string): Promise<OnnxModel> {
  if (path.endsWith(".gguf")) {
    const { TrainedModel } = await import("../../tasks/use/trained-node.js");
    const onnx = await import("../../onnx/index.js");
    const { model } = await TrainedModel.open(path);
    await using opened = model;
    return new onnx.OnnxModel(opened.toOnnx(), { where: path });
  }
  const { loadOnnx } = await import("../../data/node.js");
  const inRun = join(path, "model.onnx");
  return loadOnnx(existsSync(inRun) ? inRun : path);
}

/** The ops that take the most. */
const opsTable = ({ ops }: PassCost): string =>
  formatTable(
    ["op", "nodes", "FLOPs", "bytes moved"],
    ops.slice(0, SHOWN_OPS).map((op) => [op.op, String(op.nodes), formatCount(op.flops), mebibytes(op.bytes)]),
  );

/** The length of each free dimension, and those that nobody named. */
function settledLengths(
  costable: Costable,
  { shape, batch }: { readonly shape: readonly string[]; readonly batch: number },
): { readonly lengths: ReadonlyMap<string, number>; readonly guessed: readonly string[] } {
  const { dimensions, inputs } = costable;
  const given = costable.lengthsOf(parseShapes(shape, dimensions, inputs));
  const lengths = new Map(dimensions.map((name) => [name, given.get(name) ?? batch]));
  return { lengths, guessed: dimensions.filter((name) => !given.has(name)) };
}

/** The graph for lengths; of a file with ops that Descent does not have, the file and the reason. */
function graphOrReason(
  { graphFor, file }: Costable,
  lengths: ReadonlyMap<string, number>,
): Costed | { readonly file: OnnxModel; readonly reason: string } {
  try {
    return graphFor(lengths);
  } catch (error) {
    if (!(error instanceof UnsupportedOpError) || file === undefined) throw error;
    return { file, reason: reasonOf(error, file.where) };
  }
}

/** Milliseconds of each run on inputs of zeros, after a few that do not count. */
async function timesOf(executable: Executable, graph: Graph, runs: number): Promise<number[]> {
  const { staticShape } = await import("../../graph/index.js");
  const feeds = Object.fromEntries(
    graph.inputs.map((t) => {
      const name = String(t.node.attributes["name"]);
      return [name, executable.runtime.allocate(t.dtype, staticShape(t.shape, `input ${name}`))];
    }),
  );
  const times: number[] = [];
  for (let i = 0; i < WARMUP_RUNS + runs; i++) {
    const start = performance.now();
    const outputs = await executable.run(feeds);
    if (i >= WARMUP_RUNS) times.push(performance.now() - start);
    for (const value of Object.values(outputs)) value[Symbol.dispose]();
  }
  for (const value of Object.values(feeds)) value[Symbol.dispose]();
  return times;
}

export const verb = defineVerb({
  positionals: [{ name: "MODEL", help: "a run folder, an ONNX or GGUF file, or the name of an image model, as in its paper" }],
  options: {
    batch: integer({
      help: "batch size: the length of every free dimension that --shape leaves out",
      minimum: 1,
      default: 1,
    }),
    shape: shapeOption,
    runs: integer({ help: "number of timed runs", minimum: 1, default: 50 }),
    watts: number({ help: "power of the machine under load, in watts, to estimate energy", above: 0 }),
    ...deviceOptions,
  },
  examples: [
    "descent cost runs/fashion",
    "descent cost model.onnx --batch 32 --watts 65",
    "descent cost bert.onnx --shape sequence=128",
    "descent cost resnet-50",
  ],
  engine: true,
  async run({ positionals: [path = ""], options, print, note }) {
    const { passCost, peakIntermediateBytes } = await import("../../cost/index.js");
    const { compile } = await import("../../runtime/index.js");
    const costable = await costedModel(path);
    const { lengths, guessed } = settledLengths(costable, options);
    if (guessed.length > 1)
      note(`${path}: ${guessed.join(", ")} are taken to be ${options.batch}; --shape NAME=N says otherwise`);
    const title = [path, ...[...lengths].map(([name, length]) => `${name} ${length}`)].join(", ");
    const model = graphOrReason(costable, lengths);
    if ("reason" in model) {
      note(`${path}: FLOPs and intermediate results are not known; ${model.reason}`);
      const { opaqueCost, opaqueRows } = await import("../opaque-cost.js");
      const found = await opaqueCost(model.file, lengths, options);
      print(formatTable([title, ""], opaqueRows(found, options.runs)));
      return { model: path, batch: options.batch, shape: Object.fromEntries(lengths), ...found };
    }
    const { graph } = model;
    const cost = passCost(graph.nodes);
    const parameters = [...model.parameters.values()].reduce((sum, p) => sum + p.size, 0);
    const parameterBytes = [...model.values.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    const workingBytes = peakIntermediateBytes(graph);

    await using executable = await compile(graph, {
      device: options.device,
      threads: options.threads,
      names: model.names,
      values: model.values,
    });
    const milliseconds = median(await timesOf(executable, graph, options.runs));
    const joules = options.watts === undefined ? undefined : (options.watts * milliseconds) / 1000;
    print(
      formatTable(
        [title, ""],
        [
          ["parameters", formatInteger(parameters)],
          ["FLOPs", formatCount(cost.flops)],
          ["bytes moved", mebibytes(cost.bytes)],
          ["memory: parameters", mebibytes(parameterBytes)],
          ["memory: intermediate results", mebibytes(workingBytes)],
          [`time on ${executable.device}, median of ${options.runs}`, `${milliseconds.toFixed(3)} ms`],
          ["FLOPs per second", formatCount(cost.flops / (milliseconds / 1000))],
          ...(joules === undefined ? [] : [[`energy at ${options.watts} W`, `${joules.toPrecision(3)} J`]]),
        ],
      ),
    );
    print(`\n${opsTable(cost)}`);
    const { device } = executable;
    return {
      model: path,
      batch: options.batch,
      shape: Object.fromEntries(lengths),
      parameters,
      parameterBytes,
      workingBytes,
      ...cost,
      device,
      milliseconds,
      ...(joules === undefined ? {} : { joules }),
    };
  },
});
