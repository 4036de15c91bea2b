import assert from "node:assert/strict";
import { test } from "node:test";
import { Dataset } from "./dataset.js";
import { heldOutInChinese, holdOut, parseFold } from "./hold-out.js";

const N = 53;
const data = new Dataset({
  id: Float64Array.from({ length: N }, (_, i) => i),
  label: Array.from({ length: N }, (_, i) => (i % 4 === 0 ? "rare" : "usual")),
});
const idsOf = (part: Dataset): number[] => [...part.tensor("id").data].map(Number);

test("every example is in the test part of one fold, in the proportions of the classes", () => {
  const seen: number[] = [];
  for (let number = 1; number <= 5; number++) {
    const notes: string[] = [];
    const { train, validation, test } = holdOut({ train: data }, "label", { seed: 3, fold: { number, count: 5 } }, notes);
    assert.match(notes[0] ?? "", new RegExp(`^test: fold ${number} of 5, 1[01] of 53 examples \\(stratified, seed 3\\)$`));
    assert.deepEqual(
      [...idsOf(train), ...idsOf(validation), ...idsOf(test)].sort((a, b) => a - b),
      Array.from({ length: N }, (_, i) => i),
    );
    const rare = test.texts("label").filter((label) => label === "rare").length;
    assert.ok(rare >= 2 && rare <= 4, `${rare} rare ones in fold ${number}`);
    seen.push(...idsOf(test));
  }
  assert.equal(new Set(seen).size, N);
  assert.equal(seen.length, N);
});

test("a fold of data that have a test part, and a fold that is none, are refused", () => {
  assert.throws(() => holdOut({ train: data, test: data.take(3) }, "label", { fold: { number: 1, count: 5 } }, []), {
    message: "fold 1/5: expected data without a test part of its own, got one of 3 examples",
  });
  assert.deepEqual(parseFold("2/10", "--fold"), { number: 2, count: 10 });
  for (const wrong of ["0/5", "6/5", "1/1", "2", "a/b", ""])
    assert.throws(() => parseFold(wrong, "--fold"), /^ConfigError: --fold: expected K\/N with K from 1 to N, such as 1\/5, got/);
});

test("what was held out is said in Chinese, too", () => {
  const notes: string[] = [];
  holdOut({ train: data }, "label", { seed: 3 }, notes);
  holdOut({ train: data }, undefined, { seed: 4 }, notes);
  assert.deepEqual(notes.map(heldOutInChinese), [
    "测试集：从 53 个样本中留出 5 个（分层抽取，种子 3）",
    "验证集：从 48 个样本中留出 5 个（分层抽取，种子 3）",
    "测试集：从 53 个样本中留出 5 个（随机抽取，种子 4）",
    "验证集：从 48 个样本中留出 5 个（随机抽取，种子 4）",
  ]);
  assert.equal(heldOutInChinese("data: three rows are alike"), undefined);
});
