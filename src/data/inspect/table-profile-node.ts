/**
 * @module `inspectTable`: counts, types, ranges, lengths, classes and languages of a table's columns, in one pass of DuckDB, and another where
 * values are strange, over a table that may be larger than memory.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { isTargetName } from "../guess.js";
import { quoteName, quoteText } from "../readers/columns-node.js";
import { rowsOf } from "../readers/duckdb-node.js";
import { languageOf } from "./languages.js";
import type { ColumnProfile, Histogram, ProfileType, TableProfile } from "./profile.js";
import { countValues } from "./profile.js";
import type { SourceColumn, SourceOptions, TableSource } from "./source-node.js";
import { PART_COLUMN, withTable } from "./source-node.js";
import { DataError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";

const BUCKETS = 30;
/** Rows at the beginning that tell what is worth counting; what they say is checked on all rows. */
const HEAD_ROWS = 5000;
/** Classes that are counted one by one. */
const MOST_CLASSES = 1000;
const SHOWN_VALUES = 50;
/** Texts whose language is looked at. */
const SAMPLE_TEXTS = 400;
/** A column of texts is one of numbers or dates if so many of its values are. */
const READABLE = 0.98;
/** Categories are short. */
const LONGEST_CATEGORY = 60;
/** Longer texts are counted as of this length in the distribution. */
const LONGEST = 20_000;
/** Up to so many rows, distributions of numbers are counted and not estimated; beyond, those of columns with few different numbers. */
const EXACT_ROWS = 1_000_000;
/** Rows up to which different values are counted one by one. */
const FEW_ROWS = 100_000;
const FEW_NUMBERS = 1000;
/** The shares whose quantiles are estimated: enough for a distribution. */
const SHARES = Array.from({ length: 101 }, (_, i) => i / 100);

const MARKS = ["NA", "N/A", "n/a", "na", "#N/A", "NaN", "nan", "null", "NULL", "Null", "None", "none", "nil", "?", "-", "--"];

const isText = ({ type }: SourceColumn): boolean => type === "VARCHAR" || type.startsWith("ENUM");
const isNumber = ({ type }: SourceColumn): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|BIGNUM)$/.test(type);
const isDate = ({ type }: SourceColumn): boolean => /^(DATE|TIMESTAMP.*)$/.test(type);

const markSql = (name: string): string => `${name} IN (${MARKS.map(quoteText).join(", ")})`;
const numberSql = (column: SourceColumn): string =>
  isText(column) ? `TRY_CAST(${quoteName(column.name)} AS DOUBLE)` : `${quoteName(column.name)}::DOUBLE`;
const dateSql = (column: SourceColumn): string =>
  isText(column)
    ? `CASE WHEN length(${quoteName(column.name)}) BETWEEN 8 AND 35 THEN TRY_CAST(${quoteName(column.name)} AS TIMESTAMP) END`
    : `${quoteName(column.name)}::TIMESTAMP`;

type Row = Readonly<Record<string, unknown>>;

/** The aggregates of one column. */
class Aggregates {
  readonly #row: Row;
  readonly #prefix: string;

  constructor(row: Row, i: number) {
    this.#row = row;
    this.#prefix = `c${i}_`;
  }

  value(name: string): unknown {
    return this.#row[this.#prefix + name];
  }

  /** NaN where there is none. */
  number(name: string): number {
    const value = this.value(name);
    return value === null || value === undefined ? NaN : Number(value);
  }
}

/** Runs aggregates, by the index of their columns, in one pass. */
async function aggregate(
  connection: DuckDBConnection,
  from: string,
  wanted: ReadonlyMap<number, readonly (readonly [name: string, sql: string])[]>,
  more: readonly string[] = [],
): Promise<Row> {
  const columns = [...wanted].flatMap(([i, list]) => list.map(([name, sql]) => `${sql} AS c${i}_${name}`));
  if (columns.length + more.length === 0) return {};
  const [row = {}] = await rowsOf(connection, `SELECT ${[...more, ...columns].join(", ")} FROM ${from}`);
  return row;
}

