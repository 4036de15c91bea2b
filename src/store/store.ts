/**
 * @module Opens an annotation database: SQLite in a file, or PostgreSQL by its connection string, with the same tables on both.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { Kysely, Migrator, PostgresDialect, sql, SqliteDialect } from "kysely";
import type { PostgresPool, SqliteDatabase, Transaction } from "kysely";
import { ConfigError, DescentError } from "../util/errors.js";
import { makeFolders } from "../util/folders-node.js";
import { loadingError } from "../util/optional-package.js";
import { migrationsOf } from "./migrations.js";
import type { Dialect } from "./migrations.js";
import type { Tables } from "./tables.js";

/** An open database. Close it with `using`, or by `close`. */
export interface Store extends AsyncDisposable {
  readonly db: Kysely<Tables>;
  /**
   * Runs a transaction that does not wait for the disk: one that a loss of power may undo, along with later ones that did not wait either. Those of one `key` run one after another.
   */
  unsynced<T>(key: string, run: (transaction: Transaction<Tables>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Whether a text is the connection string of a PostgreSQL database. */
export const isPostgres = (where: string): boolean => /^postgres(ql)?:\/\//.test(where);

/** A connection string without its password, for messages; a path as it is. */
export const withoutPassword = (where: string): string =>
  isPostgres(where) ? where.replace(/^(\w+:\/\/[^:/@]*):.*@/, "$1:…@").replace(/([?&]password=)[^&]*/gi, "$1…") : where;

/**
 * Opens a database and brings its tables to this version.
 *
 * `where` is the path of a SQLite file, which is made with its folder if there is none, or `postgres://…`.
 * Errors: a file that is not a database; a server that does not answer; a database of a newer version.
 */
export async function openStore(where: string): Promise<Store> {
  const other = isPostgres(where) ? undefined : /^[a-z][a-z0-9+.-]+:\/\//i.exec(where)?.[0];
  if (other !== undefined) throw new ConfigError(`--store: expected a SQLite file or postgres://…, got ${other}…`);
  if (!isPostgres(where)) return storeOf(new Kysely<Tables>({ dialect: sqliteDialect(where) }), "sqlite", where);
  const { Pool } = (await import("pg")).default;
  // A server that is gone is an error of the next query, not of the process.
  const pool = new Pool({ connectionString: where, max: 8, connectionTimeoutMillis: 5000 }).on("error", () => undefined);
  return storeOver(pool, withoutPassword(where));
}

/** The tables of a PostgreSQL that is reached through a pool of connections. */
export const storeOver = (pool: PostgresPool, where: string): Promise<Store> =>
  storeOf(new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }), "postgres", where);

type Sqlite = new (path: string) => SqliteDatabase & { exec(statements: string): void };

/** Loads the library of SQLite when it is first needed. */
function loadSqlite(): Sqlite {
  try {
    return createRequire(import.meta.url)("libsql") as Sqlite;
  } catch (error) {
    throw loadingError("libsql", error);
  }
}

function sqliteDialect(path: string): SqliteDialect {
  const Database = loadSqlite();
  if (path !== ":memory:") makeFolders(dirname(path));
  try {
    const database = new Database(path);
    // Write-ahead logging with a sync at each commit: what was answered is on the disk, also when the power goes.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;");
    return new SqliteDialect({ database });
  } catch (error) {
    const got = `"${(error as Error).message}"`;
    throw new ConfigError(`${path}: expected a SQLite database, or a path where one can be made, got ${got}`, { cause: error });
  }
}

async function storeOf(db: Kysely<Tables>, dialect: Dialect, where: string): Promise<Store> {
  const close = (): Promise<void> => db.destroy();
  try {
    await migrate(db, dialect, where);
  } catch (error) {
    await close();
    if (error instanceof DescentError) throw error;
    const what = dialect === "sqlite" ? "a SQLite database" : "a PostgreSQL server that answers";
    throw new ConfigError(`${where}: expected ${what}, got "${(error as Error).message}"`, { cause: error });
  }
  return { db, unsynced: unsyncedOver(db, dialect), close, [Symbol.asyncDispose]: close };
}

function unsyncedOver(db: Kysely<Tables>, dialect: Dialect): Store["unsynced"] {
  if (dialect === "postgres")
    return (key, run) =>
      db.transaction().execute(async (own) => {
        await sql`select set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(hashtext(${key}))`.execute(own);
        return run(own);
      });
  // One connection, so that transactions run one after another anyway, and the setting is this one's alone.
  return (_, run) =>
    db.connection().execute(async (connection) => {
      await sql`pragma synchronous = normal`.execute(connection);
      try {
        return await connection.transaction().execute(run);
      } finally {
        await sql`pragma synchronous = full`.execute(connection);
      }
    });
}

async function migrate(db: Kysely<Tables>, dialect: Dialect, where: string): Promise<void> {
  const known = migrationsOf(dialect);
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (tables.some(({ name }) => name === "kysely_migration")) {
    const applied = await (db as unknown as Kysely<{ kysely_migration: { name: string } }>)
      .selectFrom("kysely_migration")
      .select("name")
      .execute();
    const unknown = applied.find(({ name }) => !Object.hasOwn(known, name));
    if (unknown !== undefined)
      throw new ConfigError(
        `${where}: expected a database of this version or an earlier one, got one with the migration "${unknown.name}"; update descentjs`,
      );
  } else if (tables.some(({ name }) => name === "item" || name === "project")) {
    throw new ConfigError(`${where}: expected a database of Descent, got one with other tables; give another path`);
  }
  const { error } = await new Migrator({ db, provider: { getMigrations: () => Promise.resolve(known) } }).migrateToLatest();
  if (error !== undefined) throw error;
}
