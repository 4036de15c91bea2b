/**
 * @module Named entities by BERT through the command line: from nothing, from a checkpoint of Hugging Face's form with parts frozen and adapters, and from
 * one whose head knows the labels; long texts in windows; what cannot be, in one line.
 */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { trainWordPiece } from "../../src/text/node.js";
import type { Ended } from "./command.js";
import { run, scratchFolder } from "./command.js";
import { conll, facts } from "./people.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

async function descent(...args: string[]): Promise<Ended> {
  const ended = await run(folder, args, { DESCENT_THREADS: "1" });
  assert.equal(ended.status, 0, `${args.join(" ")}\n${ended.stderr}`);
  return ended;
}

const json = (...names: string[]): unknown => JSON.parse(readFileSync(path(...names), "utf8"));
const trainOn = (data: string): string[] => ["train", "token-classification", "--data", data, "--device", "cpu", "--no-check"];
const TRAIN = trainOn("people.conll");
const FIXTURE = fileURLToPath(new URL("../../../test/fixtures/language-models/bert-token", import.meta.url));

interface Found {
  readonly entities: readonly { text: string; start: number; end: number; label: string; score: number }[];
}
const shown = ({ entities }: Found): unknown[] => entities.map(({ text, start, end, label }) => [text, start, end, label]);

before(async () => {
  writeFileSync(path("people.conll"), conll(facts));
  await descent(...TRAIN, "--model", "bert", "--max-length", "16", "--vocabulary-size", "120", "--out", "ner", "--quiet");
});

test("from nothing: entities at their places in a raw text, a tokenizer and a checkpoint beside the run", async () => {
  const { metrics } = json("ner", "summary.json") as { metrics: { test: { f1: number } } };
  assert.ok(metrics.test.f1 > 0.9, `test F1 ${metrics.test.f1}`);
  const [answer] = JSON.parse((await descent("predict", "ner", "😀 Bob Lee visits  New York.", "--json")).stdout) as [Found];
  assert.deepEqual(shown(answer), [
    ["Bob Lee", 3, 10, "PER"],
    ["New York", 19, 27, "LOC"],
  ]);
  assert.ok(answer.entities.every(({ score }) => score > 0 && score <= 1));
  const { id2label, architectures } = json("ner", "pretrained", "config.json") as Record<string, Record<string, string>>;
  assert.deepEqual(Object.values(architectures ?? {}), ["BertForTokenClassification"]);
  assert.deepEqual(Object.values(id2label ?? {}), ["O", "B-LOC", "B-PER", "E-LOC", "E-PER", "S-LOC", "S-PER"]);
  assert.ok(existsSync(path("ner", "tokenizer.json")) && existsSync(path("ner", "pretrained", "model.safetensors")));
  assert.ok(readFileSync(path("ner", "report.html"), "utf8").includes("<mark"));
});

test("a text longer than the model takes: read in windows, and cut in training, which is said", async () => {
  const text = `${"Dan likes Rome. ".repeat(9)}Eve Moss leaves New York.`;
  const { stdout, stderr } = await descent("predict", "ner", text, "--json");
  assert.match(stderr, /1 of 1 texts is longer than the 16 tokens that the model takes, and read in windows/);
  const [answer] = JSON.parse(stdout) as [Found];
  assert.deepEqual(
    answer.entities.map((entity) => text.slice(entity.start, entity.end)),
    [...Array.from({ length: 9 }, () => ["Dan", "Rome"]).flat(), "Eve Moss", "New York"],
  );
  const sentence = conll(facts.slice(0, 12)).replaceAll("\n\n", "\n");
  writeFileSync(path("long.conll"), `${conll(facts)}\n${sentence}`);
  const measured = JSON.parse((await descent("eval", "ner", "--data", "long.conll", "--stride", "4", "--json")).stdout) as {
    examples: number;
    metrics: { f1: number };
  };
  assert.equal(measured.examples, facts.length + 1);
  assert.ok(measured.metrics.f1 > 0.9);
  const parts = ["train", "dev", "test"].map((name) => path("parts", name));
  cpSync(path("long.conll"), `${parts[0]}.conll`);
  for (const part of parts.slice(1)) cpSync(path("people.conll"), `${part}.conll`);
  const line = [...trainOn("parts"), "--model", "bert", "--steps", "1"];
  assert.match(
    (await descent(...line, "--max-length", "16", "--out", "cut")).stderr,
    /1 of 61 texts is longer than the 16 tokens that the model takes, and cut; --max-length N takes more/,
  );
});

