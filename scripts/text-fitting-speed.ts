/**
 * @module Speed of TF-IDF with logistic regression: `node dist/scripts/text-fitting-speed.js FOLDER` makes 100,000 short texts of two classes, leaves them in FOLDER for
 * `scripts/peers/text_fitting.py`, which does the same with scikit-learn, and prints seconds (wall and processor) of the words, the columns and the fit, in one thread.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applyTfIdf, fitLogisticRegression, fitTfIdf } from "../src/classical/index.js";
import { tokenizerFrom } from "#tokenizers";
import { trainWords } from "../src/text/index.js";
import { Random } from "../src/util/random.js";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node dist/scripts/text-fitting-speed.js FOLDER");
  process.exit(2);
}
const [TEXTS, WORDS, TRIES] = [100_000, 30_000, 3];
const random = new Random(1, "text fitting speed");
/** Words by Zipf's law; every seventh one leans to one of the classes. */
const texts: string[] = [];
const labels = new Int32Array(TEXTS);
for (let i = 0; i < TEXTS; i++) {
  const words: string[] = [];
  let lean = random.uniform(-1, 1);
  for (let left = Math.floor(random.uniform(5, 25)); left > 0; left--) {
    const word = Math.floor(WORDS ** random.uniform(0, 1)) - 1;
    words.push(`w${word.toString(36)}`);
    if (word % 7 === 0) lean += word % 2 === 0 ? 1 : -1;
  }
  labels[i] = lean > 0 ? 1 : 0;
  texts.push(words.join(" "));
}
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "texts.txt"), `${texts.join("\n")}\n`);
writeFileSync(join(folder, "text-labels.txt"), `${labels.join("\n")}\n`);

let least: readonly number[] = [];
let said = "";
for (let k = 0; k < TRIES; k++) {
  const [began, used] = [performance.now(), process.cpuUsage()];
  const tokenizer = await tokenizerFrom(await trainWords(texts, { vocabularySize: WORDS }));
  const encoded = (await tokenizer.encodeBatch(texts)).map(({ ids }) => ids);
  const cut = performance.now();
  const width = Math.max(...encoded.map((ids) => ids.length));
  const ids = new Int32Array(TEXTS * width);
  for (const [i, row] of encoded.entries()) ids.set(row, i * width);
  const rows = { ids, width, lengths: encoded.map((row) => row.length) };
  const learned = fitTfIdf(rows, { longest: 2, most: 50_000 });
  const x = applyTfIdf(learned, rows);
  const weighed = performance.now();
  const { weights } = fitLogisticRegression(x, labels, 2);
  const ended = performance.now();
  const { user, system } = process.cpuUsage(used);
  const seconds = [ended - began, cut - began, weighed - cut, ended - weighed].map((ms) => ms / 1e3);
  if (least.length === 0 || (seconds[0] as number) < (least[0] as number)) {
    least = seconds;
    said = `${((user + system) / 1e6).toFixed(2)} s of the processor; ${learned.grams.length} columns, ${weights.length} weights`;
  }
}
const [all = 0, words = 0, columns = 0, fit = 0] = least;
console.log(
  `least of ${TRIES}: ${all.toFixed(2)} s: words ${words.toFixed(2)}, TF-IDF ${columns.toFixed(2)}, logistic regression ${fit.toFixed(2)}; ${said}`,
);
