/**
 * @module Hardware that a training is planned for: an entry of the catalogue, of somebody's file, or this machine as it was measured.
 */
import * as z from "zod";
import { ConfigError } from "../../util/errors.js";
import { unknownName } from "../../util/nearest.js";
import { parseWith } from "../../util/schema.js";
import type { Machine } from "../machine.js";
import { CATALOGUE } from "./catalogue.js";

/** The types of numbers that products are computed in. */
export const PLAN_DTYPES = ["float32", "tf32", "bfloat16", "float16"] as const;
/** Types that a plan computes in. */
export type PlanDType = (typeof PLAN_DTYPES)[number];

/** Where a figure stands, and as of when. */
export interface Source {
  readonly text: string;
  readonly date: string;
}

/** A device, of which a node holds several. */
export interface HardwareEntry {
  readonly name: string;
  readonly label?: string;
  /** FLOP/s of dense products, by type; a multiply-add is two. */
  readonly peakFlops: Readonly<Partial<Record<PlanDType, number>>>;
  readonly memoryBytes: number;
  /** Bytes/s of its own memory. */
  readonly memoryBandwidth?: number;
  /** Bytes/s to the other devices of its node, both directions together. */
  readonly linkBandwidth?: number;
  readonly devicesPerNode?: number;
  /** Power under load. */
  readonly watts?: number;
  /** Price of one device. */
  readonly dollarsPerHour?: number;
  readonly sources: { readonly specification: Source; readonly price?: Source };
}

const positive = z.number().positive();
const sourceSchema = z.object({ text: z.string(), date: z.string() });
const entrySchema = z.strictObject({
  name: z.string().min(1),
  label: z.string().optional(),
  peakFlops: z.partialRecord(z.enum(PLAN_DTYPES), positive),
  memoryBytes: positive,
  memoryBandwidth: positive.optional(),
  linkBandwidth: positive.optional(),
  devicesPerNode: z.int().positive().optional(),
  watts: positive.optional(),
  dollarsPerHour: z.number().nonnegative().optional(),
  sources: z.object({ specification: sourceSchema, price: sourceSchema.optional() }),
});
const fileSchema = z.array(z.looseObject({ name: z.string().min(1) }));

/** An entry without more than it needs, for whoever wrote one that is none. */
const EXAMPLE: HardwareEntry = {
  name: "mine",
  peakFlops: { float32: 1e12 },
  memoryBytes: 16e9,
  sources: { specification: { text: "data sheet", date: "2026-01" } },
};
const FILE_REMEDY = `write a list of entries: of a new device at least ${JSON.stringify(EXAMPLE)}, in FLOP/s and bytes, of one in the catalogue its name and what changes`;

/**
 * The catalogue with the entries of a file over it: an entry of a known name changes what it names, others are added. ConfigError for a field that is
 * wrong or missing.
 */
export function withHardwareFile(file: unknown, where: string, catalogue: readonly HardwareEntry[] = CATALOGUE): HardwareEntry[] {
  const entries = new Map(catalogue.map((entry) => [entry.name, entry]));
  for (const given of parseWith(fileSchema, file, where, FILE_REMEDY)) {
    const known = entries.get(given.name);
    const whole = known === undefined ? given : { ...known, ...given };
    entries.set(given.name, parseWith(entrySchema, whole, `${where}: ${given.name}`, FILE_REMEDY));
  }
  return [...entries.values()];
}

/** The entry of a name. ConfigError, with the nearest, for one that is none. */
export function hardwareNamed(name: string, entries: readonly HardwareEntry[] = CATALOGUE): HardwareEntry {
  const found = entries.find((entry) => entry.name === name);
  if (found === undefined)
    throw new ConfigError(
      `--on: ${unknownName(
        "hardware",
        name,
        entries.map((entry) => entry.name),
      )} (--hardware FILE adds entries)`,
    );
  return found;
}

/** This machine as an entry: its measured peak, the memory that it has, and a modelled power. */
export const machineEntry = (machine: Machine, memoryBytes: number, wattsPerThread: number): HardwareEntry => ({
  name: "this-machine",
  label: `this machine (${machine.device}, ${machine.threads} threads)`,
  peakFlops: { float32: machine.productFlops },
  memoryBytes,
  memoryBandwidth: machine.memoryBandwidth,
  devicesPerNode: 1,
  watts: wattsPerThread * machine.threads,
  sources: {
    specification: {
      text: `measured here through the engine (descent cost --remeasure); power modelled, ${wattsPerThread} W a thread`,
      date: new Date().toISOString().slice(0, 10),
    },
  },
});

/** A field that a figure needs. ConfigError, naming the field and where to add it, if the entry has none. */
export function needed(
  entry: HardwareEntry,
  field: "watts" | "dollarsPerHour" | "linkBandwidth" | "memoryBandwidth" | "devicesPerNode",
  what: string,
): number {
  const value = entry[field];
  if (value === undefined)
    throw new ConfigError(`hardware ${entry.name}: expected ${field} for ${what}, got none; add it in a file: --hardware FILE`);
  return value;
}

/** The peak rate for a type; ConfigError, with the types that there are, if the entry has none. */
export function peakFor(entry: HardwareEntry, dtype: PlanDType): number {
  const peak = entry.peakFlops[dtype];
  if (peak === undefined)
    throw new ConfigError(
      `hardware ${entry.name}: expected peakFlops for ${dtype}, got ${Object.keys(entry.peakFlops).join(", ")}; take --dtype ${Object.keys(entry.peakFlops).at(-1)}`,
    );
  return peak;
}
