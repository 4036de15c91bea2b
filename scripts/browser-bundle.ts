/** @module Bundles of the package's entry points for a browser: what a page downloads, and whether it could run there. */
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

type Target = string | Readonly<Record<string, string>>;

/** The entry points in `package.json`. */
export interface Manifest {
  readonly name: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, Target>>;
  readonly imports: Readonly<Record<string, Target>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** Whether an entry point is for Node alone. */
const isForNode = (key: string, target: Target): boolean =>
  key.endsWith("/node") || (typeof target === "object" && !Object.hasOwn(target, "default"));

/** The names that a program imports: `descentjs`, `descentjs/nn`, …; with `browser`, only those that are meant for a page. */
export function entryPoints({ name, exports }: Manifest, { browser = false } = {}): string[] {
  return Object.entries(exports)
    .filter(([key, target]) => key !== "./package.json" && !(browser && isForNode(key, target)))
    .map(([key]) => name + key.slice(1));
}

export interface BrowserBundle {
  /** Minified, then gzip at its default level: about what a server sends. The engine is not counted: see `external`. */
  readonly bytes: number;
  /** Modules of Node that the bundle names, and that a browser hasn't. */
  readonly nodeModules: readonly string[];
}

/**
 * Bundles everything that an entry point exports.
 * @param folder where `import entry` is resolved from: the repository (a package may import itself) or a program that uses it
 */
export async function browserBundle(entry: string, folder: string): Promise<BrowserBundle> {
  const result = await bundled(`export * from ${JSON.stringify(entry)};`, folder);
  const imports = Object.values(result.metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  const nodeModules = imports.filter((path) => path.startsWith("node:") || builtinModules.includes(path.split("/", 1)[0] ?? ""));
  return { bytes: sum(result.outputFiles), nodeModules: [...new Set(nodeModules)] };
}

/** A page that trains a small network on rows, or on a file. */
const PAGE = `import { crossEntropy } from "descentjs/losses";
import { Linear, relu, Sequential } from "descentjs/nn";
import { adamW } from "descentjs/optim";
import { train } from "descentjs/train";
globalThis.learn = (data) => train(new Sequential(new Linear(2, 16), relu, new Linear(16, 2)), { data, loss: crossEntropy(), optimizer: adamW() });`;

/** Bytes that such a page downloads of ours: at the start, and in all where it is given a file. */
export async function pageBundle(folder: string): Promise<{ readonly start: number; readonly all: number }> {
  const { outputFiles } = await bundled(PAGE, folder);
  return { start: sum(outputFiles.filter(({ path }) => path.endsWith("stdin.js"))), all: sum(outputFiles) };
}

const sum = (files: readonly { readonly contents: Uint8Array }[]): number =>
  files.reduce((bytes, file) => bytes + gzipSync(file.contents).length, 0);

function bundled(contents: string, folder: string) {
  return build({
    stdin: { contents, resolveDir: folder },
    splitting: true,
    outdir: "/",
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    conditions: ["browser"],
    // The engine weighs megabytes of WebAssembly beside its script, and is loaded when first used.
    external: ["onnxruntime-web", "onnxruntime-common", "node:*", ...builtinModules],
    logLevel: "silent",
  });
}
