/**
 * @module Chromium for the browser tests: where it is, and how to get it. Plain JavaScript, since it runs before the build.
 * `DESCENT_CHROMIUM` names an executable; else the usual places are looked at.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome.exe", "msedge.exe"];
const PLACES = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  ...[process.env.PROGRAMFILES, process.env["PROGRAMFILES(X86)"], process.env.LOCALAPPDATA]
    .filter((folder) => folder !== undefined)
    .map((folder) => join(folder, "Google", "Chrome", "Application", "chrome.exe")),
];

/** The executable's path, or undefined. */
export function findChromium() {
  const given = process.env.DESCENT_CHROMIUM;
  if (given !== undefined) return given === "" ? undefined : given;
  const onPath = (process.env.PATH ?? "").split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...onPath, ...PLACES].find((path) => existsSync(path));
}

export const HOW_TO_INSTALL =
  "install it with `sudo apt-get install chromium` (Debian), or set DESCENT_CHROMIUM to the executable of a Chromium or Chrome";

/** Finds Chromium, or installs Debian's where this process may; says on stderr what it does. Undefined where there is none. */
export function ensureChromium() {
  const found = findChromium();
  if (found !== undefined) return found;
  const mayInstall = process.env.DESCENT_CHROMIUM === undefined && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
  if (mayInstall) {
    console.error("descent: installing chromium for the browser tests (apt-get install chromium) …");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const options = { stdio: ["ignore", "ignore", "inherit"], env, timeout: 300_000 };
    const install = () => spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], options).status;
    // A fresh machine has no package lists yet.
    if (install() !== 0 && spawnSync("apt-get", ["update", "-qq"], options).status === 0) install();
    const installed = findChromium();
    if (installed !== undefined) return installed;
  }
  console.error(`descent: no Chromium: the browser tests and those of WebGPU are skipped; ${HOW_TO_INSTALL}`);
  return undefined;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const path = ensureChromium();
  if (path === undefined) process.exit(1);
  console.log(path);
}
