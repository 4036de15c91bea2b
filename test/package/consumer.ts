/**
 * @module A program's folder outside the repository, with the packed package in its node_modules and nothing else but what is named.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { readManifest } from "../../scripts/browser-bundle.js";

export const ROOT = resolve(import.meta.dirname, "../../..");
export const MODULES = join(ROOT, "node_modules");
export const manifest = readManifest(ROOT);

export interface Consumer {
  readonly folder: string;
  /** The package as it was unpacked. */
  readonly package: string;
  readonly tarball: string;
  /** Makes packages that the repository has visible to the program. */
  link(...names: readonly string[]): void;
  remove(): void;
}

/** Packs the package and unpacks it in a new folder, beside what it depends on; optional packages are linked by those who test them. */
export function makeConsumer(): Consumer {
  const folder = mkdtempSync(join(tmpdir(), "descent-package-"));
  const unpacked = join(folder, "node_modules", "descentjs");
  // npm is a script of Node's on every platform; npm_execpath names it when npm itself started us.
  const npm = process.env.npm_execpath;
  const pack = ["pack", "--json", "--loglevel=error", "--pack-destination", folder];
  const packed =
    npm === undefined
      ? spawnSync("npm", pack, { cwd: ROOT, encoding: "utf8", shell: process.platform === "win32" })
      : spawnSync(process.execPath, [npm, ...pack], { cwd: ROOT, encoding: "utf8" });
  assert.equal(packed.status, 0, packed.stderr);
  const found = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  assert.ok(found !== undefined, packed.stdout);
  const tarball = join(folder, found);
  mkdirSync(unpacked, { recursive: true });
  const untarred = spawnSync("tar", ["-xzf", tarball, "-C", unpacked, "--strip-components=1"], { encoding: "utf8" });
  assert.equal(untarred.status, 0, untarred.stderr);
  const link = (...names: readonly string[]): void => {
    for (const name of names) {
      const place = join(folder, "node_modules", name);
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(join(MODULES, name), place, "junction");
    }
  };
  link(...Object.keys(manifest.dependencies), "@types/node");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  return { folder, package: unpacked, tarball, link, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
