/** @module The context that verbs which make runs smaller hand on: where to write, the data, who is told. */
import type { compressingOptions } from "../tasks/compressing/options.js";
import type { CompressingContext } from "../tasks/compressing/prune-run-node.js";
import type { onnxOptions } from "../tasks/options.js";
import { tableOptionsOf } from "../tasks/options.js";
import type { OnnxUseOptions } from "../tasks/use/open-node.js";
import type { OptionValues } from "../util/option.js";
import { defined } from "../util/record.js";
import type { VerbContext } from "./verb.js";

/** Makes it of a verb's options. */
export function compressingContext(
  {
    options,
    ...around
  }: Pick<VerbContext, "command" | "signal" | "progress" | "note"> & {
    readonly options: OptionValues<typeof compressingOptions>;
  },
  out: string,
): CompressingContext {
  const { overwrite, lang, device, threads, data, labelColumn, textColumn, skipBadRows, repair, maxMegapixels } = options;
  const named = { data, labelColumn, textColumn, maxMegapixels };
  return {
    ...around,
    out,
    overwrite,
    language: lang,
    device,
    threads,
    data: {
      ...defined(named),
      ...tableOptionsOf(options),
      skipBadRows,
      repair,
      signal: around.signal,
    },
  };
}

/** Picks the facts that an ONNX file of others does not state itself. */
export const onnxFactsOf = ({
  preprocess,
  imageSize,
  labels,
  tokenizer,
  input,
}: OptionValues<typeof onnxOptions>): OnnxUseOptions => defined({ preprocess, imageSize, labels, tokenizer, input });
