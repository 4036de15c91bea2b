/**
 * @module The info of a language model: facts about its text, needed to use it again.
 */
import type { MaskOptions } from "../packed-text.js";
import type { TextInfo } from "../texts.js";

export interface LanguageInfo extends TextInfo {
  /** Predicts hidden tokens, in place of the next one. */
  readonly masked: MaskOptions | null;
  /** Average length of a token in the training text, in characters. */
  readonly charactersPerToken: number;
}
