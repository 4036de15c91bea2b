/**
 * @module Tables made ready for a model: fitted on training rows, kept as JSON beside the model, applied to any rows.
 */
import * as z from "zod";
import type { CellValue, Column, ColumnLike, NumberBlock } from "./column.js";
import { isMissing, lengthOf } from "./column.js";
import { Dataset } from "./dataset.js";
import { isCategorical } from "./guess.js";
import { encodeLabels, labelText } from "./labels.js";
import type { InferredSchema } from "./schema/infer.js";
import { SchemaBuilder } from "./schema/infer.js";
import type { TableSchema } from "./schema/table-schema.js";
import { readColumn, readWith, tableSchemaSchema } from "./schema/table-schema.js";
import type { Encoder } from "./tabular-features.js";
import {
  encodeCodes,
  encodeNumbers,
  encoderSchema,
  featureNames,
  fitEncoder,
  plainEncoder,
  indexSize,
} from "./tabular-features.js";
import { leakage, looksLikeId } from "./tabular-leakage.js";
import type { TabularTarget } from "./tabular-target.js";
import { fitTarget, quantityAt, targetSchema } from "./tabular-target.js";
import type { TensorData } from "../graph/index.js";
import { elementAt, fromNumbers } from "../graph/index.js";
import { ConfigError, DataError } from "../util/errors.js";
import { nearest } from "../util/nearest.js";
import { parseWith } from "../util/schema.js";

const specSchema = z.object({
  version: z.literal(1),
  encoders: z.array(encoderSchema).min(1),
  target: targetSchema,
  /** The schema of cells; runs from before it was kept have none. */
  schema: tableSchemaSchema.optional(),
});

/** All that preprocessing has learnt, as JSON. */
export type TabularSpec = z.infer<typeof specSchema>;

/** Options of a table's preprocessing: target, columns, when categories are embedded. */
export interface TabularOptions {
  /** The column to predict. */
  readonly target: string;
  /** Guessed from the target's values if left out: texts, booleans and few whole numbers are classes. */
  readonly task?: "classification" | "regression";
  /** Columns to predict from; all but the target if left out. */
  readonly features?: readonly string[];
  readonly exclude?: readonly string[];
  /** Up to so many categories become one-hot, more become indices for an embedding. */
  readonly maxOneHot?: number;
  /** Categories with fewer training rows count as "other". */
  readonly minCount?: number;
  /** Numbers go in as they are, neither standardized nor with an indicator, and texts not at all: for a model that has its own preparation. */
  readonly asGiven?: boolean;
  /** Missing numbers stay NaN, and categories become codes among the features: for trees. */
  readonly forTrees?: boolean;
  /** The schema of the file that the rows come from (`LoadedData.schema`); learned from the rows if left out. */
  readonly schema?: TableSchema;
}

/**
 * Rows as columns: from JSON or a form. A value that a row lacks is missing; lists of numbers are columns of several numbers.
 *
 * @example
 * import { fromRows } from "descentjs/data";
 * const rows = fromRows([{ age: 41, plan: "basic" }, { age: 35, plan: "gold" }]);
 * console.log(rows.length, rows.names); // 2 [ 'age', 'plan' ]
 */
export function fromRows(
  rows: readonly Readonly<Record<string, CellValue | NumberBlock | undefined>>[],
  names?: readonly string[],
): Dataset {
  const columns = names ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return new Dataset(
    columns.map((name) => {
      const values = rows.map((row) => (Object.hasOwn(row, name) ? (row[name] ?? null) : null));
      const kinds = new Set(values.filter((value) => value !== null).map((value) => typeof value));
      // Numbers among texts, as in a form: read as texts, which the encoders turn into numbers where they must.
      const mixed = kinds.size > 1 ? values.map((value) => (value === null ? null : String(value))) : values;
      return [name, mixed as ColumnLike];
    }),
  );
}

/**
 * Turns tables into tensors: `features` float32 [N, F] and, where a column has many categories, `categories` int32 [N, C].
 * Numbers are standardized, missing ones become the mean and an indicator; few categories become one-hot, rare ones and
 * those never seen "other"; dates become days and cycles. The target becomes class indices (int32) or a standardized
 * quantity (float32).
 */
export class TabularPreprocessor {
  readonly spec: TabularSpec;
  /** Sentences for the user: columns left out and why, suspected leaks of the target. Not part of the JSON. */
  readonly warnings: readonly string[];
  /** Name of each number in `features`. */
  readonly featureNames: readonly string[];
  /** Columns that are read. */
  readonly columns: readonly string[];
  /** The column that each number in `features` comes from. */
  readonly featureColumns: readonly string[];

  private constructor(spec: TabularSpec, warnings: readonly string[]) {
    this.spec = spec;
    this.warnings = warnings;
    this.featureNames = spec.encoders.flatMap(featureNames);
    this.columns = spec.encoders.map((encoder) => encoder.name);
    this.featureColumns = spec.encoders.flatMap((encoder) => featureNames(encoder).map(() => encoder.name));
  }

