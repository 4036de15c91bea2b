import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ConfigError } from "../util/errors.js";
import { Random } from "../util/random.js";
import type { SamplingOptions } from "./index.js";
import { adjustLogits, BeamSearch, checkSampling, chooseToken, logSoftmax, TextStream } from "./index.js";

const golden = JSON.parse(readFileSync(new URL("../../../test/golden/generation.json", import.meta.url), "utf8")) as {
  sampling: { logits: number[]; context: number[]; adjusted: { options: SamplingOptions; logits: (number | null)[] }[] };
};

for (const { options, logits } of golden.sampling.adjusted) {
  test(`${JSON.stringify(options)}: logits as transformers' processors leave them`, () => {
    const adjusted = adjustLogits(golden.sampling.logits, golden.sampling.context, options);
    logits.forEach((value, i) => {
      if (value === null) assert.equal(adjusted[i], -Infinity);
      else assert.ok(Math.abs((adjusted[i] as number) - value) < 1e-5, `${i}: expected ${value}, got ${adjusted[i]}`);
    });
  });
}

test("of equal logits at the limit of top-k all stay; the likeliest token always stays", () => {
  assert.deepEqual([...adjustLogits([1, 3, 2, 2, 0], [], { topK: 2 })], [-Infinity, 3, 2, 2, -Infinity]);
  assert.deepEqual([...adjustLogits([1, 3, 2], [], { topP: 1e-9 })], [-Infinity, 3, -Infinity]);
});

test("top-k and top-p keep what sorting all tokens keeps, many of them equally likely", () => {
  const random = new Random(3, "logits");
  for (let round = 0; round < 60; round++) {
    const size = 1 + random.integer(60);
    const logits = Array.from({ length: size }, () => random.integer(round % 2 === 0 ? 5 : 1000) / 100);
    const order = Array.from(logits.keys()).sort((a, b) => (logits[b] as number) - (logits[a] as number));
    const keptBy = (options: SamplingOptions): number[] =>
      [...adjustLogits(logits, [], options).entries()].flatMap(([token, logit]) => (logit === -Infinity ? [] : [token]));
    const topK = 1 + random.integer(size);
    const limit = logits[order[topK - 1] as number] as number;
    assert.deepEqual(
      keptBy({ topK }),
      [...logits.keys()].filter((token) => (logits[token] as number) >= limit),
    );
    const topP = 0.05 + 0.9 * random.uniform();
    const chances = logSoftmax(logits).map(Math.exp);
    let sum = 0;
    const likeliest = order.filter((token) => (sum += chances[token] as number) - (chances[token] as number) < topP);
    assert.deepEqual(
      keptBy({ topP }),
      likeliest.sort((a, b) => a - b),
    );
  }
});

test("tokens are drawn as often as they are likely, and equal seeds give equal tokens", () => {
  const logits = [0, 1, -Infinity, 2];
  const draw = (seed: number): number[] => {
    const random = new Random(seed, "test");
    return Array.from({ length: 20_000 }, () => chooseToken(logits, [], {}, random));
  };
  const tokens = draw(1);
  const shares = logSoftmax(logits).map(Math.exp);
  for (let k = 0; k < 4; k++) {
    const share = tokens.filter((token) => token === k).length / tokens.length;
    assert.ok(Math.abs(share - (shares[k] as number)) < 0.01, `token ${k}: ${share} of ${shares[k]}`);
  }
  assert.deepEqual(draw(1), tokens);
  assert.notDeepEqual(draw(2), tokens);
  assert.ok(
    Array.from({ length: 50 }, (_, i) => chooseToken(logits, [], { temperature: 0 }, new Random(i))).every((t) => t === 3),
  );
});

test("options out of range are refused", () => {
  for (const options of [{ temperature: -1 }, { topK: 0 }, { topP: 0 }, { topP: 1.1 }, { repetitionPenalty: 0 }])
    assert.throws(() => checkSampling(options), ConfigError);
  assert.throws(() => new BeamSearch([], [], { beams: 0 }), ConfigError);
});

test("beams continue with the likeliest tokens of a large vocabulary, of equally likely ones the first", () => {
  const random = new Random(3, "logits");
  const logits = Array.from({ length: 3000 }, () => random.integer(40) / 4);
  const order = Array.from(logits.keys()).sort((a, b) => (logits[b] as number) - (logits[a] as number));
  for (const beams of [1, 5]) {
    const { tokens } = new BeamSearch([], [], { beams }).advance([logits]);
    assert.deepEqual(tokens, order.slice(0, beams));
  }
});

test("beam search finds what is likelier in all, where the likeliest first token misleads", () => {
  // 0 is likelier at first, but everything after 1 is certain.
  const search = new BeamSearch([], [], { beams: 2 });
  assert.deepEqual(search.advance([[Math.log(0.6), Math.log(0.4), -99]]), { from: [0, 0], tokens: [0, 1] });
  search.advance([
    [0, 0, 0],
    [-99, -99, 0],
  ]);
  const [best] = search.results();
  assert.deepEqual(best?.tokens, [1, 2]);
  assert.ok(Math.abs((best?.score ?? NaN) - Math.log(0.4) / 2) < 1e-9);
});

test("a stream of text gives whole characters, and ends before a stop string", async () => {
  const bytes = [...new TextEncoder().encode("好的, stop? no: STOP it")];
  const decode = (ids: readonly number[]): Promise<string> => Promise.resolve(new TextDecoder().decode(Uint8Array.from(ids)));
  const stream = new TextStream(decode, ["STOP", "never"]);
  const pieces: string[] = [];
  for (const byte of bytes) {
    pieces.push(await stream.push(byte));
    if (stream.stopped) break;
  }
  pieces.push(await stream.finish());
  assert.equal(pieces.join(""), "好的, stop? no: ");
  assert.equal(stream.text, "好的, stop? no: ");
  assert.ok(pieces.every((piece) => !piece.includes("\uFFFD")));
  // "no" might have become "never" until its second letter; nothing else waits.
  const open = new TextStream(decode, ["never"]);
  const given: string[] = [];
  for (const byte of new TextEncoder().encode("a nev")) given.push(await open.push(byte));
  assert.deepEqual(given, ["a", " ", "", "", ""]);
  assert.equal(await open.finish(), "nev");
});
