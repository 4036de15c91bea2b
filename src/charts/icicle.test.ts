import assert from "node:assert/strict";
import { test } from "node:test";
import { icicleChart, icicleOf, icicleTotal } from "./index.js";

const root = icicleOf("model", [
  { path: "stem", amount: 10, kind: 1 },
  { path: "layer.0.attention", amount: 20, kind: 0 },
  { path: "layer.0.mlp", amount: 30, kind: 1 },
  { path: "layer.1", amount: 40, kind: 0 },
]);

test("parts nest by their paths, and totals sum up", () => {
  assert.equal(icicleTotal(root), 100);
  const layer = root.parts.find(({ name }) => name === "layer");
  assert.equal(icicleTotal(layer ?? root), 90);
  assert.deepEqual(
    layer?.parts.map((part) => [part.name, icicleTotal(part)]),
    [
      ["0", 50],
      ["1", 40],
    ],
  );
});

test("bars are as wide as their share, below their parent, and tell their path and amount", () => {
  const svg = icicleChart({ title: "cost", root, format: (n) => `${n} ms`, width: 1000, kinds: ["computing", "memory"] });
  const bar = (path: string): { x: number; y: number; width: number } => {
    const found = new RegExp(`<title>${path}: [^<]*</title><rect x="([\\d.]+)" y="(\\d+)" width="([\\d.]+)"`).exec(svg);
    assert.ok(found, path);
    return { x: Number(found[1]), y: Number(found[2]), width: Number(found[3]) };
  };
  const [all, layer, first, mlp] = [bar("model"), bar("layer"), bar("layer\\.0"), bar("layer\\.0\\.mlp")];
  assert.equal(all.width, 999);
  assert.equal(layer.width, 899);
  assert.equal(first.width, 499);
  assert.equal(mlp.width, 299);
  // Each begins where its elder siblings end: 10 % for the stem, 20 % for the attention.
  assert.equal(layer.x, 100);
  assert.equal(first.x, 100);
  assert.equal(mlp.x, 300);
  assert.ok(all.y < layer.y && layer.y < first.y && first.y < mlp.y);
  assert.match(svg, /layer\.0\.mlp: 30 ms, 30\.0 %/);
  assert.match(svg, />computing</);
});

test("names are escaped, parts too narrow to see left out, and nothing at all is drawn as one bar", () => {
  const odd = icicleOf("<b>", [
    { path: "a&b", amount: 1e6 },
    { path: "tiny", amount: 1 },
  ]);
  const svg = icicleChart({ title: "x", root: odd, format: String });
  assert.ok(!svg.includes("<b>") && svg.includes("a&amp;b") && !svg.includes("tiny"));
  const none = icicleChart({ title: "x", root: icicleOf("none", []), format: String });
  assert.equal(none.match(/<rect/g)?.length, 1);
});
