/**
 * @module A table's schema, learned from all its rows, and a note on each decision that was not obvious.
 */
import { isText } from "../column.js";
import type { Dataset } from "../dataset.js";
import { decide, typedField } from "./column-field.js";
import type { Remark } from "./column-remarks.js";
import { joined } from "./column-remarks.js";
import type { CellOptions, FileEvidence } from "./column-type.js";
import { fitting, isDated, isNumeric } from "./column-type.js";
import { ORDERS } from "./dates.js";
import { ColumnProfile } from "./profile.js";
import type { TableField, TableSchema } from "./table-schema.js";

/** Meaning of the cells of each column, with a remark for each decision that was not obvious. */
export interface InferredSchema {
  readonly schema: TableSchema;
  /** Decisions, in sentences for the user. */
  readonly notes: readonly string[];
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
