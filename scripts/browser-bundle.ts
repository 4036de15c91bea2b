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
  readonly dependencies: Readonly<Record<string, string>>;
}

export const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** The names that a program imports: `descentjs`, `descentjs/nn`, …; with `browser`, only those that are meant for a page. */
export function entryPoints({ name, exports }: Manifest, { browser = false } = {}): string[] {
  return Object.keys(exports)
    .filter((key) => key !== "./package.json" && !(browser && key.endsWith("/node")))
    .map((key) => name + key.slice(1));
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
  const result = await build({
    stdin: { contents: `export * from ${JSON.stringify(entry)};`, resolveDir: folder },
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
  const imports = Object.values(result.metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  const nodeModules = imports.filter((path) => path.startsWith("node:") || builtinModules.includes(path.split("/", 1)[0] ?? ""));
  const bytes = result.outputFiles.reduce((sum, file) => sum + gzipSync(file.contents).length, 0);
  return { bytes, nodeModules: [...new Set(nodeModules)] };
}
