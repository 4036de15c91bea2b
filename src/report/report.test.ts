import assert from "node:assert/strict";
import { test } from "node:test";
import { checkMarkup } from "../charts/markup.test.util.js";
import type { ReportData } from "./report.js";
import { renderReport } from "./report.js";
import { formatDuration, formatMetric, isFraction } from "./words.js";

const summary: ReportData["summary"] = {
  task: "image-classification",
  model: "mlp",
  data: "digits",
  seed: 7,
  device: "cpu",
  parameters: 12_345,
  flopsPerStep: 2e6,
  steps: 300,
  stepMs: 0.5,
  trainSeconds: 75,
  peakMemoryMiB: 234,
  metrics: { train: { loss: 0.1, accuracy: 0.99 }, validation: { loss: 0.2 }, test: { loss: 0.25, accuracy: 0.9712 } },
};
const data: ReportData = {
  summary,
  task: { en: "Image classification", zh: "图像分类" },
  command: "descent train image-classification --data digits",
  descent: "1.2.3",
  createdAt: "2026-11-23T23:20:00Z",
  history: Array.from({ length: 300 }, (_, i) => ({
    step: i + 1,
    split: "train" as const,
    learningRate: 0.1 / (i + 1),
    metrics: { loss: 3 / (i + 1), accuracy: 1 - 1 / (i + 2) },
  })),
  bestStep: 280,
  confusion: {
    labels: ["3", "5"],
    counts: [
      [40, 3],
      [1, 56],
    ],
  },
  examples: [
    {
      input: { kind: "image", image: { width: 2, height: 2, channels: 1, data: [0, 255, 255, 0] } },
      attribution: [1, -1, 0, 0],
      truth: "3",
      prediction: "5",
      correct: false,
      scores: [{ label: "5", probability: 0.93 }],
    },
  ],
  attributionMethod: { en: "input × gradient", zh: "输入 × 梯度" },
};
const { confusion: _classes, ...noClasses } = data;
const tabular: ReportData = {
  ...noClasses,
  summary: { ...summary, task: "tabular-regression", metrics: { test: { loss: 4, r2: 0.5 } } },
  regression: { target: "price", unit: "€", truth: [1, 2, 3, 4], prediction: [1, 2, 4, 9] },
  examples: [
    {
      input: { kind: "features", names: ["rooms", "area"], values: ["3", "80"] },
      attribution: [0.5, -12.345],
      truth: "4",
      prediction: "9",
      correct: false,
    },
    { input: { kind: "features", names: ["rooms", "area"], values: ["1", "20"] }, truth: "1", prediction: "1.01", correct: true },
  ],
};

