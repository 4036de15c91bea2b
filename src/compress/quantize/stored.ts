/**
 * @module Weights of a quantized file by the paths of the parameters that they were, so that the same model can be traced anew and computed with them: a
 * decoder with its cache.
 */
import type { TensorData } from "../../graph/index.js";
import { toNumbers } from "../../graph/index.js";
import type { ModelProto } from "../../onnx/index.js";
import type { GgufTensor } from "../../models/gguf.js";
import { FileGraph } from "../file-graph.js";
import { folded, transposed } from "../fold.js";
import type { Layer } from "../layers.js";
import { layersOf, outputRows, widthsOf } from "../layers.js";
import { dequantized } from "./blocks.js";
import type { SharedActivations, WeightForm } from "./forms.js";
import { applyForm, blocksIn, dynamicWeights } from "./forms.js";
import { ggufForm } from "./gguf-forms.js";

/** The form that the prompts of a decoder are computed in, many tokens at once. */
export type PromptForm = "as tokens" | "int8-dynamic" | "float32";

/** The description of a file's weights in its metadata. */
interface WeightNotes {
  /** For each quantized weight, whether its parameter is [N, K], rows of outputs, or [K, N]. */
  readonly layouts: Readonly<Record<string, "nk" | "kn">>;
  readonly prompt: PromptForm;
  /** The largest code of weights that prompts meet in 8 bits, where they do. */
  readonly largest?: number | undefined;
}

const KEY = "descent.quantized";

/** Notes on the weights of layers, for the metadata of a file. */
export function weightNotes(layers: readonly Layer[], prompt: PromptForm, largest?: number): [string, string] {
  const layouts = new Map<string, "nk" | "kn">();
  for (const { kind, name, weight, isTransposed } of layers) {
    const isTurned = weight === `${name}.T`;
    layouts.set(name, kind === "lookup" || isTransposed !== isTurned ? "nk" : "kn");
  }
  return [KEY, JSON.stringify({ layouts: Object.fromEntries(layouts), prompt, largest } satisfies WeightNotes)];
}

/** Returns the rewrite of a traced file that computes with weights as a GGUF file stores them, by the paths of their parameters. */
export const rewriteWithGguf =
  (stored: ReadonlyMap<string, GgufTensor>) =>
  (file: ModelProto): ModelProto => {
    const graph = new FileGraph(folded(file));
    for (const layer of layersOf(graph)) {
      const tensor = stored.get(layer.name);
      const form = tensor === undefined ? undefined : ggufForm(tensor);
      if (form !== undefined) applyForm(graph, layer, form);
    }
    return graph.model();
  };

/** Weights of a file as numbers and as they are stored. */
export interface StoredWeights {
  /** Every parameter that was found, in its own layout. */
  readonly numbers: ReadonlyMap<string, TensorData>;
  /** Those that are quantized. */
  readonly forms: ReadonlyMap<string, WeightForm>;
  readonly prompt: PromptForm;
  /** The largest code of weights that prompts meet in 8 bits. */
  readonly largest: number | undefined;
}

/** Reads the weights of a quantized file for parameters of these paths and shapes. */
export function storedWeights(file: ModelProto, parameters: ReadonlyMap<string, readonly number[]>): StoredWeights {
  const graph = new FileGraph(file);
  const notes = JSON.parse(file.metadata.get(KEY) ?? '{"layouts":{},"prompt":"float32"}') as WeightNotes;
  const layouts = new Map(Object.entries(notes.layouts));
  const [numbers, forms] = [new Map<string, TensorData>(), new Map<string, WeightForm>()];
  const blocks = blocksIn(graph);
  for (const [path, dims] of parameters) {
    const put = (data: Float32Array): void => void numbers.set(path, { dtype: "float32", shape: [...dims], data });
    const [rows = 1, columns = 1] = dims;
    const turned = (data: Float32Array, layout: "nk" | "kn"): Float32Array =>
      layout === (layouts.get(path) ?? "nk") ? data : transposed(data, columns, rows);
    const plain = graph.floatsOf(path) ?? graph.floatsOf(`${path}.float16`);
    const block = blocks.get(path);
    const whole = [path, `${path}.T`].find((name) => graph.constant(`${name}.int8.scale`) !== undefined);
    if (plain !== undefined) {
      put(plain.data);
      if (graph.constant(`${path}.float16`) !== undefined) forms.set(path, { form: "float16" });
    } else if (block !== undefined) {
      put(turned(dequantized(block), "nk"));
      forms.set(path, { form: "blocks", blocks: block });
    } else if (whole !== undefined) {
      const form = wholeNumbers(graph, whole);
      put(turned(form.data, form.layout));
      if (form.layout === "kn") forms.set(path, { form: "int8", codes: form.codes, scales: form.scales });
    } else {
      const back = graph.floatsOf(`${path}.T`) ?? graph.floatsOf(`${path}.T.float16`);
      if (back !== undefined) put(transposed(back.data, columns, rows));
    }
  }
  return { numbers, forms, prompt: notes.prompt, largest: notes.largest };
}

/** 8-bit weights with a scale for each column, or, of rows that are looked up, for each row. */
function wholeNumbers(
  graph: FileGraph,
  name: string,
): { readonly codes: Int8Array; readonly scales: Float32Array; readonly data: Float32Array; readonly layout: "nk" | "kn" } {
  const codes = Int8Array.from(toNumbers(graph.numbersOf(`${name}.int8`) as TensorData));
  const scaling = graph.floatsOf(`${name}.int8.scale`) ?? { shape: [1], data: new Float32Array([1]) };
  const isByRow = scaling.shape.length === 2;
  const n = scaling.data.length;
  const width = codes.length / n;
  const data = Float32Array.from(codes, (code, i) => code * (scaling.data[isByRow ? Math.floor(i / width) : i % n] as number));
  return { codes, scales: scaling.data, data, layout: isByRow ? "nk" : "kn" };
}

/** Returns the rewrite of a traced file that computes with stored weights, in the form of tokens or of prompts. */
export function rewriteWith(
  { forms, prompt, largest }: StoredWeights,
  use: "tokens" | "prompts",
): (file: ModelProto) => ModelProto {
  return (file) => {
    const graph = new FileGraph(folded(file));
    const shared: SharedActivations = new Map();
    for (const layer of layersOf(graph)) {
      const stored = forms.get(layer.name);
      const form =
        stored === undefined || use === "tokens" || prompt === "as tokens"
          ? stored
          : promptForm(graph, layer, stored, prompt, largest);
      if (form !== undefined) applyForm(graph, layer, form, shared);
    }
    return graph.model();
  };
}

/** The last product, of one token, and what is looked up stay as tokens have them. */
function promptForm(
  graph: FileGraph,
  layer: Layer,
  stored: WeightForm,
  prompt: PromptForm,
  largest?: number,
): WeightForm | undefined {
  const isTied = graph.nodes.some(
    (node) => node.opType.startsWith("Gather") && node.inputs.some((name) => name.startsWith(layer.name)),
  );
  if (stored.form !== "blocks" || layer.kind === "lookup" || isTied) return stored;
  if (prompt === "float32") return undefined;
  const { k, n } = widthsOf(layer);
  return dynamicWeights(outputRows(layer, graph.floatsOf(layer.weight)?.data ?? new Float32Array()), n, k, largest);
}
