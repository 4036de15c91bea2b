/** @module A PostgreSQL inside the process, for tests. */
import { randomBytes } from "node:crypto";
import { PGlite } from "@electric-sql/pglite";
import { Client } from "pg";
import { openStore, storeOver } from "./store.js";
import type { Store } from "./store.js";

/** Opens the tables over an empty PGlite: one connection, lent to one transaction at a time. `onStatement` hears each statement. */
export async function openPglite(onStatement: (statement: string) => void = () => undefined): Promise<Store> {
  const engine = await PGlite.create();
  let free = Promise.resolve();
  return storeOver(
    {
      async connect() {
        const before = free;
        let release = (): void => undefined;
        free = new Promise((resolve) => {
          release = resolve;
        });
        await before;
        return {
          release,
          async query(statement: string, parameters: readonly unknown[]) {
            onStatement(statement);
            const { rows, affectedRows } = await engine.query(statement, [...parameters]);
            const command = statement.trimStart().split(/\s/, 1)[0]?.toUpperCase() as
              | "UPDATE"
              | "DELETE"
              | "INSERT"
              | "SELECT"
              | "MERGE";
            return { command, rows, rowCount: affectedRows ?? rows.length };
          },
        } as never;
      },
      end: () => engine.close(),
    },
    "pglite",
  );
}

/** Opens the tables in a new database of the server that `DESCENT_POSTGRES` names. */
async function openPostgres(server: string): Promise<Store> {
  const name = `descent_${randomBytes(8).toString("hex")}`;
  const client = new Client({ connectionString: server });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const address = new URL(server);
  address.pathname = `/${name}`;
  return openStore(address.href);
}

const server = process.env["DESCENT_POSTGRES"];
if (server === undefined)
  console.error("descent: DESCENT_POSTGRES is not set: annotations are tried on SQLite and PGlite, not on a PostgreSQL server");

/** Databases that every test of the store runs on. */
export const STORES: readonly { readonly name: string; readonly open: () => Promise<Store> }[] = [
  { name: "SQLite", open: () => openStore(":memory:") },
  { name: "PGlite", open: () => openPglite() },
  ...(server === undefined ? [] : [{ name: "PostgreSQL", open: () => openPostgres(server) }]),
];
