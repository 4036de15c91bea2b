/**
 * @module `npm run label-speed`: the labelling page with many items, in Chromium: milliseconds from a key to the next item, and the longest task while the list
 * of all items is scrolled from end to end.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import type { Page } from "playwright-core";
import { startLabelling } from "../src/label/labelling.js";
import { executablePath } from "../test/browser/chromium.js";

const { values } = parseArgs({
  options: { items: { type: "string", default: "100000" }, labels: { type: "string", default: "200" } },
});
const [items, labels] = [Number(values.items), Number(values.labels)];

/** Tasks of the page over 50 ms since the page was opened, as the browser reports them. */
const longTasks = (page: Page): Promise<number[]> =>
  page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks);

/** Presses a key and waits for the heading of another item, inside the page; the answer is stored meanwhile. */
const labelOne = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const heading = (): string => document.querySelector("h1, h2")?.textContent ?? "";
    const before = heading();
    const start = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "1", code: "Digit1", bubbles: true }));
    while (heading() === before) await new Promise((resolve) => requestAnimationFrame(resolve));
    return performance.now() - start;
  });

async function scrollThrough(page: Page, steps: number): Promise<void> {
  await page.evaluate(async (count) => {
    const list = [...document.querySelectorAll("*")].find(
      (element) => element.scrollHeight > 50_000 && getComputedStyle(element).overflowY !== "visible",
    );
    const target = list ?? document.scrollingElement;
    if (target === null || target.scrollHeight < 50_000) throw new Error("expected a list that scrolls");
    for (let i = 0; i <= count; i++) {
      target.scrollTop = ((target.scrollHeight - target.clientHeight) * i) / count;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }, steps);
}

const folder = await mkdtemp(join(tmpdir(), "descent-label-speed-"));
try {
  const data = join(folder, "texts.txt");
  await writeFile(data, Array.from({ length: items }, (_, i) => `Text number ${i}, to be labelled good or bad.`).join("\n"));
  const opening = performance.now();
  const scheme = {
    kind: "text-classes" as const,
    labels: [{ name: "A" }, { name: "B" }],
    several: false,
    overlap: "none" as const,
  };
  await using labelling = await startLabelling({
    data,
    scheme,
    store: join(folder, "labels.db"),
    host: "127.0.0.1",
    port: 0,
    learn: false,
  });
  const openSeconds = (performance.now() - opening) / 1000;
  const browser = await chromium.launch({ executablePath: executablePath as string, args: ["--headless", "--no-sandbox"] });
  try {
    const page = await browser.newPage();
    await page.addInitScript(() => {
      const found: number[] = [];
      (globalThis as unknown as { longTasks: number[] }).longTasks = found;
      new PerformanceObserver((list) => found.push(...list.getEntries().map(({ duration }) => duration))).observe({
        type: "longtask",
        buffered: true,
      });
    });
    await page.goto(labelling.url);
    await page.getByRole("heading", { name: /^Item 1\b/ }).waitFor();
    const atStart = (await longTasks(page)).length;
    const times: number[] = [];
    for (let i = 0; i < labels; i++) times.push(await labelOne(page));
    times.sort((a, b) => a - b);
    await page.goto(new URL("/items", labelling.url).href);
    await page.getByText("Text number 0,").waitFor();
    const before = (await longTasks(page)).length;
    await scrollThrough(page, 300);
    const scrolled = (await longTasks(page)).slice(before);
    const quantile = (q: number): number => times[Math.min(times.length - 1, Math.floor(q * times.length))] ?? NaN;
    console.log(
      JSON.stringify(
        {
          items,
          openSeconds,
          longTasksAtStart: atStart,
          nextItem: { labels, median: quantile(0.5), p95: quantile(0.95), most: times.at(-1) },
          scrolling: { tasksOver50: scrolled.length, longest: Math.max(0, ...scrolled) },
        },
        (_, value: unknown) => (typeof value === "number" ? Math.round(value * 10) / 10 : value),
      ),
    );
  } finally {
    await browser.close();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
