/**
 * @module The work on one project: which item comes next, what people answered, what was undone, who disagrees. Every change is stored
 * before it is reported.
 */
import type { Kysely, Transaction } from "kysely";
import { z } from "zod";
import type { Store } from "../store/store.js";
import type { AnnotationTable, PredictionTable, Tables } from "../store/tables.js";
import { ConfigError, DataError } from "../util/errors.js";
import { payloadSchema, schemeSchema, valueSchema } from "./scheme.js";
import type { Payload, Scheme, Value } from "./scheme.js";

/** Time that an item is kept for the person who is looking at it, in milliseconds. */
const RESERVED_MS = 10 * 60_000;
/** Rows of one insert: PostgreSQL takes 65,535 parameters. */
const INSERT_ROWS = 1000;

/** A scheme as the options of a command that give it. */
const described = ({ kind, labels, several, overlap }: Scheme): string =>
  `--kind ${kind} --labels ${labels.map(({ name }) => name).join(",")}${several ? " --several" : ""}${overlap === "none" ? "" : ` --overlapping ${overlap}`}`;

export interface ProjectOptions {
  readonly id: string;
  readonly name: string;
  readonly scheme: Scheme;
  readonly instructions?: string;
  /** People who label each item. Default: as many as before, 1 in a new project. */
  readonly overlap?: number;
}

/** Keeps what a project goes on with, and opens or closes its items for the number of people. */
async function keepSettings({ db }: Store, { id, overlap, instructions }: Workspace["project"]): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await transaction.updateTable("project").set({ overlap, instructions }).where("id", "=", id).execute();
    for (const open of [0, 1])
      await transaction
        .updateTable("item")
        .set({ open })
        .where("project", "=", id)
        .where("done", open === 1 ? "<" : ">=", overlap)
        .execute();
  });
}

/** An item as people see it. */
export interface Item {
  readonly position: number;
  readonly payload: Payload;
  readonly prediction: Prediction | undefined;
  /** The person's own answer. */
  readonly own: Annotation | undefined;
}

export interface Annotation {
  readonly person: string;
  readonly value: Value;
  readonly state: "submitted" | "skipped";
  readonly seconds: number;
  readonly revision: number;
}

/** A model's answer to an item. */
export interface Prediction {
  readonly value: Value;
  /** Probability of the answer, 0 to 1. */
  readonly confidence: number;
  readonly source: string;
  /** Spans of the text, and how much each speaks for (or, negative, against) the answer. */
  readonly explanation: z.infer<typeof explanationSchema> | undefined;
}

const explanationSchema = z.array(z.strictObject({ start: z.int(), end: z.int(), weight: z.number() }));

/** A database, or a transaction in it. */
export type Handle = Kysely<Tables> | Transaction<Tables>;

/** The time, as the database keeps it. */
export const now = (): string => new Date().toISOString();

/** The work on one project of a store. */
export class Workspace {
  readonly project: { readonly id: string; readonly name: string; readonly instructions: string; readonly overlap: number };
  readonly scheme: Scheme;
  readonly store: Store;

  private constructor(store: Store, project: Workspace["project"], scheme: Scheme) {
    this.store = store;
    this.project = project;
    this.scheme = scheme;
  }

  /** Opens a project, or makes it; one that is there must have the same scheme, and goes on with the instructions and the number of people that are given. */
  static async open(store: Store, options: ProjectOptions): Promise<Workspace> {
    const scheme = JSON.stringify(schemeSchema.parse(options.scheme));
    await store.db
      .insertInto("project")
      .values({
        id: options.id,
        name: options.name,
        scheme,
        instructions: options.instructions ?? "",
        overlap: options.overlap ?? 1,
        created_at: now(),
      })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
    const row = await store.db.selectFrom("project").selectAll().where("id", "=", options.id).executeTakeFirstOrThrow();
    if (row.scheme !== scheme)
      throw new ConfigError(
        `${options.name}: expected the kind and labels that the project began with (${described(schemeSchema.parse(JSON.parse(row.scheme)))}), got others (${described(options.scheme)}); give these, or another --store`,
      );
    const project = { ...row, overlap: options.overlap ?? row.overlap, instructions: options.instructions ?? row.instructions };
    if (project.overlap !== row.overlap || project.instructions !== row.instructions) await keepSettings(store, project);
    return new Workspace(store, project, schemeSchema.parse(JSON.parse(row.scheme)));
  }

  get db(): Kysely<Tables> {
    return this.store.db;
  }

  /**
   * Adds the items that are not there yet: all of them to a new project, those behind the old ones to a project whose data has grown.
   *
   * Errors: ConfigError for data that is no longer what the project was begun with.
   */
  async expectItems(items: readonly Payload[]): Promise<{ readonly had: number; readonly added: number }> {
    const had = await this.count();
    for (const position of had === 0 ? [] : [0, had - 1]) {
      const kept = JSON.stringify(await this.payload(position));
      if (kept !== JSON.stringify(payloadSchema.parse(items[position] ?? {})))
        throw new ConfigError(
          `item ${position + 1}: expected the data that the project began with, got other data; give another --store`,
        );
    }
    for (let from = had; from < items.length; from += INSERT_ROWS) {
      const rows = items.slice(from, from + INSERT_ROWS).map((payload, i) => ({
        project: this.project.id,
        position: from + i,
        payload: JSON.stringify(payloadSchema.parse(payload)),
        gold: null,
        done: 0,
        open: 1,
        priority: 0,
      }));
      await this.db.insertInto("item").values(rows).execute();
    }
    return { had, added: items.length - had };
  }

