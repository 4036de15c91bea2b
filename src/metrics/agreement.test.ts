import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DataError, ShapeError } from "../util/errors.js";
import type { KappaWeights, LabelledRegion, MeasurementLevel } from "./agreement.js";
import { cohenKappa, fleissKappa, krippendorffAlpha, regionAgreement, regionOverlap, spanAgreement } from "./agreement.js";

const golden = JSON.parse(readFileSync(new URL("../../../test/golden/agreement.json", import.meta.url), "utf8")) as {
  readonly cohen: readonly ({ readonly first: number[]; readonly second: number[] } & Readonly<Record<KappaWeights, number>>)[];
  readonly fleiss: readonly { readonly counts: number[][]; readonly kappa: number }[];
  readonly alpha: readonly ({ readonly ratings: (number | null)[][] } & Readonly<Record<MeasurementLevel, number>>)[];
};
const near = (actual: number, expected: number, within = 1e-9): void =>
  assert.ok(Math.abs(actual - expected) <= within, `expected ${expected}, got ${actual}`);

test("Cohen's κ is statsmodels', plain and weighted", () => {
  for (const row of golden.cohen)
    for (const weights of ["none", "linear", "quadratic"] as const)
      near(cohenKappa(row.first, row.second, { weights }), row[weights]);
  assert.ok(Number.isNaN(cohenKappa(["a", "a"], ["a", "a"])));
  assert.throws(() => cohenKappa(["a"], []), ShapeError);
  assert.throws(() => cohenKappa(["a"], ["b"], { classes: ["a"] }), DataError);
  // A class that nobody uses moves the distances between the others.
  const [a, b] = [
    ["low", "high", "low"],
    ["low", "low", "high"],
  ];
  assert.equal(cohenKappa(a, b, { weights: "linear", classes: ["low", "mid", "high"] }), cohenKappa(a, b));
});

test("Fleiss' κ is statsmodels'", () => {
  for (const { counts, kappa } of golden.fleiss) near(fleissKappa(counts), kappa);
  assert.ok(Number.isNaN(fleissKappa([[3, 0]])));
  assert.throws(
    () =>
      fleissKappa([
        [2, 0],
        [1, 2],
      ]),
    ShapeError,
  );
});

test("Krippendorff's α is krippendorff's, with values missing, at three levels", () => {
  for (const row of golden.alpha)
    for (const level of ["nominal", "ordinal", "interval"] as const) near(krippendorffAlpha(row.ratings, { level }), row[level]);
  // Names of classes give what their numbers give.
  const named = golden.alpha[0]?.ratings.map((row) => row.map((value) => (value === null ? null : `class ${value}`))) ?? [];
  near(krippendorffAlpha(named), golden.alpha[0]?.nominal ?? NaN);
  assert.throws(() => krippendorffAlpha(named, { level: "ordinal" }), DataError);
  assert.ok(
    Number.isNaN(
      krippendorffAlpha([
        ["a", null],
        [null, "b"],
      ]),
    ),
  );
});

test("spans agree where both ends and the label do, whoever is asked first", () => {
  const a = [
    [
      { start: 0, end: 2, label: "PER" },
      { start: 5, end: 6, label: "LOC" },
    ],
    [],
  ];
  const b = [[{ start: 0, end: 2, label: "PER" }], [{ start: 1, end: 2, label: "LOC" }]];
  near(spanAgreement(a, b), 0.5);
  near(spanAgreement(b, a), 0.5);
});

test("regions: boxes exactly, polygons on a raster, each region paired once", () => {
  const square: LabelledRegion = { label: "x", box: [0, 0, 10, 10] };
  near(regionOverlap(square, { label: "x", box: [5, 0, 15, 10] }), 1 / 3);
  const triangle: LabelledRegion = {
    label: "x",
    polygon: [
      [0, 0],
      [10, 0],
      [0, 10],
    ],
  };
  near(regionOverlap(square, triangle), 0.5, 0.005);
  near(regionOverlap(triangle, triangle), 1);
  const shifted: LabelledRegion = { label: "x", box: [1, 0, 11, 10] };
  const { f1, meanOverlap } = regionAgreement([[square, shifted]], [[square]]);
  near(f1, 2 / 3);
  near(meanOverlap, 1);
  assert.equal(regionAgreement([[square]], [[{ ...square, label: "y" }]]).f1, 0);
});
