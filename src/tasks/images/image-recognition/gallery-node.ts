/**
 * @module A gallery: embeddings of enrolled images with names, as one safetensors file.
 *
 *     tensor "embeddings": float32 [entries, D], unit vectors, in the order of enrolment
 *     metadata: "format": "descent-gallery-1"; "model": SHA-256 of the model that made them;
 *               "names", "sources": JSON lists, one text for each entry
 *
 * Embeddings of two models cannot be compared, so a gallery is bound to its model by the hash.
 */
import { join } from "node:path";
import * as z from "zod";
import { loadSafetensors, saveSafetensors, writeSafetensors } from "../../../data/node.js";
import { sha256 } from "../../../data/files-node.js";
import type { Match } from "../../../metrics/index.js";
import { nearest } from "../../../metrics/index.js";
import { exists } from "../../../util/regular-file-node.js";
import { splitRunPath } from "../../../run/run-folder-node.js";
import { ConfigError, DataError } from "../../../util/errors.js";
import { unknownName } from "../../../util/nearest.js";
import { parseJsonWith } from "../../../util/schema.js";
import type { TrainedModel } from "../../trained-model.js";

const FORMAT = "descent-gallery-1";

export interface GalleryEntry {
  readonly name: string;
  /** The image's source: its path, as it was given. */
  readonly source: string;
  readonly embedding: Float32Array;
}

export interface Gallery {
  /** SHA-256 of the model that made the embeddings. */
  readonly model: string;
  readonly entries: readonly GalleryEntry[];
}

/** Identifies a model by its weights and by how it reads images. */
const modelHash = (model: TrainedModel): string =>
  sha256(
    writeSafetensors(
      [...model.weights].sort(([a], [b]) => (a < b ? -1 : 1)),
      { info: JSON.stringify(model.info) },
    ),
  );

/** Returns the default path of a run's gallery. */
export const galleryOf = (run: string): string => join(splitRunPath(run).run, "gallery.safetensors");

const texts = z.array(z.string());

/** Errors: DataError if it is not a gallery; ConfigError if another model made it. */
export async function readGallery(path: string, model: TrainedModel): Promise<Gallery> {
  const { tensors, metadata } = await loadSafetensors(path);
  const embeddings = tensors.get("embeddings");
  if (metadata["format"] !== FORMAT || embeddings?.dtype !== "float32" || embeddings.shape.length !== 2)
    throw new DataError(`${path}: expected a gallery (${FORMAT}), got another safetensors file`);
  const names = parseJsonWith(texts, metadata["names"] ?? "", `${path}: names`);
  const sources = parseJsonWith(texts, metadata["sources"] ?? "", `${path}: sources`);
  const [count = 0, size = 0] = embeddings.shape;
  if (names.length !== count || sources.length !== count)
    throw new DataError(`${path}: expected ${count} names and sources, got ${names.length} and ${sources.length}`);
  const hash = modelHash(model);
  if (metadata["model"] !== hash)
    throw new ConfigError(
      `${path}: expected a gallery of this model (${hash.slice(0, 12)}), got one of ${metadata["model"]?.slice(0, 12)}; enroll its images again with this run`,
    );
  const vectors = embeddings.data as Float32Array;
  const entries = names.map((name, i) => ({
    name,
    source: sources[i] as string,
    embedding: vectors.slice(i * size, (i + 1) * size),
  }));
  return { model: hash, entries };
}

/** The gallery at a path, or an empty one for this model where there is none yet. */
export const readOrCreateGallery = async (path: string, model: TrainedModel): Promise<Gallery> =>
  (await exists(path)) ? readGallery(path, model) : { model: modelHash(model), entries: [] };

/** Writes aside and renames: readers see the old gallery or the new one. */
export async function writeGallery(path: string, { model, entries }: Gallery): Promise<void> {
  const size = entries[0]?.embedding.length ?? 0;
  const data = new Float32Array(entries.length * size);
  entries.forEach(({ embedding }, i) => data.set(embedding, i * size));
  const metadata = {
    format: FORMAT,
    model,
    names: JSON.stringify(entries.map(({ name }) => name)),
    sources: JSON.stringify(entries.map(({ source }) => source)),
  };
  await saveSafetensors(path, [["embeddings", { dtype: "float32", shape: [entries.length, size], data }]], metadata);
}

/** Adds entries; those of the same name and source are replaced, so that enrolling twice changes nothing. */
export function enrolled(gallery: Gallery, added: readonly GalleryEntry[]): Gallery {
  const key = ({ name, source }: GalleryEntry): string => JSON.stringify([name, source]);
  const fresh = new Map(added.map((entry) => [key(entry), entry]));
  return { ...gallery, entries: [...gallery.entries.filter((entry) => !fresh.has(key(entry))), ...fresh.values()] };
}

/** Without the entries of a name. ConfigError, with the nearest, for one that is not in it. */
export function withoutName(gallery: Gallery, name: string): Gallery {
  const entries = gallery.entries.filter((entry) => entry.name !== name);
  if (entries.length === gallery.entries.length)
    throw new ConfigError(`--remove: ${unknownName("name", name, namesIn(gallery))}`);
  return { ...gallery, entries };
}

/** Every name once, in the order of enrolment. */
export const namesIn = ({ entries }: Gallery): string[] => [...new Set(entries.map(({ name }) => name))];

/** The nearest entry of each query. DataError for an empty gallery. */
export function nearestEntries({ entries }: Gallery, queries: readonly ArrayLike<number>[]): (Match & GalleryEntry)[] {
  const size = entries[0]?.embedding.length;
  if (size === undefined) throw new DataError("gallery: expected enrolled images, got none; enroll some first");
  const vectors = new Float32Array(entries.length * size);
  entries.forEach(({ embedding }, i) => vectors.set(embedding, i * size));
  const labels = entries.map((_, i) => i);
  return queries.map((query) => {
    const match = nearest(query, { vectors, labels })[0] as Match;
    return { ...(entries[match.entry] as GalleryEntry), ...match };
  });
}
