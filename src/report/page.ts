/** @module The page around a report: one file, nothing loaded from elsewhere, light and dark, and both languages in it. */
import type { Bilingual, ChartOptions, Language } from "../charts/charts.js";
import { CHART_CSS, escapeXml } from "../charts/charts.js";
import { both } from "./words.js";

const PAGE_CSS = `
:root{color-scheme:light dark;--ink:#1b2129;--soft:#5b6672;--page:#f6f7f9;--card:#fff;--rule:#e3e6ea;--accent:#2563eb;--good:#0d8a5f;--bad:#c2410c}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa5b1;--page:#0e1116;--card:#171b22;--rule:#2b323c;--accent:#6ea8fe;--good:#4ade9d;--bad:#fb923c}}
html:has(#lang-en:checked) .zh,html:has(#lang-zh:checked) .en{display:none}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif}
main{max-width:1060px;margin:0 auto;padding:28px 24px 64px}
nav{display:flex;justify-content:flex-end;gap:4px;font-size:14px}
nav input{position:absolute;opacity:0}
nav label{padding:2px 10px;border-radius:6px;color:var(--soft);cursor:pointer}
nav input:checked+label{background:var(--card);color:var(--ink);box-shadow:0 0 0 1px var(--rule)}
nav input:focus-visible+label{outline:2px solid var(--accent)}
header p{margin:.2em 0;color:var(--soft)}
h1,h2,h3{overflow-wrap:anywhere}
h1{font-size:30px;line-height:1.25;margin:.1em 0}
h2{font-size:20px;margin:44px 0 6px}
h3{font-size:16px;margin:22px 0 4px}
p{max-width:46em;margin:.4em 0;overflow-wrap:break-word}
.lead{font-size:18px;margin-top:14px;color:var(--ink)}
.soft{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:22px 0 8px}
.tile,.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 16px}
.tile b{display:block;font-size:26px;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums;white-space:nowrap}
.tile>span{color:var(--soft);font-size:14px}
.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:14px;margin-top:10px}
.card{overflow-x:auto}
.fit{width:fit-content;max-width:100%}
.full{grid-column:1/-1}
.full .chart{min-width:560px}
@media (max-width:600px){.legible .chart{min-width:560px}}
.card>h3{margin-top:0}
.card .chart{margin:0 auto}
table{border-collapse:collapse;font-size:15px;font-variant-numeric:tabular-nums}
th,td{padding:5px 18px 5px 0;text-align:left;border-bottom:1px solid var(--rule)}
th{font-weight:600;color:var(--soft)}
thead th{white-space:nowrap}
tbody th{color:var(--ink);font-weight:500}
tr:last-child>*{border-bottom:0}
td.n,th.n{text-align:right;white-space:nowrap}
td.bar{width:140px;min-width:70px;padding-right:0}
td.bar i{display:block;height:8px;border-radius:4px;background:var(--accent)}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(224px,45%),1fr));gap:12px;margin-top:10px}
.examples.wide{grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr))}
figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px}
figure .pair{display:flex;gap:8px}
figure img{width:calc(50% - 4px);height:auto;aspect-ratio:var(--ratio,1);border-radius:4px;background:#8884}
figure img.small{image-rendering:pixelated}
figure img.whole{width:100%;aspect-ratio:auto;max-height:160px;object-fit:contain}
.examples.thumbs{grid-template-columns:repeat(auto-fill,minmax(130px,1fr))}
.thumbs figcaption{overflow-wrap:anywhere}
figcaption{font-size:14px;line-height:1.5;margin-top:8px}
figcaption b{font-weight:650}
.wrong b{color:var(--bad)}
.right b{color:var(--good)}
.scores{display:grid;grid-template-columns:auto 1fr auto;gap:1px 8px;font-size:13px;align-items:center;margin-top:5px}
.scores span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:110px}
.scores span:nth-child(3n){text-align:right}
.scores i{height:6px;border-radius:3px;background:var(--accent)}
pre{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 16px;font:14px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
footer{margin-top:44px;color:var(--soft);font-size:14px}
@media print{nav{display:none}body{background:#fff}figure,.card,.tile{break-inside:avoid}}
`;

/** A program in a page: its text, and the SHA-256 of it that the page's policy admits, in base64. */
export interface PageScript {
  readonly text: string;
  readonly sha256: string;
}

/** A whole page around `body`, which opens in `language`; a switch shows the other one, without a script. `script` runs at the end. */
export function page(title: string, body: string, language: Language, script?: PageScript): string {
  const policy = script === undefined ? "" : `; script-src 'sha256-${script.sha256}'`;
  const radio = (id: Language, name: string): string =>
    `<input type="radio" name="lang" id="lang-${id}"${id === language ? " checked" : ""}><label for="lang-${id}" lang="${id}">${name}</label>`;
  return `<!doctype html>
<html lang="${language === "zh" ? "zh-CN" : "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'${policy}">
<title>${escapeXml(title)}</title>
<style>${PAGE_CSS}${CHART_CSS}</style>
</head>
<body>
<main>
<nav aria-label="Language / 语言">${radio("en", "English")}${radio("zh", "中文")}</nav>
${body}
</main>
${script === undefined ? "" : `<script>${script.text}</script>`}
</body>
</html>
`;
}

/** A section's title. */
export const heading = (en: string, zh: string): string => `<h2>${both({ en, zh })}</h2>`;
export const paragraph = (en: string, zh: string, classes = ""): string =>
  `<p${classes === "" ? "" : ` class="${classes}"`}>${both({ en, zh })}</p>`;
/** A box around a chart or a table. */
export const card = (content: string, classes = ""): string => `<div class="${`card ${classes}`.trim()}">${content}</div>`;
/** A figure with its name. */
export const tile = (value: string, label: Bilingual): string =>
  `<div class="tile"><b>${escapeXml(value)}</b><span>${both(label)}</span></div>`;
/** Charts in the page take its style, and say both languages. */
export const chartStyle = (spoken: Language = "en"): Partial<ChartOptions> => ({ standalone: false, language: "both", spoken });
