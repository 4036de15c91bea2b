/**
 * @module An example as a person sees it, and the parts that explanations speak of: words, columns. Tasks give it, pictures are drawn of it.
 */
import type { HeatMapBox } from "../charts/heat-map.js";
import type { Dataset } from "../data/index.js";
import type { Target } from "../explain/index.js";
import type { ExampleInput } from "../report/examples.js";
import type { Asked } from "./task.js";
import type { Remark } from "../explain/index.js";

/** Elements that are present or absent together. */
export interface ViewParts {
  readonly names: readonly string[];
  /** The part of each element along the features' first axis; −1 for an element that is always there. */
  readonly partOf: Int32Array;
  /** The part of each column of `categories`, where a table has embedded columns. */
  readonly categoryPartOf?: Int32Array;
}

/** A text that a model wrote, token by token. */
export interface Written {
  readonly tokens: readonly string[];
  /** Their numbers in the vocabulary. */
  readonly ids: readonly number[];
}

export interface View {
  readonly name: string;
  readonly input: ExampleInput;
  readonly parts?: ViewParts;
  /** The row of the encoded examples, where it is another than the input's: one of its windows. */
  readonly row?: number;
  /** The encoded example, where it is none of the inputs': a sentence with a predicate marked, a text with what was written behind it. */
  readonly example?: Dataset;
  /** Tokens that the model wrote, each of which is asked about: a matrix of a row for each. */
  readonly written?: Written;
  /** Rectangles on the picture, in pixels of the model's input. */
  readonly boxes?: readonly HeatMapBox[];
  /** The part of the answer that is asked about, where there are several. */
  readonly asked?: Asked;
  /** The score's place or label, where the question needed the model's answer. */
  readonly target?: Target;
  /** Sentences on what was decided for the user. */
  readonly remarks?: readonly Remark[];
}
