/**
 * @module Files that the run of a generating model keeps for other runtimes: its tokenizer, and its graphs with a cache of keys and values.
 */
import { decoderOnnx, encoderOnnx, isDecoder, targetRules } from "../../generate/index.js";
import { Transformer } from "../../models/index.js";
import type { Finished } from "../task-node.js";
import { keepTokenizer } from "./texts-node.js";

/** Makes the settings for generating with the files, under the names of Hugging Face's `generation_config.json`. */
function generationConfig(model: Transformer): string {
  const { startToken, suppressed } = targetRules(model);
  const { endToken, padToken } = model.config;
  return JSON.stringify({
    decoder_start_token_id: startToken,
    eos_token_id: endToken,
    pad_token_id: padToken,
    bad_words_ids: suppressed.map((token) => [token]),
  });
}

/** Writes `tokenizer.json`; of a decoder `decoder.onnx`, of an encoder with a decoder `encoder.onnx` besides. */
export async function keepGenerationFiles(finished: Finished): Promise<void> {
  await keepTokenizer(finished);
  const { model, weights, modelName, task } = finished.used;
  const metadata = new Map([["descent.task", task.name]]);
  if (model instanceof Transformer) {
    metadata.set("descent.generation", generationConfig(model));
    await finished.writer.write("encoder.onnx", encoderOnnx(model, weights, { metadata, graphName: `${modelName}-encoder` }));
  }
  if (model instanceof Transformer || isDecoder(model))
    await finished.writer.write("decoder.onnx", decoderOnnx(model, weights, { metadata, graphName: modelName }));
}
