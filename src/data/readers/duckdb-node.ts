/**
 * @module DuckDB: connections, and what its SQL needs.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteText } from "./columns-node.js";

/** A path as DuckDB takes it, which would read `*`, `?` and `[` as patterns. */
export const literalPath = (path: string): string => quoteText(path.replaceAll(/[*?[]/g, "[$&]"));

/** A connection of its own to an empty database. Owned: dispose it. */
export async function connect(): Promise<{ readonly connection: DuckDBConnection } & Disposable> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  return {
    connection,
    [Symbol.dispose]() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** Runs `use` with a connection of its own, which is closed after it. */
export async function withConnection<T>(use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  using opened = await connect();
  return await use(opened.connection);
}

/** The rows of a query, as JSON shows them. */
export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson();
}