/** Guesses the types of columns from the first rows; `empty` where these say nothing. */
async function typesOfHead(connection: DuckDBConnection, { from, columns }: TableSource): Promise<ProfileType[]> {
  const head = `(SELECT * FROM ${from} LIMIT ${HEAD_ROWS})`;
  const wanted = columns.map((column, i) => {
    const name = quoteName(column.name);
    const texts = isText(column)
      ? ([
          ["numbers", `count(${numberSql(column)})`],
          ["dates", `count(${dateSql(column)})`],
          ["marks", `count(CASE WHEN ${markSql(name)} THEN 1 END)`],
          ["longest", `max(length(${name}))`],
          ["distinct", `count(DISTINCT ${name})`],
        ] as const)
      : [];
    return [i, [["count", `count(${name})`] as const, ...texts]] as const;
  });
  const row = await aggregate(connection, head, new Map(wanted));
  return columns.map((column, i) => typeOf(column, new Aggregates(row, i)));
}

function typeOf(column: SourceColumn, found: Aggregates): ProfileType {
  const count = found.number("count") - (found.number("marks") || 0);
  if (column.type === "BOOLEAN") return "boolean";
  if (isDate(column)) return "date";
  if (isNumber(column)) return "number";
  if (!isText(column)) return "nested";
  if (count === 0) return "empty";
  if (found.number("numbers") >= READABLE * count) return "number";
  if (found.number("dates") >= READABLE * count) return "date";
  const distinct = found.number("distinct");
  const isShort = found.number("longest") <= LONGEST_CATEGORY;
  return isShort && (distinct <= 20 || distinct <= count * 0.1) ? "category" : "text";
}

/** Counts of a column, by the type that it is thought to have. */
function aggregatesFor(column: SourceColumn, type: ProfileType): readonly (readonly [string, string])[] {
  const name = quoteName(column.name);
  const count = ["count", `count(${name})`] as const;
  if (type === "category" || type === "boolean") return [count, ["values", `map_entries(histogram(${name}::VARCHAR))`]];
  if (type === "nested") return [count];
  const common = [count, ["distinct", `approx_count_distinct(${name})`] as const];
  if (type === "number") {
    const x = numberSql(column);
    const finite = /^(FLOAT|DOUBLE|VARCHAR|ENUM)/.test(column.type) ? `CASE WHEN isfinite(${x}) THEN ${x} END` : x;
    return [
      ...common,
      ["read", `count(${x})`],
      ["low", `min(${finite})`],
      ["high", `max(${finite})`],
      ["mean", `avg(${finite})`],
      ["deviation", `stddev_samp(${finite})`],
      ["quantiles", `approx_quantile(${finite}, [${SHARES.join(", ")}])`],
    ];
  }
  if (type === "date") {
    const date = dateSql(column);
    return [...common, ["read", `count(${date})`], ["first", `min(${date})::VARCHAR`], ["last", `max(${date})::VARCHAR`]];
  }
  return [
    ...common,
    ["mean", `avg(length(${name}))`],
    ["shortest", `min(length(${name}))`],
    ["longest", `max(length(${name}))`],
    ["lengths", `map_entries(histogram(least(length(${name}), ${LONGEST})))`],
    ["marks", `count(CASE WHEN ${markSql(name)} THEN 1 END)`],
    // The texts of the lowest hashes are a sample that is the same each time, whatever thread comes first.
    ["sample", `min_by(left(${name}, 2000), hash(${name}), ${SAMPLE_TEXTS})`],
  ];
}

const entries = (value: unknown): { key: string; count: number }[] =>
  (value as { key: unknown; value: unknown }[] | null | undefined)?.map((entry) => ({
    key: String(entry.key),
    count: Number(entry.value),
  })) ?? [];

const texts = (value: unknown): string[] => ((value as unknown[] | null | undefined) ?? []).map(String);

