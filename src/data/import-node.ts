/**
 * @module `importData`: files, folders, archives and queries copied into one folder that trainings read. The sources are never changed; what is a plain
 * table in UTF-8 is copied byte for byte, anything else becomes one.
 */
import { constants, copyFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { hashAll, hashFile } from "./card-node.js";
import type { CardFile } from "./card.js";
import { CARD_FILES } from "./card.js";
import { placeIn } from "./clean/clean-images-node.js";
import { Dataset } from "./dataset.js";
import { expectNewFolder, isGzip, readFileBytes, unwrapGzip } from "./files-node.js";
import { archiveFiles, isArchiveName } from "./images/archive-node.js";
import { IMAGE_FILE } from "./images/manifest.js";
import { isOwn, partNamed } from "./parts.js";
import { csvLines } from "./inspect/csv-text.js";
import type { SourceOptions, TableSource } from "./inspect/source-node.js";
import { engineNames, withTable } from "./inspect/source-node.js";
import { inspectTable } from "./inspect/table-profile-node.js";
import type { TableProfile } from "./inspect/profile.js";
import { rowsOf } from "./readers/duckdb-node.js";
import { csvForm } from "./readers/csv-node.js";
import { isQuery, parseRunnable, refuseStatement } from "./readers/query-node.js";
import { readHead, tableFormat } from "./readers/table-file-node.js";
import { rowsIn } from "./inspect/rows-in-node.js";
import { Utf8Validator } from "./readers/utf8-validator-node.js";
import { decodeUtf8 } from "./text/lines.js";
import { isRasa } from "./text/open-node.js";
import { ConfigError, DataError } from "../util/errors.js";
import { fileReason } from "../util/file-reason.js";
import { makeFolders } from "../util/folders-node.js";

export interface ImportOptions extends SourceOptions {
  /** The folder to make; it must not be there yet, or be empty. */
  readonly out: string;
}

export interface Imported {
  readonly inputs: readonly CardFile[];
  /** Files of the folder whose hashes are known already; all of them, or undefined. */
  readonly outputs?: readonly CardFile[];
  /** The description of the table, where the folder has but one. */
  readonly profile?: TableProfile;
  readonly counts: Readonly<Record<string, number>>;
  /** Decisions, in sentences. */
  readonly decisions: readonly string[];
}

/** Files beside images that say something of them, and texts in formats of their own. */
const KEPT = /\.(xml|json|ya?ml|txt|md|csv|tsv|jsonl|ndjson|parquet|conllu?|bio|iob2?|bioes|bmes|gz)$/i;
const TEXT_FILE = /\.(txt|md|text)$/i;

/** A file by its name, with its path or its bytes. */
interface NamedContent {
  readonly name: string;
  readonly content: string | Uint8Array;
}

const shown = (name: string): string => JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);

/** The error for a file that finds no place in the folder: another has its name, or the name is none that the disk takes. */
function unplaceable(where: string, name: string, error: unknown): unknown {
  // What could not be made is a folder around the file, or the file itself.
  const cause = error instanceof ConfigError ? error.cause : error;
  const { code } = cause as NodeJS.ErrnoException;
  if (code === "EEXIST" || code === "ENOTDIR" || code === "EISDIR")
    return new DataError(`${where}: expected a name that no other file has, got ${shown(name)} again; rename one of them`, {
      cause,
    });
  if (code === "ENAMETOOLONG")
    return new DataError(`${where}: expected names that the disk takes, got ${shown(name)}, ${fileReason(cause)}`, { cause });
  return error;
}

/** The work of one import. */
class Importer {
  readonly #out: string;
  readonly #options: SourceOptions;
  readonly decisions: string[] = [];
  readonly counts = { rows: 0, images: 0, files: 0 };
  /** Tables that were copied byte for byte, by their sources. */
  readonly copied = new Map<string, CardFile>();
  /** The description of the last table. */
  profile: TableProfile | undefined;
  /** Tables that are to become one. */
  readonly tables: { name: string; spec: string }[] = [];

  readonly #isOne: boolean;

  /** `isOne`: there is one source, so a table is all that there is, and described. */
  constructor(out: string, options: SourceOptions, isOne: boolean) {
    this.#out = out;
    this.#options = options;
    this.#isOne = isOne;
  }

