/** @module The context that verbs which make runs smaller hand on: where to write, the data, who is told. */
import type { compressingOptions } from "../tasks/compressing/options.js";
import type { CompressingContext } from "../tasks/compressing/prune-run-node.js";
import { dataOptions, onnxOptions } from "../tasks/options.js";
import type { OptionValues } from "../util/option.js";
import { valuesOf } from "../util/option.js";
import type { VerbContext } from "./verb.js";

type Given = Pick<VerbContext, "command" | "signal" | "progress" | "note"> & {
  readonly options: OptionValues<typeof compressingOptions> & Partial<OptionValues<typeof onnxOptions>>;
};

/** Makes it of a verb's options, those that state facts of an ONNX file of others included. */
export function compressingContext({ options, command, signal, progress, note }: Given, out: string): CompressingContext {
  const { overwrite, lang, device, threads } = options;
  const around = { command, signal, progress, note, out, overwrite, language: lang, device, threads };
  return { ...around, data: { ...valuesOf(options, dataOptions), signal }, onnx: valuesOf(options, onnxOptions) };
}
