/**
 * @module The common part of the readers of Hugging Face's `config.json`: the values that occur in several families, names of activations, labels. What would
 * change a model's outputs and is not supported is refused by name; everything else in the file is left alone.
 */
import * as z from "zod";
import type { Activation, ActivationName } from "../nn/index.js";
import type { Json } from "../util/described.js";
import { ConfigError } from "../util/errors.js";
import { parseWith } from "../util/schema.js";
import { own } from "../util/record.js";

/** A size: of a vocabulary, a width, positions. Two such make a matrix of a terabyte, so that none is followed before tensors fit it. */
export const count = z
  .number()
  .int()
  .positive()
  .max(2 ** 24);
/** Layers are made before any tensor is seen; the deepest language models have some 130. */
export const layers = z.number().int().positive().max(1024);
export const share = z.number().min(0).lt(1);

const ACTIVATION_NAMES: Readonly<Record<string, ActivationName>> = {
  gelu: "gelu",
  gelu_new: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
};
const activation = z.enum(Object.keys(ACTIVATION_NAMES) as [string, ...string[]]);
const activationOf = (name: string): ActivationName => own(ACTIVATION_NAMES, name) as ActivationName;

/** The name that Hugging Face has for an activation. ConfigError for a function, or one that it has not. */
function activationName(given: ActivationName | Activation): string {
  const found = Object.entries(ACTIVATION_NAMES).find(([, ours]) => ours === given)?.[0];
  if (found === undefined)
    throw new ConfigError(
      `config.json: activation: expected one of ${[...new Set(Object.values(ACTIVATION_NAMES))].join(", ")}, got ${typeof given === "function" ? "a function" : given}`,
    );
  return found;
}

/** An entry with one supported value: other values would need code that is not there. */
export const only = <T extends boolean | number | string | null>(value: T): z.ZodOptional<z.ZodLiteral<T>> =>
  z.literal(value).optional();

/** One option of a model: the entry of `config.json` that says it, how that is read, and how it is written. */
interface Entry<T> {
  readonly name: string;
  readonly schema: z.ZodType<T | undefined>;
  readonly toJson: (value: T | undefined) => Json;
}

/** An entry of the same value as the option: where the file lacks it, `absent`; where the option is left out, `ours`. */
export const entry = <T extends number | boolean>(name: string, schema: z.ZodType<T>, absent?: T, ours = absent): Entry<T> => ({
  name,
  schema: absent === undefined ? schema : schema.optional().transform((value) => value ?? absent),
  toJson: (value) => value ?? ours ?? null,
});

/** An entry that may be null. */
export const nullable = <T extends number>(name: string, schema: z.ZodType<T>): Entry<T> => ({
  name,
  schema: schema.nullish().transform((value) => value ?? undefined),
  toJson: (value) => value ?? null,
});

/** An entry that names an activation. */
export const activationEntry = (
  name: string,
  absent: ActivationName,
  ours: ActivationName = absent,
): Entry<ActivationName | Activation> => ({
  name,
  schema: activation.default(activationName(absent)).transform(activationOf),
  toJson: (value) => activationName(value ?? ours),
});

/** A configuration of Hugging Face as options of ours, and back. `more` are entries that are checked alone. */
export function configOptions<O>(
  entries: { readonly [K in keyof O]-?: Entry<NonNullable<O[K]>> },
  more: z.ZodRawShape,
): {
  /** Reads the options. ConfigError for what is missing, wrong, or not supported. */
  readonly read: (json: Json, where?: string) => O;
  readonly write: (options: O) => Record<string, Json>;
} {
  const rows = Object.entries(entries) as [keyof O & string, Entry<O[keyof O]>][];
  const schema = z.looseObject({ ...Object.fromEntries(rows.map(([, { name, schema }]) => [name, schema])), ...more });
  return {
    read: (json, where = "config.json") => {
      const config = parseWith(schema, json, where);
      return Object.fromEntries(rows.map(([option, { name }]) => [option, config[name]])) as O;
    },
    write: (options) => Object.fromEntries(rows.map(([option, { name, toJson }]) => [name, toJson(options[option])])),
  };
}

const labelsSchema = z.looseObject({
  num_labels: count.optional(),
  id2label: z.record(z.string(), z.string()).optional(),
});

/** The names of a classifier's labels, in order; undefined where the file has none but `LABEL_0`, …. */
export function labelsOf(json: Json, where = "config.json"): readonly string[] | undefined {
  const { id2label } = parseWith(labelsSchema, json, where);
  if (id2label === undefined) return undefined;
  const names = Object.entries(id2label).sort(([a], [b]) => Number(a) - Number(b));
  return names.every(([i, name]) => name === `LABEL_${i}`) ? undefined : names.map(([, name]) => name);
}

/** Counts the labels of a classifier's checkpoint: 2 unless the file says otherwise. */
export function labelCount(json: Json, where = "config.json"): number {
  const c = parseWith(labelsSchema, json, where);
  return c.num_labels ?? (c.id2label === undefined ? 2 : Object.keys(c.id2label).length);
}

/** The labels of a classifier whose classes have no names; nothing for a model without a classifier. */
export const numberedLabels = (count = 0): Record<string, Json> =>
  count === 0 ? {} : labelConfig(Array.from({ length: count }, (_, i) => `LABEL_${i}`));

/** Labels as transformers reads them: as many as there are names. */
export const labelConfig = (names: readonly string[]): Record<string, Json> => ({
  id2label: Object.fromEntries(names.map((name, i) => [String(i), name])),
  label2id: Object.fromEntries(names.map((name, i) => [name, i])),
});
