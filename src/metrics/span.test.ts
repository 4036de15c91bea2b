import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { ClassScores } from "./classification.js";
import { SpanMetric } from "./span.js";
import type { LabelSpan, TagScheme } from "../util/tags.js";
import { strictSpansOfTags } from "../util/strict-spans.test.util.js";
import { spansOfTags } from "../util/tags.js";

type Scores = Readonly<Record<string, readonly [precision: number, recall: number, f1: number, support: number]>>;
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/spans.json", import.meta.url), "utf8")) as {
  cases: {
    scheme: TagScheme;
    true: string[][];
    predicted: string[][];
    entities: [number, number, string][][];
    strictEntities: [number, number, string][][];
    default: Scores;
    strict: Scores;
  }[];
};

function close(found: ClassScores | undefined, expected: Scores[string] | undefined, what: string): void {
  assert.ok(found !== undefined && expected !== undefined, what);
  const list = [found.precision, found.recall, found.f1, found.support];
  for (const [i, value] of list.entries())
    assert.ok(Math.abs(value - (expected[i] as number)) < 1e-12, `${what}: ${list} ${expected}`);
}

for (const [n, c] of golden.cases.entries()) {
  for (const mode of ["default", "strict"] as const) {
    const spansOf = (tags: readonly string[]): LabelSpan[] =>
      mode === "default" ? spansOfTags(tags) : strictSpansOfTags(tags, c.scheme);
    test(`${c.scheme} ${n}: spans and scores of seqeval (${mode})`, () => {
      const expected = mode === "default" ? c.entities : c.strictEntities;
      assert.deepEqual(
        c.true.map((tags) => spansOf(tags).map(({ start, end, label }) => [start, end, label])),
        expected,
      );
      const metric = new SpanMetric();
      for (const [i, tags] of c.true.entries()) metric.add(spansOf(tags), spansOf(c.predicted[i] as string[]));
      const report = metric.report();
      const scores = c[mode];
      close(report.micro, scores["micro avg"], "micro");
      close(report.macro, scores["macro avg"], "macro");
      close(report.weighted, scores["weighted avg"], "weighted");
      for (const [label, found] of report.perLabel) close(found, scores[label], label);
      assert.equal(report.perLabel.size, Object.keys(scores).length - 3);
    });
  }
}

test("nothing found, nothing there: 0, not NaN; a reset forgets", () => {
  const metric = new SpanMetric();
  assert.equal(metric.report().micro.f1, 0);
  metric.add([{ start: 0, end: 1, label: "A" }], [{ start: 0, end: 1, label: "A" }]);
  assert.equal(metric.report().micro.f1, 1);
  metric.reset();
  assert.equal(metric.report().micro.support, 0);
});
