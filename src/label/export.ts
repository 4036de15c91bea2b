/** @module The final answers of a labelling as a file that training reads. */
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { once } from "node:events";
import { expectNewFolder } from "../data/files-node.js";
import { openStore, withoutPassword } from "../store/store.js";
import { DataError } from "../util/errors.js";
import { refuseSource } from "../util/same-file-node.js";
import { fileReason } from "../util/file-reason.js";
import { findProject, nameOf } from "./project-key.js";
import type { ProjectKey } from "./project-key.js";
import { finalValue, reviewItems } from "./review.js";
import { Workspace } from "./workspace.js";
import { writeLabelFiles } from "./formats/convert-node.js";
import { descentLines } from "./formats/descent.js";
import { formatFor } from "./formats/index.js";
import type { LabelledItem } from "./formats/index.js";
import type { Scheme, Value } from "./scheme.js";

export interface Exported {
  readonly items: number;
  /** Items with a final answer; the others are left out. */
  readonly labelled: number;
}

/** Items that are in memory at once. */
const AT_ONCE = 1000;

/** Fields of a line: a class as `label`, several as `labels`; the rest under the value's own name. */
const fieldsOf = (value: Value, { several }: Scheme): Readonly<Record<string, unknown>> =>
  "classes" in value ? (several ? { labels: value.classes } : { label: value.classes[0] ?? null }) : value;

/** Items with a final answer, in order; `seen` counts all. */
async function* finalItems(workspace: Workspace, seen: { items: number }): AsyncGenerator<LabelledItem> {
  seen.items = await workspace.count();
  for (let from = 0; from < seen.items; from += AT_ONCE)
    for (const item of await reviewItems(workspace, { from, count: AT_ONCE })) {
      const value = finalValue(item);
      if (value !== undefined) yield { payload: item.payload, value };
    }
}

/** Writes lines of `text` or `image`, and the answer. Nothing of an older file is lost if it fails. */
async function writeLines(items: AsyncIterable<LabelledItem>, scheme: Scheme, path: string): Promise<number> {
  const partial = `${path}.partial`;
  let labelled = 0;
  try {
    const file = createWriteStream(partial);
    await once(file, "open");
    for await (const { payload, value } of items) {
      labelled++;
      const { text, image } = payload;
      const line = { ...(text === undefined ? { image: image?.file } : { text }), ...fieldsOf(value, scheme) };
      if (!file.write(`${JSON.stringify(line)}\n`)) await once(file, "drain");
    }
    file.end();
    await once(file, "close");
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw new DataError(`${path}: expected a file that can be written, got ${fileReason(cause)}`, { cause });
  }
  return labelled;
}

/**
 * Writes the final answers of a labelling: as JSON lines in one file, or in the format of another tool into a new folder.
 *
 * Errors: DataError without labels; ConfigError for what the format cannot say, and for a folder that holds something.
 */
export async function exportLabels(
  options: ProjectKey & { readonly store: string },
  path: string,
  format = descentLines.name,
): Promise<Exported> {
  const { scheme, data } = options;
  const writer = formatFor(format, scheme.kind);
  if (writer !== descentLines) await expectNewFolder(path, "--export");
  else refuseSource(path, [data, options.store], "--export");
  await using store = await openStore(options.store);
  const id = await findProject(store, options);
  const project = await store.db.selectFrom("item").select("position").where("project", "=", id).limit(1).executeTakeFirst();
  if (project === undefined)
    throw new DataError(`${withoutPassword(options.store)}: expected labels of ${data}, got none; label first`);
  const workspace = await Workspace.open(store, { id, name: nameOf(data), scheme });
  const seen = { items: await workspace.count() };
  const items = finalItems(workspace, seen);
  if (writer === descentLines) return { labelled: await writeLines(items, scheme, path), ...seen };
  const all: LabelledItem[] = [];
  for await (const item of items) all.push(item);
  const labels = scheme.labels.map(({ name }) => name);
  await writeLabelFiles(path, writer.write(all, labels));
  return { ...seen, labelled: all.length };
}
