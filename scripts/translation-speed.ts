/**
 * @module The gain from the cache for a model with an encoder: `node dist/scripts/translation-speed.js [THREADS]`. The Transformer as published (6 + 6 layers,
 * 512 wide, 8 heads), random weights, sources of 64 tokens, 64 tokens written: by `Generator`, and by the whole model (what `model.onnx` is), which
 * reads the source and all that is written so far anew for each token. Both take turns; the best of three counts. Both must write the same. Prints JSON.
 */
import { deepEqual } from "node:assert/strict";
import { argMax, boundWeights, Generator } from "../src/generate/index.js";
import { fromNumbers, input, symbol } from "../src/graph/index.js";
import { Transformer } from "../src/models/index.js";
import { randomInputs, resolveMode } from "../src/ops/index.js";
import { adamW } from "../src/optim/index.js";
import { compile } from "../src/runtime/index.js";
import { initialValues, trainingStep } from "../src/train/index.js";

const threads = Number(process.argv[2] ?? 2);
const [LENGTH, COUNT, TURNS] = [64, 64, 3];
const width = 8192;
const sides = { encoderLayers: 6, decoderLayers: 6, encoderHeads: 8, decoderHeads: 8 };
const inner = { encoderIntermediateSize: 2048, decoderIntermediateSize: 2048 };
const model = new Transformer({ vocabSize: width, hiddenSize: 512, ...sides, ...inner, maxPositions: 128, normFirst: true });
const step = trainingStep({ model, loss: ({ x }) => model.forward(x!, { target: x! }).mean(), optimizer: adamW() });
const numbers = initialValues(step.types, 1);

await using generator = await Generator.create(model, numbers, { threads });
const [source, target] = [input("source", [symbol("N"), LENGTH], "int32"), input("target", [symbol("N"), symbol("T")], "int32")];
const logits = model.forward(source, { target });
const traced = resolveMode([logits], "eval", randomInputs()).map(logits);
await using whole = await compile({ logits: traced }, { ...boundWeights(model, numbers), threads });

const sourcesOf = (texts: number): number[][] =>
  Array.from({ length: texts }, (_, n) => Array.from({ length: LENGTH }, (_, t) => (31 * n + 7 * t + 3) % width));

/** Greedy writing with the whole model. */
async function writeWhole(sources: readonly number[][]): Promise<number[][]> {
  const texts = sources.map(() => [0]);
  for (let length = 1; length <= COUNT; length++) {
    const feeds = {
      source: fromNumbers("int32", [sources.length, LENGTH], sources.flat()),
      target: fromNumbers("int32", [sources.length, length], texts.flat()),
    };
    const found = (await whole.call(feeds))["logits"]?.data as Float32Array;
    texts.forEach((text, n) => text.push(argMax(found.subarray(((n + 1) * length - 1) * width, (n + 1) * length * width))));
  }
  return texts.map((text) => text.slice(1));
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const begun = performance.now();
  const result = await work();
  return { result, ms: performance.now() - begun };
}

for (const texts of [1, 16]) {
  const sources = sourcesOf(texts);
  const best = { cached: Infinity, whole: Infinity };
  for (let turn = 0; turn < TURNS; turn++) {
    const cached = await timed(() => generator.generate(sources, { maxTokens: COUNT, temperature: 0 }));
    const again = await timed(() => writeWhole(sources));
    deepEqual(cached.result, again.result);
    best.cached = Math.min(best.cached, cached.ms);
    best.whole = Math.min(best.whole, again.ms);
  }
  const perSecond = (ms: number): number => (1000 * texts * COUNT) / ms;
  const rates = { cached: perSecond(best.cached), whole: perSecond(best.whole) };
  console.log(JSON.stringify({ threads, texts, tokensPerSecond: rates, gain: best.whole / best.cached }));
}
const [first = []] = sourcesOf(1);
const beams: number[] = [];
for (let turn = 0; turn < TURNS; turn++)
  beams.push((await timed(() => generator.beamSearch(first, { beams: 4, maxTokens: COUNT }))).ms / COUNT);
console.log(JSON.stringify({ threads, beams: 4, msPerToken: Math.min(...beams) }));
