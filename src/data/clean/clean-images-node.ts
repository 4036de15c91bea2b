/**
 * @module `cleanImages`: images that cannot be read, repeat others, or stand in two parts or two classes, and the collection without them.
 */
import { createHash } from "node:crypto";
import { copyFile, constants, writeFile } from "node:fs/promises";
import { dirname, resolve, sep } from "node:path";
import { readFileBytes } from "../files-node.js";
import type { CollectedImage } from "../inspect/image-collection-node.js";
import { collectImages, isPixels } from "../inspect/image-collection-node.js";
import { inParallel, lookAt, smallImage } from "../inspect/image-profile-node.js";
import type { LoadOptions } from "../load-node.js";
import { ConfigError, DataError } from "../../util/errors.js";
import type { CleaningReport, Finding, Place } from "./findings.js";
import { countFindings, keptOf } from "./findings.js";
import { Clusters } from "./near-duplicates.js";
import type { ImagePair, PerceptualHash } from "./perceptual-hash.js";
import { perceptualHash, similarImages } from "./perceptual-hash.js";
import { makeFolders } from "../../util/folders-node.js";

export interface CleanImagesOptions extends LoadOptions {
  /** Bits of 64 in which the hashes of near duplicates may differ; −1 leaves near duplicates alone. */
  readonly mostBits?: number;
  /** Finds further pairs of near duplicates, by a model: images in their order, undefined where one is broken or equals another. */
  readonly findSimilar?: (images: readonly (CollectedImage | undefined)[]) => Promise<readonly ImagePair[]>;
  /** A folder for the images that are kept. */
  readonly out?: string;
  readonly signal?: AbortSignal;
}

const WHOLE = "data";
const HASHED_SIDE = 64;

/** A name's place in a folder; DataError for one that leads out of it. */
export function placeIn(folder: string, name: string): string {
  const path = resolve(folder, name);
  if (!path.startsWith(resolve(folder) + sep))
    throw new DataError(`${name}: expected a name inside its archive or folder, got one that leads out of it`);
  return path;
}

async function digest({ image }: CollectedImage): Promise<string> {
  const bytes = isPixels(image) ? image.data : typeof image === "string" ? await readFileBytes(image) : image;
  return createHash("sha256").update(bytes).digest("base64");
}

interface Examined {
  readonly digest: string;
  readonly hash: PerceptualHash;
}

async function examine(
  images: readonly CollectedImage[],
  findings: Finding[],
  options: CleanImagesOptions,
): Promise<(Examined | undefined)[]> {
  return inParallel(images, async (entry) => {
    options.signal?.throwIfAborted();
    try {
      const looked = await lookAt(entry, options.maxMegapixels);
      const hash = perceptualHash(await smallImage(looked, HASHED_SIDE));
      return { digest: await digest(entry), hash };
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      const detail = error.message.replace(`${entry.name}: `, "");
      findings.push({ ...placeOf(entry), kind: "broken", detail, dropped: true });
      return undefined;
    }
  });
}

const placeOf = ({ part = WHOLE, name }: CollectedImage): Place => ({ part, file: name });

/** Copies what is kept; the source stays as it is. */
async function copyKept(
  images: readonly Pick<CollectedImage, "name" | "image">[],
  gone: ReadonlySet<string>,
  out: string,
): Promise<void> {
  for (const entry of images) {
    if (gone.has(entry.name)) continue;
    const path = placeIn(out, entry.name);
    makeFolders(dirname(path));
    if (isPixels(entry.image)) throw new ConfigError("--out: expected images in files, got a data set of decoded ones");
    if (typeof entry.image === "string") await copyFile(entry.image, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    else await writeFile(path, entry.image, { flag: "wx" });
  }
}

/** Finds, and with `out` leaves out, images that cannot be read, repeat others exactly or nearly, or stand in a held-out part as well. */
export async function cleanImages(spec: string, options: CleanImagesOptions = {}): Promise<CleaningReport> {
  const { mostBits = 4, out } = options;
  const { name, images, others, notes } = await collectImages(spec, options);
  if (out !== undefined && images.some(({ image }) => isPixels(image)))
    throw new ConfigError("--out: expected images in files, got a data set of decoded ones");
  const findings: Finding[] = [];
  const examined = await examine(images, findings, options);
  const clusters = new Clusters(images.length);
  const firstOf = new Map<string, number>();
  const similarity = new Map<number, number>();
  examined.forEach((one, i) => {
    if (one === undefined) return;
    const first = firstOf.get(one.digest);
    if (first === undefined) firstOf.set(one.digest, i);
    else clusters.join(first, i);
  });
  // Equal files are known already: their hashes would be paired again and again.
  const distinct = examined.map((one, i) => (one !== undefined && firstOf.get(one.digest) === i ? one.hash : undefined));
  const byModel = (await options.findSimilar?.(images.map((image, i) => (distinct[i] === undefined ? undefined : image)))) ?? [];
  for (const pair of [...(mostBits < 0 ? [] : similarImages(distinct, { mostBits })), ...byModel]) {
    clusters.join(pair.a, pair.b);
    for (const i of [pair.a, pair.b]) similarity.set(i, Math.max(similarity.get(i) ?? 0, pair.similarity));
  }
  const members = new Map<number, number[]>();
  examined.forEach((one, i) => {
    if (one !== undefined) members.set(clusters.find(i), [...(members.get(clusters.find(i)) ?? []), i]);
  });
  const at = (i: number): CollectedImage => images[i] as CollectedImage;
  for (const list of members.values()) {
    if (list.length === 1) continue;
    const kept = keptOf(list, (i) => at(i).part ?? WHOLE);
    for (const i of list) {
      if (i === kept) continue;
      const isExact = examined[i]?.digest === examined[kept]?.digest;
      const kind = at(i).part !== at(kept).part ? "leak" : isExact ? "exact-duplicate" : "near-duplicate";
      const of = placeOf(at(kept));
      const same = isExact ? 1 : (similarity.get(i) ?? similarity.get(firstOf.get(examined[i]?.digest ?? "") ?? i) ?? 1);
      findings.push({ ...placeOf(at(i)), kind, of, similarity: same, dropped: true });
      if (at(i).label !== at(kept).label)
        findings.push({
          ...placeOf(at(i)),
          kind: "conflict",
          of,
          detail: `${at(i).label ?? ""} / ${at(kept).label ?? ""}`,
          dropped: true,
        });
    }
  }
  const gone = new Set(findings.filter(({ dropped }) => dropped).map(({ file }) => file ?? ""));
  if (out !== undefined) await copyKept([...images, ...others], gone, out);
  const after = images.length - gone.size;
  return { name, before: images.length, after, counts: countFindings(findings), findings, personal: [], compared: [], notes };
}
