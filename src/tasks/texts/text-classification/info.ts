/**
 * @module The info of a text classifier: facts about its data, needed to use it again.
 */
import type { TableSchema } from "../../../data/index.js";
import type { TextInfo } from "../texts.js";

export interface TextClassInfo extends TextInfo {
  readonly classes: readonly string[];
  /** Whether a text may have several of the classes, or none. */
  readonly multiLabel: boolean;
  /** The separator of labels in one cell, where they are not a JSON list. */
  readonly labelSeparator?: string;
  /** The column of texts, or several with commas between them, whose texts are read one after another. */
  readonly textColumn: string;
  readonly labelColumn: string;
  /** The schema of these columns, where the data were a table that has one. */
  readonly schema?: TableSchema;
  /** Width of pretrained vectors. */
  readonly embeddingSize?: number;
}
