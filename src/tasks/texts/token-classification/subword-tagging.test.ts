import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { LabelledText } from "../../../data/index.js";
import { joinTokens } from "../../../data/text/labelled-text.js";
import type { TensorData } from "../../../graph/index.js";
import { toNumbers } from "../../../graph/index.js";
import { loadPretrained } from "../../../train/node.js";
import { spansOfTags } from "../../../util/tags.js";
import { fetcherFor } from "../../shared/rows-node.js";
import type { SubwordInfo } from "./subword-rows.js";
import { subwordRows } from "./subword-rows.js";
import { mergedWords } from "./subword-tagging.js";
import { taskNamed } from "../../table.js";
import type { RowOutputs, TaskContext } from "../../task.js";
import { TracedModel } from "../../use/trained-node.js";
import { textAt, textCount } from "../../shared/windows.js";

const root = fileURLToPath(new URL("../../../../../test/", import.meta.url));

interface Golden {
  readonly tokenizer: object;
  readonly tags: readonly string[];
  readonly sentences: readonly (readonly (readonly [word: string, tag: string])[])[];
  readonly ids: readonly (readonly number[])[];
  /** −100 but at the first subword of each word. */
  readonly labels: readonly (readonly number[])[];
  readonly loss: number;
  /** Logits of each word that has a subword. */
  readonly logits: readonly (readonly (readonly number[])[])[];
}
const golden = JSON.parse(readFileSync(join(root, "golden/token-alignment.json"), "utf8")) as Golden;

const info: SubwordInfo = {
  unit: "words",
  tokenizer: JSON.stringify(golden.tokenizer),
  vocabularySize: 41,
  padId: 0,
  maxLength: 12,
  stride: 3,
  tags: golden.tags,
  labels: ["LOC", "PER"],
  usualMissCost: 0,
};

const texts = golden.sentences.map((sentence): LabelledText => {
  const { text, offsets } = joinTokens(
    sentence.map(([word]) => word),
    " ",
  );
  const spans = spansOfTags(sentence.map(([, tag]) => tag)).map(({ start, end, label }) => ({
    start: offsets[start]?.[0] ?? 0,
    end: offsets[end - 1]?.[1] ?? 0,
    label,
  }));
  return { text, tokens: offsets, spans };
});

const numbers = (values: TensorData | undefined): number[] => [...toNumbers(values ?? assert.fail("no such tensor"))];

test("words are found among subwords, and have their tag at the first, as in transformers' run_ner", async () => {
  const rows = await subwordRows(texts, info, "windows");
  for (const [n, labels] of golden.labels.entries()) {
    const row = rows.slice(n, n + 1).batch();
    const length = Number(row["length"]?.data[0]);
    const words = Number(row["words"]?.data[0]);
    assert.deepEqual(numbers(row["input_ids"]).slice(0, length), golden.ids[n]);
    const found = new Array<number>(length).fill(-100);
    const [first, tags] = [numbers(row["first"]), numbers(row["tags"])];
    for (let word = 0; word < words; word++) found[first[word] as number] = tags[word] as number;
    assert.deepEqual(found, labels);
  }
  // A word that the tokenizer has nothing for is no token of the text.
  const { tokens } = JSON.parse(JSON.stringify(rows.row(1))) as { tokens: string };
  assert.equal((JSON.parse(tokens) as unknown[]).length, 4);
});

test("a trained model is refused in one line once it was disposed", async () => {
  const { weights: parameters, config } = await loadPretrained(join(root, "fixtures/language-models/bert-token"));
  const trained = { ...info, pretrained: { architecture: "BertForTokenClassification", config } };
  const model = new TracedModel(taskNamed("token-classification"), "bert", trained, parameters, { device: "cpu" });
  const rows = (await subwordRows(texts, info, "windows")).take(1);
  const first = await model.answers(rows);
  assert.equal(first.length, 1);
  await model.dispose();
  await model.dispose();
  const refused = { name: "SessionError", message: "bert: expected one in use, got one that was disposed" };
  await assert.rejects(model.answers(rows), refused);
  await assert.rejects(model.measure(rows), refused);
  await assert.rejects(
    model.features(rows, () => undefined),
    refused,
  );
  await assert.rejects(
    model.evaluator({}, (batch) => batch),
    refused,
  );
});

