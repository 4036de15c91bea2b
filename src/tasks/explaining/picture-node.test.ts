/** @module Pictures of explanations: several parts, each where its caption says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import sharp from "sharp";
import type { Explanation } from "./explain-node.js";
import { explanationSvg, stacked, svgToPng } from "./picture-node.js";

const TEXT = "A warm and funny film";
const PLACES = [...TEXT.matchAll(/\S+/g)].flatMap(({ index, 0: word }) => [index, index + word.length]);
const words = TEXT.split(" ");

const explanation = (method: Explanation["method"]): Explanation => ({
  view: {
    name: TEXT,
    input: { kind: "text", text: TEXT, offsets: PLACES },
    parts: { names: words, partOf: Int32Array.from(words.keys()) },
  },
  place: 0,
  method,
  values: Float64Array.from(words, (_, i) => i - 2),
  shape: [words.length],
  example: { target: 0, label: "positive", score: 1 },
  settings: {},
  remarks: [],
  faithfulness: {},
});

test("a part begins right under its caption, however many there are", async () => {
  const methods = ["saliency", "lime", "occlusion"] as const;
  const svg = await explanationSvg(methods.map(explanation), "en");
  const { data, info } = await sharp(await svgToPng(svg))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [, height = "1"] = /viewBox="0 0 [\d.]+ ([\d.]+)"/.exec(svg) ?? [];
  const scale = info.height / Number(height);
  const part = Number(height) / methods.length;
  for (let k = 0; k < methods.length; k++) {
    // The first line of words: within 40 pixels below the caption's 24.
    const rows = [Math.ceil((k * part + 26) * scale), Math.floor((k * part + 60) * scale)] as const;
    const bytes = data.subarray(rows[0] * info.width * 3, rows[1] * info.width * 3);
    assert.ok(
      bytes.some((v) => v < 128),
      `part ${k}: nothing is drawn there`,
    );
  }
});

test("many parts stand in columns, none over another", () => {
  const part = (h: number): string => `<svg viewBox="0 0 560 ${h}"></svg>`;
  const heights = Array.from({ length: 20 }, (_, i) => 200 + 10 * (i % 3));
  const svg = stacked(
    heights.map(part),
    heights.map((_, i) => `method ${i}`),
    "t",
  );
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? [];
  assert.ok(Number(width) < 2 * Number(height) && Number(height) < 2 * Number(width), `${width} × ${height}`);
  const places = [...svg.matchAll(/<svg x="([\d.]+)" y="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
  assert.equal(places.length, 20);
  for (const [i, [x, y]] of places.entries()) {
    assert.ok(x + 560 <= Number(width) && y + (heights[i] ?? 0) <= Number(height), `part ${i} is cut off`);
    for (const [j, [u, v]] of places.slice(0, i).entries())
      assert.ok(x !== u || y >= v + (heights[j] ?? 0) + 24, `part ${i} lies over part ${j} or its caption`);
  }
});
