/**
 * @module Findings of cleaning: rows and images that repeat others, cross from one part into another, cannot be read, or hold what they should not.
 */
import type { PersonalKind } from "./personal-data.js";

export type FindingKind =
  /** Equal to another of its part. */
  | "exact-duplicate"
  | "near-duplicate"
  /** Equal or nearly so to one of another part, which training would see before it is asked for. */
  | "leak"
  /** Without a text. */
  | "empty"
  /** Text that was decoded by the wrong encoding. */
  | "mojibake"
  | "broken"
  /** Equal to another, with another label; found beside the duplicate. */
  | "conflict";

/** The place of a row or an image. */
export interface Place {
  readonly part: string;
  /** The row, counted from 1, of a table. */
  readonly row?: number;
  /** The file of an image. */
  readonly file?: string;
}

export interface Finding extends Place {
  readonly kind: FindingKind;
  /** The one that is kept. */
  readonly of?: Place;
  /** Jaccard's index of texts, the share of equal bits of images. */
  readonly similarity?: number;
  /** Both labels of a conflict, or why an image cannot be read. */
  readonly detail?: string;
  /** Whether it was left out. */
  readonly dropped: boolean;
}

/** Personal data of one column. */
export interface PersonalColumn {
  readonly column: string;
  /** Rows that hold some, by kind. */
  readonly rows: Readonly<Partial<Record<PersonalKind, number>>>;
  /** The first rows that do. */
  readonly first: readonly Place[];
}

export interface CleaningReport {
  readonly name: string;
  /** Rows or images, before and after. */
  readonly before: number;
  readonly after: number;
  readonly counts: Readonly<Record<FindingKind, number>>;
  readonly findings: readonly Finding[];
  readonly personal: readonly PersonalColumn[];
  /** The columns that texts were compared in. */
  readonly compared: readonly string[];
  readonly notes: readonly string[];
}

export const FINDING_KINDS: readonly FindingKind[] = [
  "exact-duplicate",
  "near-duplicate",
  "leak",
  "conflict",
  "empty",
  "mojibake",
  "broken",
];

export function countFindings(findings: readonly Finding[]): Record<FindingKind, number> {
  const counts = new Map(FINDING_KINDS.map((kind) => [kind, 0]));
  for (const { kind } of findings) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return Object.fromEntries(counts) as Record<FindingKind, number>;
}

/** Parts in the order in which the one that is kept is looked for: what is measured on stays whole. */
const KEPT_FIRST = ["test", "validation"];

/**
 * Decides what of a cluster is kept: the first of the test part, else of the validation part, else the first. The others are duplicates of their part or,
 * where the kept one is in another, leaks.
 */
export function keptOf(members: readonly number[], partOf: (i: number) => string): number {
  for (const part of KEPT_FIRST) {
    const found = members.find((i) => partOf(i) === part);
    if (found !== undefined) return found;
  }
  return members[0] as number;
}
