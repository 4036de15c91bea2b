/**
 * @module `npm run label-speed -- [--learn] [--store postgres://…]`: the labelling page with many items, in Chromium: milliseconds from a key to the next item, and to the server's word that the
 * answer is stored; the longest task while the list of all items is scrolled, from end to end by its bar and a way by the wheel, with few answers and with all. SQLite unless `--store` or `DESCENT_POSTGRES` names a PostgreSQL as well, which then has its turn.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { sql } from "kysely";
import { chromium } from "playwright-core";
import type { Page } from "playwright-core";
import { startLabelling } from "../src/label/labelling.js";
import { openStore } from "../src/store/store.js";
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

/** Milliseconds of the page's tasks over 50 ms that began since a time of its clock, as the browser reports them: a moment later. */
async function longTasks(page: Page, since = 0): Promise<number[]> {
  await page.waitForTimeout(300);
  return page.evaluate(
    (from) =>
      (globalThis as unknown as { longTasks: PerformanceEntry[] }).longTasks
        .filter(({ startTime }) => startTime >= from)
        .map(({ duration }) => duration),
    since,
  );
}

interface Times {
  /** Milliseconds from the key to the heading of another item. */
  readonly shown: number;
  /** … and to an outbox that the server has emptied. */
  readonly stored: number;
}

/** Presses a key and waits for another item and for an empty outbox, inside the page. */
const labelOne = (page: Page): Promise<Times> =>
  page.evaluate(async () => {
    const heading = (): string => document.querySelector("h2")?.textContent ?? "";
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

/** Turns the wheel over the list. */
async function turnWheel(page: Page, notches: number): Promise<void> {
  await page.getByRole("region", { name: "Items" }).hover();
  for (let i = 0; i < notches; i++) {
    await page.mouse.wheel(0, 120);
    await new Promise((resolve) => setTimeout(resolve, 16));
  }
}

/** Opens the list anew, and finds its tasks over 50 ms while it scrolls. */
async function scrolling(page: Page, url: string, scroll: () => Promise<void>) {
  await page.goto(new URL("/items", url).href);
  await page.getByText("Text number 0,").waitFor();
  const began = await page.evaluate(() => performance.now());
  await scroll();
  const found = await longTasks(page, began);
  return { tasksOver50: found.length, longest: Math.max(0, ...found) };
}

/** Gives each item an answer, so that the list has as much to show as it ever has. */
async function answerAll(where: string): Promise<void> {
  await using store = await openStore(where);
  await sql`insert into annotation (project, position, person, value, state, seconds, revision, updated_at)
    select item.project, item.position, 'me', '{"classes":["A"]}', 'submitted', 1, 1, '2026-01-01T00:00:00.000Z' from item
    where not exists (select 1 from annotation where annotation.project = item.project and annotation.position = item.position)`.execute(
    store.db,
  );
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
      const found: PerformanceEntry[] = [];
      (globalThis as unknown as { longTasks: PerformanceEntry[] }).longTasks = found;
      new PerformanceObserver((list) => found.push(...list.getEntries())).observe({
        type: "longtask",
        buffered: true,
      });
    });
    await page.goto(labelling.url);
    await page.getByRole("heading", { name: /^Item [\d,]+/ }).waitFor();
    const atStart = (await longTasks(page)).length;
    const times: Times[] = [];
    for (let i = 0; i < labels; i++) times.push(await labelOne(page));
    const list = {
      bar: await scrolling(page, labelling.url, () => scrollThrough(page, 300)),
      wheel: await scrolling(page, labelling.url, () => turnWheel(page, 300)),
    };
    await answerAll(store);
    const answered = {
      bar: await scrolling(page, labelling.url, () => scrollThrough(page, 300)),
      wheel: await scrolling(page, labelling.url, () => turnWheel(page, 300)),
    };
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
          scrolling: { ...list, allAnswered: answered },
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
