import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { Gpt2 } from "../../src/models/index.js";
import { adamW } from "../../src/optim/index.js";
import { tokenizerFrom, trainCharacters } from "../../src/text/node.js";
import { initialValues, savePretrained, trainingStep } from "../../src/train/node.js";
import { run, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const VERSE = "the cat sat on the mat and the dog sat on the log.\n";

before(() => {
  writeFileSync(join(folder, "verse.txt"), VERSE.repeat(60));
  writeFileSync(join(folder, "bytes.txt"), Buffer.from([0x61, 0x0a, 0xff, 0xfe, 0x62]));
  writeFileSync(join(folder, "empty.txt"), " \n");
});

const TRAIN = ["train", "language-modeling", "--data", "verse.txt", "--max-length", "32", "--threads", "1", "--no-check"];

test("a text is learned, measured from end to end, gone on with, and judged", async () => {
  const trained = await succeeds(folder, [...TRAIN, "--steps", "150", "--batch-size", "8", "--out", "verse", "--json"]);
  const { metrics } = JSON.parse(trained.stdout) as { metrics: Record<string, Record<string, number>> };
  const { loss = NaN, perplexity = NaN, bitsPerCharacter = NaN } = metrics["validation"] ?? {};
  assert.ok(loss < 0.5, `loss ${loss}`);
  assert.ok(Math.abs(perplexity - Math.exp(loss)) < 1e-9 && Math.abs(bitsPerCharacter - loss / Math.LN2) < 1e-9);
  assert.match(readFileSync(join(folder, "verse", "report.html"), "utf8"), /Generated text/);
  assert.ok(readFileSync(join(folder, "verse", "decoder.onnx")).length > 1e6);
  await succeeds(folder, ["eval", "verse", "--data", "verse.txt", "--json"]);

  const written = await succeeds(folder, [
    "generate",
    "verse",
    "the cat sat",
    "--temperature",
    "0",
    "--max-tokens",
    "60",
    "--stop",
    "log",
  ]);
  assert.equal(written.stdout, " on the mat and the dog sat on the \n");
  const beams = await run(folder, ["generate", "verse", "the dog", "--beams", "2", "--max-tokens", "7", "--json"]);
  assert.equal((JSON.parse(beams.stdout) as { texts: { text: string }[] }).texts[0]?.text, " sat on");

  const judged = await succeeds(folder, ["predict", "verse", VERSE, "tac eht tas no eht tam", "--json"]);
  const [likely, strange] = JSON.parse(judged.stdout) as { loss: number; tokensLeftOut: number }[];
  assert.ok((likely?.loss ?? NaN) < 0.6 && (strange?.loss ?? NaN) > 2 * (likely?.loss ?? NaN), judged.stdout);
  assert.equal(likely?.tokensLeftOut, VERSE.trim().length + 1 - 32);
});

test("a masked model fills in what is hidden", async () => {
  const asked = [
    ...TRAIN,
    "--model",
    "bert-tiny",
    "--vocabulary-size",
    "60",
    "--steps",
    "150",
    "--lr",
    "3e-3",
    "--out",
    "masked",
  ];
  await succeeds(folder, asked);
  const filled = await succeeds(folder, ["predict", "masked", "the cat sat on the [MASK] and the dog", "--json"]);
  const [{ guesses = [] } = {}] = JSON.parse(filled.stdout) as { guesses?: { token: string; score: number }[] }[];
  assert.equal(guesses.length, 5);
  const places = guesses.filter(({ token }) => token === "mat" || token === "log");
  assert.ok(places.reduce((sum, { score }) => sum + score, 0) > 0.7, filled.stdout);
  const none = await run(folder, ["predict", "masked", "the cat"]);
  assert.match(none.stderr, /input 1: expected a text with \[MASK\], got "the cat"/);
  const written = await run(folder, ["generate", "masked", "the cat"]);
  assert.match(written.stderr, /expected a model that generates text .*got BertForMaskedLm/);
});

test("a checkpoint's folder writes, also in conversations", async () => {
  const path = join(folder, "checkpoint");
  const json = await trainCharacters([VERSE, "<>/:"], { vocabularySize: 60, specialTokens: ["<pad>", "</s>"] });
  const model = new Gpt2({
    vocabSize: (await tokenizerFrom(json)).size,
    maxPositions: 64,
    hiddenSize: 16,
    numLayers: 1,
    numHeads: 2,
  });
  const { types } = trainingStep({ model, loss: ({ x }) => model.forward(x!).mean(), optimizer: adamW() });
  await savePretrained(path, model, initialValues(types, 1), { tokenizer: JSON.stringify(json) });
  const talk = JSON.stringify([{ role: "user", content: "the cat" }]);
  writeFileSync(join(folder, "talk.json"), talk);
  const without = await run(folder, ["generate", "checkpoint", "the cat", "--chat"]);
  assert.match(without.stderr, /expected a model with a chat template, got one without; leave --chat out/);
  writeFileSync(
    join(path, "chat_template.jinja"),
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}",
  );
  writeFileSync(join(path, "tokenizer_config.json"), JSON.stringify({ eos_token: "</s>" }));
  for (const given of [["the cat"], ["talk.json"]]) {
    const said = await succeeds(folder, ["generate", "checkpoint", ...given, "--chat", "--max-tokens", "5", "--json"]);
    const { prompt, tokens } = JSON.parse(said.stdout) as { prompt: string; tokens: number };
    assert.equal(prompt, "<user>the cat</s>");
    assert.ok(tokens >= 1 && tokens <= 5);
  }
});

