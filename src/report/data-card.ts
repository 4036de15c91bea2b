/** @module The page of a data card, in both languages, one file without a script. */
import type { Bilingual, Language } from "../charts/charts.js";
import { escapeXml } from "../charts/charts.js";
import type { CardFile, CardStep, DataCard } from "../data/card.js";
import { formatInteger } from "../util/text.js";
import { columnSections } from "./data-page.js";
import { card, heading, page } from "./page.js";
import { both } from "./words.js";
import { own } from "../util/record.js";

const VERBS: Readonly<Record<string, Bilingual>> = {
  import: { en: "Imported", zh: "导入" },
  clean: { en: "Cleaned", zh: "清洗" },
  split: { en: "Split", zh: "划分" },
  labels: { en: "Labels checked", zh: "检查标签" },
};

const COUNTS: Readonly<Record<string, Bilingual>> = {
  rows: { en: "rows", zh: "行" },
  images: { en: "images", zh: "图像" },
  files: { en: "files", zh: "文件" },
  before: { en: "before", zh: "之前" },
  after: { en: "after", zh: "之后" },
  "exact-duplicate": { en: "exact duplicates", zh: "完全重复" },
  "near-duplicate": { en: "near duplicates", zh: "近似重复" },
  leak: { en: "leaks between parts", zh: "各部分间的泄漏" },
  conflict: { en: "duplicates with other labels", zh: "标签冲突的重复项" },
  empty: { en: "without a text", zh: "无文本" },
  mojibake: { en: "of a wrong encoding", zh: "编码错误" },
  broken: { en: "cannot be read", zh: "无法读取" },
  train: { en: "training part", zh: "训练集" },
  validation: { en: "validation part", zh: "验证集" },
  test: { en: "test part", zh: "测试集" },
};

const row = (title: string, content: string): string =>
  `<tr><th style="white-space:nowrap">${title}</th><td>${content}</td></tr>`;

function fileList(files: readonly CardFile[]): string {
  return files
    .map(
      ({ name, bytes, sha256 }) =>
        `${escapeXml(name)} <span class="soft">${formatInteger(bytes)} B · ${sha256.slice(0, 16)}…</span>`,
    )
    .join("<br>");
}

function stepCard(step: CardStep, number: number): string {
  const title = own(VERBS, step.verb) ?? step.verb;
  const counts = Object.entries(step.counts).map(([name, value]) => `${both(own(COUNTS, name) ?? name)} ${formatInteger(value)}`);
  const rows = [
    ...(step.inputs.length === 0 ? [] : [row(both({ en: "from", zh: "来源" }), fileList(step.inputs))]),
    ...(step.outputs.length === 0 ? [] : [row(both({ en: "to", zh: "结果" }), fileList(step.outputs))]),
    ...(counts.length === 0 ? [] : [row(both({ en: "counts", zh: "数量" }), counts.join(" · "))]),
    ...(step.decisions.length === 0
      ? []
      : [row(both({ en: "decisions", zh: "决定" }), step.decisions.map(escapeXml).join("<br>"))]),
  ];
  return card(
    `<h3>${number}. ${both(title)} <span class="soft">${escapeXml(step.at.slice(0, 10))} · descent ${escapeXml(step.descent)}</span></h3>` +
      `<table><tbody>${rows.join("")}</tbody></table><pre>${escapeXml(step.command)}</pre>`,
    "full",
  );
}

/** The page of a card. */
export function cardPage(data: DataCard, language: Language = "en"): string {
  const facts = [
    ...(data.description === undefined ? [] : [row(both({ en: "description", zh: "说明" }), escapeXml(data.description))]),
    row(
      both({ en: "licence", zh: "许可" }),
      data.licence === undefined ? both({ en: "not stated", zh: "未说明" }) : escapeXml(data.licence),
    ),
  ];
  const body = [
    `<header><p>${both({ en: "Data card", zh: "数据卡" })}</p><h1>${escapeXml(data.name)}</h1></header>`,
    card(`<table><tbody>${facts.join("")}</tbody></table>`),
    heading("Steps", "步骤"),
    `<div class="row">${data.steps.map((step, i) => stepCard(step, i + 1)).join("")}</div>`,
    ...(data.content === undefined ? [] : [columnSections(data.content, language)]),
  ];
  return page(data.name, body.join(""), language);
}
