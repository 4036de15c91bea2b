/**
 * @module A training on a table of 10,000 classes and 30,000 rows: `node dist/scripts/many-classes.js FOLDER [OPTIONS of descent train]`. Prints how long all
 * of it takes, and the most memory of the process.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../src/util/random.js";

const [CLASSES, ROWS] = [10_000, 30_000];
const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node dist/scripts/many-classes.js FOLDER [OPTIONS of descent train]");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const random = new Random(1, "rows");
const lines = Array.from({ length: ROWS }, (_, i) => {
  const k = i % CLASSES;
  const near = (value: number): string => (value + random.normal() * 0.1).toFixed(3);
  return `${near(k % 100)},${near(Math.floor(k / 100))},${near((k * 7) % 13)},class ${k}`;
});
const data = join(folder, "classes.csv");
writeFileSync(data, `a,b,c,label\n${lines.join("\n")}\n`);
const began = performance.now();
const main = join(import.meta.dirname, "../src/cli/main.js");
const out = join(folder, "run");
const args = [
  main,
  "train",
  "tabular-classification",
  "--data",
  data,
  "--label-column",
  "label",
  "--out",
  out,
  "--overwrite",
  ...rest,
];
const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
let peak = 0;
const timer = setInterval(() => {
  try {
    const [, kB = "0"] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
    peak = Math.max(peak, Number(kB));
  } catch {
    // Ended, or no such file on this system.
  }
}, 100);
child.once("exit", (code) => {
  clearInterval(timer);
  console.log(`exit ${code}, ${((performance.now() - began) / 1000).toFixed(1)} s, ${(peak / 1024).toFixed(0)} MiB`);
});