/** A histogram out of counts by value. */
function histogramOfCounts(counts: readonly { readonly key: string; readonly count: number }[]): Histogram {
  const values = counts.map(({ key }) => Number(key));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const buckets = Math.max(1, Math.min(BUCKETS, high - low + 1));
  const found = new Array<number>(buckets).fill(0);
  counts.forEach(({ count }, i) => {
    const bucket = high === low ? 0 : Math.min(buckets - 1, Math.floor((((values[i] as number) - low) / (high - low)) * buckets));
    found[bucket] = (found[bucket] as number) + count;
  });
  return { low, high, counts: found };
}

/** A histogram out of estimated quantiles at the shares 0, 0.01, …, 1: between two of them values are taken to lie evenly. */
function histogramOfQuantiles(quantiles: readonly number[], low: number, high: number, count: number): Histogram {
  if (!(high > low)) return { low, high, counts: [count] };
  const shareBelow = (x: number): number => {
    const after = quantiles.findIndex((q) => q > x);
    if (after < 0) return 1;
    if (after === 0) return 0;
    const [a, b] = [quantiles[after - 1] as number, quantiles[after] as number];
    return (SHARES[after - 1] as number) + ((x - a) / (b - a)) * 0.01;
  };
  const edges = Array.from({ length: BUCKETS + 1 }, (_, k) =>
    k === BUCKETS ? 1 : shareBelow(low + (k * (high - low)) / BUCKETS),
  );
  return { low, high, counts: edges.slice(1).map((share, k) => Math.round((share - (edges[k] as number)) * count)) };
}

function languagesOf(sample: readonly string[]): NonNullable<ColumnProfile["languages"]> {
  return countValues(sample.map(languageOf)).map(({ value, count }) => ({ language: value, share: count / sample.length }));
}

function numberProfile(found: Aggregates): NonNullable<ColumnProfile["number"]> {
  const [minimum, maximum] = [found.number("low"), found.number("high")];
  const quantiles = ((found.value("quantiles") as unknown[] | null) ?? []).map(Number);
  return {
    minimum,
    maximum,
    mean: found.number("mean"),
    standardDeviation: found.number("deviation"),
    quantiles: [5, 25, 50, 75, 95].map((percent) => quantiles[percent] ?? NaN),
    outliers: 0,
    histogram: histogramOfQuantiles(quantiles, minimum, maximum, found.number("read")),
  };
}

function textProfile(found: Aggregates): Partial<ColumnProfile> {
  const lengths = entries(found.value("lengths"));
  const sample = texts(found.value("sample"));
  return {
    lengths: {
      minimum: found.number("shortest"),
      maximum: found.number("longest"),
      mean: found.number("mean"),
      histogram: histogramOfCounts(lengths),
    },
    languages: languagesOf(sample),
    examples: sample.slice(0, 5),
  };
}

function profileOf(column: SourceColumn, rows: number, type: ProfileType, found: Aggregates): ColumnProfile {
  const filled = found.number("count");
  const values = entries(found.value("values"));
  const marks = values.filter(({ key }) => MARKS.includes(key)).reduce((sum, { count }) => sum + count, 0);
  const count = filled - marks - (found.number("marks") || 0);
  return {
    name: column.name,
    // A column whose first rows are empty has no type yet.
    type: count === 0 && type !== "nested" ? "empty" : type === "empty" ? "text" : type,
    count,
    missing: rows - count,
    distinct: type === "category" || type === "boolean" ? values.length : Math.min(count, found.number("distinct") || 0),
    ...(count === 0 ? {} : detailsOf(type, found, values)),
  };
}