test("a checkpoint is learned on, and its run writes", async () => {
  const tuned = await succeeds(folder, [...TRAIN, "--init", "checkpoint", "--epochs", "1", "--out", "tuned", "--json"]);
  const { model } = JSON.parse(tuned.stdout) as { model: string };
  assert.equal(model, "gpt2");
  await succeeds(folder, ["generate", "tuned", "the cat", "--max-tokens", "80"]);
  const long = await run(folder, [
    "train",
    "language-modeling",
    "--data",
    "verse.txt",
    "--init",
    "checkpoint",
    "--max-length",
    "65",
  ]);
  assert.match(long.stderr, /--max-length: expected at most 64, the model's number of positions, got 65/);
});

test("what cannot be learned or written is refused in one line", async () => {
  const refused = async (args: readonly string[], message: RegExp): Promise<void> => {
    const { status, stderr } = await run(folder, args);
    assert.ok(status !== 0, args.join(" "));
    assert.match(stderr, message);
  };
  const train = (...args: string[]): string[] => ["train", "language-modeling", "--out", "refused", ...args];
  await refused(train("--data", "bytes.txt"), /bytes\.txt: line 2: expected UTF-8, got other bytes/);
  await refused(train("--data", "empty.txt"), /empty\.txt: expected a text, got an empty one/);
  await refused(train("--data", "verse.txt", "--max-length", "5000"), /--max-length: expected at most \d+.*got 5000/);
  await refused(
    train("--data", "verse.txt", "--tokenizer", "sentencepiece"),
    /--tokenizer: expected words, characters, wordpiece, bpe/,
  );
  await refused(
    train("--data", "verse.txt", "--model", "bert-tiny", "--tokenizer", "bpe"),
    /expected a tokenizer with a \[MASK\] token/,
  );
  await refused(["generate", "verse", ""], /generate: expected a prompt, got an empty one/);
  mkdirSync(join(folder, "other"), { recursive: true });
  writeFileSync(
    join(folder, "other", "config.json"),
    JSON.stringify({ model_type: "t5", architectures: ["T5ForConditionalGeneration"] }),
  );
  await refused(["generate", "other", "x"], /expected an architecture among .*GPT2LMHeadModel.*got T5ForConditionalGeneration/);
  const large = await trainCharacters([VERSE, "<>/:0123456789"], { vocabularySize: 90, specialTokens: ["<pad>", "</s>"] });
  cpSync(join(folder, "checkpoint"), join(folder, "small"), { recursive: true });
  writeFileSync(join(folder, "small", "tokenizer.json"), JSON.stringify(large));
  await refused(["generate", "small", "x"], /small\/tokenizer\.json: expected at most \d+ tokens.* got \d+/);
});
