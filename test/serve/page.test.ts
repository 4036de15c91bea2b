/**
 * @module The page of `descent serve` in Chromium: the command that it shows is what it sends, and what goes wrong is said in its own words.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { listen } from "../../src/http/listen-node.js";
import { createHandler } from "../../src/serve/index.js";
import { executablePath, withoutChromium } from "../browser/chromium.js";

const described = { inputs: [], outputs: [], remarks: [] };
const engine = (description: object) => ({ description: { ...described, ...description } }) as never;
const MODELS = [
  {
    name: "text",
    version: "1",
    isReady: true,
    engine: engine({ task: "language-modeling", takes: "prompt", capabilities: ["generate"] }),
  },
  {
    name: "rows",
    version: "1",
    isReady: true,
    engine: engine({ task: "tabular-regression", takes: "table", capabilities: ["predict"], classes: [] }),
  },
];

test("the page of a server", { skip: withoutChromium }, async () => {
  const handler = createHandler({ models: { list: () => MODELS, engineFor: () => Promise.reject(new Error("none")) } });
  const server = await listen(handler.fetch, { host: "127.0.0.1", port: 0 });
  const browser = await chromium.launch({ executablePath: executablePath as string, args: ["--headless", "--no-sandbox"] });
  try {
    const page = await browser.newPage({ locale: "en" });
    await page.goto(server.url);
    await page.fill("#inputs textarea", "to be");
    const shown = await page.innerText("#curl");
    assert.match(shown, /\/v1\/completions -d '\{"model":"text","prompt":"to be"/);
    const sent = page.waitForRequest((request) => request.method() === "POST");
    await page.click("form button");
    assert.ok(shown.includes(new URL((await sent).url()).pathname));
    await page.selectOption("#model", { label: "rows" });
    assert.equal(await page.innerText("#about"), "tabular-regression · takes rows of a table");
    await page.fill("#inputs textarea", "no JSON");
    await page.click("form button");
    await page.waitForSelector("#answer .failure");
    assert.match(await page.innerText("#answer"), /^row: expected an object of columns in JSON, such as/);
    await server.close(0);
    await page.fill("#inputs textarea", '{"a": 1}');
    await page.click("form button");
    await page.waitForFunction(() => /is it running/.test(document.querySelector("#answer")?.textContent ?? ""));
  } finally {
    await browser.close();
    await server.close(0).catch(() => undefined);
  }
});
