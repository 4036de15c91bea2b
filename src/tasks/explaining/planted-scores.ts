/**
 * @module Results on twins with planted evidence, as a run keeps them.
 */
import * as z from "zod";
import { parseJsonWith } from "../../util/schema.js";

/** The file of a run that holds them. */
export const PLANTED_FILE = "planted.json";

const schema = z.object({
  /** The metric of the twins. */
  of: z.enum(["accuracy", "r2"]),
  withEvidence: z.number(),
  /** On the same examples without the evidence: chance, if the twin uses nothing else. */
  withoutEvidence: z.number(),
  seeds: z.int().positive(),
  /** Agreement of the methods' rankings on twins of different seeds, from −1 to 1. */
  reproducibility: z.number(),
  /** The best first. `first`: in how many examples the evidence has the highest attribution; `mass`: its share of the attributions' sizes. */
  methods: z.array(
    z.object({ name: z.string(), first: z.number(), mass: z.number(), measures: z.record(z.string(), z.number()) }),
  ),
  /** Agreement of each measure's ranking of the methods with the truth's, from −1 to 1. */
  measures: z.array(z.object({ name: z.string(), agreement: z.number(), methods: z.number(), isEvidence: z.boolean() })),
});

export type PlantedScores = z.infer<typeof schema>;

/** Errors: ConfigError, naming the file, for another content. */
export const parsePlanted = (json: string, where: string): PlantedScores => parseJsonWith(schema, json, where);
