/**
 * @module `npm run test:node-versions`: the quick tests (units, data, engine on the CPU, command line) on other versions of Node,
 * `-- 22 24.1` for chosen ones. npm brings each binary into a temporary folder.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, install, root, testReporter } from "./setup.mjs";

install();
build();

const given = process.argv.slice(2);
const versions = given.length > 0 ? given : ["20.19", "22", "24"];
const packageName = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
const files = readdirSync(join(root, "dist", "src"), { recursive: true })
  .filter((name) => name.endsWith(".test.js"))
  .map((name) => join(root, "dist", "src", name));
files.push(join(root, "dist", "test", "runtime", "node.test.js"));

/** Runs npm; whether it succeeded. */
function npm(...args) {
  const options = { stdio: ["ignore", "ignore", "inherit"] };
  const script = process.env.npm_execpath;
  return script === undefined
    ? spawnSync("npm", args, { ...options, shell: process.platform === "win32" }).status === 0
    : spawnSync(process.execPath, [script, ...args], options).status === 0;
}

const failed = [];
const folder = mkdtempSync(join(tmpdir(), "descent-node-"));
try {
  for (const version of versions) {
    const prefix = join(folder, version);
    if (!npm("install", "--prefix", prefix, "--no-save", "--ignore-scripts", "--loglevel=error", `${packageName}@${version}`)) {
      failed.push(`${version} (${packageName}@${version} cannot be installed)`);
      continue;
    }
    const bin = join(prefix, "node_modules", packageName, "bin", process.platform === "win32" ? "node.exe" : "node");
    console.log(`Node ${spawnSync(bin, ["--version"], { encoding: "utf8" }).stdout.trim()}`);
    const { status } = spawnSync(bin, ["--test", testReporter, "--test-concurrency=2", ...files], {
      cwd: root,
      stdio: "inherit",
    });
    if (status !== 0) failed.push(version);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failed.length > 0) {
  console.error(`descent: tests fail on Node ${failed.join(", ")}`);
  process.exitCode = 1;
}
