/** @module A model's answer in the form of an annotation, with the labels that the scheme has. */
import type { Answer } from "../tasks/task.js";
import type { Payload, Scheme, Value } from "./scheme.js";

/** A proposal, and how sure the model is of it. */
export interface Proposal {
  readonly value: Value;
  /** The probability of the class, or of the least sure of the parts. */
  readonly confidence: number;
}

interface Scored {
  readonly label: string;
  readonly score: number;
}
type Entity = Scored & { readonly start: number; readonly end: number };
type Found = Scored & { readonly box: readonly [number, number, number, number] };

const listOf = (answer: Answer, name: string): readonly unknown[] | undefined =>
  Array.isArray(answer[name]) ? answer[name] : undefined;

const leastSure = (parts: readonly Scored[]): number => parts.reduce((least, { score }) => Math.min(least, score), 1);

/** Classes of a classifier's answer: one, or those of a model of several. */
function classesOf(
  { several }: Scheme,
  answer: Answer,
  isKnown: (part: { readonly label: string }) => boolean,
): Proposal | undefined {
  const probabilities = new Map(Object.entries((answer["probabilities"] ?? {}) as Readonly<Record<string, number>>));
  const all =
    (listOf(answer, "labels") as readonly string[] | undefined) ?? (typeof answer["label"] === "string" ? [answer["label"]] : []);
  const classes = all.filter((label) => isKnown({ label }));
  if (several ? listOf(answer, "labels") === undefined && classes.length === 0 : classes.length !== 1) return undefined;
  return { value: { classes }, confidence: Math.min(1, ...classes.map((label) => probabilities.get(label) ?? 1)) };
}

/**
 * An answer as a value of the scheme's kind: parts whose labels the scheme lacks are left out; undefined where nothing of the answer fits.
 */
export function proposalOf(scheme: Scheme, { image }: Payload, answer: Answer): Proposal | undefined {
  const isKnown = ({ label }: { readonly label: string }): boolean => scheme.labels.some(({ name }) => name === label);
  if (scheme.kind === "text-classes" || scheme.kind === "image-classes") return classesOf(scheme, answer, isKnown);
  if (scheme.kind === "spans") {
    const entities = (listOf(answer, "entities") as readonly Entity[] | undefined)?.filter(isKnown);
    return (
      entities && {
        value: { spans: entities.map(({ start, end, label }) => ({ start, end, label })) },
        confidence: leastSure(entities),
      }
    );
  }
  const objects =
    scheme.kind === "boxes" ? (listOf(answer, "objects") as readonly Found[] | undefined)?.filter(isKnown) : undefined;
  if (objects === undefined || image === undefined) return undefined;
  const boxes = objects.flatMap(({ label, box: [x1, y1, x2, y2] }) => {
    const [left, top] = [Math.max(0, x1), Math.max(0, y1)];
    const [right, bottom] = [Math.min(image.width, x2), Math.min(image.height, y2)];
    return right > left && bottom > top ? [{ x: left, y: top, width: right - left, height: bottom - top, label }] : [];
  });
  return { value: { boxes }, confidence: leastSure(objects) };
}
