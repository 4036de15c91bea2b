/**
 * @module Answers of people to items: stored, changed, skipped and undone, each as an action that is in the database before it is reported.
 */
import { z } from "zod";
import { DataError, DescentError } from "../util/errors.js";
import { checkAnswer, valueSchema } from "./scheme.js";
import type { Value } from "./scheme.js";
import { annotationBy, now } from "./workspace.js";
import type { Annotation, Handle, Workspace } from "./workspace.js";

export const submissionSchema = z.strictObject({
  /** Chosen by the page: what is sent twice is stored once. */
  action: z.uuid(),
  value: valueSchema,
  state: z.enum(["submitted", "skipped"]),
  seconds: z.number().min(0).max(86_400).default(0),
  /** The revision that the page shows: 0 for an item that this person has not answered. */
  revision: z.int().min(0),
});
/** One answer, as a page sends it. */
export type Submission = z.infer<typeof submissionSchema>;

/** A change to something that was changed elsewhere in the meantime. */
export class ConflictError extends DescentError {}

/**
 * Stores a person's answer to an item, and returns it.
 *
 * Errors: ConflictError if the page showed another revision; DataError for a value that the scheme or the item does not allow.
 */
export async function submit(
  workspace: Workspace,
  person: string,
  position: number,
  submission: Submission,
): Promise<Annotation> {
  const { id: project } = workspace.project;
  const payload = await workspace.payload(position);
  // What is skipped may be half done.
  if (submission.state === "submitted") checkAnswer(workspace.scheme, payload, submission.value, `item ${position + 1}`);
  return workspace.db.transaction().execute(async (db) => {
    await lockItem(db, workspace, position);
    const before = await annotationBy(db, project, position, person);
    const sent = await db.selectFrom("action").select("id").where("id", "=", submission.action).executeTakeFirst();
    if (sent !== undefined && before !== undefined) return before;
    if ((before?.revision ?? 0) !== submission.revision)
      throw new ConflictError(
        `item ${position + 1}: expected a change to revision ${before?.revision ?? 0}, got one to ${submission.revision}; load the item again`,
        { exitCode: 2 },
      );
    const { value, state, seconds } = submission;
    const after: Annotation = {
      person,
      value,
      state,
      seconds: (before?.seconds ?? 0) + seconds,
      revision: submission.revision + 1,
    };
    await db
      .insertInto("action")
      .values({
        id: submission.action,
        project,
        position,
        person,
        before: json(before),
        after: json(after),
        undone: 0,
        at: now(),
      })
      .execute();
    await write(db, workspace, position, person, after);
    return after;
  });
}

/** Takes a person's last action back, and returns the item's position with what stands there now; undefined if there is nothing to undo. */
export async function undo(
  workspace: Workspace,
  person: string,
): Promise<{ readonly position: number; readonly annotation: Annotation | undefined } | undefined> {
  const { id: project } = workspace.project;
  return workspace.db.transaction().execute(async (db) => {
    const last = await db
      .selectFrom("action")
      .selectAll()
      .where((eb) => eb.and({ project, person, undone: 0 }))
      .orderBy("sequence", "desc")
      .limit(1)
      .executeTakeFirst();
    if (last === undefined) return undefined;
    await lockItem(db, workspace, last.position);
    const present = await annotationBy(db, project, last.position, person);
    const before = last.before === null ? undefined : (JSON.parse(last.before) as Annotation);
    // Revisions only go up, so that a page with the undone answer notices.
    const annotation = before && { ...before, revision: (present?.revision ?? before.revision) + 1 };
    await db.updateTable("action").set({ undone: 1 }).where("sequence", "=", last.sequence).execute();
    await write(db, workspace, last.position, person, annotation);
    return { position: last.position, annotation };
  });
}

/** Makes others who change the same item wait, so that answers given at once are all counted. SQLite has one writer anyway. */
async function lockItem(db: Handle, { store, project }: Workspace, position: number): Promise<void> {
  if (store.dialect !== "postgres") return;
  await db
    .selectFrom("item")
    .select("position")
    .where((eb) => eb.and({ project: project.id, position }))
    .forUpdate()
    .execute();
}

const json = (annotation: Annotation | undefined): string | null =>
  annotation === undefined ? null : JSON.stringify(annotation);

/** Writes or removes an annotation, and counts again what its item still needs. */
async function write(
  db: Handle,
  { project: { id: project, overlap } }: Workspace,
  position: number,
  person: string,
  annotation: Annotation | undefined,
): Promise<void> {
  if (annotation === undefined) {
    await db
      .deleteFrom("annotation")
      .where((eb) => eb.and({ project, position, person }))
      .execute();
  } else {
    const { value, state, seconds, revision } = annotation;
    const set = { value: JSON.stringify(value satisfies Value), state, seconds, revision, updated_at: now() };
    await db
      .insertInto("annotation")
      .values({ project, position, person, ...set })
      .onConflict((conflict) => conflict.columns(["project", "position", "person"]).doUpdateSet(set))
      .execute();
  }
  await db
    .deleteFrom("reservation")
    .where((eb) => eb.and({ project, position, person }))
    .execute();
  const { done } = await db
    .selectFrom("annotation")
    .select(({ fn }) => fn.countAll<number | string>().as("done"))
    .where((eb) => eb.and({ project, position }))
    .executeTakeFirstOrThrow();
  await db
    .updateTable("item")
    .set({ done: Number(done), open: Number(done) < overlap ? 1 : 0 })
    .where((eb) => eb.and({ project, position }))
    .execute();
}

/** An adjudicator's final answer to an item. */
export async function decide(workspace: Workspace, person: string, position: number, value: Value): Promise<void> {
  const { id: project } = workspace.project;
  checkAnswer(workspace.scheme, await workspace.payload(position), value, `item ${position + 1}`);
  const set = { person, value: JSON.stringify(value), at: now() };
  await workspace.db
    .insertInto("decision")
    .values({ project, position, ...set })
    .onConflict((conflict) => conflict.columns(["project", "position"]).doUpdateSet(set))
    .execute();
}

/** Makes an item one with a known answer that people are checked against, or, with null, an ordinary one again. */
export async function setGold(workspace: Workspace, position: number, value: Value | null): Promise<void> {
  if (value !== null) checkAnswer(workspace.scheme, await workspace.payload(position), value, `item ${position + 1}`);
  const { numUpdatedRows } = await workspace.db
    .updateTable("item")
    .set({ gold: value === null ? null : JSON.stringify(value) })
    .where((eb) => eb.and({ project: workspace.project.id, position }))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw new DataError(`item ${position + 1}: expected one of the project's items, got none`);
}
