import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { vjpOf } from "../../src/autodiff/index.js";
import { readSafetensors } from "../../src/data/index.js";
import type { Tensor, TensorData } from "../../src/graph/index.js";
import { constant, fromNumbers, input, symbol, toNumbers } from "../../src/graph/index.js";
import { crfNegativeLogLikelihood, crossEntropy, viterbi } from "../../src/losses/index.js";
import { BagOfNgrams, BiLstm, BiLstmCrf, NgramCnn, TextCnn } from "../../src/models/index.js";
import { randomInputs, resolveMode } from "../../src/ops/index.js";
import { compile } from "../../src/runtime/index.js";

const folder = fileURLToPath(new URL("../../../test/fixtures/text-models/", import.meta.url));

type Inputs = Readonly<Record<string, Tensor>>;
interface Case {
  readonly model: TextCnn | NgramCnn | BiLstm | BiLstmCrf;
  readonly trace: (inputs: Inputs) => Record<string, Tensor>;
}

const sizes = { vocabSize: 11, embeddingSize: 4, hiddenSize: 3, numLayers: 2 };
const cnn = new TextCnn({ vocabSize: 11, embeddingSize: 4, widths: [1, 2, 4], filters: 3, numLabels: 5 });
const both = new NgramCnn({ ...cnn.config, ngrams: { embeddingSize: 2, maxN: 3, buckets: 8 } });
const lstm = new BiLstm({ ...sizes, numLabels: 5 });
const tagger = new BiLstmCrf({ ...sizes, numLabels: 4 });
const t = (inputs: Inputs, name: string): Tensor => inputs[name] as Tensor;

const classified =
  (model: TextCnn | NgramCnn | BiLstm): Case["trace"] =>
  (inputs) => {
    const logits = model.forward(t(inputs, "tokens"), { mask: t(inputs, "mask") });
    return { logits, loss: crossEntropy(logits, t(inputs, "labels")) };
  };

const CASES: Readonly<Record<string, Case>> = {
  "text-cnn": { model: cnn, trace: classified(cnn) },
  "ngram-cnn": { model: both, trace: classified(both) },
  bilstm: { model: lstm, trace: classified(lstm) },
  "bilstm-crf": {
    model: tagger,
    trace: (inputs) => {
      const mask = t(inputs, "mask");
      const emissions = tagger.forward(t(inputs, "tokens"), { mask });
      const loss = crfNegativeLogLikelihood(emissions, t(inputs, "tags"), tagger.crf.forward(), { mask });
      const best = viterbi(emissions, tagger.crf.forward(), { mask }).tags;
      return { emissions: emissions.mul(mask.cast("float32").unsqueeze(-1)), best, loss };
    },
  },
};

function assertClose(actual: TensorData | undefined, expected: TensorData, tolerance: number, what: string): void {
  assert.deepEqual(actual?.shape, expected.shape, what);
  const numbers = toNumbers(actual);
  toNumbers(expected).forEach((value, i) => {
    const error = Math.abs((numbers[i] as number) - value);
    assert.ok(error <= tolerance * Math.max(1, Math.abs(value)), `${what}[${i}]: expected ${value}, got ${numbers[i]}`);
  });
}

for (const [name, { model, trace }] of Object.entries(CASES)) {
  const { tensors } = readSafetensors(readFileSync(`${folder}${name}.safetensors`));
  const part = (prefix: string): Map<string, TensorData> =>
    new Map(
      [...tensors].filter(([key]) => key.startsWith(`${prefix}.`)).map(([key, data]) => [key.slice(prefix.length + 1), data]),
    );
  const names = new Map<Tensor, string>([...model.state()].map(([path, p]) => [p, path]));

  test(`${name}: outputs, loss and gradients are PyTorch's`, async () => {
    const given = part("input");
    const inputs = Object.fromEntries([...given].map(([key, { shape, dtype }]) => [key, input(key, shape, dtype)]));
    const traced = trace(inputs);
    const { map } = resolveMode(Object.values(traced), "eval", randomInputs());
    const outputs: Record<string, Tensor> = Object.fromEntries(
      Object.entries(traced).map(([key, x]) => [`output.${key}`, map(x)]),
    );
    const gradients = vjpOf([outputs["output.loss"] as Tensor], [constant(1)], [...model.parameters().values()]);
    [...model.parameters().keys()].forEach((path, i) => {
      outputs[`gradient.${path}`] = gradients[i] as Tensor;
    });
    await using executable = await compile(outputs, { names });
    const actual = await executable.call({ ...Object.fromEntries(part("state")), ...Object.fromEntries(given) });
    const wanted = [...tensors].filter(([key]) => /^(output|gradient)\./.test(key));
    assert.equal(wanted.length, Object.keys(outputs).length);
    for (const [key, data] of wanted) assertClose(actual[key], data, 1e-5, key);
  });

  test(`${name}: free batch size and length give the same, whatever the padding`, async () => {
    const shape = [symbol("N"), symbol("T")];
    const tokens = input("tokens", shape, "int32");
    const mask = input("mask", shape, "int32");
    const traced = model.forward(tokens, { mask });
    const best = model instanceof BiLstmCrf ? { best: viterbi(traced, model.crf.forward(), { mask }).tags } : {};
    const { map } = resolveMode([traced, ...Object.values(best)], "eval", randomInputs());
    await using executable = await compile(
      Object.fromEntries(Object.entries({ y: traced, ...best }).map(([key, x]) => [key, map(x)])),
      { names, values: new Map([...names].map(([p, path]) => [p, part("state").get(path) as TensorData])) },
    );
    // Two more tokens of padding, which hold what they like.
    const wider = (data: TensorData, fill: number): TensorData => {
      const [n, length] = data.shape as [number, number];
      const numbers = toNumbers(data);
      return fromNumbers(
        "int32",
        [n, length + 2],
        Array.from({ length: n * (length + 2) }, (_, i) => {
          const column = i % (length + 2);
          return column < length ? (numbers[Math.floor(i / (length + 2)) * length + column] as number) : fill;
        }),
      );
    };
    const given = part("input");
    const { y: result, best: tags } = await executable.call({
      tokens: wider(given.get("tokens") as TensorData, 3),
      mask: wider(given.get("mask") as TensorData, 0),
    });
    if (name !== "bilstm-crf") return assertClose(result, part("output").get("logits") as TensorData, 1e-5, "logits");
    assert.deepEqual(tags, wider(part("output").get("best") as TensorData, 0));
    const emissions = part("output").get("emissions") as TensorData;
    const [got, wanted] = [toNumbers(result as TensorData), toNumbers(emissions)];
    for (let i = 0; i < 6 * 4; i++)
      assert.ok(Math.abs((got[i] as number) - (wanted[i] as number)) < 1e-5, `emission ${i} of the first text`);
  });
}

test("a bag of n-grams has hashes that fit int32", () => {
  const sizes = { vocabSize: 11, numLabels: 2 };
  for (const buckets of [0, 65_537, 1.5])
    assert.throws(() => new BagOfNgrams({ ...sizes, buckets }), {
      message: `bag-of-ngrams: buckets: expected 1 to 65536, got ${buckets}`,
    });
  assert.throws(() => new BagOfNgrams({ ...sizes, maxN: 0 }), { message: "bag-of-ngrams: maxN: expected at least 1, got 0" });
});
