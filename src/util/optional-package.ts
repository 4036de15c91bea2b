/**
 * @module Packages that are not installed with Descent, since most programs never need them: each is loaded where it is first needed, and where it is
 * missing it is said what to install.
 */
import { ConfigError } from "./errors.js";

/** Packages that are installed beside Descent, with the versions that they were tried with; the `peerDependencies` of package.json. */
export const OPTIONAL_PACKAGES = {
  "@duckdb/node-api": { version: "1.5.5-r.5", use: "Parquet, JSON and SQL" },
  "@opentelemetry/api": { version: "1.9.0", use: "traces" },
  libsql: { version: "0.5.29", use: "SQLite files" },
  "onnxruntime-node": { version: "1.30.0", use: "the engine" },
  "onnxruntime-web": { version: "1.30.0", use: "WebAssembly" },
  sharp: { version: "0.35.5", use: "image files" },
  tokenizers: { version: "0.23.2", use: "tokenizers of texts" },
} as const;

export type OptionalPackage = keyof typeof OPTIONAL_PACKAGES;

/** Whether an error is that of a package, or of its binary for this platform, which is not there. */
export const isMissing = (error: unknown, name: string): boolean => {
  const { code, message = "" } = error as { readonly code?: string; readonly message?: string };
  return (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") && message.includes(`'${name}'`);
};

/** Says what to install. Install scripts are not run: none of them is needed, and onnxruntime-node's asks for a host that is not everywhere in reach. */
function missingPackage(name: OptionalPackage, cause: unknown): ConfigError {
  const { version, use } = OPTIONAL_PACKAGES[name];
  const extra = name === "onnxruntime-node" ? " --ignore-scripts" : "";
  return new ConfigError(`${use}: expected the package ${name}, got none; npm install ${name}@${version}${extra}`, { cause });
}

/** The error for a package that could not be loaded: with the line that installs it, where it is missing. */
export const loadingError = (name: OptionalPackage, error: unknown): unknown =>
  isMissing(error, name) ? missingPackage(name, error) : error;

/** Loads a package. ConfigError with the line that installs it, where it is missing; what it raises itself passes unchanged. */
export async function optionalPackage<T>(name: OptionalPackage, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw loadingError(name, error);
  }
}
