import assert from "node:assert/strict";
import test from "node:test";
import { toNumbers } from "../../graph/index.js";
import { tokenizerFrom, trainCharacters } from "../../text/node.js";
import { expectWindow, IGNORED, mostChosen, packedRows, windowBatch } from "./packed-text.js";

const TEXT = "abcdefghij\nklmnopqrst 你好😀!";
const tokenizer = await tokenizerFrom(
  await trainCharacters([TEXT], { vocabularySize: 100, specialTokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] }),
);
const request = (indices: readonly number[], epoch = 0) => ({ indices: Uint32Array.from(indices), seed: 1, epoch, offset: 0 });

test("rows hold all of a text once: each token but the first is predicted, and its characters are counted", async () => {
  const rows = await packedRows([TEXT], tokenizer, 8, "next");
  const whole = Array.from((await tokenizer.encode(TEXT, { specialTokens: false })).ids);
  const batch = windowBatch(rows, request([...Array(rows.length).keys()]), { random: false, padId: 0 });
  const labels = [...toNumbers(batch["labels"]!)].filter((label) => label !== IGNORED);
  assert.deepEqual(labels, whole.slice(1));
  const ids = [...toNumbers(batch["input_ids"]!)].filter((_, i) => toNumbers(batch["attention_mask"]!)[i] === 1);
  assert.deepEqual(ids, whole.slice(0, -1));
  const characters = toNumbers(rows.tensor("characters")).reduce((a, b) => a + b, 0);
  assert.equal(characters, Array.from(TEXT).length - 1);
});

test("random windows are pieces of the text, full, others in each epoch, the same for the same key", async () => {
  const rows = await packedRows([TEXT], tokenizer, 8, "next");
  const whole = Array.from((await tokenizer.encode(TEXT, { specialTokens: false })).ids).join();
  const all = request([...Array(rows.length).keys()]);
  const batch = windowBatch(rows, all, { random: true, padId: 0 });
  const [ids, labels] = [[...toNumbers(batch["input_ids"]!)], [...toNumbers(batch["labels"]!)]];
  for (let row = 0; row < rows.length; row++) {
    const window = [ids[row * 8] as number, ...labels.slice(row * 8, row * 8 + 8)];
    assert.ok(whole.includes(window.join()), window.join());
    assert.deepEqual(ids.slice(row * 8 + 1, row * 8 + 8), labels.slice(row * 8, row * 8 + 7));
  }
  assert.deepEqual(windowBatch(rows, all, { random: true, padId: 0 }), batch);
  assert.notDeepEqual(windowBatch(rows, { ...all, epoch: 1 }, { random: true, padId: 0 }), batch);
});

test("of a masked window the chosen tokens are asked for, most of them hidden, between the tokens of the template", async () => {
  const rows = await packedRows([TEXT.repeat(40)], tokenizer, 30, "any");
  const { cls, sep, mask } = tokenizer.special;
  const masked = { maskId: mask as number, vocabularySize: tokenizer.size, around: [cls as number, sep as number] };
  const all = request([...Array(rows.length).keys()]);
  const plain = windowBatch(rows, all, { random: false, padId: 0, masked });
  const [ids, labels] = [[...toNumbers(plain["input_ids"]!)], [...toNumbers(plain["labels"]!)]];
  assert.equal(ids.filter((id) => id === cls).length, rows.length);
  assert.equal(ids.filter((id) => id === sep).length, rows.length);
  const asked = labels.flatMap((label, i) => (label === IGNORED ? [] : [i]));
  const total = Array.from(TEXT).length * 40;
  assert.ok(Math.abs(asked.length / total - 0.15) < 0.03, `${asked.length} of ${total}`);
  const hidden = asked.filter((i) => ids[i] === mask).length;
  assert.ok(Math.abs(hidden / asked.length - 0.8) < 0.1, `${hidden} of ${asked.length}`);
});

test("in training the chosen tokens stand alone, as many in each batch, with the places where they were", async () => {
  const rows = await packedRows([TEXT.repeat(40)], tokenizer, 30, "any");
  const { cls, sep, mask } = tokenizer.special;
  const masked = { maskId: mask as number, vocabularySize: tokenizer.size, around: [cls as number, sep as number] };
  const all = request([...Array(rows.length).keys()]);
  const { input_ids: ids, positions, labels } = windowBatch(rows, all, { random: true, padId: 0, masked });
  assert.equal(rows.length, 35);
  // 35 · 32 · 0.15 = 168, and six times √(35 · 32 · 0.15 · 0.85) = 11.95.
  assert.deepEqual([positions?.shape, labels?.shape, mostChosen(35 * 32)], [[240], [240], 240]);
  const tokens = toNumbers(ids!);
  const asked = [...toNumbers(labels!)].filter((label) => label !== IGNORED);
  const at = [...toNumbers(positions!)].slice(0, asked.length);
  assert.ok(Math.abs(asked.length - 0.15 * 35 * 30) < 40, `${asked.length} tokens`);
  assert.deepEqual(
    at,
    [...new Set(at)].sort((a, b) => a - b),
  );
  const hidden = at.filter((place) => tokens[place] === mask).length;
  assert.ok(hidden > 0.7 * asked.length && at.every((place) => tokens[place] !== cls && tokens[place] !== sep));
});

test("a text that fills no window is refused with a remedy", async () => {
  const rows = await packedRows(["short"], tokenizer, 8, "next");
  assert.throws(() => expectWindow(rows, 8), /--max-length: expected at most 5.*got 8; give a longer text/);
  await assert.rejects(packedRows(["x"], tokenizer, 8, "next"), /text: expected at least two tokens, got 1/);
});
