/**
 * @module The one-way import check: a file may import only from a folder of a lower number, or from its own folder; folders
 * that must run in a browser name no Node module. The table is the architecture.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

const LAYERS: Readonly<Record<string, number>> = {
  util: 0,
  graph: 1,
  ops: 2,
  autodiff: 3,
  onnx: 3,
  runtime: 4,
  nn: 4,
  losses: 4,
  optim: 4,
  data: 5,
  text: 5,
  vision: 4,
  metrics: 5,
  models: 5,
  train: 6,
  cost: 6,
  generate: 6,
  explain: 7,
  compress: 7,
  tasks: 8,
  serve: 9,
  cli: 10,
};

/** Folders without a Node module in any file. Elsewhere they stand in files named `*-node.ts`, and anywhere in serve and cli. */
const BROWSER_SAFE = new Set([
  "util",
  "graph",
  "ops",
  "autodiff",
  "onnx",
  "nn",
  "losses",
  "optim",
  "metrics",
  "models",
  "generate",
  "cost",
  "explain",
  "compress",
]);
const NODE_FOLDERS = new Set(["serve", "cli"]);

const source = resolve("src");
const problems: string[] = [];

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith(".ts") && !/\.test(\.util)?\.ts$/.test(entry.name) ? [path] : [];
  });
}

const folderOf = (path: string): string => relative(source, path).split(sep)[0] as string;

let count = 0;
for (const file of sourceFiles(source)) {
  count++;
  const name = relative(".", file);
  const folder = folderOf(file);
  const level = LAYERS[folder];
  const isRoot = dirname(file) === source;
  if (level === undefined && !isRoot) {
    problems.push(`${name}: folder "${folder}" has no number in scripts/layers.ts`);
    continue;
  }
  const text = readFileSync(file, "utf8");
  for (const [, specifier = ""] of text.matchAll(/(?:from\s+|import\s*\(\s*|import\s+)"([^"]+)"/g)) {
    if (specifier.startsWith("node:")) {
      const allowed =
        !isRoot &&
        (NODE_FOLDERS.has(folder) || (!BROWSER_SAFE.has(folder) && /-node\.ts$|[/\\]node\.ts$|[/\\]readers[/\\]/.test(file)));
      if (!allowed) problems.push(`${name}: imports ${specifier}, but must run in a browser (or be named *-node.ts)`);
    } else if (specifier.startsWith(".") && !isRoot) {
      const target = folderOf(resolve(dirname(file), specifier));
      if (target === folder) continue;
      const other = LAYERS[target];
      if (other === undefined || level === undefined || other >= level) {
        problems.push(`${name}: imports from ${target} (${other ?? "root"}), but ${folder} is ${level}`);
      }
    }
  }
}
for (const problem of problems) console.error(problem);
console.log(`layers: ${count} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
