/**
 * @module Where Descent cannot run, one line says what is missing: a Node that is too old, a platform without binaries, a Linux without glibc. What pages lack is in
 * `pages.test.ts` (the engine's files, isolation) and in `src/runtime/ort-web.test.ts` (WebAssembly, SIMD).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./consumer.js";

const MAIN = join(ROOT, "dist", "src", "cli", "main.js");
/** Runs Node after a program that disguises the machine. */
const disguised = (disguise: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(disguise)}`, ...args], {
    cwd: ROOT,
    encoding: "utf8",
  });
const as = (name: "platform" | "arch", value: string): string =>
  `Object.defineProperty(process, "${name}", { value: "${value}" })`;
const COMPUTE = [
  "--input-type=module",
  "-e",
  `import { tensor } from "descentjs"; await tensor([1]).data().catch(({ message }) => console.log(message));`,
];

test("a Node that is too old is told so before anything is loaded", () => {
  const old = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "18.20.8" } })`;
  const { status, stdout, stderr } = disguised(old, MAIN, "--version");
  assert.deepEqual(
    [status, stdout, stderr],
    [1, "", "descent: expected Node 20.19 or later, got 18.20.8; install a newer one (https://nodejs.org)\n"],
  );
  // A program finds out where it first computes; 18.20 itself was tried by hand, which loads every entry.
  assert.equal(
    disguised(old, ...COMPUTE).stdout,
    "engine: expected Node 20.19 or later, got 18.20.8; install a newer one (https://nodejs.org)\n",
  );
});

test("a platform without binaries is named, with those that have some", () => {
  const { status, stderr } = disguised(as("platform", "sunos"), MAIN, "train", "image-classification", "--data", "digits");
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^descent: engine: expected a platform with an ONNX Runtime binary \(.*\), got sunos x64, or run Descent in a browser\n$/,
  );
  assert.match(
    disguised(as("arch", "mips"), ...COMPUTE).stdout,
    /^engine: onnxruntime-node has no binary for \w+ mips; it has them for Linux x64 and arm64, Windows x64 and arm64, and macOS arm64\n$/,
  );
});

test("a Linux without glibc is told which image of Docker has it", { skip: process.platform !== "linux" && "for Linux" }, () => {
  // The engine's module, replaced by the message of Alpine's loader.
  const engine = `throw new Error("Error loading shared library ld-linux-x86-64.so.2: No such file or directory")`;
  const hooks = `export const resolve = (name, context, next) => name === "onnxruntime-node"
    ? { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(engine)}`)}, shortCircuit: true } : next(name, context);`;
  const musl = `import { register } from "node:module"; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});`;
  assert.match(
    disguised(musl, ...COMPUTE).stdout,
    /^engine: expected a Linux with glibc 2\.28 or later, .*; in Docker use an image of Debian \(node:22-slim\), not of Alpine\n$/,
  );
});
