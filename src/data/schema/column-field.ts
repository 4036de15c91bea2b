/**
 * @module The field of a column: its type, the formats of its cells, and remarks on what was not obvious.
 */
import type { Column } from "../column.js";
import { isText, rowSize } from "../column.js";
import { almostNumbers, markRemarks, quoted, sentinelRemarks, spellingRemarks } from "./column-remarks.js";
import type { CellOptions, ColumnType, FileEvidence } from "./column-type.js";
import {
  areCompactMonths,
  booleanWords,
  fitting,
  hasDecimals,
  isCompact,
  isDated,
  isNumeric,
  likeliestOrder,
  shortForm,
} from "./column-type.js";
import type { DateOrder, ShortForm } from "./dates.js";
import { ORDER_NAMES, readDate, readShort } from "./dates.js";
import { readNumber } from "./numbers.js";
import type { ColumnProfile, Seen } from "./profile.js";
import type { TableField } from "./table-schema.js";

/** A decision on a column, and remarks on it. */
export interface Decided {
  readonly field: TableField;
  readonly remarks: readonly string[];
}

/** A column that has a type of its own; undefined where each row holds several numbers. */
export function typedField(name: string, column: Column): TableField | undefined {
  if (isText(column)) return { type: "text", name };
  if (rowSize(column) !== 1) return undefined;
  if (column.unit === "date") return { type: "date", name, order: "ymd", example: "2024-01-31" };
  if (column.dtype === "bool")
    return { type: "boolean", name, true: column.classes?.[1] ?? "true", false: column.classes?.[0] ?? "false" };
  if (column.classes !== undefined) return { type: "category", name };
  return { type: "number", name, decimal: ".", integer: column.dtype.includes("int") };
}

/** Decides the type of a column of texts, and how its cells are read. `asked` is the type that the user names. */
export function decide(
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

function asNumber(profile: ColumnProfile, options: CellOptions, evidence: FileEvidence, delimiter: string | undefined): Decided {
  const { name, conventions, infinite, percent, multiplied, fractions } = profile;
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
    ...(fractions.mixed === 0 ? {} : { fractions: true }),
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
    short === "time"
      ? `times such as ${quoted(text)} count from midnight`
      : short === "day"
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

function asText(profile: ColumnProfile, isCode: boolean, options: CellOptions): Decided {
  const { name, values, overflows, filled } = profile;
  const isCategory = !overflows && (values.size <= 50 || values.size <= filled / 2);
  const type = isCategory || isCode ? "category" : "text";
  const odd = profile.zeroLed ?? profile.tooLong;
  const remarks =
    isCode && odd !== undefined
      ? [`${quoted(odd.text)} (${odd.at}) is a code, not a number, so all are read as text`]
      : almostNumbers(profile);
  const more = type === "category" ? [...spellingRemarks(profile), ...markRemarks(profile, type, options)] : [];
  return { field: { type, name }, remarks: [...remarks, ...more] };
}
