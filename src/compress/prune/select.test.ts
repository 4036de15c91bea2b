import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph, input } from "../../graph/index.js";
import { Mlp } from "../../models/index.js";
import { groupsOf } from "./groups.js";
import type { ScoredGroup, Selection } from "./select.js";
import { selectForCost, selectUnits } from "./select.js";

/** Groups of a perceptron with these hidden widths; the first units have the best scores. */
function scoredGroups(...widths: readonly number[]): ScoredGroup[] {
  const model = new Mlp({ inFeatures: 7, hidden: widths, outFeatures: 3 });
  const { groups } = groupsOf(new Graph({ y: model.forward(input("x", [2, 7])) }));
  assert.deepEqual(
    groups.map(({ units }) => units),
    widths,
  );
  return groups.map((group) => ({ group, scores: Float64Array.from({ length: group.units }, (_, i) => group.units - i) }));
}

const counts = (scored: readonly ScoredGroup[], fraction: number, selection: Selection): number[] =>
  [...selectUnits(scored, fraction, selection).values()].map(({ length }) => length);

/** Widths, the fraction that stays, the selection beside `scope: "layer"`, and what is left of each. */
const CASES: readonly (readonly [readonly number[], number, Omit<Selection, "scope">, readonly number[]])[] = [
  [[48, 32], 0.5, {}, [24, 16]],
  [[48, 32], 0.5, { multipleOf: 16 }, [32, 16]],
  [[48, 32], 0.01, { multipleOf: 16 }, [16, 16]],
  [[48, 16, 10], 0.5, { multipleOf: 16 }, [32, 16, 10]],
  [[48, 16, 10], 0.5, { multipleOf: 16, narrow: 1 }, [32, 8, 5]],
  [[40], 0.9, { multipleOf: 16 }, [32]],
  [[40], 1, { multipleOf: 16 }, [40]],
];

for (const [widths, fraction, options, expected] of CASES)
  test(`${fraction} of ${widths.join(", ")} units, ${JSON.stringify(options)}: ${expected.join(", ")} stay`, () => {
    const scored = scoredGroups(...widths);
    assert.deepEqual(counts(scored, fraction, { scope: "layer", ...options }), expected);
    for (const [i, units] of [...selectUnits(scored, fraction, { scope: "layer", ...options }).values()].entries())
      assert.deepEqual(
        [...units],
        Array.from({ length: expected[i] as number }, (_, unit) => unit),
        "the best ones, in order",
      );
  });

test("a cost that the least widths do not reach has no selection", () => {
  const scored = scoredGroups(48, 16);
  const costOf = (kept: ReadonlyMap<unknown, readonly number[]>): number =>
    scored.reduce((sum, { group }) => sum + (kept.get(group.set)?.length ?? group.units), 0);
  const selection: Selection = { scope: "layer", multipleOf: 16 };
  assert.equal(selectForCost(scored, selection, costOf, 31), undefined);
  const cost = (chosen: Selection, most: number): number => costOf(selectForCost(scored, chosen, costOf, most) ?? new Map());
  assert.equal(cost(selection, 32), 32);
  assert.ok(cost({ ...selection, narrow: 1 }, 31) <= 31);
});
