/**
 * Folders in Hugging Face's form, opened as they are: the answers of transformers, and the explanations of Captum and of Shapley's definition
 * (scripts/golden/checkpoints.py); and a run of ours that was tuned with adapters, beside PEFT and Captum (scripts/golden/adapted-run.py).
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Explanation } from "../../src/tasks/explaining/explain-node.js";
import { explainInputs } from "../../src/tasks/explaining/explain-node.js";
import { contributions } from "../../src/tasks/explaining/summary.js";
import type { ScoreQuestion } from "../../src/tasks/task-node.js";
import { readInputs } from "../../src/tasks/use/examples-node.js";
import { openModel } from "../../src/tasks/use/open-node.js";

const root = fileURLToPath(new URL("../../../test/fixtures/checkpoints/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "descent-checkpoints-"));
after(() => rmSync(scratch, { recursive: true }));

interface Expected {
  readonly text: string;
  readonly target: number;
  readonly score: number;
  readonly answer?: readonly (readonly { readonly label: string; readonly score: number }[] & Entity)[];
  readonly "exact-shapley": readonly number[];
  readonly "integrated-gradients": readonly number[];
  readonly "input-x-gradient": readonly number[];
}

interface Entity {
  readonly entity_group: string;
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

const expectedOf = (name: string): Expected => JSON.parse(readFileSync(join(root, name, "expected.json"), "utf8")) as Expected;

/** Each folder, its task, and the question that its expected values answer. */
const FOLDERS: readonly (readonly [name: string, task: string, question: Omit<ScoreQuestion, "run">])[] = [
  ["bert-classifier", "text-classification", { target: "positive" }],
  ["distilbert-classifier", "text-classification", { target: "negative" }],
  ["distilbert-labels", "text-classification", { target: "neutral" }],
  ["bert-tagger", "token-classification", { target: "Rome:B-LOC" }],
  ["distilbert-tagger", "token-classification", { target: "Ann:B-PER" }],
  ["distilbert-masked", "language-modeling", { target: expectedOf("distilbert-masked").target }],
  ["gpt2", "language-modeling", { target: expectedOf("gpt2").target }],
  ["llama", "language-modeling", { target: expectedOf("llama").target }],
];

function close(found: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  const scale = Math.max(...expected.map(Math.abs));
  // Rows are filled up to a multiple of 8 tokens, which get nothing.
  assert.ok(found.length >= expected.length, what);
  Array.from(found).forEach((value, i) => {
    const error = Math.abs(value - (expected[i] ?? 0));
    assert.ok(error <= tolerance * scale, `${what} ${i}: expected ${expected[i] ?? 0}, got ${value}`);
  });
}

/** Sums over the vectors of the tokens. */
function byToken({ values, shape }: Explanation): number[] {
  const [tokens = 0, width = 1] = shape;
  return Array.from({ length: tokens }, (_, t) =>
    values.subarray(t * width, (t + 1) * width).reduce((sum, value) => sum + value, 0),
  );
}

for (const [name, task, question] of FOLDERS)
  test(`${name}: ${task}, gradients and samples as elsewhere`, async () => {
    const expected = expectedOf(name);
    await using model = (await openModel(join(root, name), { threads: 1 })).model;
    assert.equal(model.task.name, task);
    const { explanations } = await explainInputs(model, await readInputs(model, [expected.text], {}), {
      methods: ["integrated-gradients", "input-x-gradient", "exact-shapley"],
      question: { run: name, ...question },
      threads: 1,
      // The points of the script, and no more.
      steps: 32,
      maxSteps: 32,
    });
    assert.equal(explanations.length, 3);
    for (const one of explanations) {
      assert.ok(Math.abs(one.example.score - expected.score) <= 1e-4, `${one.example.score} of ${expected.score}`);
      const method = one.method as "integrated-gradients" | "input-x-gradient" | "exact-shapley";
      const found = method === "exact-shapley" ? contributions(one).map(({ value }) => value) : byToken(one);
      close(found, expected[method], 1e-4, method);
    }
  });

test("a DistilBERT tuned with adapters: the run's explanations are Captum's of what PEFT makes of its adapter", async () => {
  const run = fileURLToPath(new URL("../../../test/fixtures/adapted-run", import.meta.url));
  const expected = JSON.parse(readFileSync(join(run, "expected.json"), "utf8")) as Omit<Expected, "target"> & { target: string };
  await using model = (await openModel(run, { threads: 1 })).model;
  const { explanations } = await explainInputs(model, await readInputs(model, [expected.text], {}), {
    methods: ["integrated-gradients", "input-x-gradient"],
    question: { run, target: expected.target },
    threads: 1,
    steps: 32,
    maxSteps: 32,
  });
  assert.equal(explanations.length, 2);
  for (const one of explanations) {
    assert.ok(Math.abs(one.example.score - expected.score) <= 1e-4, `${one.example.score} of ${expected.score}`);
    close(byToken(one), expected[one.method as "integrated-gradients" | "input-x-gradient"], 1e-4, one.method);
  }
});

