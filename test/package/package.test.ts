/**
 * @module The published package, as a program outside the repository meets it: the packed tarball, unpacked beside its dependencies,
 * in fresh processes.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { browserBundle, entryPoints } from "../../scripts/browser-bundle.js";
import { makeConsumer, manifest, MODULES, ROOT } from "./consumer.js";

/** A program's folder, with the package, what it depends on, and of what is optional the engine alone. */
const consumer = makeConsumer();
const { folder: CONSUMER, package: PACKAGE, tarball } = consumer;
const run = promisify(execFile);
/** Plain JavaScript, since it runs as part of a build. */
const { withoutRepeated } = (await import(new URL("../../../scripts/docstrings-once.mjs", import.meta.url).href)) as {
  withoutRepeated: (js: string, declarations: string) => string;
};

const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: CONSUMER, encoding: "utf8", timeout: 300_000 });
const files = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(PACKAGE, join(entry.parentPath, entry.name)).replaceAll(sep, "/"));

consumer.link(...Object.keys(manifest.optionalDependencies));
after(() => consumer.remove());

/** The comments before functions, classes and constants of a source file, but for overloaded functions, whose first signature is a type. */
function docstrings(path: string): string[] {
  const found = readFileSync(path, "utf8").matchAll(
    /^(\/\*\*(?:(?!\*\/)[^])*\*\/)\n(?:export )?(?:async |abstract )*(?:function|class|const) [^;{=]*(.)/gm,
  );
  return [...found].filter(([, , end]) => end === "{" || end === "=").map(([, comment]) => comment as string);
}

/** The declarations of the package's entries, and those that they import; each must be there. */
function entryTypes(): string[] {
  const targets = (value: unknown): string[] =>
    typeof value === "string" ? [value] : Object.values(value as object).flatMap(targets);
  const reached = new Set<string>();
  const queue = targets([manifest.exports, manifest.imports]).filter((name) => /^\.\/dist\/.*(\.js|\.d\.ts)$/.test(name));
  for (let name = queue.pop()?.slice(2); name !== undefined; name = queue.pop()?.slice(2)) {
    const path = name.replace(/\.js$/, ".d.ts");
    if (reached.has(path)) continue;
    reached.add(path);
    const types = readFileSync(join(PACKAGE, path), "utf8").replaceAll(/\/\*[^]*?\*\//g, "");
    for (const [, other] of types.matchAll(/(?:from |import\()"(\.[^"]+)"/g))
      queue.push(`./${join(dirname(path), other as string)}`);
  }
  return [...reached];
}

test("the tarball holds what runs, and nothing else", () => {
  const all = files(PACKAGE);
  // The studio is built, not compiled: a page, and files with a hash in their names.
  const studio = /^dist\/studio\/(index\.html|assets\/[\w-]+-[\w-]{8}\.(js|css))$/;
  assert.ok(all.includes("dist/studio/index.html"), "the studio is missing");
  const inside = all.filter((name) => !studio.test(name));
  const expected =
    /^(package\.json|README(\.zh-CN)?\.md|LICENSE|CHANGELOG\.md|datasets\/digits\/(README\.md|digits-\w+-idx\d-ubyte\.gz)|dist\/src\/[\w/-]+\.(js|d\.ts))$/;
  assert.deepEqual(
    inside.filter((name) => !expected.test(name)),
    [],
    "files of no known kind",
  );
  for (const name of ["package.json", "README.md", "LICENSE", "datasets/digits/README.md", manifest.bin.descent?.slice(2)])
    assert.ok(inside.includes(String(name)), `${name} is missing`);
  assert.deepEqual(
    inside.filter((name) => name.startsWith("datasets/") && name.endsWith(".gz")),
    ["images", "labels"].map((part) => `datasets/digits/digits-${part}-idx${part === "images" ? 3 : 1}-ubyte.gz`),
  );
  assert.deepEqual(
    inside.filter((name) => /\.test\.|golden|\.tsbuildinfo|^dist\/(?!src\/|studio\/)/.test(name)),
    [],
    "tests and their data",
  );
  // What a source that is gone has left behind; `npm test` removes it before it begins.
  // The page of `descent label` is built by Vite: one bundle, of other sources.
  const sources = inside.filter((name) => name.startsWith("dist/src/") && name.endsWith(".js"));
  assert.deepEqual(
    sources.filter((name) => !existsSync(join(ROOT, name.replace(/^dist\/(.*)\.js$/, "$1.ts")))),
    [],
    "compiled files without a source",
  );
  const declared = inside.filter((name) => name.endsWith(".d.ts"));
  const reached = entryTypes();
  assert.deepEqual(declared.toSorted(), reached.toSorted(), "declarations that an entry reaches, and no others");
  for (const name of sources) {
    // A debugger steps into these files themselves: they are the sources without types. Maps to the TypeScript, with the sources inside, took 1.69
    // of 2.84 MB for the types alone, which lie beside each file. A docstring lies in one of the two: in the types where it is of an export.
    const text = readFileSync(join(PACKAGE, name), "utf8");
    const declarations = name.replace(/js$/, "d.ts");
    const types = reached.includes(declarations) ? readFileSync(join(PACKAGE, declarations), "utf8") : "";
    const written = docstrings(join(ROOT, name.replace(/^dist\/(.*)\.js$/, "$1.ts")));
    const lost = written.filter((comment) => !text.includes(comment) && !types.includes(comment));
    assert.deepEqual(lost, [], `${name} has lost comments`);
    assert.equal(withoutRepeated(text, types), text, `${name} repeats docstrings of its types`);
    assert.doesNotMatch(text, /sourceMappingURL/, `${name} points at a map that is not there`);
  }
  const { size } = statSync(tarball);
  assert.ok(size < 2 * 2 ** 20, `the tarball has ${size} bytes`);
});

test("what a release needs is said: where it comes from, that its origin is signed, and what is new", () => {
  const { version, repository, publishConfig } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as {
    readonly version: string;
    readonly repository: { readonly url: string };
    readonly publishConfig: unknown;
  };
  assert.match(repository.url, /^git\+https:\/\/github\.com\/[\w-]+\/[\w-]+\.git$/);
  assert.deepEqual(publishConfig, { access: "public", provenance: true });
  const [, newest] = /^## (\S+)/m.exec(readFileSync(join(PACKAGE, "CHANGELOG.md"), "utf8")) ?? [];
  assert.equal(newest, version);
});

test("every entry point loads in a fresh process, silently", async () => {
  const entries = entryPoints(manifest);
  assert.ok(entries.length > 15);
  const load = async (entry: string): Promise<void> => {
    const program = `const all = await import(${JSON.stringify(entry)}); console.log(Object.keys(all).length);`;
    const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", program], { cwd: CONSUMER });
    assert.equal(stderr, "", entry);
    assert.ok(Number(stdout) > 0, `${entry} exports nothing`);
  };
  const queue = [...entries];
  const work = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) await load(entry);
  };
  await Promise.all([work(), work()]);
});

test("what a person writes computes, and leaves nothing on stderr", () => {
  const program = `import { grad, tensor } from "descentjs";
    const w = tensor([[1, 2], [3, -4]]);
    console.log([...await grad(w.matMul(w.transpose()).relu().sum(), w).data()].join(" "));`;
  const { stdout, stderr } = node("--input-type=module", "-e", program);
  assert.equal(stdout, "2 4 6 -8\n");
  assert.equal(stderr, "");
});

test("the command works outside the repository: version, help, a training run on the bundled digits", () => {
  const bin = join(PACKAGE, String(manifest.bin.descent));
  assert.ok(readFileSync(bin, "utf8").startsWith("#!/usr/bin/env node\n"));
  const version = node(bin, "--version");
  assert.match(version.stdout, /^descent(js)? \d+\.\d+\.\d+|^\d+\.\d+\.\d+/);
  assert.equal(version.stderr, "");
  const help = node(bin, "--help");
  assert.equal(help.status, 0);
  assert.match(help.stdout, /\btrain\b/);
  const train = node(bin, ..."train image-classification --data digits --steps 20 --no-check --out run".split(" "));
  assert.equal(train.status, 0, train.stderr);
  for (const name of ["model.onnx", "summary.json", "report.html"]) assert.ok(existsSync(join(CONSUMER, "run", name)), name);
});

test("a program that Node got as text has threads", () => {
  const program = `import { tensor } from "descentjs";
    import { createWorkerRuntime } from "descentjs/runtime";
    const runtime = await createWorkerRuntime();
    console.log(await tensor([1, 2]).mul(2).data({}, { runtime }));
    await runtime[Symbol.asyncDispose]();`;
  const { stdout, stderr } = node("--input-type=module", "-e", program);
  assert.equal(stdout, "Float32Array(2) [ 2, 4 ]\n", stderr);
});

test("without the optional packages tables and texts train, and each that is needed is named with the line that installs it", () => {
  const bin = join(PACKAGE, String(manifest.bin.descent));
  const write = (name: string, lines: readonly string[]): void => writeFileSync(join(CONSUMER, name), `${lines.join("\n")}\n`);
  const rows = Array.from({ length: 60 }, (_, i) => i);
  write("t.csv", ["a,b,y", ...rows.map((i) => `${i},${(i * 7) % 11},${i > 29 ? "yes" : "no"}`)]);
  write(
    "t.jsonl",
    rows.map((i) => JSON.stringify({ a: i, y: i > 29 ? "yes" : "no" })),
  );
  write("s.csv", ["text,label", ...rows.map((i) => `${i % 2 ? "good" : "bad"} film ${i},${i % 2 ? "p" : "n"}`)]);
  const train = (data: string, task: string) =>
    node(bin, "train", task, "--data", data, ..."--steps 5 --no-check --overwrite --out other".split(" "));
  assert.equal(train("t.csv", "tabular-classification").status, 0);
  const explained = node(bin, "explain", "other", "a=3", "b=4", "--draw", "why");
  assert.equal(explained.status, 0, explained.stderr);
  assert.match(
    readFileSync(
      join(CONSUMER, "why", readdirSync(join(CONSUMER, "why")).find((name) => name.endsWith(".svg")) ?? ""),
    ).toString(),
    /^<svg /,
  );
  const smaller = node(bin, ..."quantize other --form int8 --even-if-slower --out smaller --data t.csv".split(" "));
  assert.equal(smaller.status, 0, smaller.stderr);
  assert.match(
    smaller.stderr,
    /^left out of the parity certificate: WebAssembly: expected the package onnxruntime-web, got none; npm install onnxruntime-web@/m,
  );
  const texts = train("s.csv", "text-classification");
  assert.equal(texts.status, 0, texts.stderr);
  assert.match(
    texts.stderr,
    /^texts are tokenized in JavaScript; the package tokenizers does it faster: npm install tokenizers@/m,
  );
  const json = train("t.jsonl", "tabular-classification");
  assert.equal(json.status, 2);
  assert.match(
    json.stderr,
    /^descent: Parquet, JSON and SQL: expected the package @duckdb\/node-api, got none; npm install @duckdb\/node-api@\S+\n$/,
  );
  const image = `import { decodeImage } from "descentjs/vision/node"; await decodeImage(new Uint8Array(64), { width: 8, height: 8 }).catch((e) => console.log(e.message));`;
  assert.match(node("--input-type=module", "-e", image).stdout, /expected the package sharp, got none; npm install sharp@/);
});

/** The first TypeScript programs of the packed README. */
const readmePrograms = (): string[] =>
  [...readFileSync(join(PACKAGE, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? "");

/** A folder with a program that imports every entry, and the README's; the settings are those of docs/deployment.md. */
function typesProject(name: string, module: string, moduleResolution: string): string {
  const folder = join(CONSUMER, name);
  mkdirSync(folder);
  const programs = readmePrograms();
  assert.ok(programs.length >= 2);
  programs.forEach((code, index) => writeFileSync(join(folder, `readme-${index}.ts`), `${code}\nexport {};\n`));
  const names = entryPoints(manifest);
  writeFileSync(
    join(folder, "entries.ts"),
    names.map((entry, index) => `import * as e${index} from "${entry}";`).join("\n") +
      `\nexport const all: readonly object[] = [${names.map((_, index) => `e${index}`).join(", ")}];\n` +
      // A wrong use is an error: the types are there, and are not \`any\`.
      `// @ts-expect-error -- a number is no tensor\ne0.grad(1, "w");\n`,
  );
  const lib = ["es2023", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"];
  // A program for Node whose compiler resolves as a bundler does says so.
  const conditions = moduleResolution === "bundler" ? { customConditions: ["node"] } : {};
  const base = { module, moduleResolution, target: "es2022", lib, types: ["node"], strict: true, noEmit: true };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...base, ...conditions }, include: ["*.ts"] }),
  );
  return folder;
}

