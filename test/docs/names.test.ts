/**
 * @module A stranger finds things in files that their words suggest: of the source files whose paths match the words, one of the first two holds it.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

/** Words as a stranger would search paths for them, the second guess after the first; and what is found there. */
const LOOKED_FOR: readonly { readonly what: string; readonly guesses: readonly RegExp[]; readonly holds: RegExp }[] = [
  { what: "rotary positions", guesses: [/rotary/], holds: /export function rotate\(/ },
  { what: "F1 of spans", guesses: [/span.*f1|f1/, /metrics\/.*span/], holds: /export class SpanMetric/ },
  { what: "the checkpoint's rename", guesses: [/run\/.*checkpoint/], holds: /\.rename\(aside, path\)/ },
  { what: "guessing of column types", guesses: [/column-type/, /schema\/infer/], holds: /export type ColumnType/ },
  { what: "non-maximum suppression", guesses: [/non-max/], holds: /export const nonMaxSuppression/ },
  { what: "BLEU", guesses: [/bleu/], holds: /get bleu\(\)/ },
  {
    what: "a task's label in Chinese",
    guesses: [/token-classification\/label/, /token-classification\/token-classification\.ts/],
    holds: /label: \{ en: "Token classification", zh: "/,
  },
  { what: "a task's own options", guesses: [/token-classification\/options/], holds: /export const tokenClassificationOptions/ },
  { what: "the gallery", guesses: [/gallery/], holds: /export async function readGallery/ },
  { what: "masking in the CRF", guesses: [/losses\/crf\.ts|crf-mask/], holds: /readonly mask\?: Tensor/ },
  { what: "label smoothing", guesses: [/label-smoothing/, /cross-entropy/], holds: /labelSmoothing = 0/ },
  { what: "top-k sampling", guesses: [/top-k/, /sampling/], holds: /if \(topK !== undefined\)/ },
  { what: "warm-up of the learning rate", guesses: [/warm-?up/, /optim\/schedule/], holds: /warmupSteps/ },
  { what: "decoupled weight decay", guesses: [/weight-decay/, /optim\/optimizers/], holds: /export function adamW/ },
  { what: "atomic writes", guesses: [/atomic/, /run\/.*files/], holds: /export async function writeWhole/ },
  { what: "Viterbi", guesses: [/viterbi/, /losses\/crf\.ts/], holds: /export function viterbi/ },
  { what: "BPE", guesses: [/bpe/, /text\/subword/], holds: /BPE, WordPiece and Unigram/ },
  {
    what: "assignment of anchors to boxes",
    guesses: [/anchor/, /losses\/detection/],
    holds: /export function assignTaskAligned/,
  },
  { what: "IoU", guesses: [/iou/, /losses\/boxes/], holds: /export function pairwiseIou/ },
  { what: "cosine similarity", guesses: [/cosine/, /distance/], holds: /export function cosineSimilarity/ },
  { what: "sliding windows of convolution", guesses: [/ops\/window/], holds: /export function slidShape/ },
  { what: "the cache of keys and values", guesses: [/kv-cache/, /models\/.*cache/], holds: /export class PromptCache/ },
  { what: "EMA of the weights", guesses: [/moving-average/], holds: /export function exponentialMovingAverage/ },
  { what: "gradient clipping", guesses: [/optim\/clip/], holds: /export function clipByGlobalNorm/ },
  { what: "mixup", guesses: [/vision\/mix/], holds: /mixup/ },
  { what: "early stopping", guesses: [/early-stop/, /train\/trainer/], holds: /early stopping/ },
  { what: "perplexity", guesses: [/perplexity/, /language-modeling\/language-modeling\.ts/], holds: /perplexity/ },
  { what: "tied embeddings", guesses: [/tied/, /models\/gpt2\.ts/], holds: /tied\?: boolean/ },
  { what: "beam search", guesses: [/beam/], holds: /export class BeamSearch/ },
  { what: "LoRA", guesses: [/lora/], holds: /export class LoraLinear/ },
  { what: "GPTQ", guesses: [/gptq/], holds: /export function gptq/ },
  { what: "SmoothQuant", guesses: [/smooth-quant/], holds: /export function smoothFactors/ },
  { what: "low rank by singular values", guesses: [/svd/, /low-rank/], holds: /singular/ },
  { what: "Taylor importance of channels", guesses: [/taylor/, /prune\/importance/], holds: /taylor/ },
  { what: "McNemar's test", guesses: [/mcnemar/, /paired-tests/], holds: /export function mcNemar/ },
  { what: "surrogate tree of a comparison", guesses: [/surrogate/], holds: /export async function surrogateFor/ },
  { what: "latency of compared models", guesses: [/latency/], holds: /export (async )?function measureUse/ },
  { what: "superpixels", guesses: [/superpixel/, /slic\.ts/], holds: /export function slic/ },
  { what: "training examples behind an answer (TracIn)", guesses: [/tracin/, /explain\/influence/], holds: /TracIn/ },
  { what: "TF-IDF", guesses: [/tf-idf/], holds: /export function fitTfIdf/ },
  {
    what: "the choice of layers to quantize",
    guesses: [/quantize\/.*choose|quantize\/choice/, /quantize\/quantize\.ts/],
    holds: /export async function planQuantization/,
  },
  { what: "KernelSHAP", guesses: [/kernel-shap/], holds: /export const kernelShap/ },
  { what: "confident learning", guesses: [/confident-learning/], holds: /export function confidentJoint/ },
  { what: "active learning", guesses: [/active-learning/], holds: /export function chooseDiverse/ },
  { what: "sums of gradients over ranks", guesses: [/all-reduce/, /parallel\/exchange/], holds: /export class Exchange/ },
  { what: "roofline", guesses: [/roofline/], holds: /export const predictedSeconds/ },
  { what: "token bucket", guesses: [/token-bucket/, /rate-limit/], holds: /class Bucket/ },
  { what: "GGUF reader", guesses: [/models\/gguf\.ts/], holds: /export function readGguf/ },
  { what: "Krippendorff's α", guesses: [/krippendorff/, /agreement/], holds: /export function krippendorffAlpha/ },
  { what: "ASHA", guesses: [/asha|halving/, /sweep\/schedule/], holds: /export function successiveHalving/ },
  { what: "MinHash", guesses: [/minhash/, /near-duplicates/], holds: /export function nearDuplicates/ },
  { what: "what processes of a training share", guesses: [/train\/shared/], holds: /export class SharedUpdates/ },
  { what: "Prometheus metrics", guesses: [/prometheus/, /serve\/.*metrics/], holds: /from "prom-client"/ },
  { what: "AdaRound", guesses: [/adaround/], holds: /export async function reconstructed/ },
  { what: "the range test of the learning rate", guesses: [/range-test/], holds: /export async function findLearningRate/ },
  { what: "operating points", guesses: [/operating-point/], holds: /export function operatingPoints/ },
  { what: "quantization-aware training", guesses: [/qat/, /quantize\/aware/], holds: /LSQ/ },
  { what: "RAPL counters", guesses: [/rapl/, /cost\/energy/], holds: /powercap/ },
  { what: "Sobol sequences", guesses: [/sobol/], holds: /export class Sobol|export function sobol/ },
  { what: "channels that are pruned together", guesses: [/prune\/groups/], holds: /export interface .*Group/ },
  { what: "passwords of annotators", guesses: [/password/, /label\/accounts/], holds: /export async function hashPassword/ },
  { what: "server-sent events", guesses: [/server-sent|sse\b/, /event-stream/], holds: /text\/event-stream/ },
  { what: "tool calls of a language model", guesses: [/tool-call/], holds: /export function toolCallsIn/ },
  { what: "a rank that dies", guesses: [/heartbeat/, /parallel\/watch\.ts/], holds: /export class RankWatch/ },
  { what: "compiled graphs of a training step", guesses: [/compiled-step/], holds: /export class CompiledSteps/ },
];

const sources = readdirSync("src", { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !/\.test(\.util)?\.ts$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name).replaceAll("\\", "/"));

for (const { what, guesses, holds } of LOOKED_FOR)
  test(`${what}: found at the first or second guess`, () => {
    assert.ok(guesses.length <= 2);
    const guessed = guesses.flatMap((guess) => sources.filter((path) => guess.test(path)).slice(0, 2));
    const found = guessed.filter((path) => holds.test(readFileSync(path, "utf8")));
    assert.equal(found.length, 1, `${guessed.join(", ")} hold nothing of it`);
  });

test("docstrings begin with a verb or a noun", () => {
  const vague = sources.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\/\*\*\s+(?:\* )?(?:What|Of) [^\n]*/g)].map(([found]) => `${path}: ${found}`),
  );
  assert.deepEqual(vague, []);
});
