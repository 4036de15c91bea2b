/**
 * Inputs that are given a value for good: the same answers as with that value fed, for batches and pictures of any size.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TensorData } from "../graph/index.js";
import { fromNumbers, Graph, input, sizeOf, symbol } from "../graph/index.js";
import { compile } from "../runtime/index.js";
import { ConfigError } from "../util/errors.js";
import { decodeModel } from "./decode.js";
import { encodeModel } from "./encode.js";
import { exportGraph } from "./export.js";
import { fixInputs, otherInputsRemedy } from "./fixed-inputs.js";
import { OnnxModel } from "./model.js";

const [n, h, w] = [symbol("N"), symbol("H"), symbol("W")];

/** A file of a picture, a mask as large, two whole numbers an example, and a number for all. */
function file() {
  const [image, mask] = [input("image", [n, 3, h, w]), input("mask", [n, 1, h, w])];
  const [size, threshold] = [input("size", [n, 2], "int64"), input("threshold", [])];
  const scores = image
    .sub(threshold)
    .mul(mask)
    .mean([2, 3])
    .mul(size.cast("float32").sum([1], true));
  return decodeModel(exportGraph(new Graph({ scores }), { inputs: [image, mask, size, threshold] }), "file");
}

const rising = (...shape: readonly number[]): TensorData =>
  fromNumbers(
    "float32",
    shape,
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => (i % 7) - 2),
  );
const filled = (dtype: TensorData["dtype"], shape: readonly number[], ...values: readonly number[]): TensorData =>
  fromNumbers(
    dtype,
    shape,
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => values[i % values.length] as number),
  );

test("given values answer as fed ones do", async () => {
  const fixed = fixInputs(file(), ["mask=0.5", "size=3,4", "threshold=0.25"], "file");
  assert.deepEqual(
    fixed.graph.inputs.map(({ name }) => name),
    ["image"],
  );
  await using whole = await compile(new OnnxModel(encodeModel(file()), { where: "file" }));
  await using alone = await compile(new OnnxModel(encodeModel(fixed), { where: "file" }));
  for (const [rows, height, wide] of [
    [1, 2, 3],
    [4, 3, 2],
  ] as const) {
    const image = rising(rows, 3, height, wide);
    const given = {
      mask: filled("float32", [rows, 1, height, wide], 0.5),
      size: filled("int64", [rows, 2], 3, 4),
      threshold: filled("float32", [], 0.25),
    };
    const expected = await whole.call({ image, ...given });
    assert.deepEqual(await alone.call({ image }), expected);
  }
});

test("a file of several inputs says which need a value", () => {
  assert.match(
    String(otherInputsRemedy(file())),
    /the image "image", got also mask .*--input mask=NUMBER --input size=NUMBER --input threshold=NUMBER$/,
  );
  assert.equal(otherInputsRemedy(fixInputs(file(), ["mask=1", "size=1", "threshold=0"], "file")), undefined);
});

for (const [given, message] of [
  [["sizes=1"], /unknown input "sizes"; did you mean "size"/],
  [["size"], /expected NAME=NUMBER/],
  [["size=1,x"], /expected NAME=NUMBER/],
  [["size=1,2,3"], /expected 1 or 2 numbers for size \[N, 2\], got 3/],
  [["size=1.5"], /expected whole numbers \(int64\), got 1.5/],
  [["constructor=1"], /unknown input "constructor"/],
  [["mask=1", "size=1", "threshold=1", "image=1"], /expected an input of file that is left/],
] as const)
  test(`${given.join(" ")} is refused`, () => {
    assert.throws(
      () => fixInputs(file(), given, "file"),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  });
