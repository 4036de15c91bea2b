/**
 * @module `node llama-decode.mjs FOLDER MODEL.gguf PROMPT TOKENS THREADS`: tokens a second of llama.cpp, from the first token to the last. In FOLDER,
 * `npm install --ignore-scripts --omit=optional node-llama-cpp @node-llama-cpp/linux-x64` has put it, built already.
 */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, modelPath, prompt, count, threads] = process.argv.slice(2);
const { getLlama } = await import(pathToFileURL(resolve(join(folder, "node_modules/node-llama-cpp/dist/index.js"))).href);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: "error", maxThreads: Number(threads) });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 512, threads: Number(threads) });
const sequence = context.getSequence();
// The first round warms up.
for (let round = 0; round < 2; round++) {
  await sequence.clearHistory();
  const times = [];
  for await (const _ of sequence.evaluate(model.tokenize(prompt), { temperature: 0 })) {
    times.push(performance.now());
    if (times.length >= Number(count)) break;
  }
  if (round === 1) console.log((1000 * (times.length - 1)) / (times.at(-1) - times[0]));
}
process.exit(0);
