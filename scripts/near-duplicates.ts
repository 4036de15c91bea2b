/**
 * @module `npm run near-duplicates -- [--texts N] [--python PYTHON]`: near duplicates among a million short texts: time, memory, recall against exact Jaccard on a
 * sample, and rensa beside it in the same run, with the same permutations and bands.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nearDuplicates } from "../src/data/clean/near-duplicates.js";
import { jaccard, TokenSetBuilder } from "../src/data/clean/token-sets.js";
import { Random } from "../src/util/random.js";

const { values } = parseArgs({
  options: {
    texts: { type: "string", default: "1000000" },
    python: { type: "string" },
    permutations: { type: "string", default: "64" },
  },
});
const [count, permutations, threshold] = [Number(values.texts), Number(values.permutations), 0.8];
/** Texts whose pairs are looked for among all. */
const SAMPLE = 400;

/** Words by Zipf's law; every tenth text comes again with up to three words changed. */
function makeTexts(): string[] {
  const random = new Random(1, "near duplicates");
  const vocabulary = Array.from({ length: 30_000 }, () =>
    Array.from({ length: 2 + random.integer(8) }, () => String.fromCharCode(97 + random.integer(26))).join(""),
  );
  const word = (): string => vocabulary[Math.floor(Math.exp(random.uniform() * Math.log(30_000))) - 1] as string;
  const texts: string[] = [];
  while (texts.length < count) {
    const words = Array.from({ length: 8 + random.integer(13) }, word);
    texts.push(words.join(" "));
    if (random.integer(10) > 0) continue;
    for (let k = 0; k <= random.integer(3); k++) words[random.integer(words.length)] = word();
    texts.push(words.join(" "));
  }
  return texts.slice(0, count);
}

const texts = makeTexts();
const began = performance.now();
const builder = new TokenSetBuilder();
for (const text of texts) builder.add(text);
const sets = builder.finish();
const found = nearDuplicates(sets, { threshold, permutations });
const seconds = (performance.now() - began) / 1000;
const memoryMiB = Math.round(process.resourceUsage().maxRSS / 1024);

let [all, hits] = [0, 0];
const size = (i: number): number => (sets.offsets[i + 1] as number) - (sets.offsets[i] as number);
// Texts that have a copy, so that there is something to be found.
const asked = found.pairs.slice(0, SAMPLE / 2).map(({ a }) => a);
for (let k = 0; asked.length < SAMPLE; k++) asked.push((k * 7919) % texts.length);
for (const a of asked)
  for (let b = 0; b < texts.length; b++) {
    if (a === b || Math.min(size(a), size(b)) < threshold * Math.max(size(a), size(b)) || jaccard(sets, a, b) < threshold)
      continue;
    all++;
    if (found.clusterOf[a] === found.clusterOf[b]) hits++;
  }
const ours = {
  texts: count,
  permutations,
  bands: found.bands,
  rows: found.rows,
  seconds,
  memoryMiB,
  pairs: found.pairs.length,
  recall: hits / all,
  ofPairs: all,
};
console.log(JSON.stringify(ours));
if (values.python !== undefined) {
  const folder = mkdtempSync(join(tmpdir(), "near-duplicates-"));
  try {
    const path = join(folder, "texts.txt");
    writeFileSync(path, texts.map((text) => `${text}\n`).join(""));
    const args = ["scripts/peers-near-duplicates.py", path, String(permutations), String(found.bands), String(threshold)];
    const rensa = JSON.parse(execFileSync(values.python, args, { encoding: "utf8" })) as { seconds: number };
    console.log(JSON.stringify({ rensa, ratio: seconds / rensa.seconds }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
