/**
 * @module A table file by its name and by how it begins, and the options of reading it.
 */
import { open } from "node:fs/promises";
import { readFileBytes, unreadable } from "../files-node.js";
import type { CellOptions } from "../schema/column-type.js";
import type { TableSchema } from "../schema/table-schema.js";
import { DataError } from "../../util/errors.js";
import { checkRegular } from "../../util/regular-file-node.js";
import type { CsvOptions } from "./csv-node.js";

/** Formats of tables. */
export type TableFormat = "csv" | "tsv" | "jsonl" | "json" | "parquet" | "xlsx";

/** Options of reading a table from a file; what is not given is recognized. */
export interface TableOptions extends CellOptions, Omit<CsvOptions, "names" | "hadHeader" | "usual"> {
  /** Taken from the file's name if left out. */
  readonly format?: TableFormat;
  /** The sheet of an Excel workbook; the only one that is not empty if left out. */
  readonly sheet?: string;
  /** Leave out rows that do not parse, and count them. */
  readonly skipBadRows?: boolean;
  /** Only these columns. */
  readonly columns?: readonly string[];
  /** Every value as it stands in the file: a date or a number is text as well. */
  readonly asText?: boolean;
  /** Columns that are running text where they are there, and stay as they are in the file. */
  readonly textColumns?: readonly string[];
  /** The schema of the cells, learned from other data; learned from these if left out. */
  readonly schema?: TableSchema;
  /** Aborts reading. */
  readonly signal?: AbortSignal | undefined;
}

/** Options for how tables are written, where the detected or learned settings would be wrong. */
export type TableReading = Pick<TableOptions, "encoding" | "delimiter" | "sheet" | "decimal" | "missing" | "dateOrder">;

const READING = ["encoding", "delimiter", "sheet", "decimal", "missing", "dateOrder"] as const;

/** Those options that are there, of any others; an empty list of marks says nothing. */
export const tableReading = (options: TableReading): TableReading =>
  Object.fromEntries(
    READING.filter((name) => options[name] !== undefined && !(name === "missing" && options.missing?.length === 0)).map(
      (name) => [name, options[name]],
    ),
  );

/** The format that a file's name stands for, or undefined. */
export function tableFormat(path: string): TableFormat | undefined {
  const extension = /\.([a-z]+)(\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  const formats = new Map<string | undefined, TableFormat>([
    ["csv", "csv"],
    ["tsv", "tsv"],
    ["tab", "tsv"],
    ["jsonl", "jsonl"],
    ["ndjson", "jsonl"],
    ["json", "json"],
    ["parquet", "parquet"],
    ["xlsx", "xlsx"],
    ["xlsm", "xlsx"],
  ]);
  return formats.get(extension);
}

/** Tells whether a file among others is a table; JSON files beside images and texts hold facts about them. */
export const isTableName = (path: string): boolean => ![undefined, "json"].includes(tableFormat(path));

/** The first 64 KiB of a file. */
export async function readHead(path: string): Promise<Uint8Array> {
  try {
    await checkRegular(path);
    const file = await open(path, "r");
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(65_536), 0, 65_536, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Files that are often found where a table was meant, by how they begin. */
const FOREIGN: readonly (readonly [begin: RegExp, what: string])[] = [
  [/^\s*<(?:!doctype\s+html|html)[\s>]/i, "a web page, as a download gives it where it failed; look at it in a browser"],
  [/^version https:\/\/git-lfs\./, "a pointer of Git LFS; fetch the file itself (git lfs pull)"],
  [/^(?:\x89PNG\r\n|\xff\xd8\xff|GIF8|RIFF.{4}WEBP)/s, "an image, and columns are asked for"],
  [/^%PDF-/, "a PDF; export the table from where it was made"],
  [
    /^(?:\s*%[^\n]*\n)*\s*@relation\s/i,
    "an ARFF file of Weka; save it there as CSV, or in Python: pandas.DataFrame(scipy.io.arff.loadarff(FILE)[0]).to_csv(…)",
  ],
  [/^ÐÏ.à/s, "a workbook of Excel before 2007; save it as .xlsx or .csv"],
  [
    /^[-+]?\d+(?:\.\d+)?(?: \d+:[-+\d.eE]+)+ *\r?\n/,
    "rows of LIBSVM (label number:value …); write them as CSV, in Python by sklearn.datasets.load_svmlight_file",
  ],
  [/^(?:BZh\d1AY|ý7zXZ|\(µ\/ý|7z¼¯|Rar!(?!\s)\p{Cc})/u, "an archive of a kind that is not read; unpack it"],
  [
    /^(?:.HDF\r\n|.NUMPY|\$FL[23]@|<stata_dta>|MATLAB 5|(?:SQLite format 3|ARROW1|Obj|[€\x80])(?!\s)\p{Cc})/su,
    "a file of another program (HDF5, NumPy, SQLite, Arrow, Avro, SPSS, Stata, pickle or MATLAB); save it as CSV or Parquet",
  ],
  [/^PK.*mimetypeapplication\/vnd\.oasis/s, "an OpenDocument file; save it as .xlsx or .csv"],
];

/** Files of text that are not delimited, by how they begin. */
const UNDELIMITED: readonly (readonly [begin: RegExp, what: string])[] = [
  [/^\s*(?:\[\s*\{\s*"|\{\s*"[^"\n]*"\s*:)/, "JSON; call the file .json, or .jsonl where it has an object a line"],
  [/^\s*<\?xml\s/, "XML; save it as CSV or JSON"],
  [/^PAR1/, "a Parquet file; call it .parquet"],
];

/** Tells whether bytes are those of no text: many control characters, other than blanks and delimiters. */
const looksBinary = (head: Uint8Array): boolean =>
  head.filter((byte) => (byte > 1 && byte < 9) || (byte > 13 && byte < 26)).length * 20 > head.length;

/** Errors: DataError for a file that is meant to be delimited text, and begins as something else. */
export function expectDelimited(path: string, head: Uint8Array): void {
  const begin = new TextDecoder("latin1").decode(head.subarray(0, 4096)).replace(/^ï»¿/, "");
  const what =
    UNDELIMITED.find(([pattern]) => pattern.test(begin))?.[1] ?? (looksBinary(head) ? "bytes that are no text" : undefined);
  if (what !== undefined) throw new DataError(`${path}: expected a table, got ${what}`);
}

/** The name of the stream in which Excel puts what is encrypted, UTF-16. */
const ENCRYPTED = Buffer.from("EncryptedPackage", "utf16le");

/** Errors: DataError if a file begins as one that is not a table, whatever its name says. */
export async function refuseForeign(path: string, head: Uint8Array): Promise<void> {
  const begin = new TextDecoder("latin1").decode(head.subarray(0, 4096)).replace(/^ï»¿/, "");
  if (/^ÐÏ.à/s.test(begin) && Buffer.from(await readFileBytes(path)).includes(ENCRYPTED))
    throw new DataError(`${path}: expected a table, got a workbook with a password; save it without one`);
  if (/\.xls$/i.test(path) && /^\s*<(?!\?xml)/.test(begin))
    throw new DataError(
      `${path}: expected a workbook, got a web page by its name; open it in Excel and save it as .xlsx or .csv`,
    );
  const found = FOREIGN.find(([pattern]) => pattern.test(begin));
  if (found !== undefined) throw new DataError(`${path}: expected a table, got ${found[1]}`);
}
