import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../util/random.js";
import { ShapeError } from "../util/errors.js";
import { spanProbabilities, viterbiPath } from "./crf-arrays.js";

const K = 3;
const T = 4;
const random = new Random(7, "crf");
const numbers = (count: number): Float64Array => Float64Array.from({ length: count }, () => random.uniform() * 4 - 2);
const emissions = numbers(T * K);
const scores = { start: numbers(K), transitions: numbers(K * K), end: numbers(K) };

const paths = Array.from({ length: K ** T }, (_, i) => Array.from({ length: T }, (__, t) => Math.floor(i / K ** t) % K));
const weight = (path: readonly number[]): number =>
  Math.exp(
    path.reduce(
      (sum, tag, t) =>
        sum +
        (emissions[t * K + tag] as number) +
        (t === 0 ? (scores.start[tag] as number) : (scores.transitions[(path[t - 1] as number) * K + tag] as number)),
      scores.end[path[T - 1] as number] as number,
    ),
  );
const total = paths.reduce((sum, path) => sum + weight(path), 0);

test("the probability of a span is the share of all paths that agree with it", () => {
  const tags = [2, 0, 0, 1];
  const spans = [
    { start: 0, end: 1 },
    { start: 1, end: 3 },
    { start: 3, end: 4 },
    { start: 0, end: 4 },
  ];
  for (const [i, found] of spanProbabilities(emissions, scores, tags, spans).entries()) {
    const { start, end } = spans[i] as (typeof spans)[0];
    const agreeing = paths.filter((path) => path.slice(start, end).every((tag, t) => tag === tags[start + t]));
    const expected = agreeing.reduce((sum, path) => sum + weight(path), 0) / total;
    assert.ok(Math.abs(found - expected) < 1e-12, `${start}…${end}: ${found}, expected ${expected}`);
  }
});

test("the best path is the most probable of all; emissions are whole rows", () => {
  const best = paths.reduce((a, b) => (weight(b) > weight(a) ? b : a));
  const { tags, score } = viterbiPath(emissions, scores);
  assert.deepEqual([...tags], best);
  assert.ok(Math.abs(score - Math.log(weight(best))) < 1e-12);
  assert.throws(() => viterbiPath(numbers(4), scores), ShapeError);
});

test("no span, nothing to compute; long texts do not overflow", () => {
  assert.deepEqual(spanProbabilities(emissions, scores, [], []), []);
  const long = new Float64Array(2000 * K).fill(5);
  const [one] = spanProbabilities(long, scores, new Int32Array(2000), [{ start: 999, end: 1000 }]);
  assert.ok(one !== undefined && one > 0 && one < 1);
});
