/**
 * @module Peak memory of fine-tuning a decoder whole, with the state of its optimizer kept otherwise, with adapters, and with adapters over a base in
 * codes: `node dist/scripts/tuning-memory.js gpt2|FILE.gguf [WAY…]`. Each way is a process of its own; texts are random.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Tensor, TensorData } from "../src/graph/index.js";
import { crossEntropy } from "../src/losses/index.js";
import { Gpt2, type Llama } from "../src/models/index.js";
import type { Module } from "../src/nn/index.js";
import { lora } from "../src/nn/index.js";
import type { Optimizer } from "../src/optim/index.js";
import { adafactor, adamW } from "../src/optim/index.js";
import { openGguf } from "../src/tasks/use/gguf-node.js";
import { modelOf } from "../src/tasks/use/model.js";
import { taskNamed } from "../src/tasks/table.js";
import { fineTune } from "../src/train/index.js";
import type { BasePrecision } from "../src/train/quantized-base.js";
import { TrainingState } from "../src/train/state.js";
import { trainingStep } from "../src/train/step.js";
import { Random } from "../src/util/random.js";

const [ROWS, LENGTH, STEPS, RANK] = [1, 128, 4, 8];

interface Way {
  readonly optimizer: () => Optimizer;
  readonly adapters?: boolean;
  readonly base?: BasePrecision;
}

const WAYS: Readonly<Record<string, Way>> = {
  full: { optimizer: () => adamW() },
  "full, int8 state": { optimizer: () => adamW({ state: "int8" }) },
  "full, adafactor": { optimizer: () => adafactor() },
  lora: { optimizer: () => adamW(), adapters: true },
  "qlora int8": { optimizer: () => adamW(), adapters: true, base: "int8" },
  "qlora int4": { optimizer: () => adamW(), adapters: true, base: "int4" },
};

interface Decoder {
  readonly model: Gpt2 | Llama;
  readonly vocabSize: number;
  readonly weights?: Map<string, TensorData>;
}

async function decoderOf(name: string): Promise<Decoder> {
  if (name === "gpt2") {
    const vocabSize = 50_257;
    const model = new Gpt2({ vocabSize, hiddenSize: 768, numLayers: 12, numHeads: 12, maxPositions: 1024 });
    return { model, vocabSize };
  }
  const { config, weights } = await openGguf(name);
  const model = modelOf(taskNamed(config.task), config.model, config.info, undefined) as Llama;
  return { model, vocabSize: (config.info as { vocabularySize: number }).vocabularySize, weights: new Map(weights) };
}

const bytesOf = (model: Module, isCounted: (path: string) => boolean): number =>
  [...model.parameters()].reduce((sum, [path, { size }]) => sum + (isCounted(path) ? 4 * size : 0), 0);

/** Trains in this process, and prints what it took. */
async function measure(name: string, way: string): Promise<void> {
  const { optimizer: make, adapters = false, base } = WAYS[way] as Way;
  const { model, vocabSize, weights } = await decoderOf(name);
  const whole = bytesOf(model, () => true);
  const optimizer = fineTune(model, make(), adapters ? { adapters: lora({ rank: RANK }) } : {});
  const loss = ({ tokens, labels }: { tokens: Tensor; labels: Tensor }): Tensor => crossEntropy(model.forward(tokens), labels);
  const step = trainingStep({ model, optimizer, loss, base });
  await using state = await TrainingState.create(step, { device: "cpu", weights });
  // As `trainRun` has it done: the state has its own.
  weights?.clear();
  const random = new Random(1, "texts");
  const ids = (): TensorData => ({
    dtype: "int32",
    shape: [ROWS, LENGTH],
    data: Int32Array.from({ length: ROWS * LENGTH }, () => random.integer(vocabSize)),
  });
  const milliseconds: number[] = [];
  for (let k = 0; k < STEPS; k++) {
    const start = performance.now();
    await state.run({ tokens: ids(), labels: ids() });
    milliseconds.push(performance.now() - start);
  }
  const trained = step.optimizer.trained(model.parameters());
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
  const learned = bytesOf(model, (path) => trained.has(path));
  console.log(
    JSON.stringify({
      way,
      peakMiB: Math.round(peak),
      learnedShare: learned / whole,
      stepMs: Math.round(Math.min(...milliseconds)),
    }),
  );
}

const [name = "gpt2", ...asked] = process.argv.slice(2);
if (name === "--one") await measure(asked[0] as string, asked[1] as string);
else {
  let full: number | undefined;
  for (const way of asked.length === 0 ? Object.keys(WAYS) : asked) {
    const { stdout, stderr, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--one", name, way], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr);
    const { peakMiB, learnedShare, stepMs } = JSON.parse(stdout) as { peakMiB: number; learnedShare: number; stepMs: number };
    full ??= peakMiB;
    const less = `${Math.round(100 * (1 - peakMiB / full))} % less`;
    console.log(
      `${way}: ${peakMiB} MiB, ${less}; learned ${(100 * learnedShare).toFixed(2)} % of the weights; ${stepMs} ms a step at best`,
    );
  }
}
