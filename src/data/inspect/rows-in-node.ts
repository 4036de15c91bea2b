/**
 * @module The rows of a table that DuckDB reads, in their order, chunk by chunk.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Dataset } from "../dataset.js";
import type { TableSource } from "./source-node.js";
import { chunkToDataset, planColumn } from "../readers/columns-node.js";

/** The rows of a source, or of a part of it (`from`: the SQL after FROM). */
export async function* rowsIn(connection: DuckDBConnection, { columns }: TableSource, from: string): AsyncGenerator<Dataset> {
  const plans = columns.map(({ name, type }) => planColumn(name, type));
  const result = await connection.stream(`SELECT ${plans.map(({ sql }) => sql).join(", ")} FROM ${from}`);
  const lengths = new Map<string, number>();
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return;
    yield chunkToDataset(chunk, plans, lengths);
  }
}
