/**
 * @module Tables that DuckDB reads, as chunks with texts for all that is text in them.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Column } from "../column.js";
import { Dataset } from "../dataset.js";
import { DataError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { chunkToDataset, planColumn, quoteName } from "./columns-node.js";
import type { RawTable } from "./csv-node.js";
import type { Access } from "./access.js";
import { connect, rowsOf, withConnection } from "./duckdb-node.js";
import type { FileSource } from "./describe-file-node.js";

const anyValue = (names: readonly string[]): string => names.map((name) => `${quoteName(name)} IS NOT NULL`).join(" OR ");

/** Adds the positions in the file to a chunk's rows; `before` rows came earlier. */
function withPositions(chunk: Dataset, before: number): Dataset {
  const positions = { rows: Uint32Array.from({ length: chunk.length }, (_, i) => before + i + 1) };
  return new Dataset(chunk.entries().map(([name, column]): [string, Column] => [name, { ...column, positions }]));
}

interface TypedColumn {
  readonly name: string;
  /** DuckDB's type. */
  readonly type: string;
  readonly sql: string;
}

const typedColumn = (row: Readonly<Record<string, unknown>>): TypedColumn => {
  const name = String(row["column_name"]);
  return { name, type: String(row["column_type"]), sql: quoteName(name) };
};

/** Objects inside one another, and fields of one, that become columns. */
const [DEEPEST, MOST_FIELDS] = [4, 100];

/** Columns with those of objects taken apart, `user.age`; of many fields, or with bytes in them, they stay whole. */
async function flattened(
  connection: DuckDBConnection,
  from: string,
  columns: readonly TypedColumn[],
  depth = 0,
): Promise<TypedColumn[]> {
  const names = new Set(columns.map(({ name }) => name));
  const flat: TypedColumn[] = [];
  for (const column of columns) {
    const { name, type, sql } = column;
    const isObject = /^STRUCT\(.*\)$/s.test(type) && !type.includes("BLOB") && depth < DEEPEST;
    const rows = isObject ? await rowsOf(connection, `DESCRIBE SELECT unnest(${sql}) FROM ${from}`) : [];
    const fields = rows
      .map(typedColumn)
      .map((field) => ({ ...field, name: `${name}.${field.name}`, sql: `${sql}.${field.sql}` }));
    const isFit = fields.length > 0 && fields.length <= MOST_FIELDS && !fields.some((field) => names.has(field.name));
    flat.push(...(isFit ? await flattened(connection, from, fields, depth + 1) : [column]));
  }
  return flat;
}

/** A source, with its description and its error messages. */
interface EngineSource {
  /** The source's name in messages. */
  readonly where: string;
  readonly access: Access;
  readonly describe: (connection: DuckDBConnection) => Promise<FileSource>;
  /** Turns an error of the engine into one of ours. */
  readonly explain: (error: unknown) => Promise<Error>;
  /** Lists of numbers come as text. */
  readonly asText?: boolean;
  /** Remarks about columns that come as dates; none if left out. */
  readonly ofDates?: (names: readonly string[]) => readonly string[];
}

/** Finds the columns of a source (those requested, or all), and how to read them. */
export async function openEngineTable(
  { where, access, describe, explain, asText = false, ofDates = () => [] }: EngineSource,
  requested?: readonly string[],
): Promise<RawTable> {
  const { source, plans, names, all } = await withConnection(access, async (connection) => {
    try {
      const source = await describe(connection);
      const described = await rowsOf(connection, `DESCRIBE SELECT * FROM ${source.from}`);
      const whole = described.map(typedColumn);
      const flat = asText ? whole : await flattened(connection, source.from, whole);
      const columns = new Map([...whole, ...flat].map((column) => [column.name, column]));
      for (const name of requested ?? [])
        if (!columns.has(name))
          throw new DataError(
            unknownName(
              "column",
              name,
              flat.map((column) => column.name),
            ),
          );
      const chosen = requested?.map((name) => columns.get(name) as TypedColumn) ?? flat;
      const plans = chosen.map(({ name, type, sql }) => planColumn(name, type, asText, sql));
      return { source, plans, names: plans.map(({ name }) => name), all: whole.map(({ name }) => name) };
    } catch (error) {
      access.signal?.throwIfAborted();
      throw error instanceof DataError ? new DataError(`${where}: ${error.message}`, { cause: error }) : await explain(error);
    }
  });
  const dates = plans.filter(({ unit }) => unit === "date").map(({ name }) => name);
  let badRows = 0;
  const filter = source.skip === true ? ` WHERE ${anyValue(all)}` : "";
  async function* chunks(): AsyncGenerator<Dataset> {
    using opened = await connect(access);
    const { connection } = opened;
    try {
      const result = await connection.stream(`SELECT ${plans.map(({ sql }) => sql).join(", ")} FROM ${source.from}${filter}`);
      const lengths = new Map<string, number>();
      for (let rows = 0; ;) {
        access.signal?.throwIfAborted();
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        const data = chunkToDataset(chunk, plans, lengths);
        // Where rows are left out, their numbers in the file are not known.
        yield source.skip === true ? data : withPositions(data, rows);
        rows += data.length;
      }
      if (source.skip !== true) return;
      const counted = await rowsOf(connection, `SELECT count(*) AS n FROM ${source.from} WHERE NOT (${anyValue(all)})`);
      badRows = Number(counted[0]?.["n"]);
    } catch (error) {
      access.signal?.throwIfAborted();
      throw await explain(error);
    }
  }
  return { names, header: true, notes: () => ofDates(dates), chunks, badRows: () => badRows };
}
