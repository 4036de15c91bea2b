/**
 * @module The last step of a build: the package carries each docstring once, and no declarations that no entry reaches. A docstring stands in the declarations where
 * there are some, since editors show it from there, and otherwise in the compiled file. What a debugger steps into keeps all other comments.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** A docstring on lines of its own. */
const DOCSTRING = /^[ \t]*\/\*\*(?:(?!\*\/)[^])*\*\/[ \t]*\n/gm;
/** The same docstring wherever it is indented. */
const unindented = (text) => text.replaceAll(/^[ \t]+/gm, "").trimEnd();

const sourceOf = (path) => path.replace(join(ROOT, "dist"), ROOT).replace(/\.d\.ts$/, ".ts");

/** The declarations that the package's entries reach; undefined where an earlier build took some of them away. */
function reachedTypes() {
  const { exports, imports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const targets = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(targets));
  const queue = targets([exports, imports]).map((target) => join(ROOT, target.replace(/\.js$/, ".d.ts")));
  const reached = new Set();
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path) || !path.endsWith(".d.ts") || !existsSync(sourceOf(path))) continue;
    reached.add(path);
    if (!existsSync(path)) return undefined;
    for (const [, name] of readFileSync(path, "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g))
      queue.push(resolve(dirname(path), name.replace(/\.js$/, ".d.ts")));
  }
  return reached;
}

/** The JavaScript without the docstrings that its declarations have; the file's own sentence (`@module`) stays. */
export function withoutRepeated(js, declarations) {
  const declared = new Set([...declarations.matchAll(DOCSTRING)].map(([text]) => unindented(text)));
  return js.replaceAll(DOCSTRING, (text) => (!text.includes("@module") && declared.has(unindented(text)) ? "" : text));
}

function replace(path, text, by) {
  if (by === text) return;
  // Another process may be packing.
  writeFileSync(`${path}.${process.pid}`, by);
  renameSync(`${path}.${process.pid}`, path);
}

/**
 * Leaves each docstring of the package's files in one place. False where an entry has come to reach declarations that an earlier build took away: then everything has
 * to be compiled anew.
 */
export function keepDocstringsOnce() {
  const reached = reachedTypes();
  if (reached === undefined) return false;
  for (const entry of readdirSync(join(ROOT, "dist", "src"), { withFileTypes: true, recursive: true })) {
    if (!entry.name.endsWith(".d.ts")) continue;
    const path = join(entry.parentPath, entry.name);
    const script = path.replace(/d\.ts$/, "js");
    if (!reached.has(path)) rmSync(path, { force: true });
    else if (existsSync(script)) {
      const js = readFileSync(script, "utf8");
      replace(script, js, withoutRepeated(js, readFileSync(path, "utf8")));
    }
  }
  return true;
}
