/**
 * @module `npm run screenshots`: trains on the bundled digits and keeps pictures of the report, in both languages, for the READMEs: `docs/pictures/report-….png`.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import sharp from "sharp";
import { ensureChromium } from "./chromium.mjs";
import { build, install, root, run } from "./setup.mjs";

/** Pixels of the page. */
const SIZE = { width: 900, height: 745 };
const LARGEST_BYTES = 60_000;

install();
build();
const folder = mkdtempSync(join(tmpdir(), "descent-screenshots-"));
const task = "train image-classification --data digits --seed 1 --quiet --out";
run(process.execPath, [join(root, "dist", "src", "cli", "main.js"), ...task.split(" "), join(folder, "run")]);
// The page is longer than the picture: it ends below the first chart.
const browser = await chromium.launch({ executablePath: ensureChromium(), args: ["--headless", "--no-sandbox"] });
const page = await browser.newPage({ viewport: { ...SIZE, height: 1000 } });
await page.goto(pathToFileURL(join(folder, "run", "report.html")).href);
for (const language of ["en", "zh"]) {
  await page.locator(`label[for="lang-${language}"]`).click();
  const top = await page.locator("nav").evaluate((nav) => nav.getBoundingClientRect().bottom);
  const picture = await page.screenshot({ clip: { x: 0, y: top, ...SIZE } });
  const path = join(root, "docs", "pictures", `report-${language}.png`);
  writeFileSync(path, await sharp(picture).png({ palette: true, colours: 64, effort: 10 }).toBuffer());
  const { size } = statSync(path);
  console.log(`${path}: ${size} bytes`);
  if (size > LARGEST_BYTES) throw new Error(`${path}: expected at most ${LARGEST_BYTES} bytes, got ${size}`);
}
await browser.close();
rmSync(folder, { recursive: true });