  /** Copies a file, or writes bytes, to a name below the folder. */
  async #put(name: string, content: string | Uint8Array, where: string): Promise<void> {
    const path = placeIn(this.#out, name);
    try {
      makeFolders(dirname(path));
      if (typeof content === "string") await copyFile(content, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      else await writeFile(path, content, { flag: "wx" });
    } catch (cause) {
      throw unplaceable(where, name, cause);
    }
    if (IMAGE_FILE.test(name)) this.counts.images++;
    else this.counts.files++;
  }

  /** Takes files of `where` with their names; what is of no known kind is left out, and named. DataError if that is everything. */
  async files(files: readonly NamedContent[], prefix: string, where: string): Promise<void> {
    const left: string[] = [];
    for (const { name, content } of files) {
      const isKept = IMAGE_FILE.test(name) || KEPT.test(name);
      if (!isKept || basename(name) === CARD_FILES.json) left.push(name);
      else await this.#put(prefix + name, content, where);
    }
    if (left.length === 0) return;
    const named = `${left.slice(0, 5).map(shown).join(", ")}${left.length > 5 ? ", …" : ""}`;
    if (left.length === files.length) {
      const packed = left.some(isArchiveName) ? "; unpack archives that lie in others first" : "";
      throw new DataError(`${where}: expected tables, texts or images, got only files of other kinds: ${named}${packed}`);
    }
    const count = left.length === 1 ? "a file of another kind was" : `${left.length} files of other kinds were`;
    this.decisions.push(`${count} left out: ${named}`);
  }

  async folder(path: string, prefix: string): Promise<void> {
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    const nameOf = (entry: (typeof entries)[number]): string =>
      relative(path, join(entry.parentPath, entry.name)).split(sep).join("/");
    const links = entries.filter((entry) => entry.isSymbolicLink());
    if (links.length > 0) this.decisions.push(`${path}: ${links.length} symbolic links were not followed`);
    const names = entries
      .filter((entry) => entry.isFile())
      .map(nameOf)
      .filter((name) => isOwn(name.split("/")))
      .sort();
    if (names.length === 0) throw new DataError(`${path}: expected files, found none`);
    await this.files(
      names.map((name) => ({ name, content: join(path, name) })),
      prefix,
      path,
    );
  }

  async archive(path: string, prefix: string): Promise<void> {
    const packed = await readFileBytes(path);
    const bytes = isGzip(packed) ? await unwrapGzip(packed, path) : packed;
    const notes: string[] = [];
    const files = await archiveFiles(bytes, path, notes);
    if (files.length === 0) throw new DataError(`${path}: expected files in the archive, found none`);
    this.decisions.push(`${basename(path)}: unpacked, ${files.length} ${files.length === 1 ? "file" : "files"}`, ...notes);
    await this.files(
      files.map(({ name, bytes: content }) => ({ name, content })),
      prefix,
      path,
    );
  }

  /** A text file: a row for each line that is not empty. */
  async text(path: string): Promise<void> {
    const bytes = await unwrapGzip(await readFileBytes(path), path);
    const lines = decodeUtf8(bytes, path)
      .split(/\r\n|\n|\r/)
      .filter((line) => line.trim() !== "");
    if (lines.length === 0) throw new DataError(`${path}: expected lines of text, got none`);
    const name = `${basename(path).replace(/\.[^.]*$/, "")}.csv`;
    await this.#write(name, [new Dataset({ text: { dtype: "string", values: lines } })], path);
    this.decisions.push(`${basename(path)}: each line that is not empty is a row`);
  }

  /** A table under the name that it has there: as it is where it can be read so, else as a CSV in UTF-8; and its description. */
  async table(spec: string, stem: string): Promise<void> {
    const format = isQuery(spec) ? undefined : (this.#options.format ?? tableFormat(spec));
    const plain = `${stem}${/\.[a-z]+(\.gz)?$/i.exec(spec)?.[0] ?? ""}`;
    if (format !== undefined && (await this.#isPlain(spec, format)) && (await this.#copyTable(spec, plain, format))) return;
    const name = `${stem}.csv`;
    await withTable(spec, this.#options, async (connection, source) => {
      this.decisions.push(...source.notes);
      await this.#write(name, rowsIn(connection, source, source.from), spec);
    });
    this.decisions.push(`${isQuery(spec) ? "the query" : basename(spec)}: written as a CSV in UTF-8, as ${name}`);
    const { memoryMiB, signal } = this.#options;
    if (this.#isOne) this.profile = await inspectTable(placeIn(this.#out, name), { memoryMiB, signal });
  }

  /** The number of rows of a table that is read to its end. */
  async #read(spec: string): Promise<{ rows: number; notes: readonly string[] }> {
    if (this.#isOne) return (this.profile = await inspectTable(spec, this.#options));
    return withTable(spec, this.#options, async (connection, { from, notes }) => {
      const [row] = await rowsOf(connection, `SELECT count(*) AS n FROM ${from}`);
      return { rows: Number(row?.["n"]), notes };
    });
  }

  /**
   * Copies a table byte for byte, hashes the copy and reads the source, all at once. False, and nothing is left, where not all of its bytes are of the
   * encoding in which it begins.
   */
  async #copyTable(spec: string, name: string, format: string): Promise<boolean> {
    const path = placeIn(this.#out, name);
    const validator = new Utf8Validator();
    let isValid = true;
    const isText = (format === "csv" || format === "tsv") && !isGzip(await readHead(spec));
    const copy = async (): Promise<CardFile> => {
      await copyFile(spec, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).catch((cause: unknown) => {
        throw unplaceable(spec, name, cause);
      });
      return hashFile(path, name, isText ? (bytes) => void (isValid &&= validator.add(bytes)) : undefined);
    };
    const [copied, read] = await Promise.allSettled([copy(), this.#read(spec)]);
    if (copied.status === "rejected") throw copied.reason;
    if (!isValid || !validator.ended) {
      await rm(path);
      return false;
    }
    if (read.status === "rejected") throw read.reason;
    this.copied.set(spec, copied.value);
    this.decisions.push(...read.value.notes);
    this.counts.rows += read.value.rows;
    this.counts.files++;
    return true;
  }

  /** Tells whether a table can be copied byte for byte, and read as if nobody had said how. */
  async #isPlain(path: string, format: string): Promise<boolean> {
    if (this.#options.skipBadRows === true) return false;
    if (format === "parquet" || format === "jsonl" || format === "json") return true;
    if (format !== "csv" && format !== "tsv") return false;
    const usual = format === "tsv" ? { usual: "\t" } : {};
    const head = await readHead(path);
    const form = await csvForm(path, isGzip(head), { ...this.#options, ...usual }, true);
    if (form.encoding !== "utf-8" || form.broken || !form.plain || !form.header) return false;
    if (engineNames(path, form.names).notes.length > 0) return false;
    return this.#options.delimiter === undefined || (await csvForm(path, isGzip(head), usual, true)).delimiter === form.delimiter;
  }

  async #write(name: string, chunks: AsyncIterable<Dataset> | Iterable<Dataset>, where: string): Promise<void> {
    const path = placeIn(this.#out, name);
    const file = createWriteStream(path, { flags: "wx" });
    await once(file, "open").catch((cause: unknown) => {
      throw unplaceable(where, name, cause);
    });
    let rows = 0;
    for await (const chunk of chunks) {
      if (!file.write([...csvLines(chunk, rows === 0)].join(""))) await once(file, "drain");
      rows += chunk.length;
    }
    file.end();
    await once(file, "close");
    if (rows === 0) throw new DataError(`${name}: expected at least one row, got none`);
    this.counts.rows += rows;
    this.counts.files++;
  }

  /** Several tables of the same columns as one, with a column that names the source of each row. */
  async joined(): Promise<void> {
    const { tables } = this;
    const options = this.#options;
    const decisions = this.decisions;
    const isClear = new Set(tables.map(({ name }) => name)).size === tables.length;
    let column = "source";
    async function* all(): AsyncGenerator<Dataset> {
      let expected: string | undefined;
      for (const { name, spec } of tables) {
        const chunks: Dataset[] = [];
        await withTable(spec, options, async (connection, source: TableSource) => {
          decisions.push(...source.notes);
          const known = source.columns.map(({ name: title }) => title);
          while (known.some((title) => title.toLowerCase() === column)) column += "_file";
          const names = known.join(", ");
          expected ??= names;
          if (names !== expected)
            throw new ConfigError(
              `${name}: expected the columns ${expected} as in ${tables[0]?.name ?? ""}, got ${names}; import it separately`,
            );
          for await (const chunk of rowsIn(connection, source, source.from)) {
            const values = new Array<string>(chunk.length).fill(isClear ? name : spec);
            chunks.push(chunk.with({ [column]: { dtype: "string", values } }));
          }
        });
        yield* chunks;
      }
    }
    await this.#write("data.csv", all(), "data.csv");
    this.decisions.push(
      `${tables.length} tables of the same columns were joined; the column "${column}" names where each row is from`,
    );
  }
}

async function takeSource(importer: Importer, spec: string, isOne: boolean): Promise<void> {
  if (isQuery(spec)) return importer.table(spec, "data");
  const info = await stat(spec).catch(() => undefined);
  if (info === undefined) refuseStatement(spec);
  if (info === undefined)
    throw new DataError(`${spec}: expected a file, a folder, an archive or a query, got nothing of that name`);
  const stem = basename(spec).replace(/\.(tar\.gz|[^.]*)$/i, "");
  const prefix = isOne ? "" : `${stem}/`;
  if (info.isDirectory()) return importer.folder(spec, prefix);
  if (isArchiveName(spec)) return importer.archive(spec, prefix);
  if (IMAGE_FILE.test(spec)) return importer.files([{ name: basename(spec), content: spec }], "", spec);
  if (tableFormat(spec) !== undefined || /\.xlsx(\.gz)?$/i.test(spec)) {
    const part = partNamed(basename(spec).split(".")[0] ?? "");
    if (isOne || part !== undefined) return importer.table(spec, part ?? stem.replace(/\.[a-z]+$/i, ""));
    importer.tables.push({ name: basename(spec), spec });
    return;
  }
  if (/\.(conllu?|bio|iob2?|bioes|bmes)$/i.test(spec) || (await isRasa(spec)))
    return importer.files([{ name: basename(spec), content: spec }], "", spec);
  if (TEXT_FILE.test(spec)) return importer.text(spec);
  throw new ConfigError(`${spec}: expected a table, a text, an image, an archive or a folder, got a file of unknown kind`);
}

/** Files that a source is made of, with their hashes. */
async function inputsOf(spec: string): Promise<CardFile[]> {
  if (!isQuery(spec)) return hashAll(spec, basename(spec));
  const { access } = await parseRunnable(spec);
  const files: CardFile[] = [];
  for (const file of access.files ?? []) files.push(...(await hashAll(file, basename(file))));
  return files;
}

/**
 * Imports sources into a new folder, all or nothing: it is made aside and renamed.
 *
 * Errors: DataError for what cannot be read, an archive that leads out of itself or unpacks to too much; ConfigError for a folder that is there.
 */
export async function importData(sources: readonly string[], options: ImportOptions): Promise<Imported> {
  const { out } = options;
  await expectNewFolder(out);
  const aside = `${out.replace(/[/\\]+$/, "")}.${process.pid}.partial`;
  makeFolders(aside);
  try {
    const importer = new Importer(aside, options, sources.length === 1);
    for (const spec of sources) await takeSource(importer, spec, sources.length === 1);
    if (importer.tables.length === 1) await importer.table(importer.tables[0]?.spec ?? "", "data");
    else if (importer.tables.length > 1) await importer.joined();
    const { copied, profile, counts, decisions } = importer;
    const inputs: CardFile[] = [];
    for (const spec of sources) {
      const same = copied.get(spec);
      inputs.push(...(same === undefined ? await inputsOf(spec) : [{ ...same, name: basename(spec) }]));
    }
    await rm(out, { recursive: true, force: true });
    await rename(aside, out);
    const { rows, images, files } = counts;
    return {
      inputs,
      counts: { ...(rows > 0 ? { rows } : {}), ...(images > 0 ? { images } : {}), files },
      decisions,
      ...(copied.size === files && images === 0 ? { outputs: [...copied.values()] } : {}),
      profile,
    };
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw error;
  }
}
