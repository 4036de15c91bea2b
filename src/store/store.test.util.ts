/** @module A PostgreSQL inside the process, for tests. */
import { PGlite } from "@electric-sql/pglite";
import { storeOver } from "./store.js";
import type { Store } from "./store.js";

/** Opens the tables over an empty PGlite: one connection, lent to one transaction at a time. */
export async function openPglite(): Promise<Store> {
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

/** The two kinds of database that every test of the store runs on. */
export const STORES: readonly { readonly name: string; readonly open: () => Promise<Store> }[] = [
  { name: "SQLite", open: async () => (await import("./store.js")).openStore(":memory:") },
  { name: "PostgreSQL (PGlite)", open: openPglite },
];
