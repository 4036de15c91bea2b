/**
 * @module Text classification through the command line: reviews with a class and with several labels, in English and Chinese; answers, windows, folds, the
 * report, and the ONNX file with its tokenizer alone; what is wrong is said in one line.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { loadOnnx } from "../../src/data/node.js";
import { tokenizerFrom } from "../../src/text/node.js";
import type { RunSummary } from "../../src/run/run-folder.js";
import { Random } from "../../src/util/random.js";
import type { Ended } from "./command.js";
import { isRefused, scratchFolder, succeeds } from "./command.js";

const folder = scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);

const descent = (...words: string[]): Promise<Ended> => succeeds(folder, words);
const refused = (expected: RegExp, ...words: string[]): Promise<void> => isRefused(folder, words, expected);

const WORDS = {
  good: ["lovely", "clean", "friendly", "great"],
  bad: ["dirty", "rude", "awful", "noisy"],
  other: ["the", "room", "was", "staff", "hotel", "very", "bed", "we", "stayed"],
};

/** A review with two words of its kind among others. */
function review(i: number, random: Random): string {
  const pick = (words: readonly string[]): string => words[random.integer(words.length)] as string;
  const words = Array.from({ length: 3 + random.integer(8) }, () => pick(WORDS.other));
  for (let k = 0; k < 2; k++) words.splice(random.integer(words.length), 0, pick(i % 2 === 0 ? WORDS.good : WORDS.bad));
  return words.join(" ");
}

before(async () => {
  const random = new Random(1, "reviews");
  const texts = Array.from({ length: 160 }, (_, i) => review(i, random));
  writeFileSync(path("reviews.csv"), `text,label\n${texts.map((t, i) => `${t},${i % 2 === 0 ? "good" : "bad"}\n`).join("")}`);
  const labels = (text: string): string[] => ["room", "staff", "bed"].filter((word) => text.split(" ").includes(word));
  writeFileSync(path("topics.jsonl"), texts.map((text) => `${JSON.stringify({ text, labels: labels(text) })}\n`).join(""));
  await descent("train", "text-classification", "--data", "reviews.csv", "--fold", "2/4", "--out", "reviews", "--quiet");
});

const summary = (name: string): RunSummary => JSON.parse(readFileSync(path(name, "summary.json"), "utf8")) as RunSummary;

test("as many texts as a command line holds are answered: the engine alone would crash on it", async () => {
  const texts = Array.from(
    { length: 400 },
    (_, i) => `the room was ${i % 3 === 0 ? "lovely and clean" : "dirty and awful"}, we stayed`,
  );
  const { stdout, stderr } = await descent("predict", "reviews", ...texts, "--json");
  assert.equal((JSON.parse(stdout) as unknown[]).length, texts.length, stderr);
});

test("reviews: learned, measured on one fold, explained in the report", async () => {
  assert.ok((summary("reviews").metrics.test?.["accuracy"] ?? 0) >= 0.95);
  const { stdout } = await descent("eval", "reviews", "--json");
  const { examples, metrics } = JSON.parse(stdout) as { examples: number; metrics: Record<string, number> };
  assert.deepEqual([examples, metrics["accuracy"]], [40, summary("reviews").metrics.test?.["accuracy"]]);
  const html = readFileSync(path("reviews", "report.html"), "utf8");
  assert.match(html, /Text classification/);
  // What speaks for the answer is shaded in orange.
  assert.match(html, /rgba\(234,88,12,0\.75\)[^>]*>(lovely|clean|friendly|great|dirty|rude|awful|noisy)</);
});

test("answers for a text, for lines and for a table; a long text is cut, or read in windows", async () => {
  const answersOf = async (...words: string[]): Promise<{ label: string; score: number }[]> =>
    JSON.parse((await descent("predict", "reviews", ...words, "--json")).stdout) as { label: string; score: number }[];
  const labels = (await answersOf("a lovely, clean room", "Rude staff!")).map(({ label }) => label);
  assert.deepEqual(labels, ["good", "bad"]);
  writeFileSync(path("lines.txt"), "great bed\n\nnoisy hotel\n");
  assert.deepEqual(
    (await answersOf("lines.txt")).map(({ label }) => label),
    ["good", "bad"],
  );
  writeFileSync(path("new.csv"), "id,text\n7,dirty room\n");
  await descent("predict", "reviews", "new.csv", "--out", "answers.csv");
  assert.match(readFileSync(path("answers.csv"), "utf8"), /^id,text,prediction,score,p\(bad\),p\(good\)\n7,dirty room,bad,0\./);
  const long = `${"the room was lovely ".repeat(80)}${"awful ".repeat(200)}`;
  assert.match((await descent("predict", "reviews", long)).stderr, /1 of 1 texts is longer than the 256 tokens/);
  const [whole] = await answersOf(long, "--stride", "32");
  const [start] = await answersOf(long);
  assert.ok(start?.label === "good" && (whole?.label !== "good" || whole.score < start.score));
});