test("the loss and the scores of words are those of transformers", async () => {
  const { weights: parameters, config } = await loadPretrained(join(root, "fixtures/language-models/bert-token"));
  const trained = { ...info, pretrained: { architecture: "BertForTokenClassification", config } };
  const task = taskNamed("token-classification");
  await using model = new TracedModel(task, "bert", trained, parameters, { device: "cpu" });
  const rows = await subwordRows(texts, info, "windows");
  await model.run(rows, ({ emissions }, indices, batch) => {
    const [, width = 0, count = 0] = emissions?.shape ?? [];
    for (const [n, row] of indices.entries()) {
      const words = Number(batch["words"]?.data[n]);
      const expected = golden.logits[row]?.flat() ?? [];
      const given = numbers(emissions).slice(n * width * count, (n * width + words) * count);
      assert.equal(given.length, expected.length);
      for (const [i, x] of given.entries()) assert.ok(Math.abs(x - (expected[i] as number)) < 1e-5);
    }
  });
  const context: TaskContext<typeof trained> = { info: trained, use: "train", options: {}, length: 12 };
  using fetcher = fetcherFor(task, context, rows);
  const batch = await fetcher?.fetch({ indices: Uint32Array.of(0, 1, 2), seed: 0, epoch: 0, offset: 0 });
  const types = { ...task.inputs(context, 3), ...task.targets(context, 3) };
  const lossOf = async (falseNegativeCost?: number): Promise<number> => {
    const options = falseNegativeCost === undefined ? {} : { falseNegativeCost };
    const run = await model.evaluator(types, (columns) => {
      const outputs = task.outputs(model.model, task.features(columns, context, model.model), columns, context);
      return { loss: task.loss(outputs, columns, { ...context, options }) as never };
    });
    return Number((await run(batch ?? {}))["loss"]?.data[0]);
  };
  assert.ok(Math.abs((await lossOf()) - golden.loss) < 1e-5);
  assert.ok((await lossOf(2)) > golden.loss);
});

const LONG = 23;
const long: LabelledText = { text: new Array<string>(LONG).fill("Anna").join(" "), spans: [{ start: 5, end: 9, label: "PER" }] };

test("a long text is read in windows that share its words between them; in training it is cut", async () => {
  // Two subwords a word, ten of them in a window between [CLS] and [SEP], three of which the next one repeats.
  const rows = await subwordRows([long, texts[0] as LabelledText], info, "windows");
  assert.equal(textCount(rows), 2);
  const own: number[] = [];
  for (let row = 0; textAt(rows, row) === 0; row++) {
    const { words, window, first, input_ids: ids } = rows.slice(row, row + 1).batch();
    const [from, start, end] = numbers(window) as [number, number, number];
    const count = Number(words?.data[0]);
    assert.ok(from <= start && start < end && end <= from + count);
    for (let word = start; word < end; word++) own.push(word);
    // The first subword of Anna is number 5.
    for (const at of numbers(first).slice(0, count)) assert.equal(numbers(ids)[at], 5);
  }
  assert.deepEqual(
    own,
    Array.from({ length: LONG }, (_, word) => word),
  );
  const [cut] = (await subwordRows([long], info, "cut")).tensor("cut").data;
  assert.equal(cut, LONG - 5);
});

test("windows are merged: each window's own words, and the best tags of all of them", () => {
  // Scores of the second tag; it may not follow itself.
  const window = (from: number, start: number, end: number, ...scores: number[]): RowOutputs => ({
    outputs: {
      emissions: { dtype: "float32", shape: [1, scores.length, 2], data: Float32Array.from(scores.flatMap((x) => [0, x])) },
      tags: { dtype: "int32", shape: [1, scores.length], data: new Int32Array(scores.length) },
      transitions: { dtype: "float32", shape: [1, 4, 2], data: Float32Array.of(0, 0, 0, -100, 0, 0, 0, 0) },
    },
    batch: { window: { dtype: "int32", shape: [1, 3], data: Int32Array.of(from, start, end) } },
  });
  const { outputs, batch } = mergedWords([window(0, 0, 3, -1, -2, 3, 4), window(2, 3, 5, 30, 40, 50)]);
  assert.deepEqual(
    numbers(outputs["emissions"]).filter((_, i) => i % 2 === 1),
    [-1, -2, 3, 40, 50],
  );
  assert.deepEqual(numbers(outputs["tags"]), [0, 0, 1, 0, 1]);
  assert.deepEqual([outputs["emissions"]?.shape, numbers(batch["words"])], [[1, 5, 2], [5]]);
});

test("a text without a word is a row without a tag", async () => {
  const rows = await subwordRows([{ text: " ", spans: [] }], info, "windows");
  assert.deepEqual([numbers(rows.tensor("words")), numbers(rows.tensor("tags")).every((tag) => tag === -100)], [[1], true]);
});