  /** The number of items. */
  async count(): Promise<number> {
    const { count } = await this.db
      .selectFrom("item")
      .where("project", "=", this.project.id)
      .select(({ fn }) => fn.countAll<number | string>().as("count"))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /**
   * The next items for a person, reserved for him: the ones that teach most first, then in the order of the data. Items that enough
   * others have answered or have before them are passed over. `after` are positions that the page has already.
   */
  async next(person: string, count = 1, after: readonly number[] = []): Promise<Item[]> {
    const at = now();
    return this.store.unsynced(this.project.id, async (transaction) => {
      const rows = await this.#items(transaction, person)
        .where("item.open", "=", 1)
        .where("own.position", "is", null)
        .$if(after.length > 0, (query) => query.where("item.position", "not in", [...after]))
        .where((eb) => {
          const held = eb
            .selectFrom("reservation")
            .select(({ fn }) => fn.countAll<number>().as("held"))
            .whereRef("reservation.project", "=", "item.project")
            .whereRef("reservation.position", "=", "item.position")
            .where("reservation.person", "!=", person)
            .where("reservation.until", ">", at);
          return eb(eb("item.done", "+", held), "<", this.project.overlap);
        })
        .orderBy("item.priority", "desc")
        .orderBy("item.position")
        .limit(count)
        .execute();
      await this.reserve(
        transaction,
        rows.map(({ position }) => position),
        person,
      );
      return rows.map(itemOf);
    });
  }

  /** Keeps items for a person for ten minutes. */
  async reserve(db: Handle, positions: readonly number[], person: string): Promise<void> {
    if (positions.length === 0) return;
    const until = new Date(Date.now() + RESERVED_MS).toISOString();
    await db
      .insertInto("reservation")
      .values(positions.map((position) => ({ project: this.project.id, position, person, until })))
      .onConflict((conflict) => conflict.columns(["project", "position", "person"]).doUpdateSet({ until }))
      .execute();
  }

  /** One item, as a person sees it, and whether he has it before him or answered it: an annotator sees no others. */
  async find(person: string, position: number): Promise<(Item & { readonly isOwn: boolean }) | undefined> {
    const row = await this.#items(this.db, person)
      .leftJoin("reservation", (join) =>
        join
          .onRef("reservation.project", "=", "item.project")
          .onRef("reservation.position", "=", "item.position")
          .on("reservation.person", "=", person),
      )
      .select("reservation.person as holder")
      .where("item.position", "=", position)
      .executeTakeFirst();
    return row && { ...itemOf(row), isOwn: row.holder !== null || row.person !== null };
  }

  /** Items with the model's answers to them, and a person's own. */
  #items(db: Handle, person: string) {
    return db
      .selectFrom("item")
      .leftJoin("annotation as own", (join) =>
        join.onRef("own.project", "=", "item.project").onRef("own.position", "=", "item.position").on("own.person", "=", person),
      )
      .leftJoin("prediction", (join) =>
        join.onRef("prediction.project", "=", "item.project").onRef("prediction.position", "=", "item.position"),
      )
      .select(["item.position", "item.payload", "own.person", "own.value", "own.state", "own.seconds", "own.revision"])
      .select(["prediction.value as predicted", "prediction.confidence", "prediction.source", "prediction.explanation"])
      .where("item.project", "=", this.project.id);
  }

  /** The contents of an item; throws a DataError for a position without one. */
  async payload(position: number): Promise<Payload> {
    const row = await this.db
      .selectFrom("item")
      .select("payload")
      .where((eb) => eb.and({ project: this.project.id, position }))
      .executeTakeFirst();
    if (row === undefined) throw new DataError(`item ${position + 1}: expected one of the project's items, got none`);
    return payloadSchema.parse(JSON.parse(row.payload));
  }
}

type Nullable<T> = { readonly [K in keyof T]: T[K] | null };

type OwnAnswer = Pick<AnnotationTable, "person" | "value" | "state" | "seconds" | "revision">;

/** A row of an item and what was said of it; a join that found nothing left null. */
interface ItemRow extends Nullable<OwnAnswer>, Nullable<Pick<PredictionTable, "confidence" | "source" | "explanation">> {
  readonly position: number;
  readonly payload: string;
  readonly predicted: string | null;
}

function itemOf(row: ItemRow): Item {
  const { position, payload, predicted, explanation } = row;
  return {
    position,
    payload: payloadSchema.parse(JSON.parse(payload)),
    own: row.person === null ? undefined : annotationOf(row as OwnAnswer),
    prediction:
      predicted === null
        ? undefined
        : {
            value: valueSchema.parse(JSON.parse(predicted)),
            confidence: row.confidence as number,
            source: row.source as string,
            explanation: explanation === null ? undefined : explanationSchema.parse(JSON.parse(explanation)),
          },
  };
}

/** An annotation of the database as its readers see it. */
export const annotationOf = ({ person, value, state, seconds, revision }: OwnAnswer): Annotation => ({
  person,
  value: valueSchema.parse(JSON.parse(value)),
  state,
  seconds,
  revision,
});

/** A person's answer to an item. */
export async function annotationBy(
  db: Handle,
  project: string,
  position: number,
  person: string,
): Promise<Annotation | undefined> {
  const row = await db
    .selectFrom("annotation")
    .selectAll()
    .where((eb) => eb.and({ project, position, person }))
    .executeTakeFirst();
  return row && annotationOf(row);
}
