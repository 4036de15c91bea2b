import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { extent, linearScale, logScale } from "./frame.js";
import type { PixelImage } from "./image.js";
import { attributionPng, imagePng, pngDataUrl } from "./image.js";
import { barChart, confusionChart, histogramChart, lineChart, scatterChart } from "./charts.js";
import { checkMarkup } from "./markup.test.util.js";

const curve = { title: "t", xLabel: "step", yLabel: "loss" };
/** Coordinates of the first path of the given class. */
const pathOf = (svg: string, classes: string): [number, number][] =>
  (new RegExp(`<path d="([^"]*)" class="${classes}"`).exec(svg)?.[1] ?? "")
    .split(/[ML]/)
    .slice(1)
    .map((pair) => pair.split(" ").map(Number) as [number, number]);

test("ticks are round, in the domain, and few; a single value still has a scale", () => {
  assert.deepEqual(
    linearScale([0, 1], [0, 100]).ticks.map((tick) => linearScale([0, 1], [0, 1]).format(tick)),
    ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"],
  );
  for (const domain of [
    [-3.7, 12.2],
    [1e-7, 3e-7],
    [5, 5],
    [0, 0],
    [-1e9, 1e9],
    [0.999, 1],
  ] as const) {
    const scale = linearScale(domain, [0, 100]);
    assert.ok(scale.ticks.length >= 2 && scale.ticks.length <= 8, `${domain}: ${scale.ticks}`);
    for (const tick of scale.ticks) assert.ok(scale(tick) > -1e-6 && scale(tick) < 100 + 1e-6);
    assert.equal(new Set(scale.ticks.map(scale.format)).size, scale.ticks.length, `${scale.ticks.map(scale.format)}`);
  }
  assert.equal(linearScale([-1, 1], [0, 1]).format(-1e-12), "0.0");
  for (const domain of [
    [0.01, 3],
    [1e-8, 1e4],
    [2, 2.5],
    [1, 1],
  ] as const) {
    const scale = logScale(domain, [100, 0]);
    assert.ok(Math.abs(scale(domain[1])) < 60 && scale(domain[0]) >= scale(domain[1]));
    assert.ok(scale.ticks.length <= 9, `${scale.ticks}`);
  }
  assert.ok(Math.abs(logScale([1, 100], [0, 1])(10) - 0.5) < 1e-12);
  assert.equal(extent([NaN, Infinity]), undefined);
});

test("a curve passes through its points, and breaks where a value is not finite", () => {
  const svg = lineChart({
    ...curve,
    series: [
      {
        name: "a",
        points: [
          [0, 0],
          [10, 1],
          [20, NaN],
          [30, 0.5],
          [40, 1],
        ],
      },
    ],
    yDomain: [0, 1],
  });
  checkMarkup(svg);
  const points = pathOf(svg, "line s0");
  assert.equal(points.length, 4);
  assert.equal(svg.match(/<path d="M[^"]*M/)?.length, 1);
  const [[x0, y0], [x1, y1], [x3, y3]] = points as [[number, number], [number, number], [number, number]];
  assert.ok(Math.abs((x1 - x0) * 3 - (x3 - x0)) < 0.5);
  assert.ok(Math.abs((y0 - y1) / 2 - (y0 - y3)) < 0.2 && y0 > y1);
  assert.match(svg, /<circle[^>]*><title>a: 0.5000 \(step 30\)<\/title>/);
});

test("a logarithmic curve leaves out what has no logarithm", () => {
  const svg = lineChart({
    ...curve,
    logY: true,
    series: [
      {
        name: "a",
        points: [
          [1, 100],
          [2, 10],
          [3, 0],
          [4, 1],
        ],
      },
    ],
  });
  checkMarkup(svg);
  const ys = pathOf(svg, "line s0").map((point) => point[1]);
  assert.equal(ys.length, 3);
  assert.ok(Math.abs((ys[1] as number) - (ys[0] as number) - ((ys[2] as number) - (ys[1] as number))) < 0.3);
});