function detailsOf(
  type: ProfileType,
  found: Aggregates,
  values: readonly { key: string; count: number }[],
): Partial<ColumnProfile> {
  if (type === "number") return { number: numberProfile(found) };
  if (type === "date") return { dates: { first: String(found.value("first")), last: String(found.value("last")) } };
  if (type === "text" || type === "empty") return textProfile(found);
  if (type === "nested") return {};
  const top = values
    .filter(({ key }) => !MARKS.includes(key))
    .map(({ key, count }) => ({ value: key, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  return { top: top.slice(0, SHOWN_VALUES) };
}

/** Tells whether the different values of a column of this type are estimated in the first pass. */
const isEstimated = (type: ProfileType): boolean => type === "number" || type === "date" || type === "text";

/** Findings that only some columns need: values that are not numbers or dates, and those far out, in one more pass. */
async function withDetails(
  connection: DuckDBConnection,
  { from, columns }: TableSource,
  profiles: readonly ColumnProfile[],
  rows: number,
  found: (i: number) => Aggregates,
): Promise<ColumnProfile[]> {
  const wanted = new Map<number, [string, string][]>();
  const want = (i: number, ...list: [string, string][]): void => void wanted.set(i, [...(wanted.get(i) ?? []), ...list]);
  for (const [i, { type, number, count, distinct }] of profiles.entries()) {
    const column = columns[i] as SourceColumn;
    // An estimate of so few is off by a fifth now and then, and may say more than there are rows of.
    if (rows <= FEW_ROWS && distinct > 0 && isEstimated(type)) want(i, ["distinct", `count(DISTINCT ${quoteName(column.name)})`]);
    if ((type === "number" || type === "date") && isText(column) && found(i).number("read") < count) {
      const name = quoteName(column.name);
      const misfit = `CASE WHEN ${type === "number" ? numberSql(column) : dateSql(column)} IS NULL THEN ${name} END`;
      const real = `CASE WHEN NOT (${markSql(name)}) THEN ${misfit} END`;
      want(
        i,
        ["misfits", `count(${real})`],
        ["marks", `count(${misfit}) - count(${real})`],
        ["examples", `min_by(${real}, hash(${real}), 3)`],
      );
    }
    if (number !== undefined && number.maximum > number.minimum && (rows <= EXACT_ROWS || distinct <= FEW_NUMBERS)) {
      // Ends of estimated quantiles say little where many values are equal.
      const bucket = `least(${BUCKETS - 1}, floor((x - ${number.minimum}) / ${(number.maximum - number.minimum) / BUCKETS}))`;
      const x = numberSql(column);
      want(i, [
        "buckets",
        `map_entries(histogram(CASE WHEN isfinite(${x}) THEN ${bucket.replace("(x -", `(${x} -`)}::INTEGER END))`,
      ]);
    }
    const reach = fence(number);
    if (reach !== undefined && number !== undefined && (number.minimum < reach[0] || number.maximum > reach[1])) {
      const x = numberSql(column);
      want(i, ["outliers", `count(CASE WHEN ${x} < ${reach[0]} OR ${x} > ${reach[1]} THEN 1 END)`]);
    }
  }
  const row = await aggregate(connection, from, wanted);
  return profiles.map((profile, i) => {
    if (!wanted.has(i)) return profile;
    const more = new Aggregates(row, i);
    const [misfits, marks, outliers] = [more.number("misfits") || 0, more.number("marks") || 0, more.number("outliers") || 0];
    return {
      ...profile,
      count: profile.count - marks,
      distinct: more.number("distinct") > 0 ? Math.min(profile.count, more.number("distinct")) : profile.distinct,
      missing: profile.missing + marks,
      ...(misfits > 0 ? { unreadable: { count: misfits, examples: texts(more.value("examples")) } } : {}),
      ...(profile.number === undefined
        ? {}
        : { number: { ...profile.number, outliers, ...exactHistogram(profile.number, more) } }),
    };
  });
}

/** The counts of equal ranges, where they were counted. */
function exactHistogram({ minimum, maximum }: NonNullable<ColumnProfile["number"]>, more: Aggregates): { histogram?: Histogram } {
  const found = entries(more.value("buckets"));
  if (found.length === 0) return {};
  const counts = new Array<number>(BUCKETS).fill(0);
  for (const { key, count } of found) if (counts[Number(key)] !== undefined) counts[Number(key)] = count;
  return { histogram: { low: minimum, high: maximum, counts } };
}

/** The ends beyond which values are far out: three interquartile ranges from the middle half (Tukey 1977). */
function fence(number: ColumnProfile["number"]): readonly [number, number] | undefined {
  const [, q1 = NaN, , q3 = NaN] = number?.quantiles ?? [];
  const reach = 3 * (q3 - q1);
  return reach > 0 ? [q1 - reach, q3 + reach] : undefined;
}

/** Types that all rows confirm: a column whose later values are none of its first ones' kind is one of texts. */
function confirmed(
  types: readonly ProfileType[],
  columns: readonly SourceColumn[],
  found: (i: number) => Aggregates,
): ProfileType[] {
  return types.map((type, i) => {
    if ((type !== "number" && type !== "date") || !isText(columns[i] as SourceColumn)) return type;
    const [count, read] = [found(i).number("count"), found(i).number("read")];
    // Marks of missing values are told from other texts later.
    return read >= 0.5 * count ? type : "text";
  });
}

/** The column of classes: as given, or the first category that is called so. */
function labelOf(profiles: readonly ColumnProfile[], { labelColumn }: SourceOptions): string | undefined {
  if (labelColumn !== undefined) {
    if (!profiles.some(({ name }) => name === labelColumn))
      throw new DataError(
        `data: ${unknownName(
          "column",
          labelColumn,
          profiles.map(({ name }) => name),
        )}`,
      );
    return labelColumn;
  }
  return profiles.find(({ name, distinct }) => distinct <= MOST_CLASSES && isTargetName(name))?.name;
}

/** Describes a table. Errors: DataError for what cannot be read; the messages name the row. */
export function inspectTable(spec: string, options: SourceOptions = {}): Promise<TableProfile> {
  return withTable(spec, { ...options, readsAll: true }, (connection, source) => profileTable(connection, source, options));
}

/** Describes a table that is open. */
export async function profileTable(
  connection: DuckDBConnection,
  source: TableSource,
  options: SourceOptions = {},
): Promise<TableProfile> {
  const { name, from, columns, notes } = source;
  if (columns.length === 0) throw new DataError(`${name}: expected at least one column, got none`);
  const partRows = source.parts.length > 0 ? [`map_entries(histogram(${quoteName(PART_COLUMN)})) AS parts`] : [];
  const guessed = await typesOfHead(connection, source);
  const wanted = new Map(columns.map((column, i) => [i, aggregatesFor(column, guessed[i] as ProfileType)] as const));
  const row = await aggregate(connection, from, wanted, ["count(*) AS n", ...partRows]);
  const rows = Number(row["n"]);
  if (rows === 0) throw new DataError(`${name}: expected at least one row, got none`);
  const types = confirmed(guessed, columns, (i) => new Aggregates(row, i));
  const changed = [...wanted.keys()].filter((i) => types[i] !== guessed[i]);
  const again = new Map(changed.map((i) => [i, aggregatesFor(columns[i] as SourceColumn, types[i] as ProfileType)] as const));
  const second = await aggregate(connection, from, again);
  const found = (i: number): Aggregates => new Aggregates(again.has(i) ? second : row, i);
  const counted = columns.map((column, i) => profileOf(column, rows, types[i] as ProfileType, found(i)));
  const profiles = await withDetails(connection, source, counted, rows, found);
  const label = labelOf(profiles, options);
  const inParts = new Map(entries(row["parts"]).map(({ key, count }) => [key, count]));
  return {
    kind: "table",
    name,
    rows,
    parts: source.parts.map((part) => ({ name: part.name, rows: inParts.get(part.name) ?? 0 })),
    columns: profiles,
    ...(label === undefined ? {} : { label }),
    notes,
  };
}
