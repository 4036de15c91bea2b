/**
 * @module The time of one layer in each form on this machine: measured in a file of the layer alone, with inputs as large as in use.
 */
import type { TensorData } from "../../graph/index.js";
import { DTYPES, fromNumbers, sizeOf } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import { OnnxModel, encodeModel } from "../../onnx/index.js";
import type { CompileOptions } from "../../runtime/index.js";
import { compile } from "../../runtime/index.js";
import { Random } from "../../util/random.js";
import { FileGraph } from "../file-graph.js";
import { layersOf } from "../layers.js";
import type { Layer } from "../layers.js";
import type { Speedup } from "../timing.js";
import { speedupInTurns, TIMED, timeInTurns } from "../timing.js";

/** A layer in another form: a change of a file that holds it alone. */
export type LayerRewrite = (file: ModelProto) => ModelProto;

/** Turns a change of a file's only layer into a change of the file. */
export const ofLayer =
  (rewrite: (graph: FileGraph, layer: Layer) => void): LayerRewrite =>
  (file) => {
    const graph = new FileGraph(file);
    const [layer] = layersOf(graph);
    if (layer !== undefined) rewrite(graph, layer);
    return graph.model();
  };

/** The opsets of a file of one layer. */
const OPSETS = new Map([
  ["", 21],
  ["com.microsoft", 1],
]);

/** A file that computes one layer and nothing else. */
export function layerFile(graph: FileGraph, layer: Layer, inputShape: readonly number[]): ModelProto {
  const { node, weight, bias, kind } = layer;
  const constants = [weight, ...(bias === undefined ? [] : [bias])].flatMap((name) => {
    const stored = graph.constant(name);
    return stored === undefined ? [] : [stored];
  });
  const inputs = node.inputs.map((name) => (name === layer.input ? "x" : name));
  const dtype = kind === "lookup" ? "int64" : "float32";
  return {
    irVersion: 10,
    producerName: "descent",
    producerVersion: "",
    opsets: OPSETS,
    metadata: new Map(),
    functions: [],
    graph: {
      name: layer.name,
      nodes: [{ ...node, inputs, outputs: ["y"] }],
      initializers: constants,
      inputs: [{ name: "x", elementType: DTYPES[dtype].onnx, shape: [...inputShape] }],
      outputs: [{ name: "y", elementType: 1, shape: undefined }],
    },
  };
}

/** Names the layers that take the same time: those of one op, one shape, one input's shape. */
export function timeKey(layer: Layer, inputShape: readonly number[]): string {
  const { node, weightShape, isTransposed, bias } = layer;
  const attributes = node.attributes.map(({ name, value }) => `${name}=${JSON.stringify(value)}`);
  return [node.opType, weightShape.join("×"), isTransposed, bias !== undefined, inputShape.join("×"), ...attributes].join(" ");
}

/** Runs of a layer as it stands, and after each rewrite; undefined where the engine refuses a form. */
type LayerRuns = readonly ((() => Promise<unknown>) | undefined)[];

/** Opens a layer as it stands, and after each rewrite, for as long as it is measured. */
async function whileOpen<T>(
  graph: FileGraph,
  layer: Layer,
  inputShape: readonly number[],
  rewrites: readonly LayerRewrite[],
  options: CompileOptions,
  measure: (runs: LayerRuns) => Promise<T>,
): Promise<T> {
  const plain = layerFile(graph, layer, inputShape);
  const files = [plain, ...rewrites.map((rewrite) => rewrite(plain))];
  const sessions = await Promise.all(
    files.map((file) => compile(new OnnxModel(encodeModel(file)), { ...options, ...TIMED }).catch(() => undefined)),
  );
  try {
    const x = inputFor(layer, inputShape);
    const codes = { dtype: "uint8", shape: x.shape, data: new Uint8Array(x.data.length).fill(128) } as const;
    const runs = sessions.map((session) => {
      if (session === undefined) return undefined;
      const feeds: Record<string, TensorData> = session.inputs.includes("x") ? { x } : { "x.uint8": codes };
      return () => session.call(feeds);
    });
    return await measure(runs);
  } finally {
    for (const session of sessions) await session?.dispose();
  }
}

const [BUDGET_MS, SPEEDUP_BUDGET_MS] = [80, 400];

/** Returns the median milliseconds of a layer as it stands, and after each rewrite; NaN where the engine refuses a form. */
export async function layerTimes(
  graph: FileGraph,
  layer: Layer,
  inputShape: readonly number[],
  rewrites: readonly LayerRewrite[],
  options: CompileOptions = {},
): Promise<number[]> {
  return whileOpen(graph, layer, inputShape, rewrites, options, async (runs) => {
    const possible = runs.filter((run) => run !== undefined);
    const times = await timeInTurns(possible, { budgetMs: BUDGET_MS * runs.length, rounds: 2 });
    return runs.map((run) => (run === undefined ? NaN : (times[possible.indexOf(run)] as number)));
  });
}

/** Measures how many times faster a layer is after a rewrite; undefined where the engine refuses that form. */
export async function layerSpeedup(
  graph: FileGraph,
  layer: Layer,
  inputShape: readonly number[],
  rewrite: LayerRewrite,
  { least, ...options }: CompileOptions & { readonly least: number },
): Promise<Speedup | undefined> {
  return whileOpen(graph, layer, inputShape, [rewrite], options, async ([before, after]) =>
    before === undefined || after === undefined
      ? undefined
      : speedupInTurns(before, after, { budgetMs: SPEEDUP_BUDGET_MS, least }),
  );
}

function inputFor({ kind, weightShape }: Layer, shape: readonly number[]): ReturnType<typeof fromNumbers> {
  const random = new Random(1, "operator-times");
  const rows = weightShape[0] ?? 1;
  const numbers = Float64Array.from({ length: sizeOf(shape) }, () =>
    kind === "lookup" ? random.integer(rows) : random.normal(),
  );
  return fromNumbers(kind === "lookup" ? "int64" : "float32", shape, numbers);
}
