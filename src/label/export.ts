/** @module The final answers of a labelling as a file that training reads. */
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { once } from "node:events";
import { openStore } from "../store/store.js";
import { DataError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";
import { projectOf } from "./project-key.js";
import type { ProjectKey } from "./project-key.js";
import { finalValue, reviewItems } from "./review.js";
import { Workspace } from "./workspace.js";
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

/** Writes the final answers of a labelling as JSON lines: `text` or `image`, and the answer. Nothing of an older file is lost if it fails. */
export async function exportLabels(options: ProjectKey & { readonly store: string }, path: string): Promise<Exported> {
  await using store = await openStore(options.store);
  const workspace = await Workspace.open(store, { id: projectOf(options), name: options.data, scheme: options.scheme });
  const items = await workspace.count();
  if (items === 0) throw new DataError(`${options.store}: expected labels of ${options.data}, got none; label first`);
  const partial = `${path}.partial`;
  let labelled = 0;
  try {
    const file = createWriteStream(partial);
    await once(file, "open");
    for (let from = 0; from < items; from += AT_ONCE) {
      for (const item of await reviewItems(workspace, { from, count: AT_ONCE })) {
        const value = finalValue(item);
        if (value === undefined) continue;
        labelled++;
        const { text, image } = item.payload;
        const line = { ...(text === undefined ? { image: image?.file } : { text }), ...fieldsOf(value, options.scheme) };
        if (!file.write(`${JSON.stringify(line)}\n`)) await once(file, "drain");
      }
    }
    file.end();
    await once(file, "close");
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw new DataError(`${path}: expected a file that can be written, got ${fileReason(cause)}`, { cause });
  }
  return { items, labelled };
}
