/** @module Pictures of attributions: what is drawn is what was given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { beeswarmChart, dependenceChart, swarmOffsets } from "./beeswarm.js";
import { textWidth } from "./frame.js";
import { heatMapChart } from "./heat-map.js";
import { attributionScale } from "./image.js";
import { checkMarkup } from "./markup.test.util.js";
import { shadedTextChart } from "./shaded-text.js";
import { tokenMatrixChart } from "./token-matrix.js";
import { forceChart, strongest, waterfallChart } from "./waterfall.js";

const contributions = [
  { label: 'a < "b"', value: 2 },
  { label: { en: "city", zh: "城市" }, value: -1 },
  { label: "c", value: 0.25 },
];

const widths = (svg: string, tag: string): number[] =>
  [...svg.matchAll(new RegExp(`<${tag} [^>]*?width="([\\d.]+)"`, "g"))].map(([, width]) => Number(width));

test("a waterfall's steps are as long as its contributions, and end at the score", () => {
  const svg = waterfallChart({ title: "why", base: 0.5, contributions });
  checkMarkup(svg);
  const [first = 0, second = 0, third = 0] = widths(svg, "rect");
  assert.ok(Math.abs(first / second - 2) < 0.02 && Math.abs(second / third - 4) < 0.1, `${first}, ${second}, ${third}`);
  assert.match(svg, /score 1\.75/);
  assert.match(svg, /base value 0\.5/);
  assert.match(waterfallChart({ title: "why", base: 0.5, contributions, language: "zh" }), /城市[\s\S]*得分 1\.75/);
});

test("the weakest contributions are summed, and counted", () => {
  const many = Array.from({ length: 20 }, (_, i) => ({ label: `f${i}`, value: i - 10 }));
  const rows = strongest(many, 5);
  assert.equal(rows.length, 5);
  assert.deepEqual(rows.at(-1)?.label, { en: "16 others", zh: "其余 16 项" });
  assert.equal(
    rows.reduce((sum, { value }) => sum + value, 0),
    many.reduce((sum, { value }) => sum + value, 0),
  );
});

test("a force plot has what raised the score on the left of it, and what lowered it on the right", () => {
  const svg = forceChart({ title: "why", base: 0, contributions });
  checkMarkup(svg);
  const tips = [...svg.matchAll(/<polygon points="([\d.]+),/g)].map(([, x]) => Number(x));
  const ends = [...svg.matchAll(/<polygon points="[\d.,]+ [\d.,]+ ([\d.]+),/g)].map(([, x]) => Number(x));
  assert.equal(tips.length, 3);
  assert.ok((ends[0] as number) < (tips[0] as number) && (ends[2] as number) > (tips[2] as number));
  assert.equal(tips[0], tips[2]);
});

test("a beeswarm has a dot for each example, apart where there is room", () => {
  const points = Array.from({ length: 50 }, (_, i) => ({ attribution: i % 5, value: i === 0 ? NaN : i / 49 }));
  const svg = beeswarmChart({ title: "all", xLabel: "effect", features: [{ label: "income", points }] });
  checkMarkup(svg);
  assert.equal(svg.match(/<circle/g)?.length, 50);
  const offsets = swarmOffsets([10, 10, 10, 40], 2, 100);
  assert.equal(new Set(offsets.slice(0, 3)).size, 3);
  assert.equal(offsets[3], 0);
});

test("dependence leaves out what is not a number", () => {
  const svg = dependenceChart({
    title: "d",
    xLabel: "x",
    yLabel: "y",
    points: [
      { x: 1, y: 2 },
      { x: NaN, y: 1 },
      { x: 2, y: 3, color: 1 },
    ],
  });
  checkMarkup(svg);
  assert.equal(svg.match(/<circle/g)?.length, 2);
});

test("a token matrix has a cell for each pair, and escapes tokens", () => {
  const svg = tokenMatrixChart({
    title: "t",
    targets: ["<b>", "\n"],
    sources: ["a", "&", " "],
    values: [
      [1, -1, 0],
      [0, 0, 0.5],
    ],
    sourceLabel: { en: "source", zh: "源文" },
    targetLabel: { en: "target", zh: "译文" },
  });
  checkMarkup(svg);
  assert.equal(svg.match(/→ (?:&lt;b&gt;|\n|⏎)[^<]*<\/title>/g)?.length, 6);
  assert.match(svg, /⏎/);
  assert.match(svg, />·</);
});

test("words stand on grounds of their values, wrapped into lines; right to left where the text runs so", () => {
  const text = "the very good film";
  const offsets = [0, 3, 4, 8, 9, 13, 14, 18];
  const svg = shadedTextChart({ title: "t", text, offsets, values: [0, -0.5, 1, 0.1], width: 150 });
  checkMarkup(svg);
  assert.equal(svg.match(/<rect [^>]*height="24"/g)?.length, 4);
  assert.match(svg, /<title>good: 1<\/title>/);
  const lines = new Set([...svg.matchAll(/<rect x="[\d.-]+" y="([\d.]+)"[^>]*height="24"/g)].map(([, y]) => y));
  assert.ok(lines.size > 1, "one line only");
  const left = (markup: string): number[] =>
    [...markup.matchAll(/<rect x="([\d.-]+)"[^>]*height="24"/g)].map(([, x]) => Number(x));
  const hebrew = left(shadedTextChart({ title: "t", text: "שלום עולם", offsets: [0, 4, 5, 9], values: [1, 1] }));
  assert.ok((hebrew[0] as number) > (hebrew[1] as number), String(hebrew));
});

test("many heat maps are a grid, each with its own name in its own cell", async () => {
  const image = { width: 2, height: 2, channels: 1 as const, data: [0, 50, 100, 255] };
  const label = "Integrated Gradients · hen-of-the-woods, hen of the woods, Polyporus frondosus, Grifola frondosa";
  const maps = Array.from({ length: 28 }, (_, i) => ({ attribution: [1, 2, 3, 4], label: `${i} ${label}` }));
  const svg = await heatMapChart({ title: "h", image, maps });
  checkMarkup(svg);
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? [];
  assert.ok(Number(width) < 2100 && Number(height) < 2100, `${width} × ${height}`);
  const cells = [
    ...svg.matchAll(/<image x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"[^>]*\/><text x="([\d.]+)" y="([\d.]+)">([^<]*)</g),
  ];
  assert.equal(cells.length, 29);
  assert.equal(new Set(cells.map(([, x, y]) => `${x} ${y}`)).size, 29);
  for (const [i, [, x, y, wide, textX, textY, name = ""]] of cells.slice(1).entries()) {
    assert.ok(name.startsWith(`${i} Integrated Gradients · hen`) && name.endsWith("…"), name);
    assert.ok(textWidth(name) <= Number(wide), `${name}: wider than its cell`);
    assert.deepEqual([textX, Number(textY)], [x, Number(y) - 9]);
  }
});

test("a heat map shows the image, each map over it, and the numbers of its colours", async () => {
  const image = { width: 2, height: 2, channels: 1 as const, data: [0, 50, 100, 255] };
  const svg = await heatMapChart({
    title: "h",
    image,
    maps: [
      { attribution: [1, 2, 3, 4], label: "Grad-CAM" },
      { attribution: [-1, 0, 0, 2], label: "saliency" },
    ],
    boxes: [{ left: 0, top: 0, width: 1, height: 2 }],
  });
  checkMarkup(svg);
  assert.equal(svg.match(/<image /g)?.length, 3);
  assert.match(svg, /Grad-CAM/);
  assert.deepEqual(attributionScale([1, 2, 3, 4], 4), { scale: 4, signed: false });
  assert.deepEqual(attributionScale([-1, 0, 0, 2], 4), { scale: 2, signed: true });
  assert.deepEqual(attributionScale([0, 0], 2), { scale: 1, signed: true });
});
