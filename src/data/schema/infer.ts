/**
 * @module A table's schema, learned from all its rows, and a note on each decision that was not obvious.
 */
import type { Column } from "../column.js";
import { isText, rowSize } from "../column.js";
import type { Dataset } from "../dataset.js";
import type { DateOrder, ShortForm } from "./dates.js";
import { beginsWithMonth, ORDER_NAMES, ORDERS, readDate, readShort, SHORT_FORMS } from "./dates.js";
import { isMark } from "./missing.js";
import type { Decimal } from "./numbers.js";
import { PLAIN, readNumber } from "./numbers.js";
import type { Seen } from "./profile.js";
import { ColumnProfile } from "./profile.js";
import type { TableField, TableSchema } from "./table-schema.js";
import { placeOf } from "./table-schema.js";

/** Meaning of a column's cells. */
export type ColumnType = "text" | "category" | "number" | "integer" | "boolean" | "date";

/** The user's options for a table's cells. */
export interface CellOptions {
  /** The sign before decimals; detected if left out. */
  readonly decimal?: Decimal;
  /** The order of day, month and year in dates of numbers alone; detected if left out. */
  readonly dateOrder?: DateOrder;
  /** Cells that mean "no value", besides empty ones; the usual marks if left out. */
  readonly missing?: readonly string[];
  /** Types of single columns, where the guess would be wrong: a postal code is text. */
  readonly columnTypes?: Readonly<Record<string, ColumnType>>;
  /** Columns of booleans whose words are not kept: they are `false` and `true`, as they were to runs of before schemas. */
  readonly plainBooleans?: readonly string[];
}

/** Meaning of the cells of each column, with a remark for each decision that was not obvious. */
export interface InferredSchema {
  readonly schema: TableSchema;
  /** Decisions, in sentences for the user. */
  readonly notes: readonly string[];
}

const WORDS: readonly (readonly [no: string, yes: string])[] = [
  ["false", "true"],
  ["no", "yes"],
  ["n", "y"],
  ["f", "t"],
];

/** Quotes a text of a file in a message, cut to what fits in a line. */
const quoted = (text: string): string => `"${text.length > 40 ? `${text.slice(0, 39)}…` : text}"`;
const inQuotes = (texts: readonly string[]): string =>
  texts.length > 8 ? `${texts.slice(0, 7).map(quoted).join(", ")} and ${texts.length - 7} more` : texts.map(quoted).join(", ");

/** A remark on a column, which is joined with equal ones on others. */
interface Remark {
  readonly column: string;
  readonly text: string;
}

interface Decided {
  readonly field: TableField;
  readonly remarks: readonly string[];
}

/** Evidence of all columns of a file together. */
interface FileEvidence {
  readonly decimal: Decimal | undefined;
  readonly order: DateOrder | undefined;
}

/** Learns the schema of a table chunk by chunk. */
export class SchemaBuilder {
  readonly #profiles = new Map<string, ColumnProfile>();
  readonly #typed = new Map<string, TableField | undefined>();
  readonly #options: CellOptions;

  constructor(options: CellOptions = {}) {
    this.#options = options;
  }