for (const [module, moduleResolution] of [
  ["nodenext", "nodenext"],
  ["esnext", "bundler"],
] as const) {
  test(`types resolve with moduleResolution ${moduleResolution}, libraries checked`, () => {
    const folder = typesProject(`types-${moduleResolution}`, module, moduleResolution);
    const { status, stdout } = node(join(MODULES, "typescript", "bin", "tsc"), "-p", folder);
    assert.equal(status, 0, stdout);
  });
}

/** The oldest TypeScript that docs/deployment.md names; Hono's declarations, which `descentjs/serve` shows, take no older one. */
const OLDEST_TYPESCRIPT = "5.7.3";

test(`TypeScript ${OLDEST_TYPESCRIPT} reads the types, libraries checked, as node16 and as bundlers resolve`, (t) => {
  assert.match(readFileSync(join(ROOT, "docs", "deployment.md"), "utf8"), /TypeScript 5\.7 or later/);
  const compiler = join(CONSUMER, "oldest");
  mkdirSync(compiler);
  const install = ["install", "--prefix", compiler, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
  const npm = process.env["npm_execpath"];
  const asked = [...install, `typescript@${OLDEST_TYPESCRIPT}`];
  const options = { cwd: compiler, encoding: "utf8", timeout: 120_000 } as const;
  const found =
    npm === undefined
      ? spawnSync("npm", asked, { ...options, shell: process.platform === "win32" })
      : spawnSync(process.execPath, [npm, ...asked], options);
  if (found.status !== 0) {
    // Only a registry that is out of reach excuses.
    assert.match(found.stderr, /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/);
    return t.skip("no registry of npm within reach");
  }
  for (const [module, moduleResolution] of [
    ["node16", "node16"],
    ["esnext", "bundler"],
  ] as const) {
    const folder = typesProject(`oldest-${moduleResolution}`, module, moduleResolution);
    const { status, stdout } = node(join(compiler, "node_modules", "typescript", "bin", "tsc"), "-p", folder);
    assert.equal(status, 0, stdout);
  }
});

test("a bundler's types are those of the files that it takes: what a page has, and nothing of Node's", () => {
  const folder = join(CONSUMER, "types-page");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "page.ts"),
    `import { parseTable } from "descentjs/data";
import { crossEntropy } from "descentjs/losses";
import { Linear } from "descentjs/nn";
import { adamW } from "descentjs/optim";
import { train } from "descentjs/train";
const options = { loss: crossEntropy(), optimizer: adamW() };
export const run = train(new Linear(1, 2), { ...options, data: [{ x: [1], label: 0 }] });
export const read = (file: File) => train(new Linear(1, 2), { ...options, data: file });
export const table = async () => parseTable(await fetch("a.csv"));
// @ts-expect-error -- a page has no names of data sets, and no paths
export const named = train(new Linear(1, 2), { ...options, data: "digits" });
// @ts-expect-error -- nor a file system
export { loadData } from "descentjs/data";
// @ts-expect-error -- nor run folders
export { openRun } from "descentjs/run";
`,
  );
  const lib = ["es2023", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"];
  const compilerOptions = {
    module: "esnext",
    moduleResolution: "bundler",
    target: "es2022",
    lib,
    types: [],
    strict: true,
    noEmit: true,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  const { status, stdout } = node(join(MODULES, "typescript", "bin", "tsc"), "-p", folder);
  assert.equal(status, 0, stdout);
});

test("no entry point for a browser names a module of Node", async () => {
  for (const entry of entryPoints(manifest, { browser: true })) {
    const { bytes, nodeModules } = await browserBundle(entry, CONSUMER);
    assert.deepEqual(nodeModules, [], entry);
    assert.ok(bytes > 500, `${entry}: ${bytes} bytes`);
  }
});

// The path of the binaries that stay is that of this platform.
const isLinuxX64 = process.platform === "linux" && process.arch === "x64";
test(
  "the lines for Docker leave a package that trains, in a third of the room",
  { skip: !isLinuxX64 && "for Linux on x64" },
  () => {
    const [, dockerfile = ""] =
      /^```dockerfile\n([^]*?)^```/m.exec(readFileSync(join(ROOT, "docs", "deployment.md"), "utf8")) ?? [];
    const instructions = dockerfile
      .replaceAll(/\\\n\s*/g, "")
      .trim()
      .split("\n");
    assert.deepEqual(
      instructions.map((line) => line.split(" ")[0]),
      ["FROM", "WORKDIR", "COPY", "RUN", "COPY", "CMD"],
    );
    assert.match(instructions[3] as string, /&& npx descent trim$/);
    const engine = join(CONSUMER, "node_modules", "onnxruntime-node");
    unlinkSync(engine);
    // Links in place of copies: what is removed is these.
    assert.equal(spawnSync("cp", ["-rl", join(MODULES, "onnxruntime-node"), engine]).status, 0);
    const mebibytes = (): number =>
      readdirSync(engine, { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile())
        .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size / 2 ** 20, 0);
    const before = mebibytes();
    const bin = join(PACKAGE, String(manifest.bin.descent));
    const trimmed = node(bin, "trim");
    assert.equal(trimmed.status, 0, trimmed.stderr);
    assert.match(
      trimmed.stdout,
      /^removed the engine's binaries for darwin-arm64, linux-arm64, win32-arm64, win32-x64: \d+ MiB; kept linux-x64\n$/,
    );
    // On 2026-11-29: 288 MiB and 45; a whole node_modules 345 and 102.
    assert.ok(before > 200 && mebibytes() < 60, `${before} and ${mebibytes()} MiB`);
    assert.match(node(bin, "trim").stdout, /^nothing to remove: /);
    const train = node(bin, ..."train image-classification --data digits --steps 5 --no-check --out docker".split(" "));
    assert.equal(train.status, 0, train.stderr);

    // As after a trim on another platform: what to do is said, and nothing is removed.
    renameSync(join(engine, "bin", "napi-v6", "linux", "x64"), join(engine, "bin", "napi-v6", "linux", "arm64"));
    const lost =
      /expected (?:its|a) binary for linux[- ]x64.*, got none; remove (?:that folder|node_modules\/onnxruntime-node) and install again/;
    const again = node(bin, "trim");
    assert.equal(again.status, 2);
    assert.match(again.stderr, lost);
    assert.match(node(bin, ..."train image-classification --data digits --steps 5 --out lost".split(" ")).stderr, lost);
    assert.ok(existsSync(join(engine, "bin", "napi-v6", "linux", "arm64")));

    // Not whole: the binding without its library.
    renameSync(join(engine, "bin", "napi-v6", "linux", "arm64"), join(engine, "bin", "napi-v6", "linux", "x64"));
    unlinkSync(join(engine, "bin", "napi-v6", "linux", "x64", "libonnxruntime.so.1"));
    assert.match(
      node(bin, ..."train image-classification --data digits --steps 5 --out lost".split(" ")).stderr,
      /descent: engine: onnxruntime-node: expected its binary for linux x64, got one that does not load \(libonnxruntime\.so\.1: .*\); remove node_modules\/onnxruntime-node and install again \(npm install --ignore-scripts\)\n$/,
    );
  },
);
