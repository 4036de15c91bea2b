/**
 * @module Tokenizers against Hugging Face's Python library, on every line of the text data sets (of tagged ones, every sentence): `DESCENT_DATA=… node
 * dist/scripts/tokenizer-equality.js PYTHON [OUT.json]`. Learns a byte-level BPE and a WordPiece vocabulary of 16,000 and one of characters
 * from 30 MB of text, timed; then ids and places of all lines, by the native engine, the JavaScript one, and Python, as one
 * sha256 for each set. Fails where one differs. `PYTHON` has `tokenizers` installed.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type { KnownDataset, KnownFile, TextsLayout } from "../src/data/index.js";
import { decodeUtf8, KNOWN_DATASETS, parseConll, parsePropositions } from "../src/data/index.js";
import { findKnownFile } from "../src/data/node.js";
import { isZip, unzip } from "../src/data/zip-node.js";
import type { Tokenizer, TokenizerJson } from "../src/text/node.js";
import { tokenizerFrom, tokenizerFromWeb, trainByteLevelBpe, trainCharacters, trainWordPiece } from "../src/text/node.js";

const TRAINING_BYTES = 30_000_000;
const SIZE = 16_000;
const [python, out] = process.argv.slice(2);
if (python === undefined) {
  console.error("usage: DESCENT_DATA=FOLDER node dist/scripts/tokenizer-equality.js PYTHON [OUT.json]");
  process.exit(2);
}

interface Texts {
  readonly name: string;
  /** Lines of its files as they are; of files with a token a line, the sentences. */
  readonly lines: readonly string[];
  readonly isEnglish: boolean;
}

async function textsOf(known: KnownDataset, layout: TextsLayout): Promise<Texts> {
  const files = [layout.train, layout.validation, layout.test].filter((file) => file !== undefined);
  const contents = await Promise.all(files.map((file: KnownFile) => findKnownFile(known, file, { download: false })));
  const lines: string[] = [];
  for (const { content, path } of contents) {
    const text = decodeUtf8(isZip(content) ? await unzip(content, path) : content, path);
    if (layout.format === "conll") for (const one of parseConll(text, path, { repair: true }).texts) lines.push(one.text);
    else if (layout.format === "propositions") for (const one of parsePropositions(text, path).texts) lines.push(one.text);
    else for (const line of text.split("\n")) lines.push(line);
  }
  return { name: known.name, lines, isEnglish: /english|sst2|wnut|shakespeare/.test(known.name) };
}

/** All texts, the English ones as often again as it takes: most of the sets are Chinese. */
function trainingLines(sets: readonly Texts[]): { lines: string[]; bytes: number } {
  const english = sets.filter((set) => set.isEnglish);
  const lines: string[] = [];
  let bytes = 0;
  for (let i = 0; ; i++) {
    if (i >= sets.length && bytes >= TRAINING_BYTES) return { lines, bytes };
    for (const text of (sets[i] ?? english[i % english.length])?.lines ?? []) {
      lines.push(text);
      bytes += Buffer.byteLength(text) + 1;
    }
  }
}

/** sha256 of the ids and places of lines, each line ended by −1, as 32-bit numbers. */
async function hashOf(tokenizer: Tokenizer, lines: readonly string[]): Promise<{ sha256: string; tokens: number }> {
  const hash = createHash("sha256");
  let tokens = 0;
  for (let at = 0; at < lines.length; at += 4096) {
    for (const { ids, offsets } of await tokenizer.encodeBatch(lines.slice(at, at + 4096))) {
      hash.update(ids).update(offsets).update(END);
      tokens += ids.length;
    }
  }
  return { sha256: hash.digest("hex"), tokens };
}
const END = Int32Array.of(-1);

async function timed<T>(work: () => Promise<T>): Promise<[value: T, seconds: number]> {
  const start = performance.now();
  const value = await work();
  return [value, Math.round((performance.now() - start) / 10) / 100];
}

const sets: Texts[] = [];
for (const known of KNOWN_DATASETS) if (known.layout.kind === "texts") sets.push(await textsOf(known, known.layout));
const { lines: corpus, bytes } = trainingLines(sets);
const load = loadavg()[0];
const [bpe, bpeSeconds] = await timed(() => trainByteLevelBpe(corpus, { vocabularySize: SIZE }));
const [wordPiece, wordPieceSeconds] = await timed(() => trainWordPiece(corpus, { vocabularySize: SIZE }));
const [characters, charactersSeconds] = await timed(() =>
  trainCharacters(corpus, { vocabularySize: 6000, specialTokens: ["[PAD]", "[UNK]"] }),
);
const tokenizers: Readonly<Record<string, TokenizerJson>> = { bpe, wordPiece, characters };

// Python reads the same lines and tokenizers from files.
const folder = mkdtempSync(join(tmpdir(), "descent-tokenizers-"));
const rows: { set: string; lines: number; tokenizer: string; tokens: number; native: string; web: string; python: string }[] = [];
let pythonFound: { version: string; trainSeconds: number; sameMerges: boolean; hashes: Record<string, Record<string, string>> };
try {
  for (const [name, json] of Object.entries(tokenizers)) writeFileSync(join(folder, `${name}.json`), JSON.stringify(json));
  for (const { name, lines } of sets) writeFileSync(join(folder, `${name}.lines`), lines.join("\n"));
  writeFileSync(join(folder, "training.txt"), corpus.join("\n"));
  const { stdout, status } = spawnSync(python, ["scripts/golden/tokenizer-equality.py", folder, String(SIZE)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1e8,
  });
  if (status !== 0) throw new Error(`Python ended with ${status}`);
  pythonFound = JSON.parse(stdout) as typeof pythonFound;
} finally {
  rmSync(folder, { recursive: true });
}
for (const [name, json] of Object.entries(tokenizers)) {
  const [native, web] = [await tokenizerFrom(json), await tokenizerFromWeb(json)];
  for (const { name: set, lines } of sets) {
    const [a, b] = [await hashOf(native, lines), await hashOf(web, lines)];
    const there = pythonFound.hashes[name]?.[set] ?? "";
    rows.push({ set, lines: lines.length, tokenizer: name, tokens: a.tokens, native: a.sha256, web: b.sha256, python: there });
    const same = a.sha256 === there && b.sha256 === there;
    console.log(`${name} ${set}: ${lines.length} lines, ${a.tokens} tokens, ${same ? "equal" : "DIFFERENT"}`);
    if (!same) process.exitCode = 1;
  }
}
if (!pythonFound.sameMerges) process.exitCode = 1;
const result = {
  date: new Date().toISOString().slice(0, 10),
  machine: {
    cpu: cpus()[0]?.model.replace(/ \d.*/, ""),
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    load,
  },
  training: {
    bytes,
    vocabularySize: SIZE,
    seconds: {
      bpe: bpeSeconds,
      wordPiece: wordPieceSeconds,
      characters: charactersSeconds,
      bpeInPython: pythonFound.trainSeconds,
    },
    mergesEqualPython: pythonFound.sameMerges,
  },
  python: pythonFound.version,
  rows,
};
console.log(JSON.stringify({ ...result, rows: rows.length }, null, 2));
if (out !== undefined) writeFileSync(out, `${JSON.stringify(result, null, 1)}\n`);
