/**
 * @module How near writing comes to the bound of memory: `node dist/scripts/generation-speed.js [THREADS]`. GPT-2, 12 layers, 768 wide, random weights, one
 * text. Each token reads every weight once, so the bound is the rate at which the engine reads memory: a vector times one matrix of 1 GiB, the
 * best of some. Prints JSON.
 */
import { Generator } from "../src/generate/index.js";
import type { TensorData } from "../src/graph/index.js";
import { constant, input } from "../src/graph/index.js";
import { Gpt2 } from "../src/models/index.js";
import { adamW } from "../src/optim/index.js";
import { compile } from "../src/runtime/index.js";
import { initialNumbers, trainingStep } from "../src/train/index.js";

const threads = Number(process.argv[2] ?? 2);

/** Bytes a second that the engine reads, by a product with a matrix of 1 GiB. */
async function bandwidth(): Promise<number> {
  const [rows, columns] = [16_384, 16_384];
  const weight: TensorData = { dtype: "float32", shape: [rows, columns], data: new Float32Array(rows * columns).fill(1e-3) };
  const x = input("x", [1, rows], "float32");
  await using executable = await compile({ y: x.matMul(constant(weight)) }, { threads });
  const feeds = { x: { dtype: "float32", shape: [1, rows], data: new Float32Array(rows).fill(1) } as const };
  const times: number[] = [];
  for (let i = 0; i < 12; i++) {
    const begun = performance.now();
    await executable.call(feeds);
    times.push(performance.now() - begun);
  }
  return (weight.data.byteLength / Math.min(...times)) * 1000;
}

/** Milliseconds of each token, the best of some around a place, and the bytes of weights that one reads. */
async function writing(vocabSize: number): Promise<Record<string, number>> {
  const model = new Gpt2({ vocabSize, maxPositions: 1024, hiddenSize: 768, numLayers: 12, numHeads: 12 });
  const { types } = trainingStep({ model, loss: ({ t }) => model.forward(t!).mean(), optimizer: adamW() });
  const numbers = initialNumbers(types, 1);
  const bytes = [...model.state()]
    .filter(([path]) => !path.endsWith("wpe.weight"))
    .reduce((sum, [path]) => sum + (numbers.get(path)?.data.byteLength ?? 0), 0);
  await using generator = await Generator.create(model, numbers, { threads });
  const times: number[] = [];
  let begun = performance.now();
  for await (const _ of generator.stream([1, 2, 3], { maxTokens: 520, temperature: 0 })) {
    times.push(performance.now() - begun);
    begun = performance.now();
  }
  const around = (token: number): number => {
    const some = times.slice(token - 15, token + 15).sort((a, b) => a - b);
    return some[Math.floor(some.length / 4)] as number;
  };
  // Keys and values of 12 layers are read as well, and are no part of the bound.
  return { bytes, token50: around(50), token200: around(200), token500: around(500) };
}

const product = await bandwidth();
const result = await writing(1024);
const rate = result["bytes"] as number;
const share = (ms: number): number => ((rate / ms) * 1000) / product;
console.log(
  JSON.stringify({
    threads,
    bandwidth: product,
    ...result,
    share50: share(result["token50"] as number),
    share500: share(result["token500"] as number),
    growth: (result["token500"] as number) / (result["token50"] as number),
  }),
);