test("a long noisy curve stays small, keeps its spike, and its average does not lag", () => {
  const points = Array.from({ length: 200_000 }, (_, i) => [i, 2 - i / 200_000 + (i % 2 === 0 ? 0.3 : -0.3)] as const);
  const spiked = points.map(([x, y], i) => (i === 77_777 ? ([x, 9] as const) : ([x, y] as const)));
  const svg = lineChart({ ...curve, series: [{ name: "a", points: spiked, smooth: true }], yDomain: [0, 10] });
  assert.ok(svg.length < 20_000, `${svg.length} bytes`);
  const faint = pathOf(svg, "line faint s0").map((point) => point[1]);
  const mean = pathOf(svg, "line s0").map((point) => point[1]);
  const [top, bottom] = [34, 260];
  const yOf = (value: number): number => bottom - (value / 10) * (bottom - top);
  assert.ok(Math.abs(Math.min(...faint) - yOf(9)) < 0.2, "the spike");
  assert.ok(Math.abs((mean[0] as number) - yOf(2)) < 1.5 && Math.abs((mean.at(-1) as number) - yOf(1)) < 1.5, "the ends");
  assert.ok(Math.abs((mean[375] as number) - yOf(1.25)) < 0.5, "the middle");
});

test("nothing to show, and names that are markup, still make a picture", () => {
  const evil = `</text><script>"&'\u0001`;
  for (const svg of [
    lineChart({ ...curve, series: [] }),
    lineChart({
      ...curve,
      title: evil,
      xLabel: evil,
      yLabel: { en: evil, zh: evil },
      language: "both",
      series: [
        {
          name: evil,
          points: [
            [0, 1],
            [1, 2],
          ],
        },
      ],
      mark: { x: 1, label: evil },
    }),
    confusionChart({ title: "t", labels: [], counts: [] }),
    confusionChart({
      title: evil,
      description: evil,
      labels: [evil, "b"],
      counts: [
        [1, 2],
        [0, 0],
      ],
    }),
    barChart({ title: evil, bars: [] }),
    barChart({
      title: "t",
      bars: [
        { label: evil, value: -1 },
        { label: "z", value: 0 },
      ],
    }),
    histogramChart({ title: "t", values: [], xLabel: evil, yLabel: "n" }),
    histogramChart({ title: "t", values: [3, 3, NaN], xLabel: "x", yLabel: "n" }),
    scatterChart({ title: "t", points: [[NaN, 1]], xLabel: "x", yLabel: evil }),
  ]) {
    checkMarkup(svg);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined|<script/);
    assert.match(svg, /^<svg [^>]*role="img" aria-label=/);
    assert.match(svg, /<title>/);
  }
});

test("labels are in the language asked for, or in both", () => {
  const chart = (language: "en" | "zh" | "both") =>
    lineChart({ ...curve, title: { en: "curve", zh: "曲线" }, xLabel: { en: "step", zh: "步数" }, series: [], language });
  assert.match(chart("zh"), /aria-label="曲线".*步数/);
  assert.doesNotMatch(chart("zh"), /step/);
  assert.match(chart("both"), /<tspan class="en">step<\/tspan><tspan class="zh">步数<\/tspan>/);
});

test("a confusion matrix shows each count once, right ones and wrong ones apart", () => {
  const svg = confusionChart({
    title: "t",
    labels: ["cat", "dog"],
    counts: [
      [8, 2],
      [0, 5],
    ],
  });
  checkMarkup(svg);
  assert.deepEqual(
    [...svg.matchAll(/class="f(\d)" fill-opacity="([\d.]+)"><title>([^<]*)/g)].map((match) => match.slice(1)),
    [
      ["0", "0.82", "truth cat, prediction cat: 8 (80.0 %)"],
      ["1", "0.51", "truth cat, prediction dog: 2 (20.0 %)"],
      ["0", "1.00", "truth dog, prediction dog: 5 (100.0 %)"],
    ],
  );
  const many = confusionChart({
    title: "t",
    labels: Array.from({ length: 100 }, (_, i) => `class ${i}`),
    counts: Array.from({ length: 100 }, (_, i) => Array.from({ length: 100 }, (_, j) => (i === j ? 9 : 0))),
  });
  assert.ok(many.length < 80_000);
});

