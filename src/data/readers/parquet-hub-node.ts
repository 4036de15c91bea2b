/**
 * @module Parquet files as hubs of data sets have them: what they say of their columns, and lists of tokens and tags in them.
 */
import { literalPath, rowsOf, withConnection } from "./duckdb-node.js";

/** The description of features that a file carries, as JSON; undefined where it has none. */
export const hubMetadata = (path: string): Promise<unknown> =>
  withConnection({ files: [path] }, async (connection) => {
    const rows = await rowsOf(
      connection,
      `SELECT decode(value) AS value FROM parquet_kv_metadata(${literalPath(path)}) WHERE decode(key) = 'huggingface'`,
    );
    const text = rows[0]?.["value"];
    try {
      return typeof text === "string" ? (JSON.parse(text) as unknown) : undefined;
    } catch {
      // What others wrote there is not needed.
      return undefined;
    }
  });

/** Tells whether a Parquet file has a column of lists of texts that is called after tokens. */
export const holdsTokenLists = (path: string): Promise<boolean> =>
  withConnection({ files: [path] }, async (connection) => {
    try {
      const described = await rowsOf(connection, `DESCRIBE SELECT * FROM read_parquet(${literalPath(path)})`);
      return described.some((row) => /^(tokens|words)$/i.test(String(row["column_name"])) && row["column_type"] === "VARCHAR[]");
    } catch {
      // What is wrong with the file is said by who reads it.
      return false;
    }
  });
