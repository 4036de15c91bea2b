/**
 * The page of explanations in Chromium: its numbers by keyboard, and its width on a telephone.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, test } from "node:test";
import { chromium, type Page } from "playwright-core";
import type { PageInput, PageMap } from "../../src/report/explanation-page.js";
import { explanationPage } from "../../src/report/explanation-page.js";
import { executablePath, withoutChromium } from "./chromium.js";

const mapOf = (values: readonly number[]): PageMap => ({
  method: "saliency",
  title: { en: "Saliency", zh: "显著图" },
  target: "cat",
  score: 1,
  values,
  figures: [],
  remarks: [{ en: "Baseline: all features 0.", zh: "基线：所有特征为 0。" }],
});
const input = (name: string, shown: PageInput["shown"], values: readonly number[]): PageInput => ({
  name,
  shown,
  maps: [mapOf(values)],
  missing: [],
});

const LONG = "the_length_of_the_sepal_measured_in_centimetres_by_hand";
const pixels = { width: 40, height: 30, channels: 1, data: new Uint8Array(1200), maximum: 255 } as const;
const tokens = Array.from({ length: 12 }, (_, i) => `token${i}`);
const INPUTS = [
  input(
    "photo.png",
    { kind: "image", image: pixels },
    Array.from({ length: 1200 }, (_, i) => i / 1200),
  ),
  input("warm and funny", { kind: "text", text: "warm and funny", offsets: [0, 4, 5, 8, 9, 14] }, [0.0716, -0.5, 1.003]),
  input("row", { kind: "features", names: [LONG, "b"], values: ["5.1", "2"] }, [-0.0716, 1.623]),
  input(
    "text",
    { kind: "matrix", sources: tokens, targets: tokens },
    Array.from({ length: 144 }, (_, i) => i / 100),
  ),
];

if (withoutChromium !== undefined) test("the page of explanations", { skip: withoutChromium });
else {
  const folder = mkdtempSync(join(tmpdir(), "descent-explanations-"));
  const browser = chromium.launch({ executablePath: executablePath as string, args: ["--headless", "--no-sandbox"] });
  after(async () => {
    await (await browser).close();
    rmSync(folder, { recursive: true });
  });

  const open = async (width: number): Promise<Page> => {
    const path = join(folder, "page.html");
    writeFileSync(path, await explanationPage(`runs/${LONG}/${LONG}`, INPUTS, "en"));
    const page = await (await browser).newPage({ viewport: { width, height: 700 }, colorScheme: "dark" });
    await page.goto(pathToFileURL(path).href);
    await page.waitForSelector("#inputs section:nth-child(4) figure");
    return page;
  };
  const probe = (page: Page): Promise<string | undefined> =>
    page.evaluate(() => document.activeElement?.closest("figure")?.querySelector(".probe")?.textContent ?? undefined);
  const press = async (page: Page, ...keys: readonly string[]): Promise<string | undefined> => {
    for (const key of keys) await page.keyboard.press(key);
    return probe(page);
  };
  /** Presses the tabulator until an element of a selector has the focus. */
  const tabTo = async (page: Page, selector: string): Promise<void> => {
    for (let k = 0; k < 60; k++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)) return;
    }
    assert.fail(`no ${selector} by the tabulator`);
  };

  test("every number is read with the tabulator and the arrow keys", async () => {
    const page = await open(1000);
    await tabTo(page, "canvas");
    assert.match((await probe(page)) ?? "", /^\(20, 15\): /);
    assert.match((await press(page, "ArrowRight", "ArrowDown")) ?? "", /^\(21, 16\): /);
    assert.match((await press(page, "Shift+ArrowLeft")) ?? "", /^\(11, 16\): /);
    await tabTo(page, ".shaded span");
    assert.equal(await probe(page), "warm: 0.0716");
    assert.equal(await press(page, "ArrowRight"), "and: -0.5");
    assert.equal(await press(page, "End"), "funny: 1");
    // A text is one stop, whatever its length.
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), "SUMMARY");
    assert.equal(await press(page, "Enter"), "funny: 1");
    assert.equal(await page.evaluate(() => document.activeElement?.parentElement?.hasAttribute("open")), true);
    await tabTo(page, ".matrix");
    assert.equal(await probe(page), "token0 → token0: 0");
    assert.equal(await press(page, "Shift+ArrowRight", "ArrowDown"), "token10 → token1: 0.22");
    await page.close();
  });

  test("numbers of words and columns are those that were computed", async () => {
    const page = await open(1000);
    const bars = await page.locator(".bars > span").allTextContents();
    assert.deepEqual(bars, ["b = 2", "1.62", `${LONG} = 5.1`, "-0.0716"]);
    await page.close();
  });

  test("it is as wide as a telephone, and the cell that the keys are at is seen", async () => {
    const page = await open(375);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375);
    await tabTo(page, ".matrix");
    await press(page, "Shift+ArrowRight", "ArrowRight");
    assert.ok(
      await page.evaluate(() => {
        const [cell, frame] = [".matrix td.at", ".matrix"].map((one) => document.querySelector(one)?.getBoundingClientRect());
        return cell !== undefined && frame !== undefined && cell.right <= frame.right + 1 && cell.left >= frame.left;
      }),
    );
    await page.close();
  });

  test("what was decided is said in the page's language", async () => {
    const page = await open(1000);
    await page.locator("details summary").first().click();
    const said = page.locator("details[open] p").first();
    assert.equal(await said.innerText(), "Baseline: all features 0.");
    await page.focus("#lang-en");
    await page.keyboard.press("ArrowRight");
    assert.equal(await said.innerText(), "基线：所有特征为 0。");
    await page.close();
  });

  test("pictures are called what the page's language calls them", async () => {
    const page = await open(375);
    const called = (): Promise<string | null> => page.getAttribute("canvas", "aria-label");
    assert.equal(await called(), "photo.png, Saliency");
    await page.focus("#lang-en");
    await page.keyboard.press("ArrowRight");
    assert.equal(await called(), "photo.png，显著图");
    await page.close();
  });
}
