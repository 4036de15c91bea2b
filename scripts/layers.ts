/**
 * @module The one-way import check. A file imports only from a folder on a lower floor, or from its own folder; inside a folder that has
 * rooms, only from the rooms that its own may use. A file that is not named `*-node.ts` runs in a browser: it names no Node module, and of
 * files that do it takes types alone. The tables are the architecture.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";

/** Folders of `src` by floor, the lowest first. */
const FLOORS: readonly (readonly string[])[] = [
  ["util"],
  ["graph"],
  ["ops"],
  ["autodiff", "onnx", "text", "vision", "metrics"],
  ["nn", "optim", "losses", "charts"],
  ["data", "models", "runtime", "run", "parallel", "store"],
  ["cost", "generate", "classical", "http"],
  ["train", "report"],
  ["explain", "compress"],
  ["tasks"],
  ["compare", "sweep", "label", "serve"],
  ["cli"],
];

/**
 * Rooms inside a folder: subfolders and single files by floor, the lowest first. A room imports from lower ones; of its own floor, only from itself.
 * A folder inside a room is private: nobody but the rooms named in `OPENERS` looks into it.
 */
const ROOMS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  tasks: [
    ["options.ts", "graph-use.ts", "task.ts", "task-node.ts", "trained-model.ts", "view.ts"],
    ["shared"],
    ["texts", "images", "tables"],
    ["table.ts", "table-node.ts"],
    ["use"],
    ["explaining"],
    ["training"],
    ["compressing"],
    ["index.ts", "node.ts"],
  ],
};
/** Who may import from the folder of one task, besides the task itself. */
const OPENERS = new Set(["table.ts", "table-node.ts", "index.ts", "node.ts"]);

/** Folders that import less than their floor allows. */
const ONLY: Readonly<Record<string, readonly string[]>> = { charts: ["util"] };

/** Folders that only Node runs. */
const NODE_FOLDERS = new Set(["parallel", "store", "label", "cli"]);

const floorOf = (folder: string): number => FLOORS.findIndex((folders) => folders.includes(folder));

const source = resolve("src");
const problems: string[] = [];

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith(".ts") && !/\.test(\.util)?\.ts$/.test(entry.name) ? [path] : [];
  });
}

/** The folder of `src` that a file is in; "" for the package's entries, which stand above all. */
function folderOf(path: string): string {
  const [folder = "", ...rest] = relative(source, path).split(sep);
  return rest.length === 0 ? "" : folder;
}

/** `graph/node.ts` is a node of a graph. */
const isNodeOnly = (path: string): boolean =>
  NODE_FOLDERS.has(folderOf(path)) ||
  /-node\.[jt]s$/.test(path) ||
  (/^node\.[jt]s$/.test(basename(path)) && folderOf(path) !== "graph");

function checkImport(file: string, statement: string, specifier: string): void {
  const name = relative(".", file);
  if (specifier.startsWith("node:")) {
    if (!isNodeOnly(file)) problems.push(`${name}: imports ${specifier}, but must run in a browser (or be named *-node.ts)`);
    return;
  }
  if (!specifier.startsWith(".")) return;
  const target = resolve(file, "..", specifier);
  if (isNodeOnly(target) && !isNodeOnly(file) && !/^(import|export) type\b/.test(statement)) {
    problems.push(`${name}: imports ${specifier}, which needs Node, but must run in a browser (or be named *-node.ts)`);
  }
  const [folder, other] = [folderOf(file), folderOf(target)];
  if (folder !== "" && folder === other) checkRooms(file, target, folder);
  if (folder === "" || folder === other) return;
  if (other === "" || floorOf(other) >= floorOf(folder)) {
    problems.push(
      `${name}: imports from ${other || "an entry"} (${floorOf(other)}), but ${folder} is on floor ${floorOf(folder)}`,
    );
  } else if (ONLY[folder]?.includes(other) === false) {
    problems.push(`${name}: imports from ${other}, but ${folder} may import ${ONLY[folder].join(", ")} alone`);
  }
}

/** An import inside one folder: between its rooms, and between the folders of one room. */
function checkRooms(file: string, target: string, folder: string): void {
  const rooms = ROOMS[folder];
  if (rooms === undefined) return;
  const partsOf = (path: string): string[] => relative(join(source, folder), path.replace(/\.js$/, ".ts")).split(sep);
  const [[room = "", ...inner], [other = "", ...otherInner]] = [partsOf(file), partsOf(target)];
  const levelOf = (name: string): number => rooms.findIndex((names) => names.includes(name));
  const name = relative(".", file);
  if (levelOf(room) < 0) problems.push(`${name}: room "${room}" has no floor in scripts/layers.ts`);
  else if (room !== other && levelOf(other) >= levelOf(room) && !(levelOf(other) === levelOf(room) && inner.length === 0)) {
    problems.push(`${name}: imports from ${folder}/${other}, but ${folder}/${room} is not above it`);
  } else if (otherInner.length > 1 && !OPENERS.has(room) && !(room === other && inner.length > 1 && inner[0] === otherInner[0])) {
    problems.push(`${name}: imports from ${folder}/${other}/${otherInner[0]}, which is that task's own`);
  }
}

const files = sourceFiles(source);
for (const file of files) {
  const folder = folderOf(file);
  if (folder !== "" && floorOf(folder) < 0) {
    problems.push(`${relative(".", file)}: folder "${folder}" has no floor in scripts/layers.ts`);
    continue;
  }
  const text = readFileSync(file, "utf8");
  for (const [statement, from, bare, dynamic] of text.matchAll(
    /^(?:import|export)\b[^;"]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\s*\(\s*"([^"]+)"/gm,
  )) {
    checkImport(file, statement, from ?? bare ?? dynamic ?? "");
  }
}
for (const problem of problems) console.error(problem);
console.log(`layers: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
