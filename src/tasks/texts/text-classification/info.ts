/**
 * @module What a text classifier must know of its data to be used again.
 */
import type { TextInfo } from "../texts.js";

export interface TextClassInfo extends TextInfo {
  readonly classes: readonly string[];
  /** Whether a text may have several of the classes, or none. */
  readonly multiLabel: boolean;
  /** What stands between labels in one cell, where they are no JSON list. */
  readonly labelSeparator?: string;
  readonly textColumn: string;
  readonly labelColumn: string;
  /** Width of pretrained vectors. */
  readonly embeddingSize?: number;
}
