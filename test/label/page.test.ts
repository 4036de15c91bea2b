/** @module The page of `descent label` in a real Chromium: each kind of labelling by mouse and by the keys alone, in both languages, without axe's complaints. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";
import sharp from "sharp";
import { startLabelling } from "../../src/label/labelling.js";
import type { Labelling, LabellingOptions } from "../../src/label/labelling.js";
import type { Kind, Scheme, Value } from "../../src/label/scheme.js";
import { openStore } from "../../src/store/store.js";
import { executablePath, withoutChromium } from "../browser/chromium.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SENTENCES = [
  "Ada Lovelace met Charles Babbage in London.",
  "张伟在北京大学工作。",
  "Nobody was there.",
  "The end came soon.",
];

if (withoutChromium !== undefined) test("the labelling page", { skip: withoutChromium });
else
  describe("the labelling page", () => {
    let folder = "";
    let browser: Browser;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "descent-label-"));
      await writeFile(join(folder, "texts.txt"), `${SENTENCES.join("\n")}\n`);
      const pictures = join(folder, "pictures");
      await mkdir(pictures);
      for (const [i, color] of ["#a33", "#3a3", "#33a"].entries())
        await sharp({ create: { width: 400, height: 300, channels: 3, background: color } })
          .png()
          .toFile(join(pictures, `${i}.png`));
      browser = await chromium.launch({ executablePath: executablePath as string, args: ["--headless", "--no-sandbox"] });
    });
    after(async () => {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    });

    let stores = 0;
    /** Opens a labelling of a kind in a page, and reads its annotations. */
    async function opened(kind: Kind, change: Partial<LabellingOptions> = {}, language: "en" | "zh" = "en") {
      const isImage = ["image-classes", "boxes", "polygons"].includes(kind);
      const store = join(folder, `store-${stores++}.db`);
      const labelling: Labelling = await startLabelling({
        data: isImage ? join(folder, "pictures") : join(folder, "texts.txt"),
        scheme: { kind, labels: [{ name: "A" }, { name: "B" }], several: false, overlap: "nested" },
        store,
        host: "127.0.0.1",
        port: 0,
        learn: false,
        ...change,
      });
      const context = await browser.newContext({
        locale: language === "zh" ? "zh-CN" : "en-GB",
        viewport: { width: 1100, height: 800 },
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      await page.goto(labelling.url);
      return {
        page,
        context,
        labelling,
        complaints,
        async values(): Promise<Value[]> {
          await using database = await openStore(store);
          const rows = await database.db.selectFrom("annotation").select("value").orderBy("position").execute();
          return rows.map(({ value }) => JSON.parse(value) as Value);
        },
        async [Symbol.asyncDispose]() {
          await context.close();
          await labelling[Symbol.asyncDispose]();
        },
      };
    }

    const stored = (page: Page) =>
      page
        .getByRole("status")
        .filter({ hasText: /^(Stored|已保存)$/ })
        .waitFor();
    const item = (page: Page, n: number) =>
      page.getByRole("heading", { name: new RegExp(`^(Item ${n}|第 ${n} 条)( ·|$)`) }).waitFor();

    /** Where a character of the text is on the page. */
    const placeOf = (page: Page, at: number): Promise<{ x: number; y: number }> =>
      page.evaluate((offset) => {
        const walker = document.createTreeWalker(document.querySelector(".marked") as Element, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(), before = 0; node !== null; node = walker.nextNode()) {
          const length = node.textContent?.length ?? 0;
          if (node.parentElement?.dataset["start"] === undefined) continue;
          if (offset <= before + length) {
            const range = document.createRange();
            range.setStart(node, offset - before);
            range.setEnd(node, offset - before);
            const { left, top, height } = range.getBoundingClientRect();
            return { x: left, y: top + height / 2 };
          }
          before += length;
        }
        throw new Error("no such place");
      }, at);
    /** Selects characters of the text with the mouse. */
    async function select(page: Page, from: number, to: number): Promise<void> {
      const [a, b] = [await placeOf(page, from), await placeOf(page, to)];
      await page.mouse.move(a.x + 1, a.y);
      await page.mouse.down();
      await page.mouse.move(b.x, b.y, { steps: 5 });
      await page.mouse.up();
    }

    async function axe(page: Page): Promise<string[]> {
      await page.evaluate(AXE);
      return page.evaluate(async () => {
        const { axe: run } = globalThis as unknown as {
          axe: { run(): Promise<{ violations: { impact: string; id: string; nodes: { html: string }[] }[] }> };
        };
        const { violations } = await run.run();
        return violations
          .filter(({ impact }) => impact === "serious" || impact === "critical")
          .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      });
    }

    for (const language of ["en", "zh"] as const) {
      test(`classes by a click and by keys, undone, skipped (${language})`, async () => {
        await using own = await opened("text-classes", {}, language);
        const { page } = own;
        await item(page, 1);
        await page.getByRole("button", { name: /^A/ }).click();
        await item(page, 2);
        await page.keyboard.press("2");
        await item(page, 3);
        await page.keyboard.press("s");
        await item(page, 4);
        await stored(page);
        assert.deepEqual(await own.values(), [{ classes: ["A"] }, { classes: ["B"] }, { classes: [] }]);
        await page.keyboard.press("u");
        await item(page, 3);
        await page.keyboard.press("1");
        await item(page, 4);
        await page.keyboard.press("1");
        await page.getByText(language === "en" ? "Everything is labelled." : "全部标完了。").waitFor();
        await stored(page);
        assert.equal((await own.values()).length, 4);
        assert.deepEqual(await axe(page), []);
        assert.deepEqual(own.complaints, []);
      });
    }

    test("spans by the keys: a word, several words, one inside another, removed", async () => {
      await using own = await opened("spans");
      const { page } = own;
      await item(page, 1);
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("Shift+ArrowRight");
      await page.keyboard.press("1");
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("2");
      assert.deepEqual(await axe(page), []);
      await page.keyboard.press("Enter");
      await item(page, 2);
      await stored(page);
      const spans = [
        { start: 0, end: 12, label: "A" },
        { start: 0, end: 3, label: "B" },
      ];
      assert.deepEqual(await own.values(), [{ spans }]);
      assert.deepEqual(own.complaints, []);
    });

    test("spans with the mouse: selected, marked with the chosen label, removed by its tag", async () => {
      await using own = await opened("spans");
      const { page } = own;
      await item(page, 1);
      await page.getByRole("button", { name: /^B/ }).click();
      await select(page, 17, 32);
      await page.getByRole("button", { name: "B: Charles Babbage" }).waitFor();
      await select(page, 36, 42);
      await page.getByRole("button", { name: "B: London" }).click();
      await page.keyboard.press("Enter");
      await item(page, 2);
      await stored(page);
      assert.deepEqual(await own.values(), [{ spans: [{ start: 17, end: 32, label: "B" }] }]);
    });

    test("a predicate and its arguments by the keys", async () => {
      await using own = await opened("frames");
      const { page } = own;
      await item(page, 1);
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("p");
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("Shift+ArrowLeft");
      await page.keyboard.press("1");
      assert.deepEqual(await axe(page), []);
      await page.keyboard.press("Enter");
      await item(page, 2);
      await stored(page);
      const frame = { predicate: { start: 13, end: 16 }, arguments: [{ start: 0, end: 12, label: "A" }] };
      assert.deepEqual(await own.values(), [{ frames: [frame] }]);
    });

    test("an image's class by its key", async () => {
      await using own = await opened("image-classes");
      const { page } = own;
      await item(page, 1);
      await page.getByRole("img", { name: "0.png" }).waitFor();
      await page.keyboard.press("2");
      await item(page, 2);
      await stored(page);
      assert.deepEqual(await own.values(), [{ classes: ["B"] }]);
      assert.deepEqual(await axe(page), []);
    });

    test("a box drawn with the mouse, another with the keys", async () => {
      await using own = await opened("boxes");
      const { page } = own;
      await item(page, 1);
      const image = page.getByRole("img", { name: "0.png" });
      await image.waitFor();
      await page.locator(".a9s-annotationlayer").waitFor();
      const box = await image.boundingBox();
      assert.ok(box !== null);
      const scale = box.width / 400;
      await page.mouse.move(box.x + 40 * scale, box.y + 30 * scale);
      await page.mouse.down();
      await page.mouse.move(box.x + 140 * scale, box.y + 130 * scale, { steps: 6 });
      await page.mouse.up();
      await page.getByRole("button", { name: /^A \(/ }).waitFor();
      await page.keyboard.press("n");
      await page.keyboard.press("2");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("Shift+ArrowDown");
      await page.keyboard.press("Enter");
      await item(page, 2);
      await stored(page);
      const [value] = await own.values();
      assert.ok(value !== undefined && "boxes" in value);
      const [drawn, keyed] = value.boxes;
      assert.ok(drawn !== undefined && keyed !== undefined);
      const near = (a: number, b: number): boolean => Math.abs(a - b) <= 3;
      assert.ok(
        near(drawn.x, 40) && near(drawn.y, 30) && near(drawn.width, 100) && near(drawn.height, 100),
        JSON.stringify(drawn),
      );
      assert.deepEqual(keyed, { x: 158, y: 112.5, width: 100, height: 83, label: "B" });
      assert.deepEqual(own.complaints, []);
    });

    test("a polygon with the keys", async () => {
      await using own = await opened("polygons");
      const { page } = own;
      await item(page, 1);
      await page.locator(".a9s-annotationlayer").waitFor();
      for (const key of ["n", "Space", "ArrowRight", "Space", "ArrowDown", "Space", "Enter"]) await page.keyboard.press(key);
      await page.getByRole("button", { name: /^A \(/ }).waitFor();
      assert.deepEqual(await axe(page), []);
      await page.keyboard.press("Enter");
      await item(page, 2);
      await stored(page);
      const points = [
        [200, 150],
        [208, 150],
        [208, 158],
      ];
      assert.deepEqual(await own.values(), [{ polygons: [{ points, label: "A" }] }]);
    });

    test("several classes by keys, then by clicks in Chinese", async () => {
      const several = {
        kind: "text-classes",
        labels: [{ name: "A" }, { name: "B" }],
        several: true,
        overlap: "none",
      } satisfies Scheme;
      await using own = await opened("text-classes", { scheme: several }, "zh");
      const { page } = own;
      await item(page, 1);
      for (const key of ["1", "2", "Enter"]) await page.keyboard.press(key);
      await item(page, 2);
      for (const name of [/^A/, /^B/, /^A/, /^提交/]) await page.getByRole("button", { name }).click();
      await item(page, 3);
      await stored(page);
      assert.deepEqual(await own.values(), [{ classes: ["A", "B"] }, { classes: ["B"] }]);
      assert.deepEqual(await axe(page), []);
    });

    test("a predicate and its arguments with the mouse, in Chinese", async () => {
      await using own = await opened("frames", {}, "zh");
      const { page } = own;
      await item(page, 1);
      await select(page, 13, 16);
      await page.getByRole("button", { name: /^谓词/ }).first().click();
      await select(page, 17, 32);
      await page.getByRole("button", { name: /^B/ }).click();
      await page.getByRole("button", { name: /^met B：Charles Babbage/ }).waitFor();
      await page.getByRole("button", { name: /^提交/ }).click();
      await item(page, 2);
      await stored(page);
      const frame = { predicate: { start: 13, end: 16 }, arguments: [{ start: 17, end: 32, label: "B" }] };
      assert.deepEqual(await own.values(), [{ frames: [frame] }]);
      assert.deepEqual(await axe(page), []);
    });

    test("an image's class by a click, in Chinese", async () => {
      await using own = await opened("image-classes", {}, "zh");
      const { page } = own;
      await item(page, 1);
      await page.getByRole("button", { name: /^A/ }).click();
      await item(page, 2);
      await stored(page);
      assert.deepEqual(await own.values(), [{ classes: ["A"] }]);
    });

    test("a polygon with the mouse, in Chinese", async () => {
      await using own = await opened("polygons", {}, "zh");
      const { page } = own;
      await item(page, 1);
      await page.locator(".a9s-annotationlayer").waitFor();
      const image = await page.getByRole("img", { name: "0.png" }).boundingBox();
      assert.ok(image !== null);
      const scale = image.width / 400;
      for (const [x, y] of [
        [40, 40],
        [140, 40],
        [140, 120],
        [40, 40],
      ] as const) {
        await page.mouse.move(image.x + x * scale, image.y + y * scale, { steps: 4 });
        await page.mouse.down();
        await page.waitForTimeout(50);
        await page.mouse.up();
        await page.waitForTimeout(350);
      }
      await page.getByRole("button", { name: /^A \(/ }).waitFor();
      await page.getByRole("button", { name: /^提交/ }).click();
      await item(page, 2);
      await stored(page);
      const [value] = await own.values();
      assert.ok(value !== undefined && "polygons" in value);
      const points = value.polygons[0]?.points.map(([x, y]) => [Math.round(x / 10) * 10, Math.round(y / 10) * 10]);
      assert.deepEqual(points, [
        [40, 40],
        [140, 40],
        [140, 120],
      ]);
    });

    test("each of forty items is shown once, however slow the server is, and nothing is asked for at the end", async () => {
      const data = join(folder, "forty.txt");
      await writeFile(data, Array.from({ length: 40 }, (_, i) => `Text ${i}`).join("\n"));
      await using own = await opened("text-classes", { data });
      const { page } = own;
      let asked = 0;
      await page.route("**/api/next?*", async (route) => {
        asked++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        await route.continue();
      });
      for (let n = 1; n <= 40; n++) {
        await item(page, n);
        await page.keyboard.press(n % 2 === 0 ? "1" : "2");
      }
      await page.getByText("Everything is labelled.").waitFor();
      await stored(page);
      const before = asked;
      assert.ok(before <= 41, `asked ${before} times`);
      await page.waitForTimeout(500);
      assert.equal(asked, before);
      const values = await own.values();
      assert.deepEqual(
        values,
        values.map((_, i) => ({ classes: [i % 2 === 0 ? "B" : "A"] })),
      );
      assert.equal(values.length, 40);
    });

    test("a lost connection: the answer is kept in the page and sent again", async () => {
      await using own = await opened("text-classes");
      const { page, context } = own;
      await item(page, 1);
      await context.setOffline(true);
      await page.keyboard.press("1");
      await item(page, 2);
      await page
        .getByRole("status")
        .filter({ hasText: /No connection: 1 kept here/ })
        .waitFor();
      assert.deepEqual(await own.values(), []);
      for (const n of [2, 3]) {
        await item(page, n);
        await page.keyboard.press("2");
      }
      await page.getByRole("alert").filter({ hasText: "the server does not answer" }).waitFor();
      await context.setOffline(false);
      await item(page, 4);
      await stored(page);
      assert.deepEqual(await own.values(), [{ classes: ["A"] }, { classes: ["B"] }, { classes: ["B"] }]);
    });

    test("a team: an owner joins by the link, invites somebody, and both label", async () => {
      await using own = await opened("text-classes", { team: true, overlap: 2 });
      const { page, labelling } = own;
      await page.getByRole("button", { name: "Sign in" }).waitFor();
      assert.deepEqual(await axe(page), []);
      const join = async (tab: Page, link: string, name: string): Promise<void> => {
        await tab.goto(link);
        await tab.getByLabel("Name").fill(name);
        await tab.getByLabel("Password").fill("a long enough password");
        await tab.getByRole("button", { name: "Join" }).click();
        await item(tab, 1);
      };
      await join(page, labelling.invitation ?? "", "Ann");
      await page.getByRole("link", { name: "Team" }).click();
      await page.getByRole("button", { name: "Invite" }).click();
      const link = (await page.locator("code.link").textContent()) ?? "";
      assert.deepEqual(await axe(page), []);
      const other = await (await browser.newContext()).newPage();
      await join(other, link, "Bob");
      await other.keyboard.press("1");
      await item(other, 2);
      await stored(other);
      assert.equal(await other.getByRole("link", { name: "Items" }).count(), 0);
      await page.getByRole("link", { name: "Label" }).click();
      await item(page, 1);
      await page.keyboard.press("2");
      await item(page, 2);
      await stored(page);
      await page.getByRole("link", { name: "Items" }).click();
      await page.getByRole("button", { name: "Disputed" }).click();
      await page.getByRole("button", { name: "Decide for this" }).first().click();
      await page.getByRole("button", { name: "Decided" }).waitFor();
      assert.deepEqual(await axe(page), []);
      await other.context().close();
      assert.deepEqual(
        own.complaints.filter((text) => !text.includes("401")),
        [],
      );
    });
  });
