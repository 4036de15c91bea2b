/**
 * @module Texts in files of their own, in folders that are called by their class, as the IMDB reviews and the 20 newsgroups come.
 */
import { join } from "node:path";
import type { ImageEntry } from "../images/encoded.js";
import type { ExampleFiles, FilesByPart } from "../class-folders-node.js";
import { archivedClasses, checkClasses, partsOf, readClassFolders } from "../class-folders-node.js";
import { checkEncoding, encodingName, guessEncoding, isUtf8, markedEncoding, streamDecoder } from "../csv/encoding.js";
import { Dataset } from "../dataset.js";
import { entriesBelow, readFileBytes } from "../files-node.js";
import { isOwn } from "../parts.js";
import type { Parts } from "../parts.js";
import type { TarFile } from "../images/tar.js";

/** Files of texts have `.txt` for an ending, or none; what explains the others is no example. */
const TEXTS: ExampleFiles = {
  what: "texts",
  isExample: (file) =>
    /^[^.]+$|\.txt$/i.test(file) && !/^(readme|licen[cs]e|changelog|changes|notice|copying|makefile)\b/i.test(file),
};

/** Folders of texts without a class, which collections have beside those of the classes. */
const UNLABELLED = new Set(["unsup", "unlabeled", "unlabelled", "unsupervised"]);

/** Files read at the same time. */
const AT_ONCE = 64;
/** Bytes that an encoding is guessed from. */
const SAMPLE = 1 << 16;

export interface ClassTexts {
  readonly parts: Parts;
  readonly notes: readonly string[];
}

/** Decodes the files of one collection, those that are not UTF-8 by the one encoding that fits them best. */
class Decoder {
  readonly #asked: string | undefined;
  readonly #where: string;
  #guessed: string | undefined;

  constructor(where: string, asked: string | undefined) {
    this.#where = where;
    this.#asked = asked === undefined ? undefined : checkEncoding(asked, "--encoding");
  }

  get notes(): string[] {
    const guessed = this.#guessed;
    return guessed === undefined
      ? []
      : [`${this.#where}: not all UTF-8, others read as ${encodingName(guessed)}; --encoding says otherwise`];
  }

  /** Decodes texts; the first call guesses the encoding of those that are not UTF-8. */
  decode(files: readonly Uint8Array[]): string[] {
    const others =
      this.#asked === undefined ? files.filter((bytes) => markedEncoding(bytes) === undefined && !isUtf8(bytes)) : [];
    if (others.length > 0) this.#guessed ??= guessEncoding(Buffer.concat(others).subarray(0, SAMPLE));
    return files.map((bytes) => {
      const encoding = this.#asked ?? markedEncoding(bytes) ?? (isUtf8(bytes) ? "utf-8" : (this.#guessed ?? "utf-8"));
      // One file of many that is damaged keeps none of the others from being read.
      const lenient = encoding === this.#guessed ? new TextDecoder(encoding) : undefined;
      return (lenient?.decode(bytes) ?? streamDecoder(encoding)(bytes, true)).trim();
    });
  }
}

async function bytesOf(files: readonly ImageEntry[]): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for (let at = 0; at < files.length; at += AT_ONCE)
    all.push(
      ...(await Promise.all(
        files
          .slice(at, at + AT_ONCE)
          .map(async ({ source }) => (typeof source === "string" ? await readFileBytes(source) : source)),
      )),
    );
  return all;
}

/** The files of parts without those of no class, where there are others. */
function labelled(byPart: FilesByPart): { files: FilesByPart; left: number } {
  const isLabelled = ({ label }: ImageEntry): boolean => !UNLABELLED.has(label.toLowerCase());
  const files = new Map(
    [...byPart].map(([part, all]) => [part, all.filter(isLabelled)] as const).filter(([, kept]) => kept.length > 0),
  );
  const count = (parts: FilesByPart): number => [...parts.values()].reduce((sum, all) => sum + all.length, 0);
  return files.has("train") ? { files, left: count(byPart) - count(files) } : { files: byPart, left: 0 };
}

async function classTexts(found: FilesByPart, where: string, encoding: string | undefined): Promise<ClassTexts | undefined> {
  if (found.size === 0) return undefined;
  const { files: byPart, left } = labelled(found);
  checkClasses(byPart, where);
  const decoder = new Decoder(where, encoding);
  const parts = await partsOf(byPart, async (files) => {
    const values = decoder.decode(await bytesOf(files));
    return new Dataset({
      text: { dtype: "string", values },
      label: { dtype: "string", values: files.map(({ label }) => label) },
    });
  });
  return { parts, notes: [...decoder.notes, ...(left === 0 ? [] : [`${where}: ${left} texts without a class were left out`])] };
}

/** The texts of a folder with a folder for each class, or undefined where it holds something else. DataError for a class without texts, or one alone. */
export const readTextFolders = async (folder: string, encoding?: string): Promise<ClassTexts | undefined> =>
  classTexts(await readClassFolders(folder, TEXTS), folder, encoding);

/** The texts of an archive with a folder for each class, or undefined where it holds something else. */
export const textArchive = (files: readonly TarFile[], where: string, encoding?: string): Promise<ClassTexts | undefined> =>
  classTexts(archivedClasses(files, where, TEXTS), where, encoding);

/** The texts of all files below a folder, in the order of their paths. */
export async function textsBelow(
  folder: string,
): Promise<{ readonly names: readonly string[]; readonly texts: readonly string[] }> {
  const found = (await entriesBelow(folder)).filter(
    (entry) => entry.isFile() && isOwn([entry.name]) && TEXTS.isExample(entry.name),
  );
  const names = found.map((entry) => join(entry.parentPath, entry.name)).sort();
  const files = names.map((source): ImageEntry => ({ source, label: "" }));
  return { names, texts: new Decoder(folder, undefined).decode(await bytesOf(files)) };
}