test("bars below zero go left of it, and lengths are in proportion", () => {
  const svg = barChart({
    title: "t",
    bars: [
      { label: "a", value: 2 },
      { label: "b", value: -1 },
    ],
    standalone: false,
  });
  const [[x1, w1], [x2, w2]] = [...svg.matchAll(/<rect x="([\d.]+)" y="\d+" width="([\d.]+)"/g)].map((m) => [
    Number(m[1]),
    Number(m[2]),
  ]) as [[number, number], [number, number]];
  assert.ok(Math.abs(x2 + w2 - x1) < 0.11, "they meet at zero");
  assert.ok(Math.abs(w1 - 2 * w2) < 0.3);
});

test("long names of bars are broken into lines, whole and beside their own bar", () => {
  const long = "embark_town = Southampton, or wherever it was that this person went aboard";
  const unbroken = "x".repeat(90);
  const svg = barChart({
    title: "t",
    bars: [
      { label: long, value: 2 },
      { label: unbroken, value: 1 },
      { label: "a", value: -1 },
    ],
    standalone: false,
    width: 400,
  });
  checkMarkup(svg);
  const lines = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" class="end">([^<]*)</g)].map((m) => ({
    x: Number(m[1]),
    y: Number(m[2]),
    text: m[3] as string,
  }));
  assert.equal(lines.map(({ text }) => text.replaceAll(" ", "")).join(""), `${long}${unbroken}a`.replaceAll(" ", ""));
  for (const { x, text } of lines) assert.ok(x - 7.4 * text.length >= 0, `"${text}" starts left of the picture`);
  const ys = lines.map(({ y }) => y);
  assert.ok(
    ys.every((y, i) => i === 0 || y - (ys[i - 1] as number) >= 14),
    "no two lines overlap",
  );
});

test("a histogram counts every finite value", () => {
  const values = [0, 0.1, 0.2, 5, 9.99, 10, NaN];
  const svg = histogramChart({ title: "t", values, buckets: 10, xLabel: "x", yLabel: "n" });
  checkMarkup(svg);
  const counts = [...svg.matchAll(/<title>[^<]*: (\d+)<\/title>/g)].map((match) => Number(match[1]));
  assert.deepEqual(counts, [3, 1, 2]);
});

test("a PNG holds the pixels; attribution is orange for, blue against", async () => {
  const grey: PixelImage = { width: 3, height: 2, channels: 1, data: [0, 0.5, 1, 1, 0, 0], maximum: 1 };
  assert.deepEqual(decodePng(await imagePng(grey)), {
    width: 3,
    height: 2,
    rgb: [0, 128, 255, 255, 0, 0].flatMap((v) => [v, v, v]),
  });
  const planes: PixelImage = { width: 2, height: 1, channels: 3, data: [1, 2, 3, 4, 5, 6] };
  assert.deepEqual(decodePng(await imagePng(planes)).rgb, [1, 3, 5, 2, 4, 6]);
  assert.deepEqual(decodePng(await imagePng({ ...planes, layout: "HWC" })).rgb, [1, 2, 3, 4, 5, 6]);
  const { rgb } = decodePng(await attributionPng(grey, [1, -1, 0, 0, 0, 0]));
  const [orange, blue] = [rgb.slice(0, 3), rgb.slice(3, 6)] as [number[], number[]];
  assert.ok((orange[0] as number) > 2 * (orange[2] as number), String(orange));
  assert.ok((blue[2] as number) > 1.5 * (blue[0] as number), String(blue));
  assert.deepEqual(rgb.slice(6, 9), [255, 255, 255]);
  const flat = decodePng(await attributionPng(grey, [0, 0, 0, 0, 0, 0])).rgb;
  assert.ok(flat.every((value) => value >= 178));
  assert.match(pngDataUrl(await imagePng(grey)), /^data:image\/png;base64,iVBOR/);
});

/** Reads an 8-bit RGB PNG without filters, by the specification. */
function decodePng(png: Uint8Array): { width: number; height: number; rgb: number[] } {
  const view = new DataView(png.buffer, png.byteOffset);
  assert.deepEqual([...png.subarray(1, 4)].map((c) => String.fromCharCode(c)).join(""), "PNG");
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  assert.equal(String.fromCharCode(...png.subarray(37, 41)), "IDAT");
  const raw = inflateSync(png.subarray(41, 41 + view.getUint32(33)));
  const rgb: number[] = [];
  for (let y = 0; y < height; y++) rgb.push(...raw.subarray(y * (width * 3 + 1) + 1, (y + 1) * (width * 3 + 1)));
  return { width, height, rgb };
}
