/**
 * @module Makes a fresh clone ready: installs what the lock file names, and compiles. Plain JavaScript, since it runs before
 * anything is installed or built. `npm run demo` and `npm test` both begin here.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { keepDocstringsOnce } from "./docstrings-once.mjs";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The option of `node --test` for logs. */
export const testReporter = `--test-reporter=${pathToFileURL(join(root, "scripts", "test-reporter.mjs")).href}`;

/** Runs a program in the repository; ends this process with its exit code if it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (error !== undefined) {
    console.error(`${command}: ${error.message}`);
    process.exit(1);
  }
  if (status !== 0) process.exit(status ?? 1);
}

/** Newest change of files below a folder, in milliseconds. */
function newest(folder, files = /\.(ts|json)$/) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) time = Math.max(time, newest(path, files));
    else if (files.test(entry.name)) time = Math.max(time, statSync(path).mtimeMs);
  }
  return time;
}

/** Whether the installed packages have the versions of the lock file; optional ones of other platforms are not installed. */
function areInstalled() {
  const file = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(file)) return false;
  const { packages } = JSON.parse(readFileSync(file, "utf8"));
  const locked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(locked).every(
    ([path, { version, optional }]) => path === "" || (optional && !(path in packages)) || packages[path]?.version === version,
  );
}

/** `npm ci` unless the installed packages are those of the lock file. */
export function install() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`descent: expected Node 20.19 or later, got ${process.versions.node}`);
    process.exit(1);
  }
  if (process.platform === "darwin" && process.arch === "x64") {
    console.error(
      "descent: ONNX Runtime has no binary for macOS on Intel (x64); it has them for Linux and Windows (x64, arm64) and macOS on Apple silicon.",
    );
    process.exit(1);
  }
  if (areInstalled()) return;
  console.error("descent: installing packages (npm ci) …");
  // npm is a script of Node's on every platform; npm_execpath names it when npm itself started us.
  const npm = process.env.npm_execpath;
  if (npm === undefined)
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { shell: process.platform === "win32" });
  else run(process.execPath, [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}

/** Removes what sources that are gone have left in a folder of dist: it would be tested, and packed. */
function removeOrphans(folder) {
  if (!existsSync(join(root, "dist", folder))) return;
  for (const entry of readdirSync(join(root, "dist", folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeOrphans(path);
    else if (!existsSync(join(root, path.replace(/(\.d\.ts|\.js|\.js\.map)$/, ".ts")))) rmSync(join(root, "dist", path));
  }
}

/** Builds the page of `descent label` into dist/studio if a source of it is newer than the last build. */
export function buildStudio() {
  const stamp = join(root, "dist", "studio", "index.html");
  const folder = join(root, "studio");
  const sources = [join(folder, "src"), join(folder, "index.html"), join(folder, "package.json"), join(folder, "vite.config.js")];
  const newestOf = (path) => (statSync(path).isDirectory() ? newest(path, /\.(tsx?|css)$/) : statSync(path).mtimeMs);
  if (existsSync(stamp) && sources.every((path) => newestOf(path) < statSync(stamp).mtimeMs)) return;
  console.error("descent: building the studio …");
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", join(folder, "tsconfig.json")]);
  run(process.execPath, [join(root, "node_modules", "vite", "bin", "vite.js"), "build", "--logLevel", "warn"], { cwd: folder });
}

/** Compiles TypeScript if a source is newer than the last build. Other scripts compile, too: docstrings are looked at in any case. */
export function build() {
  ["src", "test", "scripts", "examples", "bench"].forEach(removeOrphans);
  const stamp = join(root, "dist", ".tsbuildinfo");
  const sources = ["src", "test", "scripts", "examples", "bench"]
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder));
  if (!existsSync(stamp) || sources.some((folder) => newest(folder) >= statSync(stamp).mtimeMs)) {
    console.error("descent: compiling …");
    compile();
  }
  finishBuild();
}

const compile = () =>
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", join(root, "tsconfig.json")]);

/** What follows compiling: leaves each docstring in one place. */
export function finishBuild() {
  if (keepDocstringsOnce()) return;
  rmSync(join(root, "dist", ".tsbuildinfo"), { force: true });
  compile();
  keepDocstringsOnce();
}
