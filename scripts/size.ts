/**
 * @module `npm run size`: lines of code of each folder of src, and bytes of each entry point as a browser downloads it, against
 * the budget in benchmarks/size.json. Fails where one is more than a tenth above it; `npm run size -- --update` records a new one.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatTable } from "../src/util/text.js";
import { browserBundle, entryPoints, pageBundle, readManifest } from "./browser-bundle.js";

/** Counts by name. */
type Sizes = Readonly<Record<string, number>>;
interface Budget {
  /** Lines with code, without tests, of each folder of src (`.` for the files beside them). */
  readonly lines: Sizes;
  /** Minified, gzip, without the engine. */
  readonly bytes: Sizes;
}

const BUDGET = "benchmarks/size.json";
const TOLERANCE = 1.1;
/** Bytes of ours that a page which trains a small network may download, whatever was recorded. */
const PAGE_BYTES = 200_000;

/** Lines that are neither blank nor only comment. Comments begin a line of their own here: the formatter sees to it. */
function linesOfCode(source: string): number {
  let inComment = false;
  let lines = 0;
  for (const line of source.split("\n").map((text) => text.trim())) {
    if (!inComment && line !== "" && !line.startsWith("//") && !line.startsWith("/*")) lines++;
    if (inComment || line.startsWith("/*")) inComment = !line.includes("*/");
  }
  return lines;
}

function countLines(): Sizes {
  const lines: Record<string, number> = {};
  for (const file of readdirSync("src", { withFileTypes: true, recursive: true })) {
    if (!file.isFile() || !file.name.endsWith(".ts") || /\.test(\.util)?\.ts$/.test(file.name)) continue;
    const folder = file.parentPath.split(/[\\/]/)[1] ?? ".";
    lines[folder] = (lines[folder] ?? 0) + linesOfCode(readFileSync(join(file.parentPath, file.name), "utf8"));
  }
  return Object.fromEntries(Object.entries(lines).toSorted(([a], [b]) => a.localeCompare(b)));
}

async function countBytes(): Promise<Sizes> {
  const bytes: Record<string, number> = {};
  for (const entry of entryPoints(readManifest("."), { browser: true })) bytes[entry] = (await browserBundle(entry, ".")).bytes;
  return bytes;
}

const sizes: Budget = { lines: countLines(), bytes: await countBytes() };
if (process.argv.includes("--update")) {
  writeFileSync(BUDGET, `${JSON.stringify(sizes, null, 2)}\n`);
} else {
  const budget = JSON.parse(readFileSync(BUDGET, "utf8")) as Budget;
  const above: string[] = [];
  for (const kind of ["lines", "bytes"] as const) {
    const rows = Object.entries(sizes[kind]).map(([name, size]) => {
      const allowed = budget[kind][name];
      if (allowed === undefined) return [name, String(size), "new"];
      if (size > allowed * TOLERANCE) above.push(`${name}: ${size} ${kind}, budget ${allowed}`);
      return [name, String(size), size === allowed ? "" : `${size > allowed ? "+" : "−"}${Math.abs(size - allowed)}`];
    });
    rows.push(["total", String(Object.values(sizes[kind]).reduce((sum, size) => sum + size, 0)), ""]);
    console.log(
      formatTable(
        [kind === "lines" ? "lines of code" : "minified, gzip", kind, "change"],
        kind === "lines" ? rows : rows.slice(0, -1),
      ),
      "\n",
    );
  }
  const page = await pageBundle(".");
  console.log(
    `a page that trains an MLP: ${page.start} bytes at the start, ${page.all} where it reads a file; at most ${PAGE_BYTES}`,
  );
  if (page.all > PAGE_BYTES) above.push(`a page that trains an MLP: ${page.all} bytes, at most ${PAGE_BYTES}`);
  if (above.length > 0) {
    console.error(
      `size: more than a tenth above ${BUDGET}: ${above.join("; ")}; make it smaller, or record it: npm run size -- --update`,
    );
    process.exitCode = 1;
  }
}