  /** Learns from training rows. DataError if a column is absent, or nothing is left to predict from. */
  static fit(rows: Dataset, options: TabularOptions): TabularPreprocessor {
    const { target, exclude = [], maxOneHot = 16, minCount = 2, forTrees = false } = options;
    if (rows.length === 0) throw new DataError("table: expected at least one training row, got none");
    const learned = options.schema === undefined ? inferSchema(rows) : { schema: options.schema, notes: [] };
    const { schema } = learned;
    const train = readWith(rows, schema);
    const targetColumn = train.column(target);
    for (const name of exclude) train.column(name);
    const task = options.task ?? (isCategorical(targetColumn) ? "classification" : "regression");
    const warnings: string[] = [...learned.notes];
    const encoders: Encoder[] = [];
    const requested = options.features ?? train.names;
    for (const name of requested.filter((candidate) => candidate !== target && !exclude.includes(candidate))) {
      const column = train.column(name);
      const encoder =
        options.asGiven === true
          ? plainEncoder(name, column)
          : looksLikeId(name, column)
            ? { useless: "it numbers the rows" }
            : fitEncoder(name, column, train.length, { maxOneHot, minCount, forTrees });
      if ("useless" in encoder) {
        warnings.push(`column "${name}" is left out: ${encoder.useless}`);
        continue;
      }
      encoders.push(encoder);
      const suspicion = leakage(name, column, target, targetColumn, train.length, task);
      if (suspicion !== undefined) warnings.push(suspicion);
    }
    if (encoders.length === 0 && options.asGiven !== true)
      throw new DataError(
        `table: expected a column to predict "${target}" from, found none of use${warnings
          .slice(0, 5)
          .map((warning) => `; ${warning}`)
          .join("")}`,
      );
    return new TabularPreprocessor(
      {
        version: 1,
        encoders,
        target: fitTarget(target, targetColumn, train.length, task),
        schema: ofColumns(schema, encoders, target),
      },
      warnings,
    );
  }

  /** From `spec` as it was saved. ConfigError if it is not such a one. */
  static fromJSON(json: unknown, where = "preprocessing"): TabularPreprocessor {
    return new TabularPreprocessor(parseWith(specSchema, json, where), []);
  }

  toJSON(): TabularSpec {
    return this.spec;
  }

  get target(): TabularTarget {
    return this.spec.target;
  }

  /** The schema of the columns that are read, without the target. Runs from before it was kept have none. */
  get schema(): TableSchema | undefined {
    const { schema, target } = this.spec;
    return schema && { ...schema, fields: schema.fields.filter(({ name }) => name !== target.name) };
  }

  /** Places of the features that are codes of categories. */
  get codes(): ReadonlySet<number> {
    const names = new Set(this.spec.encoders.flatMap((encoder) => (encoder.kind === "code" ? [encoder.name] : [])));
    return new Set(this.featureColumns.flatMap((name, f) => (names.has(name) ? [f] : [])));
  }

  /** The columns that become indices, in the order of `categories`, each with the number of its indices. */
  get embeddings(): { name: string; size: number }[] {
    return this.#indexed.map((encoder) => ({ name: encoder.name, size: indexSize(encoder) }));
  }

  /**
   * Columns that are absent, and count as missing in all rows.
   *
   * Errors: DataError, beginning with `where`, if all are, or if one seems to be there by another name.
   */
  checkColumns(dataset: Dataset, where: string): readonly string[] {
    const absent = this.columns.filter((name) => !dataset.has(name));
    const others = dataset.names.filter((name) => !this.columns.includes(name) && name !== this.spec.target.name);
    const near = absent.flatMap((name) => nearest(name, others) ?? []);
    // A model with a preparation of its own may read none.
    if (near.length === 0 && (absent.length < this.columns.length || this.columns.length === 0)) return absent;
    const hint = near.length === 0 ? `got ${dataset.names.join(", ")}` : `did you mean "${near[0]}"?`;
    throw new DataError(`${where}: expected a column ${absent.map((name) => `"${name}"`).join(", ")}; ${hint}`);
  }

  /** Reads rows that were given in a call as the schema says. */
  read(dataset: Dataset, where?: string): Dataset {
    return this.#readWith(dataset, where, true);
  }

