/** @module The project of a labelling in its database, which may hold several. */
import { createHash } from "node:crypto";
import type { Store } from "../store/store.js";
import { ConfigError } from "../util/errors.js";
import { payloadSchema, schemeSchema } from "./scheme.js";
import type { Payload, Scheme } from "./scheme.js";

export interface ProjectKey {
  /** A file of texts, or a folder of images. */
  readonly data: string;
  readonly scheme: Scheme;
}

/** The key of a new project: of the data, as they are spelled, and the kind of labelling. */
export const projectOf = ({ data, scheme }: ProjectKey): string =>
  createHash("sha256")
    .update(JSON.stringify([data.replace(/[\\/]+$/, ""), scheme.kind]))
    .digest("hex")
    .slice(0, 16);

/** The name of data without their folders. */
export const nameOf = (data: string): string => data.split(/[\\/]/).findLast((part) => part !== "") ?? data;

/** An item of a project, as the database keeps it. */
async function itemAt({ db }: Store, project: string, last: boolean): Promise<{ position: number; payload: string } | undefined> {
  return db
    .selectFrom("item")
    .select(["position", "payload"])
    .where("project", "=", project)
    .orderBy("position", last ? "desc" : "asc")
    .limit(1)
    .executeTakeFirst();
}

/** Tells whether a project is of these items, by its first and its last one. */
async function isOf(store: Store, project: string, items: readonly Payload[]): Promise<boolean> {
  for (const last of [false, true]) {
    const kept = await itemAt(store, project, last);
    const item = kept && items[kept.position];
    if (item === undefined || JSON.stringify(payloadSchema.parse(item)) !== kept?.payload) return false;
  }
  return true;
}

/**
 * Finds the project that was begun with the data: under the path as it is spelled now, or, where that was another (`reviews.csv` and `./reviews.csv`, a folder that
 * was moved), the one of the same name and kind, and of the same `items` where these are given. The key of a new one if there is none.
 *
 * Errors: ConfigError where it may be several.
 */
export async function findProject(store: Store, key: ProjectKey, items?: readonly Payload[]): Promise<string> {
  const own = projectOf(key);
  if ((await itemAt(store, own, false)) !== undefined) return own;
  const found: string[] = [];
  const named = await store.db.selectFrom("project").select(["id", "scheme"]).where("name", "=", nameOf(key.data)).execute();
  for (const { id, scheme } of named) {
    if (schemeSchema.parse(JSON.parse(scheme)).kind !== key.scheme.kind || (await itemAt(store, id, false)) === undefined)
      continue;
    if (items === undefined || (await isOf(store, id, items))) found.push(id);
  }
  if (found.length > 1)
    throw new ConfigError(
      `${key.data}: expected one labelling of that name, got ${found.length}; name the data by the path that it began with`,
    );
  return found[0] ?? own;
}
