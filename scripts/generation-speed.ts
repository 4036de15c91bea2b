/**
 * @module The speed of generation against the bound of memory: `node dist/scripts/generation-speed.js [THREADS]`. GPT-2, 12 layers, 768 wide, random weights, one
 * text. Each token reads every weight once, so the bound is the rate at which the engine reads memory: a vector times one matrix of 1 GiB.
 * Both take turns, a few products before every ten tokens, since the rate of a shared machine changes by the second; medians count. Prints JSON.
 */
import { Generator } from "../src/generate/index.js";
import type { TensorData } from "../src/graph/index.js";
import { constant, input } from "../src/graph/index.js";
import { Gpt2 } from "../src/models/index.js";
import { adamW } from "../src/optim/index.js";
import { compile } from "../src/runtime/index.js";
import { initialValues, trainingStep } from "../src/train/index.js";
import { median } from "../src/util/median.js";

const threads = Number(process.argv[2] ?? 2);

const PLACES = [50, 200, 500] as const;
/** Tokens on either side of a place that are timed. */
const AROUND = 20;
const TURN = 10;
const TEXTS = 3;

/** A product that reads 1 GiB: milliseconds of each of some. Owned: dispose it. */
async function reader(): Promise<{ bytes: number; read: (times: number) => Promise<number[]>; dispose: () => Promise<void> }> {
  const [rows, columns] = [16_384, 16_384];
  const weight: TensorData = { dtype: "float32", shape: [rows, columns], data: new Float32Array(rows * columns).fill(1e-3) };
  const x = input("x", [1, rows], "float32");
  const executable = await compile({ y: x.matMul(constant(weight)) }, { threads });
  const feeds = { x: { dtype: "float32", shape: [1, rows], data: new Float32Array(rows).fill(1) } as const };
  const read = async (times: number): Promise<number[]> => {
    const taken: number[] = [];
    for (let i = 0; i < times; i++) {
      const begun = performance.now();
      await executable.call(feeds);
      taken.push(performance.now() - begun);
    }
    return taken;
  };
  return { bytes: weight.data.byteLength, read, dispose: () => executable.dispose() };
}

const model = new Gpt2({ vocabSize: 1024, maxPositions: 1024, hiddenSize: 768, numLayers: 12, numHeads: 12 });
const { types } = trainingStep({ model, loss: ({ t }) => model.forward(t!).mean(), optimizer: adamW() });
const numbers = initialValues(types, 1);
// Keys and values of 12 layers are read as well, and are no part of the bound.
const bytes = [...model.state()]
  .filter(([path]) => !path.endsWith("wpe.weight"))
  .reduce((sum, [path]) => sum + (numbers.get(path)?.data.byteLength ?? 0), 0);
const memory = await reader();
await using generator = await Generator.create(model, numbers, { threads });
const tokens = new Map<number, number[]>(PLACES.map((place) => [place, []]));
const products = new Map<number, number[]>(PLACES.map((place) => [place, []]));
for (let text = 0; text < TEXTS; text++) {
  let [at, begun] = [0, performance.now()];
  for await (const _ of generator.stream([1, 2, 3], { maxTokens: 500 + AROUND, temperature: 0 })) {
    const taken = performance.now() - begun;
    const place = PLACES.find((p) => Math.abs(at - p) < AROUND);
    // The token after a turn of the product finds caches that are not its own.
    if (place !== undefined && at % TURN !== 0) tokens.get(place)?.push(taken);
    at++;
    if (place !== undefined && at % TURN === 0) products.get(place)?.push(...(await memory.read(4)));
    begun = performance.now();
  }
}
await memory.dispose();
const figures = PLACES.map((place) => {
  const ms = median(tokens.get(place) ?? []);
  const bandwidth = (memory.bytes / median(products.get(place) ?? [])) * 1000;
  return { place, ms, bandwidth, share: ((bytes / ms) * 1000) / bandwidth };
});
console.log(JSON.stringify({ threads, bytes, figures, growth: (figures[2]?.ms ?? 0) / (figures[0]?.ms ?? 1) }));
