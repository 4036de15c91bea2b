/**
 * @module Migrations, in the order of their names; one set for SQLite and PostgreSQL. A migration that was released is never changed:
 * what comes later is a new one.
 */
import { sql } from "kysely";
import type { CreateTableBuilder, Kysely, Migration } from "kysely";

export type Dialect = "sqlite" | "postgres";

const text = "text" as const;

/** Columns of a table that belongs to an item. */
const ofItem = <T extends string, C extends string>(table: CreateTableBuilder<T, C>) =>
  table.addColumn("project", text, (column) => column.notNull()).addColumn("position", "integer", (column) => column.notNull());

async function createItems(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("project")
    .addColumn("id", text, (column) => column.primaryKey())
    .addColumn("name", text, (column) => column.notNull())
    .addColumn("scheme", text, (column) => column.notNull())
    .addColumn("instructions", text, (column) => column.notNull())
    .addColumn("overlap", "integer", (column) => column.notNull())
    .addColumn("created_at", text, (column) => column.notNull())
    .execute();
  await ofItem(schema.createTable("item"))
    .addColumn("payload", text, (column) => column.notNull())
    .addColumn("gold", text)
    .addColumn("done", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("open", "integer", (column) => column.notNull().defaultTo(1))
    .addColumn("priority", dialect === "sqlite" ? "real" : "double precision", (column) => column.notNull().defaultTo(0))
    .addPrimaryKeyConstraint("item_key", ["project", "position"])
    .execute();
  await schema.createIndex("item_next").on("item").columns(["project", "open", "priority desc", "position"]).execute();
  await ofItem(schema.createTable("annotation"))
    .addColumn("person", text, (column) => column.notNull())
    .addColumn("value", text, (column) => column.notNull())
    .addColumn("state", text, (column) => column.notNull())
    .addColumn("seconds", dialect === "sqlite" ? "real" : "double precision", (column) => column.notNull())
    .addColumn("revision", "integer", (column) => column.notNull())
    .addColumn("updated_at", text, (column) => column.notNull())
    .addPrimaryKeyConstraint("annotation_key", ["project", "position", "person"])
    .execute();
  await schema.createIndex("annotation_person").on("annotation").columns(["project", "person", "updated_at"]).execute();
  await ofItem(
    schema
      .createTable("action")
      .addColumn("sequence", dialect === "sqlite" ? "integer" : "serial", (column) =>
        dialect === "sqlite" ? column.primaryKey().autoIncrement() : column.primaryKey(),
      ),
  )
    .addColumn("id", text, (column) => column.notNull().unique())
    .addColumn("person", text, (column) => column.notNull())
    .addColumn("before", text)
    .addColumn("after", text)
    .addColumn("undone", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("at", text, (column) => column.notNull())
    .execute();
  await schema.createIndex("action_person").on("action").columns(["project", "person", "undone", "sequence"]).execute();
  await ofItem(schema.createTable("decision"))
    .addColumn("person", text, (column) => column.notNull())
    .addColumn("value", text, (column) => column.notNull())
    .addColumn("at", text, (column) => column.notNull())
    .addPrimaryKeyConstraint("decision_key", ["project", "position"])
    .execute();
  await ofItem(schema.createTable("reservation"))
    .addColumn("person", text, (column) => column.notNull())
    .addColumn("until", text, (column) => column.notNull())
    .addPrimaryKeyConstraint("reservation_key", ["project", "position", "person"])
    .execute();
  await ofItem(schema.createTable("prediction"))
    .addColumn("value", text, (column) => column.notNull())
    .addColumn("confidence", dialect === "sqlite" ? "real" : "double precision", (column) => column.notNull())
    .addColumn("source", text, (column) => column.notNull())
    .addColumn("explanation", text)
    .addPrimaryKeyConstraint("prediction_key", ["project", "position"])
    .execute();
}

async function createPeople({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("person")
    .addColumn("id", text, (column) => column.primaryKey())
    .addColumn("name", text, (column) => column.notNull().unique())
    .addColumn("role", text, (column) => column.notNull())
    .addColumn("password", text)
    .addColumn("created_at", text, (column) => column.notNull())
    .execute();
  await schema
    .createTable("invitation")
    .addColumn("hash", text, (column) => column.primaryKey())
    .addColumn("role", text, (column) => column.notNull())
    .addColumn("expires_at", text, (column) => column.notNull())
    .addColumn("used_by", text)
    .execute();
  await schema
    .createTable("sign_in")
    .addColumn("hash", text, (column) => column.primaryKey())
    .addColumn("person", text, (column) => column.notNull())
    .addColumn("token", text, (column) => column.notNull())
    .addColumn("expires_at", text, (column) => column.notNull())
    .execute();
  await schema
    .createTable("attempt")
    .addColumn("key", text, (column) => column.primaryKey())
    .addColumn("failures", "integer", (column) => column.notNull())
    .addColumn("since", text, (column) => column.notNull())
    .execute();
}

/** Adds the indexes by which a page counts after each answer, however long the texts are. */
async function createCounts({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createIndex("item_gold")
    .on("item")
    .columns(["project", "position"])
    .where(sql<boolean>`gold is not null`)
    .execute();
  await schema.createIndex("annotation_counts").on("annotation").columns(["project", "person", "state", "seconds"]).execute();
}

/** All migrations of a dialect, by name. */
export const migrationsOf = (dialect: Dialect): Readonly<Record<string, Migration>> => ({
  "001-items": { up: (db: Kysely<unknown>) => createItems(db, dialect) },
  "002-people": { up: (db: Kysely<unknown>) => createPeople(db) },
  "003-counts": { up: (db: Kysely<unknown>) => createCounts(db) },
});
