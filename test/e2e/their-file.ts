/**
 * @module What tests of somebody else's ONNX files share: weights, and a tokenizer beside the file.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TensorData } from "../../src/graph/index.js";
import { fromNumbers, sizeOf } from "../../src/graph/index.js";
import { trainWordPiece } from "../../src/text/node.js";
import { Random } from "../../src/util/random.js";

/** Numbers as a trained layer might have them. */
export function weight(name: string, shape: readonly number[]): TensorData {
  const random = new Random("graph-fine-tuning", name);
  const size = sizeOf(shape);
  return fromNumbers(
    "float32",
    shape,
    Array.from({ length: size }, () => random.normal() / Math.sqrt(shape.at(-1) as number)),
  );
}

/** Texts that the tokenizer knows the words of. */
export const SENTENCES = ["the cat sat on the mat", "the dog sat on the log"];

/** Writes a tokenizer of 40 subwords at most into a folder. */
export async function writeTokenizer(folder: string): Promise<void> {
  const tokenizer = await trainWordPiece(SENTENCES, { vocabularySize: 40, minFrequency: 1 });
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
}