  /** Looks at the next rows. */
  add(chunk: Dataset): void {
    for (const [name, column] of chunk.entries()) {
      if (!isText(column)) {
        if (!this.#typed.has(name)) this.#typed.set(name, typedField(name, column));
        continue;
      }
      let profile = this.#profiles.get(name);
      if (profile === undefined) {
        profile = new ColumnProfile(name, this.#options.missing);
        this.#profiles.set(name, profile);
      }
      profile.add(column);
    }
  }

  /**
   * The schema of all that was looked at, its fields in the order of `names`. `delimiter` is that of the file: semicolons go with decimal commas.
   */
  finish({
    header = true,
    delimiter,
    names = [...new Set([...this.#profiles.keys(), ...this.#typed.keys()])],
  }: { readonly header?: boolean; readonly delimiter?: string; readonly names?: readonly string[] } = {}): InferredSchema {
    const { columnTypes = {}, plainBooleans = [], missing: marks } = this.#options;
    const evidence = this.#evidence(delimiter);
    const remarks: Remark[] = [];
    const fields: TableField[] = [];
    for (const name of names) {
      const profile = this.#profiles.get(name);
      if (profile === undefined) {
        const field = this.#typed.get(name);
        if (field !== undefined) fields.push(field);
        continue;
      }
      const asked = plainBooleans.includes(name) ? "boolean" : Object.hasOwn(columnTypes, name) ? columnTypes[name] : undefined;
      const decided = decide(profile, asked, this.#options, evidence, delimiter);
      fields.push(decided.field);
      if (profile.spaced > 0 && decided.field.type !== "text")
        remarks.push({ column: name, text: "blanks around values do not count" });
      if (profile.rows > 9 && profile.filled > 0 && profile.filled < profile.rows / 2)
        remarks.push({ column: name, text: `only ${profile.filled} of ${profile.rows} rows have a value` });
      for (const text of decided.remarks) remarks.push({ column: name, text });
    }
    const missing = marks === undefined ? {} : { missing: [...marks] };
    return { schema: { version: 1, fields, header, ...missing }, notes: joined(remarks) };
  }

  /** The decimal sign and the date order that are certain from at least one column. */
  #evidence(delimiter: string | undefined): FileEvidence {
    const profiles = [...this.#profiles.values()];
    const decimals = ([".", ","] as const).filter((decimal) =>
      profiles.some((profile) => isNumeric(profile) && profile.conventions[decimal].only > 0),
    );
    const orders = ORDERS.filter((order) =>
      profiles.some((profile) => isDated(profile) && fitting(profile).length === 1 && fitting(profile)[0] === order),
    );
    const semicolons = delimiter === ";" && !decimals.includes(".") ? ("," as const) : undefined;
    return {
      decimal: this.#options.decimal ?? (decimals.length === 1 ? decimals[0] : semicolons),
      order: this.#options.dateOrder ?? (orders.length === 1 ? orders[0] : undefined),
    };
  }
}

/** A column that has a type of its own; undefined where each row holds several numbers. */
function typedField(name: string, column: Column): TableField | undefined {
  if (isText(column)) return { type: "text", name };
  if (rowSize(column) !== 1) return undefined;
  if (column.unit === "date") return { type: "date", name, order: "ymd", example: "2024-01-31" };
  if (column.dtype === "bool")
    return { type: "boolean", name, true: column.classes?.[1] ?? "true", false: column.classes?.[0] ?? "false" };
  if (column.classes !== undefined) return { type: "category", name };
  return { type: "number", name, decimal: ".", integer: column.dtype.includes("int") };
}

/** Tells whether all values of a column are numbers, under one convention or the other. */
const isNumeric = (profile: ColumnProfile): boolean =>
  areNumbers(profile) && hasOneUnit(profile) && !(profile.conventions["."].only > 0 && profile.conventions[","].only > 0);

const areNumbers = ({ numbers, infinite, certain }: ColumnProfile): boolean =>
  numbers > 0 && numbers + (infinite?.count ?? 0) === certain;

/**
 * Tells whether numbers can be read without what stands behind them: no unit at all, or one on most of them, and neither amounts nor percentages between.
 * Few values that many rows share, such as `5 stars`, are rather categories.
 */
const hasOneUnit = ({ units, numbers, bareAmounts, percent, values }: ColumnProfile): boolean => {
  const [unit, ...others] = units.values();
  if (unit === undefined) return true;
  return (
    others.length === 0 && unit.count * 2 > numbers && bareAmounts + percent === 0 && values.size > Math.min(10, numbers / 5)
  );
};

const isDated = (profile: ColumnProfile): boolean =>
  profile.dates > 0 && profile.dates === profile.certain && fitting(profile).length > 0;

/** Tells whether all values are days that are written without signs between; a few rows, or one day alone, could be anything. */
const isCompact = (profile: ColumnProfile): boolean =>
  profile.compactDates >= 10 && profile.compactDates === profile.certain && profile.values.size > 2;

/** Tells whether all values are months that are written without signs between. */
const areCompactMonths = (profile: ColumnProfile): boolean =>
  profile.compactMonths >= 10 && profile.compactMonths === profile.certain && profile.values.size > 2;

/** The meaning of dates of two parts, where all values are such: the one in which they are sorted; else as spreadsheets write them. */
function shortForm({ shorts, short, certain, values }: ColumnProfile): ShortForm | undefined {
  const fits = SHORT_FORMS.filter((form) => certain > 1 && shorts[form].fits === certain);
  if (fits.includes("year")) return values.size > 2 ? "year" : undefined;
  if (fits.length < 2) return fits[0];
  const sorted = fits.filter((form) => shorts[form].sorted);
  if (sorted.length === 1 && certain > 4) return sorted[0];
  return beginsWithMonth(short?.text ?? "") ? "month" : "day";
}

/** The orders that all dates of a column fit. */
const fitting = (profile: ColumnProfile): readonly DateOrder[] =>
  ORDERS.filter((order) => profile.orders[order].fits === profile.dates);

function decide(
  profile: ColumnProfile,
  asked: ColumnType | undefined,
  options: CellOptions,
  evidence: FileEvidence,
  delimiter: string | undefined,
): Decided {
  const { name } = profile;
  if (asked === undefined && (isCompact(profile) || areCompactMonths(profile))) return asCompactDate(profile, options);
  const short = asked === undefined || asked === "date" ? shortForm(profile) : undefined;
  if (short !== undefined) return asShortDate(profile, short, options);
  if (asked === "text" || asked === "category") return { field: { type: asked, name }, remarks: [] };
  const isCode =
    profile.tooLong !== undefined ||
    (profile.zeroLed !== undefined && profile.lengths.size === 1 && profile.numbers === profile.certain && !hasDecimals(profile));
  const fitsAsked = options.decimal === undefined || profile.conventions[options.decimal === "." ? "," : "."].only === 0;
  if (asked === "number" || asked === "integer" || (asked === undefined && isNumeric(profile) && fitsAsked && !isCode))
    return asNumber(profile, options, evidence, delimiter);
  if (asked === "date" || (asked === undefined && isDated(profile))) return asDate(profile, options, evidence);
  const words = options.plainBooleans?.includes(name) === true ? undefined : booleanWords(profile);
  if (asked === "boolean" || (asked === undefined && words !== undefined)) {
    const [no, yes] = words ?? ["false", "true"];
    return { field: { type: "boolean", name, true: yes, false: no }, remarks: markRemarks(profile, "boolean", options) };
  }
  return asText(profile, isCode && isNumeric(profile), options);
}

const hasDecimals = ({ conventions }: ColumnProfile): boolean => !conventions["."].whole || !conventions[","].whole;

function asNumber(profile: ColumnProfile, options: CellOptions, evidence: FileEvidence, delimiter: string | undefined): Decided {
  const { name, conventions, infinite, percent, multiplied } = profile;
  const [unit] = profile.units;
  const own = conventions[","].only > 0 ? "," : conventions["."].only > 0 ? "." : undefined;
  const decimal = options.decimal ?? own ?? evidence.decimal ?? ".";
  const field = {
    type: "number" as const,
    name,
    decimal,
    ...(percent > 0 ? { percent: true } : {}),
    ...(unit === undefined ? {} : { unit: unit[0] }),
    ...(multiplied === undefined ? {} : { multipliers: true }),
    integer: conventions[decimal].whole,
  };
  const example = profile.conventions[decimal].example ?? profile.written ?? profile.ambiguous;
  const written = profile.written ?? (decimal === "," ? example : undefined);
  // A point or comma that may stand before decimals or between groups, and nothing in the file that tells which.
  const isOpen =
    profile.ambiguous !== undefined &&
    own === undefined &&
    options.decimal === undefined &&
    (profile.ambiguous.text.includes(",") || delimiter === ";" || decimal === ",");
  const shown = isOpen ? profile.ambiguous : written;
  const value = shown === undefined ? undefined : readNumber(shown.text, field);
  const remedy = isOpen && evidence.decimal === undefined ? `; --decimal ${decimal === "." ? "," : "."} says otherwise` : "";
  const [sign, marked] = unit === undefined ? ["%", percent] : [unit[0], unit[1].count];
  const mixed = marked > 0 && marked < profile.numbers ? `; ${profile.numbers - marked} without ${sign} count alike` : "";
  return {
    field: { ...field, ...(shown === undefined ? {} : { example: shown.text }) },
    remarks: [
      ...(shown === undefined || value === undefined
        ? []
        : [`numbers such as ${quoted(shown.text)} are read as ${value}${mixed}${remedy}`]),
      ...(infinite === undefined
        ? []
        : [
            `${infinite.count} infinite ${infinite.count === 1 ? "value counts" : "values count"} as missing, first in ${infinite.first.at}`,
          ]),
      ...(profile.currencies.size > 1 ? [`amounts in ${[...profile.currencies].join(", ")} count alike`] : []),
      ...sentinelRemarks(profile),
      ...markRemarks(profile, "number", options),
    ],
  };
}

/** Numbers of nines that stand in several rows, far from all others: so older systems and questionnaires write that there is no value. */
function sentinelRemarks({ values }: ColumnProfile): string[] {
  const nines = [...values].filter(([text, count]) => count > 1 && /^(?:-9+|9{3,})(?:\.0+)?$/.test(text));
  if (nines.length === 0) return [];
  let [least, most] = [Infinity, -Infinity];
  for (const text of values.keys())
    if (PLAIN.test(text) && !/^-?9+(?:\.0+)?$/.test(text))
      [least, most] = [Math.min(least, Number(text)), Math.max(most, Number(text))];
  return nines
    .filter(([text]) => (text.startsWith("-") ? least >= 0 : Number(text) > 3 * Math.max(Math.abs(least), Math.abs(most))))
    .map(
      ([text, count]) =>
        `"${text}" stands in ${count} rows, far from all other values; --missing ${quoted(text)} says if it means "no value"`,
    );
}

/**
 * The likeliest of the orders that fit: one of few years (of two digits, which may stand first), one whose days are always the same (series of
 * months), one in which dates are sorted, day first.
 */
function likeliestOrder(profile: ColumnProfile, fits: readonly DateOrder[], evidence: FileEvidence): DateOrder {
  if (evidence.order !== undefined && fits.includes(evidence.order)) return evidence.order;
  const years = Math.min(...fits.map((order) => profile.orders[order].years.size));
  const few = fits.filter((order) => profile.orders[order].years.size === years);
  if (few.length < fits.length) return likeliestOrder(profile, few, evidence);
  const steady = fits.filter((order) => profile.orders[order].days.size === 1);
  if (steady.length === 1 && profile.dates > 2) return steady[0] as DateOrder;
  const sorted = fits.filter((order) => profile.orders[order].sorted);
  if (sorted.length === 1 && profile.dates > 4) return sorted[0] as DateOrder;
  return fits[0] ?? "ymd";
}

function asCompactDate(profile: ColumnProfile, options: CellOptions): Decided {
  const { name, compact, plain } = profile;
  const { text } = (compact ?? plain) as Seen;
  const what = compact === undefined ? "months" : "days";
  return {
    field: { type: "date", name, order: "ymd", example: text },
    remarks: [
      `numbers such as ${quoted(text)} are read as ${what} (${dayOf(readDate(text, "ymd"))})`,
      ...markRemarks(profile, "date", options),
    ],
  };
}

const dayOf = (time: number | undefined): string => new Date(time ?? 0).toISOString().slice(0, 10);

function asShortDate(profile: ColumnProfile, short: ShortForm, options: CellOptions): Decided {
  const { name } = profile;
  const { text } = profile.short as Seen;
  const day = dayOf(readShort(text, short));
  const remark =
    short === "day"
      ? `days without a year such as ${quoted(text)} are put into one (${day})`
      : `${short}s such as ${quoted(text)} count as their first day (${day})`;
  return {
    field: { type: "date", name, order: "ymd", example: text, short },
    remarks: [remark, ...markRemarks(profile, "date", options)],
  };
}

function asDate(profile: ColumnProfile, options: CellOptions, evidence: FileEvidence): Decided {
  const fits = fitting(profile);
  const order = options.dateOrder ?? likeliestOrder(profile, fits, evidence);
  const { date } = profile;
  const field: TableField = {
    type: "date",
    name: profile.name,
    order,
    example: (date ?? profile.firstDate)?.text ?? "2024-01-31",
  };
  const time = date === undefined ? undefined : readDate(date.text, order);
  const { month } = profile;
  const firstDay = (text: string): string => dayOf(readDate(text, order));
  const remarks = [
    ...(month === undefined
      ? []
      : [
          `${/\dW\d|-W/i.test(month.text) ? "weeks" : "months"} such as ${quoted(month.text)} count as their first day (${firstDay(month.text)})`,
        ]),
    ...markRemarks(profile, "date", options),
  ];
  const isSeen = profile.certainDates === profile.dates;
  if (date === undefined || time === undefined || isSeen) return { field, remarks };
  const others = options.dateOrder === undefined ? fits.filter((other) => other !== order) : [];
  const remedy =
    others.length === 0 ? "" : `; ${ORDER_NAMES[others[0] as DateOrder]} fits as well: --date-order ${others[0]} says otherwise`;
  return {
    field,
    remarks: [`dates such as ${quoted(date.text)} are read ${ORDER_NAMES[order]} (${firstDay(date.text)})${remedy}`, ...remarks],
  };
}

/** The file's words for no and yes, where a column has two such. */
function booleanWords({ values, overflows, marks }: ColumnProfile): readonly [string, string] | undefined {
  const words = [...values.keys(), ...[...marks.keys()].filter((mark) => !isMark(mark, "category"))];
  if (overflows || words.length !== 2) return undefined;
  for (const [no, yes] of WORDS) {
    const spelledNo = words.find((word) => word.toLowerCase() === no);
    const spelledYes = words.find((word) => word.toLowerCase() === yes);
    if (spelledNo !== undefined && spelledYes !== undefined) return [spelledNo, spelledYes];
  }
  return undefined;
}

function asText(profile: ColumnProfile, isCode: boolean, options: CellOptions): Decided {
  const { name, values, overflows, filled } = profile;
  const isCategory = !overflows && (values.size <= 50 || values.size <= filled / 2);
  const type = isCategory || isCode ? "category" : "text";
  const odd = profile.zeroLed ?? profile.tooLong;
  const remarks =
    isCode && odd !== undefined
      ? [`${quoted(odd.text)} (${odd.at}) is a code and no number, so all are read as text`]
      : almostNumbers(profile);
  const more = type === "category" ? [...spellingRemarks(profile), ...markRemarks(profile, type, options)] : [];
  return { field: { type, name }, remarks: [...remarks, ...more] };
}

/** Explains why a column with numbers but for a few values is not numeric. */
function almostNumbers(profile: ColumnProfile): string[] {
  const { conventions, numbers, certain, neither, dates, values } = profile;
  const few = oddUnit(profile);
  if (areNumbers(profile) && !hasOneUnit(profile) && few === undefined) return severalUnits(profile);
  if (dates > 0 && dates === certain) return contradictoryDates(profile);
  if (dates > numbers && dates >= certain * (values.size > 10 ? 0.5 : 0.9))
    return noDate(neither ?? profile.written ?? profile.plain);
  const [point, comma] = [conventions["."].example, conventions[","].example];
  // In a column of few values these may be what they are called: 0, 1, 2, 3+.
  if (numbers === 0 || numbers < certain * (values.size > 10 ? 0.5 : 0.9)) return [];
  const odd = neither ?? few;
  if (odd !== undefined) return [misfit(odd, "number")];
  if (point === undefined || comma === undefined || dates > 0) return [];
  return [
    `some numbers have a decimal point (${quoted(point.text)}, ${point.at}) and some a comma (${quoted(comma.text)}, ${comma.at}), so all are read as text`,
  ];
}

const misfit = ({ text, at }: Seen, what: string): string =>
  `${quoted(text)} (${at}) is no ${what}, so all are read as text; --missing ${quoted(text)} says if it means "no value"`;

const noDate = (odd: Seen | undefined): string[] => (odd === undefined ? [] : [misfit(odd, "date")]);

/** The first number with a unit, where hardly any has one. */
function oddUnit({ units, numbers }: ColumnProfile): Seen | undefined {
  const [first, ...others] = units.values();
  return first !== undefined && others.length === 0 && first.count < numbers / 10 ? first.first : undefined;
}

/** Explains why numbers with units are not numeric: which units there are, and where. */
function severalUnits({ units, numbers, multiplied }: ColumnProfile): string[] {
  const shown = [...units].slice(0, 3).map(([unit, { first }]) => `in ${unit} (${quoted(first.text)}, ${first.at})`);
  const counted = [...units.values()].reduce((sum, { count }) => sum + count, multiplied?.count ?? 0);
  // So many are codes or addresses.
  if (units.size > 8) return [];
  const others = [
    ...shown,
    ...(multiplied === undefined ? [] : [`with a multiplier (${quoted(multiplied.first.text)}, ${multiplied.first.at})`]),
    ...(counted < numbers ? ["in none"] : []),
  ];
  if (others.length < 2) return [];
  return [`some numbers are ${others.join(", some ")}, so all are read as text`];
}

/** Explains why a column of dates has none of the orders. */
function contradictoryDates({ orders }: ColumnProfile): string[] {
  const [day, month] = [orders.dmy.misfit, orders.mdy.misfit];
  if (day === undefined || month === undefined) return [];
  return [
    `${quoted(day.text)} (${day.at}) is no date with the day first, ${quoted(month.text)} (${month.at}) none with the month first, so all are read as text`,
  ];
}

/** A value without what is a matter of spelling: capitals, blanks, quotes and dashes of several kinds, and how HTML writes signs. */
const folded = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name: string) => ENTITIES[name as keyof typeof ENTITIES])
    .replaceAll(/[‘’]/g, "'")
    .replaceAll(/[“”]/g, '"')
    .replaceAll(/[‐-―−]/g, "-")
    .replaceAll(/\s+/g, " ");
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: " " } as const;

/** Values that are one but for their spelling. */
function spellingRemarks({ values }: ColumnProfile): string[] {
  if (values.size > 1000) return [];
  const byFolded = new Map<string, string>();
  for (const value of values.keys()) {
    const key = folded(value);
    const other = byFolded.get(key);
    const what = other?.toLowerCase() === value.toLowerCase() ? "capital letters" : "spelling";
    if (other !== undefined) return [`"${other}" and "${value}" differ in ${what} alone, and count as two values`];
    byFolded.set(key, value);
  }
  return [];
}

/** Marks that count as missing in a column of such a type. */
function markRemarks({ marks }: ColumnProfile, type: TableField["type"], { missing }: CellOptions): string[] {
  if (missing !== undefined) return [];
  const found = [...marks].filter(([mark]) => isMark(mark, placeOf(type)));
  if (found.length === 0) return [];
  const rows = found.reduce((sum, [, count]) => sum + count, 0);
  const named = inQuotes(found.map(([mark]) => mark));
  return [
    `${named} ${found.length === 1 ? "counts" : "count"} as missing (${rows} ${rows === 1 ? "row" : "rows"}; --missing says otherwise)`,
  ];
}

/** Joins equal remarks on several columns into one sentence. */
function joined(remarks: readonly Remark[]): string[] {
  const byText = new Map<string, string[]>();
  for (const { column, text } of remarks) byText.set(text, [...(byText.get(text) ?? []), column]);
  return [...byText].map(([text, columns]) => `column${columns.length === 1 ? "" : "s"} ${inQuotes(columns)}: ${text}`);
}
