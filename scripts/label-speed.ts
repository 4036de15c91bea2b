/**
 * @module `npm run label-speed -- [--learn] [--store postgres://…]`: the labelling page with many items, in Chromium: milliseconds from a key to the next item, and to the server's word that the
 * answer is stored; the longest task while the list of all items is scrolled from end to end. SQLite unless `--store` or `DESCENT_POSTGRES` names a PostgreSQL as well, which then has its turn.
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
  options: {
    items: { type: "string", default: "100000" },
    labels: { type: "string", default: "200" },
    learn: { type: "boolean", default: false },
    store: { type: "string" },
  },
});
const [items, labels] = [Number(values.items), Number(values.labels)];

/** Tasks of the page over 50 ms since the page was opened, as the browser reports them. */
const longTasks = (page: Page): Promise<number[]> =>
  page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks);

interface Times {
  /** Milliseconds from the key to the heading of another item. */
  readonly shown: number;
  /** … and to an outbox that the server has emptied. */
  readonly stored: number;
}

/** Presses a key and waits for another item and for an empty outbox, inside the page. */
const labelOne = (page: Page): Promise<Times> =>
  page.evaluate(async () => {
    const heading = (): string => document.querySelector("h1, h2")?.textContent ?? "";
    const before = heading();
    const start = performance.now();
    let [shown, stored] = [0, 0];
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "1", code: "Digit1", bubbles: true }));
    while (shown === 0 || stored === 0) {
      const passed = performance.now() - start;
      if (passed > 30_000) throw new Error("expected another item within 30 s");
      if (shown === 0 && /\d/.test(heading()) && heading() !== before) shown = passed;
      if (stored === 0 && localStorage.getItem("descent-outbox") === "[]") stored = passed;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return { shown, stored };
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

/** The middle, the ends. */
function spread(times: readonly number[]): Record<string, number> {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
  return { median: at(0.5), p95: at(0.95), most: sorted.at(-1) ?? NaN };
}

/** Labels, and scrolls through, the items of a database. */
async function measure(data: string, store: string): Promise<void> {
  const opening = performance.now();
  await using labelling = await startLabelling({
    data,
    scheme: { kind: "text-classes", labels: [{ name: "A" }, { name: "B" }], several: false, overlap: "none" },
    store,
    host: "127.0.0.1",
    port: 0,
    learn: values.learn,
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
    await page.getByRole("heading", { name: /^Item [\d,]+/ }).waitFor();
    const atStart = (await longTasks(page)).length;
    const times: Times[] = [];
    for (let i = 0; i < labels; i++) times.push(await labelOne(page));
    await page.goto(new URL("/items", labelling.url).href);
    await page.getByText("Text number 0,").waitFor();
    const before = (await longTasks(page)).length;
    await scrollThrough(page, 300);
    const scrolled = (await longTasks(page)).slice(before);
    console.log(
      JSON.stringify(
        {
          store: store.startsWith("postgres") ? "PostgreSQL" : "SQLite",
          learns: values.learn,
          items,
          labels,
          openSeconds,
          longTasksAtStart: atStart,
          shown: spread(times.map(({ shown }) => shown)),
          stored: spread(times.map(({ stored }) => stored)),
          scrolling: { tasksOver50: scrolled.length, longest: Math.max(0, ...scrolled) },
        },
        (_, value: unknown) => (typeof value === "number" ? Math.round(value * 10) / 10 : value),
      ),
    );
  } finally {
    await browser.close();
  }
}

const folder = await mkdtemp(join(tmpdir(), "descent-label-speed-"));
try {
  const data = join(folder, "texts.txt");
  await writeFile(data, Array.from({ length: items }, (_, i) => `Text number ${i}, to be labelled good or bad.`).join("\n"));
  await measure(data, join(folder, "labels.db"));
  const postgres = values.store ?? process.env["DESCENT_POSTGRES"];
  if (postgres === undefined) console.log("PostgreSQL: not measured; name one with --store or DESCENT_POSTGRES");
  else await measure(data, postgres);
} finally {
  await rm(folder, { recursive: true, force: true });
}