test("eval reads long texts in the same windows: the mean of what predict says of each, one example a text", async () => {
  const long = `${"the room was lovely ".repeat(80)}${"awful ".repeat(200)}`;
  writeFileSync(path("long.csv"), `text,label\n${long},bad\nlovely room,good\n`);
  const evaluated = async (...words: string[]): Promise<{ stderr: string; examples: number; loss: number }> => {
    const { stdout, stderr } = await descent("eval", "reviews", "--data", "long.csv", "--json", ...words);
    const { examples, metrics } = JSON.parse(stdout) as { examples: number; metrics: { loss: number } };
    return { stderr, examples, loss: metrics.loss };
  };
  const cut = await evaluated();
  assert.match(cut.stderr, /1 of 2 texts is longer than the 256 tokens .*, and cut; --stride N measures on all of them/);
  const whole = await evaluated("--stride", "32");
  assert.match(whole.stderr, /1 of 2 texts is longer than the 256 tokens .*, and read in windows, \d in all/);
  assert.deepEqual([cut.examples, whole.examples], [2, 2]);
  const { stdout } = await descent("predict", "reviews", "long.csv", "--stride", "32", "--json");
  const [bad, good] = (JSON.parse(stdout) as { probabilities: Record<string, number> }[]).map((row) => row.probabilities);
  const loss = -(Math.log(bad?.["bad"] ?? 0) + Math.log(good?.["good"] ?? 0)) / 2;
  assert.ok(Math.abs(whole.loss - loss) < 1e-5 && whole.loss < cut.loss);
  await refused(/--stride: expected less than the 256 tokens/, "eval", "reviews", "--data", "long.csv", "--stride", "300");
});

test("several labels as JSON lists", async () => {
  await descent("train", "text-classification", "--data", "topics.jsonl", "--out", "topics", "--quiet");
  assert.ok((summary("topics").metrics.test?.["microF1"] ?? 0) >= 0.9);
  const { stdout } = await descent("predict", "topics", "the staff made the bed", "the hotel", "--json");
  const [two, none] = JSON.parse(stdout) as { labels: string[] }[];
  assert.deepEqual([two?.labels.toSorted(), none?.labels], [["bed", "staff"], []]);
  // A text without any label has its line all the same.
  const printed = await descent("predict", "topics", "the staff made the bed", "the hotel");
  assert.match(printed.stdout, /^the staff made the bed .*\nthe hotel +0\.\d/m);
  await descent("predict", "topics", "the hotel", "--no-probabilities", "--out", "topics.csv");
  assert.equal(readFileSync(path("topics.csv"), "utf8"), "input,labels\nthe hotel,\n");
});

test("model.onnx, with the tokenizer in it, answers alone", async () => {
  const file = path("reviews", "model.onnx");
  const info = JSON.parse((await loadOnnx(file)).metadata.get("descent.info") ?? "{}") as {
    tokenizer: string;
    classes: string[];
  };
  const { ids } = await (await tokenizerFrom(info.tokenizer)).encode("lovely friendly staff");
  const shape = [1, ids.length];
  const session = await InferenceSession.create(file);
  const { logits } = await session.run({
    input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), shape),
    attention_mask: new Tensor("int64", new BigInt64Array(ids.length).fill(1n), shape),
  });
  const [bad = 0, good = 0] = (logits as Tensor).data as Float32Array;
  assert.ok(info.classes[1] === "good" && good > bad);
});

test("what is wrong is said in one line", async () => {
  await refused(/input: expected a text, got an empty one/, "predict", "reviews", "");
  writeFileSync(path("latin.txt"), Uint8Array.of(0x6f, 0x6b, 10, 0xe9, 10));
  await refused(/latin\.txt: line 2: expected UTF-8, got other bytes/, "predict", "reviews", "latin.txt");
  writeFileSync(path("odd.csv"), "text,label\nlovely room,great\n");
  await refused(/row 1 \(line 2\): expected one of bad, good, got "great"/, "eval", "reviews", "--data", "odd.csv");
  await refused(/--stride: expected less than the 256 tokens/, "predict", "reviews", "a room", "--stride", "256");
  const train = ["train", "text-classification", "--data", "reviews.csv", "--out", "none"];
  await refused(/--fold: expected K\/N/, ...train, "--fold", "5/4");
  await refused(/--tokenizer: expected words/, ...train, "--tokenizer", "morse");
  await refused(/absent\.vec: expected a file of vectors that can be read/, ...train, "--vectors", "absent.vec");
});