/** The text that a reader sees in one language. */
const textIn = (html: string, language: "en" | "zh"): string => {
  const other = language === "en" ? "zh" : "en";
  return html
    .slice(html.indexOf("<body>"))
    .replaceAll(new RegExp(`<(span|tspan) class="${other}"[^>]*>[^<]*</\\1>`, "g"), "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/\s+/g, " ");
};

test("a report is one whole file that loads nothing and runs nothing", async () => {
  for (const html of [await renderReport(data), await renderReport(tabular)]) {
    checkMarkup(html);
    assert.doesNotMatch(
      html.replaceAll('xmlns="http://www.w3.org/2000/svg"', ""),
      /https?:|src="(?!data:)|<script|<link|@import|url\(/,
    );
    assert.match(html, /default-src 'none'/);
    assert.doesNotMatch(textIn(html, "en"), /NaN|undefined|Infinity|\[object/);
  }
});

test("it says what was measured, in both languages", async () => {
  const html = await renderReport(data);
  const en = textIn(html, "en");
  assert.match(
    en,
    /Of 100 examples that it had not seen, it gets 96.0 % right. Its most frequent mistake: “3” taken for “5”, 3 times./,
  );
  for (const expected of [
    "97.1 % test accuracy",
    "1 min 15 s training time",
    "12,345",
    "2.00 MFLOP (4.00 GFLOP/s)",
    "234 MiB",
    "seed 7",
    data.command,
    "Descent 1.2.3",
  ]) {
    assert.ok(en.includes(expected), expected);
  }
  // Precision, recall and F1 of class 3: 40 of 41, 40 of 43, 80 of 84.
  assert.match(en, /3 97.6 % 93.0 % 95.2 % 43/);
  const zh = textIn(await renderReport({ ...data, language: "zh" }), "zh");
  assert.match(zh, /最常见的错误是把“3”认成“5”/);
  assert.match(zh, /97.1 % 测试集准确率/);
  assert.doesNotMatch(zh.replaceAll(/[\w-]+ train image.*digits|input/g, ""), /How it|training|Some that|parameters/);
  assert.doesNotMatch(en.replace("中文", ""), /[\u4E00-\u9FFF]/);
});

test("the language asked for is the one it opens in", async () => {
  assert.match(await renderReport(data), /<html lang="en">[\s\S]*id="lang-en" checked/);
  assert.match(await renderReport({ ...data, language: "zh" }), /<html lang="zh-CN">[\s\S]*id="lang-zh" checked/);
});

test("regression: half of the errors, the scatter, the features that moved the prediction", async () => {
  const en = textIn(await renderReport(tabular), "en");
  assert.match(en, /On 4 examples that it had not seen, half of its predictions of “price” are off by less than 1 €/);
  assert.match(en, /true price \(€\)/);
  assert.match(en, /area = 80 -12.3 rooms = 3 \+0.5/);
  assert.match(en, /9 in truth 4/);
  assert.match(en, /0.5000 test R²/);
});

test("names from the data are text, never markup", async () => {
  const evil = `<img src=x onerror=alert(1)>"'&`;
  const html = await renderReport({
    ...data,
    summary: { ...summary, model: evil, data: evil, device: evil, task: evil, metrics: { test: { [evil]: 1 } } },
    command: evil,
    descent: evil,
    confusion: {
      labels: [evil, "b"],
      counts: [
        [1, 1],
        [0, 1],
      ],
    },
    examples: [
      {
        ...(data.examples?.[0] as NonNullable<ReportData["examples"]>[0]),
        truth: evil,
        prediction: `${evil}!`,
        name: evil,
        scores: [{ label: evil, probability: 1 }],
      },
    ],
    notes: [evil, { en: evil, zh: evil }],
    facts: [{ label: evil, value: evil }],
    attributionMethod: evil,
  });
  checkMarkup(html);
  assert.doesNotMatch(html, /<img src=x/);
});

test("an interrupted run, with hardly anything measured, still has a report", async () => {
  const { examples: _examples, ...rest } = noClasses;
  const html = await renderReport({ ...rest, history: [], summary: { ...summary, steps: 0, stepMs: 0, metrics: {} } });
  checkMarkup(html);
  assert.doesNotMatch(textIn(html, "en"), /NaN|undefined|Infinity/);
  const diverged = await renderReport({
    ...rest,
    history: [
      { step: 1, split: "train", metrics: { loss: NaN } },
      { step: 2, split: "train", metrics: { loss: Infinity } },
    ],
  });
  checkMarkup(diverged);
});

test("fractions are read in percent, times as people say them", () => {
  assert.deepEqual(["accuracy", "macroF1", "top5", "map50", "loss", "r2", "mae"].map(isFraction), [
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  assert.equal(formatMetric("accuracy", 0.98765), "98.8 %");
  assert.equal(formatMetric("loss", 0.12345), "0.1235");
  assert.deepEqual(
    [0.0123, 12.34, 59.97, 75, 7380].map((seconds) => (formatDuration(seconds) as { en: string }).en),
    ["12.30 ms", "12.3 s", "60.0 s", "1 min 15 s", "2 h 03 min"],
  );
});
