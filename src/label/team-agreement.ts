/** @module Agreement of the people of a project, by the measure that fits the kind of labelling. */
import { cohenKappa, krippendorffAlpha, regionAgreement, spanAgreement } from "../metrics/agreement.js";
import type { LabelledRegion } from "../metrics/agreement.js";
import type { LabelSpan } from "../util/tags.js";
import type { ReviewedItem } from "./review.js";
import type { Kind, Value } from "./scheme.js";

/** Agreement of two people on the items that both answered. */
export interface PairAgreement {
  readonly a: string;
  readonly b: string;
  readonly items: number;
  /** Cohen's κ of classes, F1 of spans and regions; undefined where it has no value. */
  readonly value: number | undefined;
}

export interface Agreement {
  /** Krippendorff's α of classes (nominal), mean F1 of spans or regions over the pairs. */
  readonly measure: "alpha" | "f1";
  /** Undefined where no two people answered the same item, or where all gave one class. */
  readonly overall: number | undefined;
  readonly pairs: readonly PairAgreement[];
}

const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined);

/** Several classes count as one: equal if all are. */
const classOf = (value: Value): string => ("classes" in value ? [...value.classes].sort().join("\u0000") : "");

function spansOf(value: Value): LabelSpan[] {
  if ("spans" in value) return value.spans.map(({ start, end, label }) => ({ start, end, label }));
  if (!("frames" in value)) return [];
  // An argument is right with its predicate: the label carries the predicate's place.
  return value.frames.flatMap(({ predicate, arguments: roles }) =>
    roles.map(({ start, end, label }) => ({ start, end, label: `${predicate.start}-${predicate.end} ${label}` })),
  );
}

function regionsOf(value: Value): LabelledRegion[] {
  if ("boxes" in value)
    return value.boxes.map(({ x, y, width, height, label }) => ({ label, box: [x, y, x + width, y + height] }));
  return "polygons" in value ? value.polygons.map(({ points, label }) => ({ label, polygon: points })) : [];
}

function between(kind: Kind, first: readonly Value[], second: readonly Value[]): number {
  if (kind === "text-classes" || kind === "image-classes") return cohenKappa(first.map(classOf), second.map(classOf));
  if (kind === "spans" || kind === "frames") return spanAgreement(first.map(spansOf), second.map(spansOf));
  return regionAgreement(first.map(regionsOf), second.map(regionsOf)).f1;
}

/** Computes the agreement of all people on a project's items. */
export function agreementOf(kind: Kind, items: readonly ReviewedItem[]): Agreement {
  const answers = new Map<string, Map<number, Value>>();
  for (const { position, annotations } of items)
    for (const { person, value, state } of annotations) {
      if (state !== "submitted") continue;
      const own = answers.get(person) ?? new Map<number, Value>();
      answers.set(person, own.set(position, value));
    }
  const people = [...answers.keys()].sort();
  const pairs = people.flatMap((a, i) =>
    people.slice(i + 1).flatMap((b): PairAgreement[] => {
      const [own, other] = [answers.get(a) as Map<number, Value>, answers.get(b) as Map<number, Value>];
      const both = [...own.keys()].filter((position) => other.has(position));
      if (both.length === 0) return [];
      const valuesOf = (from: Map<number, Value>): Value[] => both.map((position) => from.get(position) as Value);
      return [{ a, b, items: both.length, value: finite(between(kind, valuesOf(own), valuesOf(other))) }];
    }),
  );
  if (kind === "text-classes" || kind === "image-classes") {
    const positions = items.map(({ position }) => position);
    const ratings = people.map((person) =>
      positions.map((position) => {
        const value = answers.get(person)?.get(position);
        return value === undefined ? null : classOf(value);
      }),
    );
    return { measure: "alpha", overall: people.length < 2 ? undefined : finite(krippendorffAlpha(ratings)), pairs };
  }
  const known = pairs.flatMap(({ value }) => (value === undefined ? [] : [value]));
  return { measure: "f1", overall: known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0) / known.length, pairs };
}
