import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { grad } from "../autodiff/index.js";
import { constant, fromNumbers, input } from "../graph/index.js";
import { evaluateReference } from "../../test/reference/index.js";
import { compile } from "../runtime/index.js";
import { Random } from "../util/random.js";
import { assignTaskAligned, completeIouLoss, generalizedIouLoss, pairwiseIou, taskAlignedLoss } from "./index.js";

type Rows = readonly (readonly number[])[];
interface Golden {
  readonly losses: readonly { loss: string; output: Rows; target: Rows; value: number[]; gradient: Rows }[];
  readonly pairwise: Rows;
}
const golden = JSON.parse(readFileSync(new URL("../../../test/golden/detection.json", import.meta.url), "utf8")) as Golden;

const LOSSES = { generalizedIouLoss, completeIouLoss };

function assertClose(got: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(got.length, expected.length, what);
  expected.forEach((value, i) =>
    assert.ok(Math.abs((got[i] as number) - value) <= tolerance, `${what}[${i}]: expected ${value}, got ${got[i]}`),
  );
}

for (const { loss, output, target, value, gradient } of golden.losses) {
  test(`${loss}: values and gradients as torchvision's`, () => {
    const x = input("x", [output.length, 4], "float64");
    const wanted = constant(fromNumbers("float64", [target.length, 4], target.flat()));
    const values = LOSSES[loss as keyof typeof LOSSES](x, wanted, { reduction: "none" });
    const places = constant(
      fromNumbers(
        "float64",
        [output.length],
        output.map((_, i) => i + 1),
      ),
    );
    const feeds = new Map([
      [x, { dtype: "float64" as const, shape: [output.length, 4], data: Float64Array.from(output.flat()) }],
    ]);
    const [v, dx] = evaluateReference([values, grad(values.mul(places).sum(), x)], feeds);
    // torchvision adds its ε in other places.
    assertClose(v?.data ?? [], value, 1e-6, "value");
    assertClose(dx?.data ?? [], gradient.flat(), 1e-5, "gradient");
  });
}

test("pairwise overlaps are torchvision's box_iou", () => {
  const [first] = golden.losses as [(typeof golden.losses)[0]];
  const rows = (boxes: Rows) => constant(fromNumbers("float64", [boxes.length, 4], boxes.flat()));
  const [got] = evaluateReference([pairwiseIou(rows(first.output.slice(0, 3)), rows(first.target))], new Map());
  assertClose(got?.data ?? [], golden.pairwise.flat(), 1e-9, "overlap");
});

const POINTS = Array.from({ length: 16 }, (_, i) => [((i % 4) + 0.5) * 8, (Math.floor(i / 4) + 0.5) * 8]);
const around = (half: number): number[] =>
  POINTS.flatMap(([x, y]) => [(x as number) - half, (y as number) - half, (x as number) + half, (y as number) + half]);

/** One image of 16 positions and two classes. */
function assigned(boxes: readonly number[], logits: readonly number[], truth: Rows) {
  const assignment = assignTaskAligned({
    logits: constant(fromNumbers("float64", [1, 16, 2], logits)),
    boxes: constant(fromNumbers("float64", [1, 16, 4], boxes)),
    points: POINTS,
    truth: constant(fromNumbers("float64", [1, truth.length, 5], truth.flat())),
  });
  const [scores, wanted, weight] = evaluateReference([assignment.scores, assignment.boxes, assignment.weight], new Map());
  const numbers = (value: { readonly data: Float64Array } | undefined): Float64Array => value?.data ?? new Float64Array();
  return { scores: numbers(scores), boxes: numbers(wanted), weight: numbers(weight) };
}
const FILL = [-1, -1, -1, -1, -1];
const zeros = new Array<number>(32).fill(0);

test("the position that predicts a box best is assigned to it, with its overlap as the target score", () => {
  const boxes = around(4);
  // Place 5 (12, 12) predicts the box exactly.
  const { scores, boxes: wanted, weight } = assigned(boxes, zeros, [[8, 8, 16, 16, 1], FILL]);
  assert.equal(weight[5], 1);
  assert.ok(Math.abs((scores[5 * 2 + 1] as number) - 1) < 1e-6);
  assert.equal(scores[5 * 2], 0, "not of the other class");
  assert.deepEqual([...wanted.subarray(20, 24)], [8, 8, 16, 16]);
  assert.deepEqual(
    [...weight].filter((w) => w > 0),
    [1],
    "no other place lies inside",
  );
});

test("a small overlap still gives its best place the full weight in the box loss", () => {
  const { scores, weight } = assigned(around(12), zeros, [[9, 9, 15, 15, 0]]);
  assert.equal(weight[5], 1);
  assert.ok(Math.abs((scores[10] as number) - 36 / 576) < 1e-6);
});

test("a position in two boxes is assigned to the one that it overlaps more; two boxes at one position share it", () => {
  const boxes = around(4);
  const nested = assigned(boxes, zeros, [
    [8, 8, 16, 16, 0],
    [0, 0, 32, 32, 1],
  ]);
  assert.deepEqual([...nested.boxes.subarray(20, 24)], [8, 8, 16, 16]);
  const twice = assigned(boxes, zeros, [
    [8, 8, 16, 16, 0],
    [8, 8, 16, 16, 0],
  ]);
  assert.deepEqual([...twice.boxes.subarray(20, 24)], [8, 8, 16, 16]);
});

test("an image without boxes asks for nothing, and its loss is finite on the engine", async () => {
  const { scores, weight } = assigned(around(4), zeros, [FILL, FILL]);
  assert.ok([...scores, ...weight].every((v) => v === 0));
  const random = new Random("detection loss");
  const logits = input("logits", [1, 16, 2]);
  const boxes = input("boxes", [1, 16, 4]);
  const truth = input("truth", [1, 2, 5]);
  const { loss } = taskAlignedLoss({ logits, boxes, points: POINTS, truth });
  await using executable = await compile({ loss, dLogits: grad(loss, logits), dBoxes: grad(loss, boxes) });
  for (const rows of [
    [FILL, FILL],
    [[8, 8, 16, 16, 1], FILL],
  ]) {
    const results = await executable.call({
      logits: fromNumbers(
        "float32",
        [1, 16, 2],
        zeros.map(() => random.normal()),
      ),
      boxes: fromNumbers("float32", [1, 16, 4], around(5)),
      truth: fromNumbers("float32", [1, 2, 5], rows.flat()),
    });
    for (const [name, { data }] of Object.entries(results))
      assert.ok(Array.from(data, Number).every(Number.isFinite), `${name} is finite`);
    const moves = Array.from(results["dBoxes"]?.data ?? [], Number).some((v) => v !== 0);
    assert.equal(moves, rows[0] !== FILL, "boxes move only where something is there");
  }
});
