/**
 * @module The npm packages that are measured against live in bench/node_modules, apart from the main install; they are loaded from there.
 */
import { createRequire } from "node:module";
import { NotAvailable } from "../cases/types.js";

const benchPackage = new URL("../../../bench/package.json", import.meta.url); // from dist/bench/peers
const require = createRequire(benchPackage);

/** Loads a peer's package (its CommonJS build); raises NotAvailable, with the command that installs it, where it is missing. */
export function loadPeer(name: string): { library: unknown; version: string } {
  let file: string;
  try {
    file = require.resolve(name);
  } catch {
    throw new NotAvailable(`${name} is not installed; run: npm ci --prefix bench`);
  }
  return { library: require(name), version: versionOf(name, file) };
}

/** The folder of a peer's package, for files that it loads by path. */
export function peerFolder(name: string): string {
  const file = require.resolve(name);
  return file.slice(0, file.lastIndexOf(name) + name.length);
}

function versionOf(name: string, file: string): string {
  const manifest = require(`${file.slice(0, file.lastIndexOf(name) + name.length)}/package.json`) as { version: string };
  return manifest.version;
}
