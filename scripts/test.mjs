/**
 * @module `npm test`: sets up a fresh clone, then runs every test on Node's own runner. Names given after `--` choose files
 * by part of their path: `npm test -- optim`.
 */
import { existsSync, readdirSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join, relative } from "node:path";
import { build, buildStudio, install, root, testReporter } from "./setup.mjs";

install();
build();
buildStudio();

function testFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : testFiles(path);
    if (!entry.name.endsWith(".test.js")) return [];
    // A compiled test whose source is gone is not a test any more.
    const source = join(root, relative(join(root, "dist"), path).replace(/\.js$/, ".ts"));
    return existsSync(source) ? [path] : [];
  });
}

if (process.env.DESCENT_DATA === undefined) {
  console.error('descent: DESCENT_DATA is not set: tests on larger real data sets are skipped (README, "Data")');
}
const { ensureChromium } = await import("./chromium.mjs").catch(() => ({ ensureChromium: () => undefined }));
ensureChromium();

const wanted = process.argv.slice(2);
const files = testFiles(join(root, "dist")).filter(
  (file) => wanted.length === 0 || wanted.some((part) => relative(root, file).includes(part)),
);
if (files.length === 0) {
  console.error(`descent: no test file has ${wanted.join(" or ")} in its path`);
  process.exit(2);
}
// Engines use every core by themselves: files run one after another, so that a test's threads do not fight another's.
const options = ["--test", "--test-concurrency=2"];
if (!process.stdout.isTTY) options.push(testReporter);
const { status } = spawnSync(process.execPath, [...options, ...files], { cwd: root, stdio: "inherit" });
process.exit(status ?? 1);
