/**
 * @module The example page in a fresh project: built by Vite from the packed package, with nothing beyond the documented steps, and opened in Chromium.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { chromium, type Browser } from "playwright-core";
import { executablePath, withoutChromium } from "../browser/chromium.js";
import { makeConsumer, MODULES, ROOT } from "./consumer.js";

const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", wasm: "application/wasm" };

/** Serves a folder as any static host does, without the headers that isolate a page, and without some of its files. */
async function serve(folder: string, without?: RegExp) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    try {
      if (without?.test(pathname) === true) throw new Error("left out");
      const content = readFileSync(join(folder, pathname === "/" ? "index.html" : pathname));
      response.writeHead(200, { "Content-Type": TYPES[pathname.split(".").at(-1) ?? ""] ?? "text/html" }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  // A test that fails ends all the same.
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Opens a page, waits for a text in its status line, and returns it with what the page did not catch. */
async function statusOf(browser: Browser, url: string, expected: RegExp) {
  const page = await browser.newPage();
  const uncaught: string[] = [];
  page.on("pageerror", (error) => uncaught.push(error.message));
  await page.goto(url);
  for (let k = 0; k < 300; k++) {
    const status = (await page.textContent("#status")) ?? "";
    if (expected.test(status) || uncaught.length > 0) return { page, status, uncaught };
    await page.waitForTimeout(100);
  }
  return { page, status: "", uncaught };
}

if (withoutChromium !== undefined) test("pages", { skip: withoutChromium });
else {
  const consumer = makeConsumer();
  consumer.link("onnxruntime-web", "vite");
  const browser = chromium.launch({ executablePath: executablePath as string, args: ["--headless", "--no-sandbox"] });
  after(async () => {
    await (await browser).close();
    consumer.remove();
  });
  const built = join(consumer.folder, "dist");

  test("the example page is built by Vite without any setting", () => {
    cpSync(join(ROOT, "examples", "page"), consumer.folder, { recursive: true });
    const vite = spawnSync(process.execPath, [join(MODULES, "vite", "bin", "vite.js"), "build", "--logLevel", "warn"], {
      cwd: consumer.folder,
      encoding: "utf8",
    });
    assert.equal(vite.status, 0, vite.stderr);
    const tsc = spawnSync(process.execPath, [join(MODULES, "typescript", "bin", "tsc"), "-p", consumer.folder], {
      encoding: "utf8",
    });
    assert.equal(tsc.status, 0, tsc.stdout);
  });

  test("it trains and predicts in a page without isolation, and trains on a visitor's table", async () => {
    const url = await serve(built);
    const { page, status, uncaught } = await statusOf(await browser, url, /points right/);
    assert.deepEqual(uncaught, []);
    assert.match(status, /^9[5-9]\.\d % of 600 points right, 720 steps in [\d.]+ s on wasm$/);
    const rows = Array.from({ length: 90 }, (_, i) => `${i},${i % 7},${i > 44 ? "x" : "y"}`);
    await page.setInputFiles("#file", {
      name: "visitor.csv",
      mimeType: "text/csv",
      buffer: Buffer.from(["a,b,label", ...rows].join("\n")),
    });
    await page.waitForFunction(() => /held-out|expected/.test(document.querySelector("#status")?.textContent ?? ""));
    assert.match((await page.textContent("#status")) ?? "", /^visitor\.csv: (100|[89]\d)\.\d % of the held-out rows right$/);
  });

  test("where a bundler left the engine's files out, they are named, with the line that copies them", async () => {
    const url = await serve(built, /threaded.*wasm$/);
    const { uncaught } = await statusOf(await browser, url, /points right/);
    assert.match(
      uncaught.join(),
      /engine on wasm: expected ort-wasm-simd-threaded\.wasm beside the page's script, got none; copy it to where the script is served: cp node_modules\/onnxruntime-web\/dist\/ort-wasm-simd-threaded\.wasm dist\/assets\/ort-wasm-simd-threaded-[\w-]+\.wasm /,
    );
  });
}
