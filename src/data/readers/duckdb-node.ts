/**
 * @module DuckDB: connections that can read what was named and nothing else, and what its SQL needs.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { optionalPackage } from "../../util/optional-package.js";
import type { Access } from "./access.js";
import { quoteText } from "./columns-node.js";

const escapePattern = (path: string): string => path.replaceAll(/[*?[]/g, "[$&]");

/** A path as DuckDB takes it, which would read `*`, `?` and `[` as patterns. */
export const literalPath = (path: string): string => quoteText(escapePattern(path));

const INTERRUPT_MS = 50;

type Opened = { readonly connection: DuckDBConnection } & Disposable;

const list = (paths: readonly string[]): string => `[${paths.map(quoteText).join(", ")}]`;

/** Half of what is free: a query that wants more ends with an error, and not with the machine. */
const halfOfFreeMiB = (): number => Math.max(256, Math.floor(process.availableMemory() / 2 ** 21));

/**
 * A connection of its own to an empty database. Owned: dispose it. It reads what `access` names: no other file, no network, no
 * extension, and no statement can change that. Nothing is spilled to the disk.
 */
export async function connect({ files = [], folders = [], memoryMiB = halfOfFreeMiB(), signal }: Access): Promise<Opened> {
  signal?.throwIfAborted();
  const { DuckDBInstance } = await optionalPackage("@duckdb/node-api", () => import("@duckdb/node-api"));
  const instance = await DuckDBInstance.create(":memory:", {
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    memory_limit: `${memoryMiB}MiB`,
    temp_directory: "",
  });
  const connection = await instance.connect();
  // Names are checked as they stand in a statement, and once more when patterns in them have been resolved.
  const names = files.flatMap((file) => [file, escapePattern(file)]);
  if (names.length > 0) await connection.run(`SET allowed_paths=${list([...new Set(names)])}`);
  if (folders.length > 0) await connection.run(`SET allowed_directories=${list(folders)}`);
  await connection.run("SET enable_external_access=false");
  await connection.run("SET lock_configuration=true");
  // An interrupt that comes before a statement has begun is forgotten by DuckDB: it is said until somebody listens.
  let again: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    again ??= setInterval(() => connection.interrupt(), INTERRUPT_MS);
  };
  signal?.addEventListener("abort", interrupt);
  // It may have come while the connection was made.
  if (signal?.aborted === true) interrupt();
  return {
    connection,
    [Symbol.dispose]() {
      signal?.removeEventListener("abort", interrupt);
      clearInterval(again);
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** Runs `use` with a connection of its own, which is closed after it. */
export async function withConnection<T>(access: Access, use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  using opened = await connect(access);
  return await use(opened.connection);
}

/** The rows of a query, as JSON shows them. */
export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson();
}