  #readWith(dataset: Dataset, where: string | undefined, areGiven: boolean): Dataset {
    const { schema } = this;
    return schema === undefined ? dataset : readWith(dataset, schema, { where, areGiven });
  }

  /** Rows as the schema reads them; columns that are absent are missing in all of them. */
  #whole(dataset: Dataset, where: string): Dataset {
    const absent = this.checkColumns(dataset, where);
    const rows = this.#readWith(dataset, where, false);
    return rows.with(absent.map((name) => [name, new Array<null>(rows.length).fill(null)]));
  }

  /** Makes the notes on rows to be encoded: columns that are absent, values that training did not have. One of each for a column. */
  remarks(dataset: Dataset, where = "table"): string[] {
    const absent = this.checkColumns(dataset, where);
    const rows = this.#whole(dataset, where);
    return this.spec.encoders.flatMap((encoder) => {
      const text = absent.includes(encoder.name)
        ? `it is absent, and counts as missing in ${countOf(dataset.length, "row")}`
        : strangeness(encoder, rows.column(encoder.name));
      return text === undefined ? [] : [`${where}: column "${encoder.name}": ${text}`];
    });
  }

  /**
   * Encodes rows; the target too where `withTarget` is set, as column `target`. Messages name the rows as `where`.
   *
   * Errors: DataError if a column is absent, a number does not parse, or a label is not among the training classes.
   */
  apply(dataset: Dataset, { withTarget = false, where = "table" }: { withTarget?: boolean; where?: string } = {}): Dataset {
    const rows = this.#whole(dataset, where);
    const { length } = rows;
    const width = this.featureNames.length;
    const numbers = new Float32Array(length * width);
    let start = 0;
    for (const encoder of this.spec.encoders) {
      encodeNumbers(encoder, rows.column(encoder.name), length, numbers, width, start);
      start += featureNames(encoder).length;
    }
    const columns: Record<string, Column> = { features: { dtype: "float32", shape: [length, width], data: numbers } };
    const indexed = this.#indexed;
    if (indexed.length > 0) {
      const indices = new Int32Array(length * indexed.length);
      for (const [at, encoder] of indexed.entries())
        encodeCodes(encoder, rows.column(encoder.name), length, indices, indexed.length, at);
      columns["categories"] = { dtype: "int32", shape: [length, indexed.length], data: indices };
    }
    if (withTarget) columns["target"] = this.encodeTarget(dataset);
    return new Dataset(columns);
  }

  /** The target as class indices, int32 [N], or as a standardized quantity, float32 [N]. */
  encodeTarget(dataset: Dataset): Column {
    const { target, schema } = this.spec;
    const field = schema?.fields.find(({ name }) => name === target.name);
    const given = dataset.column(target.name);
    const column = schema === undefined || field === undefined ? given : readColumn(given, field, schema);
    if (target.kind === "classes") return encodeLabels(column, target.classes, `column "${target.name}"`);
    const data = Float32Array.from(
      { length: dataset.length },
      (_, i) => (quantityAt(column, i, target.name) - target.mean) / target.sd,
    );
    return { dtype: "float32", shape: [data.length], data };
  }

  /** Predicted quantities in the target's own unit. ConfigError for classes. */
  decodeQuantity(prediction: TensorData): TensorData {
    const { target } = this.spec;
    if (target.kind === "classes") throw new ConfigError(`target "${target.name}": expected a quantity, got classes`);
    const values = Float64Array.from(
      { length: prediction.data.length },
      (_, i) => elementAt(prediction, i) * target.sd + target.mean,
    );
    return fromNumbers("float64", prediction.shape, values);
  }

  get #indexed(): (Encoder & { kind: "index" })[] {
    return this.spec.encoders.filter((encoder) => encoder.kind === "index");
  }
}

/** Infers a schema from rows alone, column by column. */
function inferSchema(rows: Dataset): InferredSchema {
  const builder = new SchemaBuilder();
  builder.add(rows);
  return builder.finish();
}

/** A schema of the columns that matter alone. */
const ofColumns = (schema: TableSchema, encoders: readonly Encoder[], target: string): TableSchema => ({
  ...schema,
  fields: schema.fields.filter(({ name }) => name === target || encoders.some((encoder) => encoder.name === name)),
});

const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Describes the values of a column that training did not have; undefined where it had all. */
function strangeness(encoder: Encoder, column: Column): string | undefined {
  const hasPlace =
    encoder.kind === "index" ||
    encoder.kind === "code" ||
    (encoder.kind === "oneHot" ? encoder.missing : encoder.indicator || encoder.gaps === true);
  const known = "categories" in encoder ? new Set(encoder.categories) : undefined;
  const unseen = new Set<string>();
  let [strange, missing] = [0, 0];
  for (let i = 0; i < lengthOf(column); i++) {
    if (isMissing(column, i)) missing++;
    else if (known !== undefined) {
      const label = labelText(column, i) as string;
      if (known.has(label)) continue;
      strange++;
      unseen.add(label);
    }
  }
  const named = [...unseen].slice(0, 3).map((label) => `"${label.slice(0, 40)}"`);
  const parts = [
    ...(strange === 0
      ? []
      : [
          `${countOf(strange, "row")} with a value that training had not, or too rarely (${named.join(", ")}${unseen.size > 3 ? ", …" : ""})`,
        ]),
    ...(missing === 0 || hasPlace ? [] : [`${countOf(missing, "missing value")}, of which training had none`]),
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}
