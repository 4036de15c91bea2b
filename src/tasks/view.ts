/**
 * @module An example as a person sees it, and the parts that explanations speak of: words, columns. Tasks give it, pictures are drawn of it.
 */
import type { ExampleInput } from "../report/examples.js";

/** Elements that are present or absent together. */
export interface ViewParts {
  readonly names: readonly string[];
  /** The part of each element along the features' first axis; −1 for an element that is always there. */
  readonly partOf: Int32Array;
  /** The part of each column of `categories`, where a table has embedded columns. */
  readonly categoryPartOf?: Int32Array;
}

export interface View {
  readonly name: string;
  readonly input: ExampleInput;
  readonly parts?: ViewParts;
}
