/**
 * @module Answers of people to items: stored, changed, skipped and undone, each as an action that is in the database before it is reported.
 */
import { z } from "zod";
import { DataError, DescentError } from "../util/errors.js";
import { checkAnswer, valueSchema } from "./scheme.js";
import type { Value } from "./scheme.js";
import { annotationBy, now } from "./workspace.js";
import type { Annotation, Handle, Item, Workspace } from "./workspace.js";

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

const changed = (position: number, has: number, got: number): ConflictError =>
  new ConflictError(`item ${position + 1}: expected a change to revision ${has}, got one to ${got}; load the item again`, {
    exitCode: 2,
  });

/**
 * Stores a person's answer to an item, and returns it.
 *
 * `item` is as the person has it now.
 * Errors: ConflictError if the page showed another revision; DataError for a value that the scheme or the item does not allow.
 */
export async function submit(workspace: Workspace, person: string, item: Item, submission: Submission): Promise<Annotation> {
  const { id: project } = workspace.project;
  const { position, own: before } = item;
  const { action, value, state, revision } = submission;
  // What is skipped may be half done.
  if (state === "submitted") checkAnswer(workspace.scheme, item.payload, value, `item ${position + 1}`);
  const after: Annotation = {
    person,
    value,
    state,
    seconds: (before?.seconds ?? 0) + submission.seconds,
    revision: revision + 1,
  };
  return workspace.db.transaction().execute(async (db) => {
    const { numInsertedOrUpdatedRows: isNew } = await db
      .insertInto("action")
      .values({ id: action, project, position, person, before: json(before), after: json(after), undone: 0, at: now() })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .executeTakeFirst();
    if (isNew === 0n) {
      const kept = await annotationBy(db, project, position, person);
      // What was sent twice and undone in between stays undone.
      if (kept === undefined) throw changed(position, 0, revision);
      return kept;
    }
    if ((before?.revision ?? 0) !== revision || !(await write(db, workspace, position, before, after)))
      throw changed(position, before?.revision ?? 0, revision);
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
    const { position, sequence } = last;
    const { numUpdatedRows } = await db
      .updateTable("action")
      .set({ undone: 1 })
      .where((eb) => eb.and({ sequence, undone: 0 }))
      .executeTakeFirst();
    const present = await annotationBy(db, project, position, person);
    const before = last.before === null ? undefined : (JSON.parse(last.before) as Annotation);
    // Revisions only go up, so that a page with the undone answer notices.
    const annotation = before && { ...before, revision: (present?.revision ?? before.revision) + 1 };
    if (numUpdatedRows === 0n || !(await write(db, workspace, position, present, annotation)))
      throw new ConflictError(`item ${position + 1}: expected an action that nobody undoes meanwhile; load the item again`, {
        exitCode: 2,
      });
    return { position, annotation };
  });
}

const json = (annotation: Annotation | undefined): string | null =>
  annotation === undefined ? null : JSON.stringify(annotation);

/** Writes or removes an annotation where it still is as it was `before`, and counts what its item still needs; false where it was changed meanwhile. */
async function write(
  db: Handle,
  { project: { id: project, overlap } }: Workspace,
  position: number,
  before: Annotation | undefined,
  after: Annotation | undefined,
): Promise<boolean> {
  const person = (after ?? before)?.person;
  if (person === undefined) return true;
  const own = { project, position, person };
  if (!(await replace(db, own, before, after))) return false;
  await db
    .deleteFrom("reservation")
    .where((eb) => eb.and(own))
    .execute();
  const more = (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
  if (more === 0) return true;
  // Added in the database: answers of several people at once all count.
  await db
    .updateTable("item")
    .set((eb) => {
      const done = eb("done", "+", more);
      return { done, open: eb.case().when(done, "<", overlap).then(eb.lit(1)).else(eb.lit(0)).end() };
    })
    .where((eb) => eb.and({ project, position }))
    .execute();
  return true;
}

/** Puts one annotation, or none, in another's place; false where that is no longer there. */
async function replace(
  db: Handle,
  own: { readonly project: string; readonly position: number; readonly person: string },
  before: Annotation | undefined,
  after: Annotation | undefined,
): Promise<boolean> {
  if (after === undefined) {
    if (before === undefined) return true;
    const { revision } = before;
    const deleted = await db
      .deleteFrom("annotation")
      .where((eb) => eb.and({ ...own, revision }))
      .executeTakeFirst();
    return deleted.numDeletedRows === 1n;
  }
  const { value, state, seconds, revision } = after;
  const set = { value: JSON.stringify(value satisfies Value), state, seconds, revision, updated_at: now() };
  if (before === undefined) {
    const inserted = await db
      .insertInto("annotation")
      .values({ ...own, ...set })
      .onConflict((conflict) => conflict.columns(["project", "position", "person"]).doNothing())
      .executeTakeFirst();
    return inserted.numInsertedOrUpdatedRows === 1n;
  }
  const updated = await db
    .updateTable("annotation")
    .set(set)
    .where((eb) => eb.and({ ...own, revision: before.revision }))
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
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
