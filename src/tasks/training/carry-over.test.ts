import assert from "node:assert/strict";
import { test } from "node:test";
import type { TensorData } from "../../graph/index.js";
import { Tagger } from "../../models/index.js";
import { Linear } from "../../nn/index.js";
import { taskNamed } from "../table.js";
import type { NamedParameter } from "../task.js";
import { carryOver, unmatchedNote } from "./carry-over.js";

/** A linear layer's parameters by features and classes. */
const named = (features: readonly string[], classes: readonly string[]): ReadonlyMap<string, NamedParameter> =>
  new Map<string, NamedParameter>([
    [
      "weight",
      {
        axes: [
          { of: "class", names: classes },
          { of: "feature", names: features },
        ],
      },
    ],
    ["bias", { axes: [{ of: "class", names: classes }] }],
  ]);
const weight: TensorData = { dtype: "float32", shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
const bias: TensorData = { dtype: "float32", shape: [2], data: Float32Array.of(7, 8) };
const before = {
  named: named(["a", "b", "c"], ["high", "low"]),
  weights: new Map([
    ["weight", weight],
    ["bias", bias],
  ]),
};
const into = (features: readonly string[], classes: readonly string[]) =>
  carryOver(new Linear(features.length, classes.length).state(), named(features, classes), before, 1);
const numbers = (carried: ReturnType<typeof into>, path: string): number[] =>
  Array.from(carried.weights.get(path)?.data ?? [], Number);

test("weights go by names, whatever the order of features and classes", () => {
  const carried = into(["c", "a", "b"], ["low", "high"]);
  assert.deepEqual(numbers(carried, "weight"), [6, 4, 5, 3, 1, 2]);
  assert.deepEqual(numbers(carried, "bias"), [8, 7]);
  assert.deepEqual(carried.fresh, []);
  assert.equal(unmatchedNote(carried), undefined);
});

test("what has no partner starts anew, and is named", () => {
  const carried = into(["b", "d"], ["high", "middle"]);
  const [highB, highD, middleB, middleD] = numbers(carried, "weight");
  assert.equal(highB, 2);
  for (const value of [highD, middleB, middleD]) assert.ok(Math.abs(value ?? Infinity) < 1, `${value}`);
  assert.equal(numbers(carried, "bias")[0], 7);
  assert.equal(unmatchedNote(carried), 'class "middle" and feature "d" of these data are not in it, and start anew');
});

test("a head whose classes are all others starts anew as a whole", () => {
  const carried = into(["a", "b", "c"], ["A-safe", "B-risky"]);
  assert.deepEqual(carried.fresh, ["weight", "bias"]);
  assert.match(unmatchedNote(carried) ?? "", /^classes "A-safe", "B-risky" of these data are not in it, and start anew$/);
});

test("taggers go by the features and tags of their data, in whatever order these come", () => {
  const side = (tags: readonly string[], vocabulary: readonly (readonly string[])[]) => {
    const info = { tags, vocabulary };
    const model = new Tagger({ vocabSize: 8, slots: 2, numLabels: tags.length, embeddingSize: 1, hiddenSize: 1, window: 1 });
    return { model, named: taskNamed("token-classification").namedParameters?.(info, model, "bilstm-crf") ?? new Map() };
  };
  const first = side(
    ["O", "B-LOC", "B-PER"],
    [
      ["rome", "ana", "in"],
      ["Rome", "Ana"],
    ],
  );
  const numbers = new Map(
    [...first.model.state()].map(([path, { dims }]): [string, TensorData] => {
      const size = dims.reduce((a, b) => a * b, 1);
      return [path, { dtype: "float32", shape: dims, data: Float32Array.from({ length: size }, (_, i) => i) }];
    }),
  );
  const other = side(
    ["O", "B-PER", "B-LOC"],
    [
      ["ana", "rome", "in"],
      ["Ana", "Bob"],
    ],
  );
  const carried = carryOver(other.model.state(), other.named, { named: first.named, weights: numbers }, 1);
  const values = (path: string): number[] => Array.from(carried.weights.get(path)?.data ?? [], Number);
  // Padding and what is unknown in either slot, then the words: Ana before Rome, and Bob is new.
  assert.deepEqual(values("embedding.weight").slice(0, 7), [0, 1, 2, 4, 3, 5, 7]);
  assert.deepEqual(values("crf.start_transitions"), [0, 2, 1]);
  assert.deepEqual(values("crf.transitions"), [0, 2, 1, 6, 8, 7, 3, 5, 4]);
  assert.deepEqual(values("classifier.bias"), [0, 2, 1]);
  // Nine scores of a feature: three tags at each of three positions.
  assert.deepEqual(values("scores.weight").slice(27, 36), [36, 38, 37, 39, 41, 40, 42, 44, 43]);
  assert.equal(unmatchedNote(carried), 'feature "Bob in slot 2 of 2" of these data is not in it, and starts anew');
});
