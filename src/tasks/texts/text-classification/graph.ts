/**
 * @module An imported graph as a classifier of texts.
 */
import type { Tensor } from "../../../graph/index.js";
import type { GraphInfo, GraphUse } from "../../graph-use.js";
import { planTexts, TextGraph, textShapes } from "../text-graph.js";
import type { TextClassInfo } from "./info.js";

export const textGraph: GraphUse<TextClassInfo & { readonly graph?: GraphInfo }> = {
  plan: (file) => planTexts(file, "text-classification"),
  shapes: textShapes,
  outFeatures: ({ classes }) => classes.length,
  wrap: (module, { graph }) => new TextGraph(module, graph as GraphInfo, "text-classification"),
  outputs: (model, batch) => ({
    logits: (model as TextGraph).forward(batch["input_ids"] as Tensor, { mask: batch["attention_mask"] as Tensor }),
  }),
};