test("a checkpoint: a new head, parts frozen, layers decayed, adapters", async () => {
  cpSync(FIXTURE, path("bert"), { recursive: true });
  const tokenizer = await trainWordPiece(
    facts.map(({ who, verb, where }) => `${who} ${verb} ${where}.`),
    { vocabularySize: 41, minFrequency: 1 },
  );
  writeFileSync(path("bert", "tokenizer.json"), JSON.stringify(tokenizer));
  const line = [...TRAIN, "--model", "bert", "--init", "bert", "--steps", "3"];
  const frozen = await descent(...line, "--freeze", "bert.embeddings.*", "--layer-decay", "0.9", "--out", "frozen");
  assert.match(frozen.stderr, /--init bert: BertForTokenClassification; these start anew: classifier\.weight, classifier\.bias/);
  assert.match(frozen.stderr, /trains [\d,]+ of [\d,]+ parameters/);
  const { options } = json("frozen", "config.json") as { options: { scheme: string; freeze: string } };
  assert.deepEqual([options.scheme, options.freeze], ["bioes", "bert.embeddings.*"]);
  await descent(...line, "--lora", "2", "--out", "adapted");
  const adapter = json("adapted", "adapter", "adapter_config.json") as Record<string, unknown>;
  assert.deepEqual([adapter["task_type"], adapter["modules_to_save"]], ["TOKEN_CLS", ["classifier"]]);
});

test("a head goes on by the names of its labels, whatever their order, in its scheme", async () => {
  const f1 = (name: string): number => (json(name, "summary.json") as { metrics: { test: { f1: number } } }).metrics.test.f1;
  cpSync(path("ner", "pretrained"), path("known"), { recursive: true });
  const still = ["--steps", "1", "--lr", "1e-12", "--max-length", "16"];
  const { stderr } = await descent(...TRAIN, "--init", "known", ...still, "--out", "on");
  assert.doesNotMatch(stderr, /start anew/);
  assert.equal(f1("on"), f1("ner"));
  // Of another scheme the head knows not all.
  assert.match(
    (await descent(...TRAIN, "--init", "known", ...still, "--scheme", "bio", "--out", "bio")).stderr,
    /start anew: classifier/,
  );
  const config = json("known", "config.json") as { id2label: Record<string, string> };
  const names = Object.values(config.id2label);
  const id2label = Object.fromEntries(names.map((name, i) => [String(i), name.replace("LOC", "CITY")]));
  writeFileSync(path("known", "config.json"), JSON.stringify({ ...config, id2label, label2id: undefined }));
  assert.match((await descent(...TRAIN, "--init", "known", ...still, "--out", "other")).stderr, /start anew: classifier/);
});

test("what cannot be: one line each, exit 2", async () => {
  const refused = async (message: RegExp, ...args: string[]): Promise<void> => {
    const { status, stderr } = await run(folder, args);
    assert.equal(status, 2, `${args.join(" ")}\n${stderr}`);
    assert.match(stderr.trimEnd().split("\n").at(-1) ?? "", message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  };
  cpSync(path("bert"), path("few"), { recursive: true });
  writeFileSync(path("few", "config.json"), JSON.stringify({ ...(json("bert", "config.json") as object), vocab_size: 20 }));
  const line = [...TRAIN, "--out", "none"];
  await refused(/few.tokenizer\.json: expected at most 20 tokens, as the model's embedding has, got/, ...line, "--init", "few");
  await refused(
    /--max-length: expected at most the 12 tokens that the model takes, got 64/,
    ...line,
    "--init",
    "bert",
    "--max-length",
    "64",
  );
  await refused(/--model bilstm-crf: expected none beside --init bert/, ...line, "--init", "bert", "--model", "bilstm-crf");
  await refused(/--tokenizer: expected a model that reads subwords/, ...line, "--tokenizer", "bpe");
  await refused(/--stride: expected less than the 16 tokens/, ...line, "--model", "bert", "--max-length", "16", "--stride", "16");
  await refused(/--stride: expected less than the 16 tokens/, "predict", "ner", "Ann", "--stride", "99");
  await refused(/expected a text, got an empty one/, "predict", "ner", "");
});