test("hiding a word of one token does what taking it away does", async () => {
  const folder = join(root, "distilbert-classifier");
  const { text } = expectedOf("distilbert-classifier");
  await using model = (await openModel(folder, { threads: 1 })).model;
  const question = { run: folder, target: "negative" };
  const { explanations } = await explainInputs(model, await readInputs(model, [text], {}), {
    methods: ["occlusion", "feature-ablation"],
    measures: ["insertion", "max-sensitivity"],
    question,
    threads: 1,
  });
  // Parts of a text are measured as tokens are.
  for (const { faithfulness } of explanations)
    assert.ok(Number.isFinite(faithfulness.insertion) && Number.isFinite(faithfulness["max-sensitivity"]));
  const [hidden = [], taken = []] = explanations.map((one) => contributions(one));
  const counts = new Map<number, number>();
  for (const part of explanations[0]?.view.parts?.partOf ?? []) counts.set(part, (counts.get(part) ?? 0) + 1);
  const single = taken.flatMap((_, i) => (counts.get(i) === 1 ? [i] : []));
  assert.ok(single.length >= 3, `words of one token: ${single.length}`);
  close(
    single.map((i) => hidden[i]?.value ?? NaN),
    single.map((i) => taken[i]?.value ?? NaN),
    1e-4,
    "a word",
  );
});

for (const name of ["bert-classifier", "distilbert-classifier", "distilbert-labels"])
  test(`${name}: the labels and probabilities of transformers`, async () => {
    const { text, answer = [] } = expectedOf(name);
    await using model = (await openModel(join(root, name), { threads: 1 })).model;
    const [found] = await model.answers((await readInputs(model, [text], {})).examples);
    const probabilities = found?.["probabilities"] as Readonly<Record<string, number>>;
    const given = answer.flat();
    assert.equal(given.length, 3);
    for (const { label, score } of given)
      assert.ok(Math.abs((probabilities[label] as number) - score) <= 1e-5, `${label}: ${probabilities[label]} of ${score}`);
  });

const copied = (name: string, change: (folder: string) => void): string => {
  const folder = mkdtempSync(join(scratch, "copy-"));
  cpSync(join(root, name), folder, { recursive: true });
  change(folder);
  return folder;
};
const configured = (name: string, more: object): string =>
  copied(name, (folder) => {
    const file = join(folder, "config.json");
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, "utf8")) as object), ...more }));
  });

test("scores without names are LABEL_0, …, unless a list names them", async () => {
  const folder = configured("bert-classifier", { id2label: { 0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2" } });
  const plain = await openModel(folder);
  await plain.model.dispose();
  assert.deepEqual(plain.model.info["classes"], ["LABEL_0", "LABEL_1", "LABEL_2"]);
  assert.match(plain.remarks.join(), /its 3 scores have no names; --labels FILE gives them/);
  const labels = join(scratch, "labels.txt");
  writeFileSync(labels, "bad\nso so\ngood\n");
  const named = await openModel(folder, { labels });
  await named.model.dispose();
  assert.deepEqual(named.model.info["classes"], ["bad", "so so", "good"]);
});

test("what cannot be opened is refused in one line, with what to do", async () => {
  const short = join(scratch, "short.txt");
  writeFileSync(short, "bad\ngood\n");
  const without = copied("bert-classifier", (folder) => rmSync(join(folder, "tokenizer.json")));
  const cases: readonly (readonly [string, Parameters<typeof openModel>[1], RegExp])[] = [
    [configured("bert-classifier", { architectures: ["RobertaForSequenceClassification"], model_type: "roberta" }), {}, /got RobertaForSequenceClassification; export it \(optimum-cli export onnx/],
    [configured("bert-classifier", { architectures: ["BertModel"] }), {}, /got BertModel; it has no answers of its own; train it with descent train --init/],
    [configured("bert-classifier", { architectures: null, model_type: "vit" }), {}, /got model_type vit; export it/],
    [configured("bert-classifier", { architectures: ["constructor"] }), {}, /got constructor; export it/],
    [configured("bert-classifier", { problem_type: "regression" }), {}, /expected a classifier with at least two labels, got a model of one quantity/],
    [configured("bert-classifier", { id2label: { 0: "a", 1: "b" } }), {}, /classifier\.weight: expected \[2, 16\], got \[3, 16\]/],
    [configured("bert-classifier", { num_labels: 3, id2label: { 0: "a", 1: "b" } }), {}, /id2label: expected 3 names, as num_labels says, got 2/],
    [configured("bert-tagger", { id2label: { 0: "a", 1: "b", 2: "c", 3: "d", 4: "e" } }), {}, /expected tags as names of the scores .* got a; --labels FILE/],
    [without, {}, /expected tokenizer\.json beside config\.json, got none/],
    [without, { tokenizer: join(without, "none.json") }, /--tokenizer .*none\.json: expected a tokenizer\.json, found none/],
    [without, { tokenizer: join(root, "gpt2/tokenizer.json") }, /--tokenizer .*: expected at most \d+ tokens, as the model's embedding has, got \d+/],
    [join(root, "bert-classifier"), { labels: short }, /--labels .*: expected 3 names, one for each score, got 2/],
    [join(root, "gpt2"), { labels: short }, /--labels .*: expected a checkpoint of a classifier, got GPT2LMHeadModel/],
    [join(root, "gpt2"), { preprocess: "0..1" }, /--preprocess: expected an ONNX file, got the checkpoint/],
  ]; // prettier-ignore
  for (const [folder, options, message] of cases)
    await assert.rejects(openModel(folder, options), (error: Error) => {
      assert.match(error.message, message);
      assert.ok(!error.message.includes("\n"), error.message);
      return true;
    });
});
