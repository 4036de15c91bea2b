/**
 * @module Opens pages of the built site in Chromium, as a reader does: home, a document in Chinese, a page of the reference, the search in both languages. Nothing may
 * be asked of another host, and no script may fail. `node look.mjs [FOLDER]`: pictures go to FOLDER.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { findChromium } from "../scripts/chromium.mjs";

const DIST = join(import.meta.dirname, "dist");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".png": "image/png", ".woff2": "font/woff2" };
/** Pages, and words that stand there. */
const PAGES = [
  ["", "ONNX Runtime", "home"],
  ["zh/", "神经网络", "home-zh"],
  ["getting-started.html", "Five minutes with a table", "document"],
  ["zh/tables.html", "表格", "document-zh"],
  ["zh/runtime.html", "只有英文", "english-in-zh"],
  ["api/", "descentjs/optim", "modules"],
  ["api/descentjs/optim.html", "adamW", "module"],
  ["zh/api/descentjs/train.html", "trainingStep", "module-zh"],
];
/** What a reader looks for, and where that has to be found. */
const SEARCHES = [
  ["", "cosine", /optim\.html#cosine/],
  ["", "trainingStep", /api\/descentjs\/train\.html#trainingstep/],
  ["", "Docker", /deployment\.html#docker/],
  ["zh/", "学习率", /zh\/(?!api)/],
  ["zh/", "混淆矩阵", /zh\/(?!api)/],
  ["zh/", "量化", /zh\/compression\.html/],
  ["zh/", "crossEntropy", /zh\/api\/descentjs\/losses\.html/],
];

const pictures = process.argv[2];
const executablePath = findChromium();
if (executablePath === undefined) {
  console.error("site: no Chromium: its pages are not opened");
  process.exit(0);
}
const server = createServer((request, response) => {
  const asked = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
  const file = asked.endsWith("/") ? `${asked}index.html` : asked;
  const path = join(DIST, file);
  if (!existsSync(path)) return response.writeHead(404).end();
  return response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" }).end(readFileSync(path));
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const origin = `http://127.0.0.1:${server.address().port}/`;

const problems = [];
const browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
page.on("pageerror", ({ message }) => problems.push(`${page.url()}: ${message}`));
page.on("console", (message) => message.type() === "error" && problems.push(`${page.url()}: ${message.text()}`));
page.on(
  "request",
  (request) =>
    /^(?:data|blob):/.test(request.url()) ||
    request.url().startsWith(origin) ||
    problems.push(`${page.url()}: asks ${request.url()}`),
);
const picture = async (name) => pictures && (await page.screenshot({ path: join(pictures, `${name}.png`) }));

for (const [path, words, name] of PAGES) {
  await page.goto(origin + path);
  await page.waitForLoadState("networkidle");
  if (!(await page.textContent("main")).includes(words)) problems.push(`${path}: expected "${words}"`);
  await picture(name);
}
for (const [i, [path, words, expected]] of SEARCHES.entries()) {
  await page.goto(origin + path);
  await page.locator(".VPNavBarSearch button").first().click();
  await page.fill("#localsearch-input", words);
  const found = await page
    .waitForSelector(".results a.result", { timeout: 120_000 })
    .then(() => page.locator(".results a.result").evaluateAll((links) => links.slice(0, 10).map(({ href }) => href)))
    .catch(() => []);
  if (!found.some((link) => expected.test(link)))
    problems.push(`search for "${words}": expected ${expected}, got ${found.join(" ") || "nothing"}`);
  await picture(`search-${i}`);
}
await browser.close();
server.close();
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(
  `site: ${PAGES.length} pages opened in Chromium, ${SEARCHES.length} searches found what they should; nothing was asked of another host`,
);
