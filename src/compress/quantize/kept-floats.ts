/**
 * @module Layers that stay in floats among quantized ones. The engine rounds their weights of its own accord, to 8 bits with one scale for all, where a convolution or a Gemm reads
 * a value that was dequantized with one scale. A scale for each channel, all of them the same, stands for the same numbers and keeps it from that.
 *
 * Source: onnxruntime, WeightBiasQuantization.
 */
import type { NodeProto } from "../../onnx/index.js";
import { toNumbers } from "../../graph/index.js";
import type { FileGraph } from "../file-graph.js";
import { intAttribute, nodeProto, numberAttribute } from "../file-graph.js";

/** Axis and number of channels that a layer reads. */
interface Channels {
  readonly axis: number;
  readonly count: number;
}

/** The channels of a layer whose weights the engine would round; undefined for other nodes. */
function channelsOf(graph: FileGraph, node: NodeProto): Channels | undefined {
  const shape = graph.floatsOf(node.inputs[1] ?? "")?.shape;
  if (shape === undefined) return undefined;
  const [first = 1, second = 1] = shape;
  switch (node.opType) {
    case "Conv":
      return { axis: 1, count: second * numberAttribute(node, "group", 1) };
    case "ConvTranspose":
      return { axis: 1, count: first };
    case "Gemm":
      return { axis: 1 - numberAttribute(node, "transA", 0), count: numberAttribute(node, "transB", 0) === 1 ? second : first };
    default:
      return undefined;
  }
}

/** Gives layers that stay in floats inputs whose weights the engine leaves alone. The file's opset is 13 at least. */
export function keepFloats(graph: FileGraph): void {
  const made = new Map<string, string>();
  for (const node of graph.nodes) {
    const [input = ""] = node.inputs;
    const dequantizing = graph.producerOf(input);
    const channels = dequantizing?.opType === "DequantizeLinear" ? channelsOf(graph, node) : undefined;
    if (dequantizing === undefined || channels === undefined || channels.count === 1) continue;
    const [codes = "", scale = "", zero = ""] = dequantizing.inputs;
    const [s, z] = [graph.numbersOf(scale), graph.numbersOf(zero)];
    if (s?.data.length !== 1 || z?.data.length !== 1) continue;
    const { axis, count } = channels;
    const key = `${input} ${axis}`;
    let real = made.get(key);
    if (real === undefined) {
      const spread = [s, z].map(({ dtype, ...one }, i) =>
        graph.addConstant(
          `${input}.${i === 0 ? "scales" : "zeros"}`,
          dtype,
          [count],
          new Array<number>(count).fill(toNumbers({ dtype, ...one })[0] as number),
        ),
      );
      made.set(key, (real = graph.fresh(`${input}.real`)));
      graph.insertBefore(node, [nodeProto("DequantizeLinear", [codes, ...spread], [real], [intAttribute("axis", axis)])]);
    }
    graph.replace(node, [{ ...node, inputs: [real, ...node.inputs.slice(1)] }]);
  }
}
