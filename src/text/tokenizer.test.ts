import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Tokenizer } from "./node.js";
import { padTokens, tokenizerFrom, tokenizerFromWeb } from "./node.js";

interface Case {
  texts: string[];
  maxLength?: number;
  truncateAt?: "end" | "start";
  ids: number[];
  offsets: number[];
  typeIds: number[];
  textOf: number[];
  decoded?: string;
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/tokenizers.json", import.meta.url), "utf8")) as {
  tokenizers: { name: string; tokenizer: object; cases: Case[] }[];
  hashes: { files: string[]; lines: number; sha256: Record<string, string> };
};

async function check(tokenizer: Tokenizer, cases: readonly Case[]): Promise<void> {
  for (const c of cases) {
    const { texts, maxLength, truncateAt = "end" } = c;
    const input = texts.length === 1 ? (texts[0] as string) : ([texts[0] as string, texts[1] as string] as const);
    const encoding = await tokenizer.encode(input, { truncateAt, ...(maxLength === undefined ? {} : { maxLength }) });
    const what = JSON.stringify([texts, maxLength, truncateAt]);
    assert.deepEqual([...encoding.ids], c.ids, `ids of ${what}`);
    assert.deepEqual([...encoding.offsets], c.offsets, `offsets of ${what}: ${JSON.stringify(tokenizer.tokensOf(encoding))}`);
    assert.deepEqual([...encoding.typeIds], c.typeIds, `types of ${what}`);
    assert.deepEqual([...encoding.textOf], c.textOf, `texts of ${what}`);
    if (c.decoded !== undefined) assert.equal(await tokenizer.decode(encoding.ids), c.decoded, `decoded ${what}`);
  }
}

for (const { name, tokenizer: json, cases } of golden.tokenizers) {
  test(`${name}: as Python's tokenizers (native)`, async () => {
    await check(await tokenizerFrom(json, { where: name }), cases);
  });
  test(`${name}: as Python's tokenizers (web)`, async () => {
    await check(await tokenizerFromWeb(json, { where: name }), cases);
  });
}

const kind = (name: string): object => golden.tokenizers.find((t) => t.name === name)?.tokenizer as object;

test("windows overlap by the stride, and cover every token", async () => {
  const tokenizer = await tokenizerFrom(kind("bert-uncased"));
  const text = "房间很干净,服务也好。酒店的房间 and the other dogs 😀 see it";
  const whole = await tokenizer.encode(text, { specialTokens: false });
  const windows = await tokenizer.encodeWindows(text, { maxLength: 10, stride: 3 });
  assert.ok(windows.length > 2);
  const seen: number[] = [];
  for (const [w, window] of windows.entries()) {
    assert.ok(window.ids.length <= 10);
    assert.equal(window.ids[0], tokenizer.special.cls);
    assert.equal(window.ids.at(-1), tokenizer.special.sep);
    const inner = [...window.offsets].slice(2, -2);
    const skip = w === 0 ? 0 : 2 * 3;
    if (w > 0) assert.deepEqual(inner.slice(0, skip), seen.slice(-skip));
    seen.push(...inner.slice(skip));
    assert.equal(window.cut, whole.ids.length - (window.ids.length - 2));
  }
  assert.deepEqual(seen, [...whole.offsets]);
  await assert.rejects(
    tokenizer.encodeWindows(text, { maxLength: 10, stride: 8 }),
    /stride in 0 … 7 for windows of 8 tokens, got 8/,
  );
});

test("padding: buckets, sides, int64 without sign errors", async () => {
  const tokenizer = await tokenizerFrom(kind("gpt2"));
  const encodings = await tokenizer.encodeBatch(["the dog", "the quick brown fox", ""]);
  const lengths = encodings.map((e) => e.ids.length);
  const right = padTokens(encodings, { padId: 7, lengths: [4, 8, 16, 32] });
  const width = right.input_ids.shape[1] as number;
  assert.deepEqual(right.input_ids.shape, [3, width]);
  assert.ok([4, 8, 16, 32].includes(width) && width >= Math.max(...lengths) && width / 2 < Math.max(...lengths));
  const rows = (tensor: { data: ArrayLike<unknown> }): unknown[][] =>
    encodings.map((_, n) => Array.from(tensor.data).slice(n * width, (n + 1) * width));
  for (const [n, row] of rows(right.input_ids).entries()) {
    const ids = [...(encodings[n]?.ids ?? [])].map(BigInt);
    assert.deepEqual(row, [...ids, ...new Array<bigint>(width - ids.length).fill(7n)]);
  }
  const left = padTokens(encodings, { padId: 7, lengths: [width], padAt: "start" });
  for (const [n, row] of rows(left.attention_mask).entries())
    assert.deepEqual(
      row,
      Array.from({ length: width }, (_, t) => (t < width - (lengths[n] as number) ? 0n : 1n)),
    );
  assert.throws(
    () => padTokens(encodings, { padId: 0, lengths: [2] }),
    /expected at most 2 in one text, got \d+; give maxLength/,
  );
});

test("what is no tokenizer is refused in one line", async () => {
  await assert.rejects(
    tokenizerFrom("{", { where: "t.json" }),
    /^ConfigError: t\.json: expected JSON, got text that does not parse/,
  );
  await assert.rejects(tokenizerFrom("{}", { where: "t.json" }), /^ConfigError: t\.json: model: expected object, got undefined/);
  const unknown = { ...kind("gpt2"), normalizer: { type: "Nonsense" } };
  await assert.rejects(
    tokenizerFrom(unknown, { where: "t.json" }),
    /^ConfigError: t\.json: expected a tokenizer that the library can build/,
  );
  const tokenizer = await tokenizerFrom(kind("bert-uncased"));
  await assert.rejects(tokenizer.encode("x", { maxLength: 2 }), /expected maxLength above the 2 special tokens, got 2/);
  await assert.rejects(
    tokenizer.encode(["a b c", "d"], { maxLength: 4, truncation: "second" }),
    /expected the second text to have more than \d tokens/,
  );
});

test("special tokens by role, from the file's own marks", async () => {
  const { special, size, specialIds } = await tokenizerFrom(kind("bert-uncased"));
  assert.deepEqual({ ...special }, { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
  assert.equal(size, 330);
  assert.deepEqual([...specialIds], [0, 1, 2, 3, 4]);
  const named = await tokenizerFrom(kind("gpt2"), { special: { pad: "<|endoftext|>" } });
  assert.equal(named.special.pad, 0);
  assert.equal(named.special.unk, undefined);
});

const dataFolder = process.env["DESCENT_DATA"];
const skip = dataFolder === undefined ? "DESCENT_DATA is not set: lines of real data were NOT compared" : false;
const END = Int32Array.of(-1);

test("lines of real data in English and Chinese: ids and places as Python's, by both engines", { skip }, async () => {
  const { files, lines: count, sha256 } = golden.hashes;
  const lines = files.flatMap((name) => {
    const bytes = readFileSync(join(dataFolder as string, name));
    return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").split("\n").slice(0, 800);
  });
  assert.equal(lines.length, count);
  for (const { name, tokenizer: json } of golden.tokenizers) {
    for (const tokenizer of [await tokenizerFrom(json), await tokenizerFromWeb(json)]) {
      const hash = createHash("sha256");
      for (const { ids, offsets } of await tokenizer.encodeBatch(lines)) hash.update(ids).update(offsets).update(END);
      assert.equal(hash.digest("hex"), sha256[name], `${name} (${tokenizer.engine.name})`);
    }
  }
});
