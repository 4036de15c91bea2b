/**
 * @module What is done to weights besides rounding them, by what the layers are given on examples.
 */
import type { ModelProto } from "../../onnx/index.js";
import type { FileGraph } from "../file-graph.js";
import type { Layer } from "../layers.js";
import type { BlockedWeights } from "./blocks.js";
import type { QuantizeData, QuantizeOptions } from "./quantize.js";
import type { StaticLayerWeights } from "./static.js";

export const REFINEMENTS = ["none"] as const;
export type Refinement = (typeof REFINEMENTS)[number];

/** A file that is ready to be rounded, and weights that are rounded already, by the layer's name. */
export interface Refined {
  readonly model: ModelProto;
  readonly blocks: ReadonlyMap<string, BlockedWeights>;
  readonly channels: ReadonlyMap<string, StaticLayerWeights>;
}

/** Refines the weights of the layers that are going to be quantized. */
export function refine(
  model: ModelProto,
  _layersOf: (graph: FileGraph) => readonly Layer[],
  _data: QuantizeData,
  _options: QuantizeOptions,
): Promise<Refined> {
  return Promise.resolve({ model, blocks: new Map(), channels: new Map() });
}
