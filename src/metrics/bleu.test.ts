import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { TranslationMetric } from "./bleu.js";

interface Case {
  readonly pairs: readonly (readonly [reference: string, hypothesis: string])[];
  readonly bleu: number;
  readonly chrF: number;
}

test("BLEU and chrF are sacrebleu's", () => {
  const { cases } = JSON.parse(readFileSync("test/golden/translation.json", "utf8")) as { readonly cases: readonly Case[] };
  assert.ok(cases.length >= 6);
  for (const { pairs, bleu, chrF } of cases) {
    const metric = new TranslationMetric();
    for (const [reference, hypothesis] of pairs) metric.add(reference, hypothesis);
    assert.ok(Math.abs(metric.bleu - bleu) < 1e-6, `${JSON.stringify(pairs)}: ${metric.bleu}, ${bleu}`);
    assert.ok(Math.abs(metric.chrF - chrF) < 1e-6, `${JSON.stringify(pairs)}: ${metric.chrF}, ${chrF}`);
  }
});

test("texts that are right count as such, and no texts are nothing", () => {
  const metric = new TranslationMetric();
  assert.deepEqual([metric.bleu, metric.chrF, metric.exactMatch], [0, 0, 0]);
  metric.add("one", " one\n");
  metric.add("two", "too");
  assert.equal(metric.exactMatch, 0.5);
});
